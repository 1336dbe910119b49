"""The three compiled functions, compared with numbers worked out by hand or by NumPy."""

from functools import partial

import numpy as np
import pytensor.tensor as TT
import pytest

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.losses import clipped, squared
from dqn_symbolic.networks import mlp, mlp_params
from dqn_symbolic.optimisers import adagrad, adam, rmsprop, sgd
from dqn_symbolic.q_learning import forward_alone, functions, gradient_alone, q_learning
from tests.plain import PLAIN, halves


def f32(*values):
    return np.array(values, np.float32)


def i32(*values):
    return np.array(values, np.int32)


def table(x, params):
    """A linear network whose inputs are one-hot states is a table: q = W[state]."""
    return TT.dot(x, params[0])


def tabular(values, learning_rate=0.1, loss=squared, mode=PLAIN):
    optimiser = partial(sgd, learning_rate=learning_rate)
    return functions(graph(values, optimiser, loss), mode)


def graph(values, optimiser, loss=squared):
    W = np.array(values, np.float32)
    return q_learning(table, {"W": W}, W.shape[:1], "float32", optimiser, loss)


STATES = np.eye(2, dtype=np.float32)

# State 0, action 1, reward 1, followed by state 1. State 1, action 0, reward -1, the end.
BATCH = STATES, i32(1, 0), f32(1, -1), f32(0.5, 0), STATES[::-1].copy()


def test_one_update_by_hand():
    forward, learn, _ = tabular([[1, 2], [3, 4]])
    # The TD errors are 1 + .5 max(3, 4) - 2 = 1 and -1 + 0 - 3 = -4.
    assert learn(*BATCH).tolist() == [1, -4]
    # The mean square has the gradient -2/2 td_error: W[0, 1] grows by .1 * 1, W[1, 0] by .1 * -4.
    np.testing.assert_allclose(forward(STATES), [[1, 2.1], [2.6, 4]], rtol=1e-6)


def test_one_update_by_hand_clipped():
    forward, learn, _ = tabular([[1, 2.5], [3, 4]], loss=clipped)
    assert learn(*BATCH).tolist() == [0.5, -4]
    # Minus the gradient is the error clipped to 1: W[0, 1] grows by .1 * .5, W[1, 0] by .1 * -1.
    np.testing.assert_allclose(forward(STATES), [[1, 2.55], [2.9, 4]], rtol=1e-6)


def test_the_target_stands_still_until_sync():
    _, learn, sync = tabular([[0], [0]], learning_rate=0.5)
    # There is one action. State 1 gives reward 1 and ends; state 0 is followed by state 1.
    batch = STATES, i32(0, 0), f32(0, 1), f32(1, 0), STATES[[1, 1]]
    assert learn(*batch).tolist() == [0, 1]  # W[1] becomes .5
    assert learn(*batch).tolist() == [0, 0.5]  # W[1] becomes .75; the target network still has 0
    sync()
    assert learn(*batch).tolist() == [0.75, 0.25]  # now the target network has .75
    assert learn(*batch).tolist() == [0.375, 0.125]  # and keeps it


def test_sync_copies_every_parameter():
    values = mlp_params(np.random.default_rng(0), (2,), (3,), 2, glorot)
    of_mlp = q_learning(mlp, values, (2,), "float32", partial(sgd, learning_rate=0.5))
    _, learn, sync = functions(of_mlp, PLAIN)
    learn(*BATCH)
    pairs = list(zip(of_mlp.params, of_mlp.target_params))
    assert len(pairs) == 4
    assert not any(np.array_equal(p.get_value(), target.get_value()) for p, target in pairs)
    sync()
    assert all(np.array_equal(p.get_value(), target.get_value()) for p, target in pairs)


def test_the_target_starts_equal_to_the_online_network():
    _, learn, _ = tabular([[5.0]])
    td_error = learn(f32([1]), i32(0), f32(0), f32(1), f32([1]))
    assert td_error.tolist() == [0]


