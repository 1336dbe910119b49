"""Each optimiser against its recursion, written out again in NumPy float64."""

import numpy as np
import pytensor
import pytensor.tensor as TT
import pytest

from dqn_symbolic.symbols.losses import clipped
from dqn_symbolic.symbols.optimisers import adagrad, adam, rmsprop, sgd
from tests.plain import PLAIN


def followed(optimiser, grads, start):
    """The values of one parameter while `optimiser` follows the given gradients."""
    p = pytensor.shared(start.astype(np.float32), name="p")
    gp = TT.fvector("gp")
    step = pytensor.function([gp], [], updates=optimiser([p], [gp]), mode=PLAIN)
    values = []
    for g in grads:
        step(g.astype(np.float32))
        values.append(p.get_value())
    return np.array(values)


@pytest.fixture
def grads():
    return np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 0.1, 0.001]


START = np.zeros(4)  # where float32 is finest


def test_sgd(grads):
    found = followed(lambda p, g: sgd(p, g, learning_rate=0.1), grads, START)
    np.testing.assert_allclose(found, START - 0.1 * np.cumsum(grads, axis=0), rtol=1e-4, atol=1e-5)


def test_rmsprop_is_the_nature_agents(grads):
    """The five lines of NeuralQLearner.lua, in its order: g, g2, then sqrt(g2 - g*g + 0.01)."""
    w, g, g2 = START.copy(), np.zeros(4), np.zeros(4)
    expected = []
    for dw in grads:
        g = g * 0.95 + 0.05 * dw
        g2 = g2 * 0.95 + 0.05 * (dw * dw)
        tmp = np.sqrt(g2 - g * g + 0.01)
        w = w - 0.00025 * dw / tmp
        expected.append(w)
    found = followed(rmsprop, grads, START)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_rmsprops_epsilon_is_inside_the_root():
    """For a tiny gradient the step is lr g / sqrt(.01) = 10 lr g; outside it would be 100 lr g."""
    found = followed(lambda p, g: rmsprop(p, g, 1.0), np.full((1, 1), 1e-6), np.zeros(1))
    assert found.item() == pytest.approx(-1e-5, rel=1e-3)


def test_rmsprop_is_centred():
    """Under a constant gradient the variance dies out: the step becomes lr g / sqrt(epsilon)."""
    found = followed(lambda p, g: rmsprop(p, g, 1.0), np.ones((400, 1)), np.zeros(1))
    assert found[-1] - found[-2] == pytest.approx(-10, rel=1e-3)


def test_adam(grads):
    """Algorithm 1 of Kingma & Ba 2015, with the bias corrections one by one."""
    w, m, v = START.copy(), np.zeros(4), np.zeros(4)
    expected = []
    for t, g in enumerate(grads, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(w)
    found = followed(adam, grads, START)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_adagrad(grads):
    """Figure 1 of Duchi et al. 2011: s is the norm of all gradients so far, H = delta + s."""
    expected = START - np.cumsum(
        [0.01 * g / (1e-8 + np.linalg.norm(grads[: t + 1], axis=0)) for t, g in enumerate(grads)],
        axis=0,
    )
    np.testing.assert_allclose(followed(adagrad, grads, START), expected, rtol=1e-4, atol=1e-8)


def test_adagrads_epsilon_is_outside_the_root():
    """For a gradient of .01 it is 0.01 + 1; inside the root it would be sqrt(0.0001 + 1)."""
    found = followed(lambda p, g: adagrad(p, g, 1.0, 1.0), np.full((1, 1), 0.01), np.zeros(1))
    assert found.item() == pytest.approx(-0.01 / 1.01, rel=1e-4)


def test_sum_with_clip_1_equals_mean_with_scaled_clip_and_epsilon():
    """Sum, clip 1, epsilon .01 is the same as mean, clip 1/32, epsilon .01/32**2."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=5).astype(np.float32)
    summed, meant = (pytensor.shared(w, name=name) for name in ("summed", "meant"))
    x, y = TT.fmatrix("x"), TT.fvector("y")
    sum_loss = clipped(y - TT.dot(x, summed), bound=1)
    # The mean's own form: half the mean square, whose gradient in each error is bounded by 1/32.
    error = pytensor.gradient.grad_clip(y - TT.dot(x, meant), -1 / 32, 1 / 32)
    mean_loss = (error**2 / 2).mean()
    steps = [
        pytensor.function(
            [x, y], [], updates=rmsprop([p], TT.grad(loss, [p]), epsilon=epsilon), mode=PLAIN
        )
        for p, loss, epsilon in ((summed, sum_loss, 0.01), (meant, mean_loss, 0.01 / 32**2))
    ]
    for _ in range(200):
        batch = rng.normal(size=(32, 5)).astype(np.float32), rng.normal(size=32).astype(np.float32)
        for step in steps:
            step(*batch)
    np.testing.assert_allclose(summed.get_value(), meant.get_value(), rtol=1e-5)
    assert abs(summed.get_value() - w).max() > 0.01
