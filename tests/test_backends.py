"""A learner computes the same numbers on numba, C and JAX, up to float32 rounding."""

import os
from functools import partial

import numpy as np
import pytensor
import pytest

from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.losses import clipped, squared
from dqn_symbolic.networks import conv, conv_params
from dqn_symbolic.optimisers import adam, rmsprop
from dqn_symbolic.q_learning import functions, q_learning

pytestmark = pytest.mark.slow

UPDATES, SYNC_EVERY, BATCH, OBS_SHAPE, ACTIONS = 200, 50, 8, (10, 10, 2), 3
LEARNERS = {
    "mlp": ((), partial(adam, learning_rate=0.001), squared),
    "conv": (((4, 3, 2), (5, 2, 1)), partial(rmsprop, learning_rate=0.0025), clipped),
}


def batches():
    rng = np.random.default_rng(1)
    for _ in range(UPDATES):
        x, x_tp1 = rng.integers(0, 256, (2, BATCH, *OBS_SHAPE), np.uint8)
        action = rng.integers(0, ACTIONS, BATCH).astype(np.int32)
        reward = rng.standard_normal(BATCH).astype(np.float32)
        discount = np.float32(0.99) * rng.integers(0, 2, BATCH).astype(np.float32)
        yield x, action, reward, discount, x_tp1


def first_values(network):
    filters = LEARNERS[network][0]
    return conv_params(np.random.default_rng(0), OBS_SHAPE, filters, (16,), ACTIONS, glorot)


def learner(network, backend):
    filters, *rules = LEARNERS[network]
    function = partial(conv, strides=[stride for _, _, stride in filters])
    graph = q_learning(function, first_values(network), OBS_SHAPE, "uint8", *rules)
    return functions(graph, mode(backend))


def after_training(network, backend):
    """-> {name: array}: the TD errors of all updates, then Q-values and shared variables."""
    forward, learn, sync = learner(network, backend)
    errors = []
    for update, batch in enumerate(batches(), 1):
        errors.append(np.asarray(learn(*batch)))
        if update % SYNC_EVERY == 0:
            sync()
    q = np.asarray(forward(batch[0]))
    variables = {v.name: v.get_value() for v in learn.get_shared()}
    return {"td_error": np.array(errors), "q": q, **variables}


@pytest.fixture(scope="module", params=LEARNERS)
def reference(request):
    return request.param, after_training(request.param, "numba")


@pytest.mark.parametrize("backend", ["c", "jax"])
def test_two_hundred_updates_equal_those_on_numba(reference, backend):
    if backend == "jax":
        pytest.importorskip("jax")
    elif not pytensor.config.cxx:
        pytest.skip("no C++ compiler")
    network, expected = reference
    result = after_training(network, backend)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert result[name].dtype == value.dtype
        np.testing.assert_allclose(result[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


def test_two_hundred_updates_move_the_weights_beyond_the_tolerance(reference):
    network, trained = reference
    for name, value in first_values(network).items():
        assert np.abs(trained[name] - value).max() > 0.002


def test_on_jax_a_gpu_computes_in_float32_and_repeats_its_bits(monkeypatch):
    """Without this, on an H100, `td_error` differed by .06 and two runs had different weights."""
    jax = pytest.importorskip("jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_of_the_user=1")
    mode("jax")
    assert os.environ["XLA_FLAGS"] == "--xla_of_the_user=1 --xla_gpu_deterministic_ops=true"
    assert jax.config.jax_default_matmul_precision == "highest"
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_deterministic_ops=false")
    mode("jax")
    assert os.environ["XLA_FLAGS"] == "--xla_gpu_deterministic_ops=false"