def test_discount_is_data():
    _, learn, _ = tabular([[0], [10]], learning_rate=0)
    x, x_tp1 = STATES[[0, 0, 0]], STATES[[1, 1, 1]]
    assert learn(x, i32(0, 0, 0), f32(1, 1, 1), f32(0, 0.5, 1), x_tp1).tolist() == [1, 6, 11]


def mlp_in_numpy(x, W1, b1, W2, b2, Wout, bout):
    h = np.maximum(x.reshape(len(x), -1) / 255 @ W1 + b1, 0)
    return np.maximum(h @ W2 + b2, 0) @ Wout + bout


@pytest.mark.parametrize(
    "mode", [PLAIN, pytest.param("NUMBA", marks=pytest.mark.slow)], ids=["plain", "numba"]
)
def test_gradient_by_finite_differences(mode):
    """A step of SGD at rate 1 is the gradient. NumPy computes it as differences of the loss."""
    rng = np.random.default_rng(0)
    first = mlp_params(rng, (4, 3), (7, 5), 3, glorot)
    first = {n: v + rng.normal(size=v.shape).astype("f4") * 0.1 for n, v in first.items()}
    forward, learn, _ = functions(
        q_learning(mlp, first, (4, 3), "uint8", partial(sgd, learning_rate=1), squared), mode
    )
    x, x_tp1 = rng.integers(0, 256, (2, 6, 4, 3), dtype=np.uint8)
    action = rng.integers(3, size=6).astype(np.int32)
    reward = rng.normal(size=6).astype(np.float32)
    discount = f32(0.9, 0, 0.9, 0.9, 0, 0.9)

    start = {name: value.astype(np.float64) for name, value in first.items()}
    target_q = reward + discount * mlp_in_numpy(x_tp1, *start.values()).max(axis=1)

    def loss(values):
        q = mlp_in_numpy(x, *values.values())[np.arange(6), action]
        return np.mean((target_q - q) ** 2)

    np.testing.assert_allclose(forward(x), mlp_in_numpy(x, *start.values()), rtol=1e-4, atol=1e-5)
    learn(x, action, reward, discount, x_tp1)
    after = {v.name: v.get_value() for v in forward.get_shared()}
    for name, value in start.items():
        for index in np.ndindex(value.shape):
            up, down = ({n: v.copy() for n, v in start.items()} for _ in range(2))
            up[name][index] += 1e-5
            down[name][index] -= 1e-5
            slope = (loss(up) - loss(down)) / 2e-5
            assert value[index] - after[name][index] == pytest.approx(slope, rel=1e-3, abs=2e-5)


# A chain of three states with the actions left and right. Leaving it on the left gives the reward
# .7, on the right 1, and ends the game. With gamma = .5, its values follow from the ends inwards:
CHAIN_Q = [[0.7, 0.25], [0.35, 0.5], [0.25, 1.0]]


def chain(gamma=0.5):
    """-> the six transitions of the chain as one batch. At an end, x_tp1 is x."""
    state, action = np.divmod(np.arange(6), 2)
    next_state = state + 2 * action - 1
    over = (next_state < 0) | (next_state > 2)
    reward = np.where(next_state < 0, 0.7, np.where(next_state > 2, 1.0, 0.0))
    one_hot = np.eye(3, dtype=np.float32)
    return (
        one_hot[state],
        action.astype(np.int32),
        reward.astype(np.float32),
        np.where(over, 0, gamma).astype(np.float32),
        one_hot[next_state.clip(0, 2)],
    )


@pytest.mark.parametrize("updates_to_sync", [1, 10])
def test_the_chain_converges_to_its_closed_form(updates_to_sync):
    start = np.random.default_rng(0).normal(size=(3, 2))
    forward, learn, sync = tabular(start, learning_rate=1.0)
    for update in range(1, 401):
        learn(*chain())
        if update % updates_to_sync == 0:
            sync()
    np.testing.assert_allclose(forward(np.eye(3, dtype=np.float32)), CHAIN_Q, atol=1e-5)


