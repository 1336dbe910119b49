import numpy as np
import pytest

from dqn_symbolic.initialisers import (
    biases,
    fans,
    glorot,
    nature,
    orthogonal,
    uniform_fan_in,
)

SHAPES = [(100, 128), (128, 3), (8, 8, 4, 32)]


def test_fans_of_a_dense_layer_and_of_a_convolution():
    assert fans((100, 128)) == (100, 128)
    assert fans((8, 8, 4, 32)) == (8 * 8 * 4, 8 * 8 * 32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("initialiser", [glorot, uniform_fan_in, orthogonal, nature])
def test_the_same_seed_gives_the_same_float32_weights(initialiser, shape):
    first, again, other = (initialiser(np.random.default_rng(s), shape) for s in (0, 0, 1))
    assert first.shape == shape
    assert first.dtype == np.float32
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_uniform_weights_fill_their_bounds(shape):
    fan_in, fan_out = np.prod(shape[:-1]), np.prod(shape[:-2]) * shape[-1]
    for initialiser, bound in (
        (glorot, np.sqrt(6 / (fan_in + fan_out))),
        (uniform_fan_in, 1 / fan_in),
        (nature, 1 / np.sqrt(fan_in)),
    ):
        weights = initialiser(np.random.default_rng(0), shape)
        assert 0.97 * bound < weights.max() <= bound * (1 + 1e-6)
        assert 0.97 * bound < -weights.min() <= bound * (1 + 1e-6)


def test_glorot_variance():
    weights = glorot(np.random.default_rng(0), (300, 500))
    assert np.var(weights) == pytest.approx(2 / (300 + 500), rel=0.02)


@pytest.mark.parametrize("shape", [*SHAPES, (3, 7), (5, 5)])
def test_orthogonal_singular_values_are_1(shape):
    weights = orthogonal(np.random.default_rng(0), shape).reshape(-1, shape[-1])
    np.testing.assert_allclose(np.linalg.svd(weights, compute_uv=False), 1, atol=1e-5)


def test_orthogonal_signs_are_random():
    """Half of the 1 x 1 matrices are positive. LAPACK alone would give every one the same sign."""
    signs = [orthogonal(np.random.default_rng(s), (1, 1)).item() for s in range(200)]
    assert 70 < sum(sign > 0 for sign in signs) < 130


def test_biases_are_0_except_for_the_nature_agent():
    rng = np.random.default_rng(0)
    assert (biases(rng, (100, 500), glorot) == np.zeros(500)).all()
    drawn = biases(rng, (5, 5, 4, 500), nature)
    assert drawn.shape == (500,)
    assert drawn.dtype == np.float32
    assert 0.97 / 10 < abs(drawn).max() <= 1 / 10  # 5 x 5 x 4 inputs