def test_the_chain_with_a_frozen_target_converges_to_one_backup():
    """Without sync, Q converges to r + gamma max of the first values."""
    forward, learn, _ = tabular([[1, 2], [3, 4], [5, 6]], learning_rate=1.0)
    for _ in range(200):
        learn(*chain())
    expected = [[0.7, 2.0], [1.0, 3.0], [2.0, 1.0]]
    np.testing.assert_allclose(forward(np.eye(3, dtype=np.float32)), expected, atol=1e-5)


def test_forward_alone_equals_forward():
    values = mlp_params(np.random.default_rng(0), (10, 10), (16,), 3, glorot)
    network = partial(mlp, activation=TT.tanh)
    forward, _, _ = functions(q_learning(network, values, (10, 10), "uint8", adam), PLAIN)
    x = np.random.default_rng(1).integers(0, 256, (4, 10, 10), dtype=np.uint8)
    alone = forward_alone(network, values, (10, 10), "uint8", mode=PLAIN)
    assert (alone(x) == forward(x)).all()
    h = np.tanh(x.reshape(4, 100) / 255 @ values["W1"])
    np.testing.assert_allclose(forward(x), h @ values["Wout"], rtol=1e-4, atol=1e-5)


def test_all_variables_are_float32():
    values = mlp_params(np.random.default_rng(0), (2, 2), (4,), 3, glorot)
    graph = q_learning(mlp, values, (2, 2), "uint8", adam)
    forward, learn, _ = functions(graph, PLAIN)
    assert {v.type.dtype for v in graph.variables} == {"float32"}
    assert forward.maker.fgraph.outputs[0].type.dtype == "float32"
    assert learn.maker.fgraph.outputs[0].type.dtype == "float32"
    assert not [
        v for v in learn.maker.fgraph.variables if getattr(v.type, "dtype", None) == "float64"
    ]


# -- gradient and apply ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "mode"),
    [
        *((optimiser, PLAIN) for optimiser in (sgd, rmsprop, adagrad, adam)),
        pytest.param(adam, MODES["numba"], marks=pytest.mark.slow),
    ],
    ids=["sgd", "rmsprop", "adagrad", "adam", "adam, numba"],
)
def test_apply_of_gradient_is_learn_to_the_bit(optimiser, mode):
    rng = np.random.default_rng(0)
    first = mlp_params(rng, (4, 3), (7,), 3, glorot)
    optimiser = partial(optimiser, learning_rate=0.01)
    graphs = [q_learning(mlp, first, (4, 3), "uint8", optimiser, clipped) for _ in range(2)]
    (_, learn, sync), (gradient, apply) = functions(graphs[0], mode), halves(graphs[1], mode)
    sync_halves = functions(graphs[1], mode)[2]
    for update in range(6):
        x, x_tp1 = rng.integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
        reward = rng.normal(size=5).astype(np.float32)
        batch = x, i32(0, 1, 2, 0, 1), reward, f32(0.9, 0, 0.9, 0.9, 0), x_tp1
        before = [p.get_value() for p in graphs[1].params]
        td_error, *gradients = gradient(*batch)
        assert all((p.get_value() == v).all() for p, v in zip(graphs[1].params, before))
        assert (learn(*batch) == td_error).all()
        apply(*gradients)
        for p, same in zip(graphs[0].params, graphs[1].params):
            assert (p.get_value() == same.get_value()).all(), update
        if update == 3:
            sync()
            sync_halves()
    assert any((p.get_value() != first[p.name]).any() for p in graphs[0].params)


def test_the_gradient_by_hand():
    gradient = gradient_alone(graph([[1, 2], [3, 4]], partial(sgd, learning_rate=0.1)), PLAIN)
    td_error, dW = gradient(*BATCH)
    # The TD errors are 1 and -4, as above. The gradient is -2/2 td_error at the taken actions.
    assert td_error.tolist() == [1, -4]
    assert dW.tolist() == [[0, -1], [4, 0]]
