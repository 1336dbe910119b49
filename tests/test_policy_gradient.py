"""The policy gradient, compared with finite differences of J over all episodes."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from dqn_symbolic.experiments.reinforce import (
    Reinforce,
    exact_gradient,
    flat,
    noise,
    policy_gradient,
)
from dqn_symbolic.experiments.tabular import state_graph
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import mlp, mlp_params
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.settings import Settings
from games.catch import Catch
from tests.plain import PLAIN

ENV = Catch(rows=3, columns=3, paddle_width=1)
GRAPH = state_graph(ENV.starts(), ENV.successor, 3)
OBSERVATIONS = {state: ENV.reset(options={"state": state})[0][..., None] for state in GRAPH.states}
X = np.stack([OBSERVATIONS[state] for state in GRAPH.states])


@pytest.fixture(scope="module")
def params():
    """Weights whose policy is far from uniform, so that every part of the gradient matters."""
    values = mlp_params(np.random.default_rng(0), X.shape[1:], (5,), 3, glorot)
    return {name: (3 * value).astype(np.float32) for name, value in values.items()}


def compiled(params):
    optimiser = partial(sgd, learning_rate=0.1)
    return policy_gradient(mlp, params, X.shape[1:], "uint8", optimiser, PLAIN)


def policy(values):
    """-> {state: (actions,) probabilities}, computed in float64."""
    W1, b1, Wout, bout = values
    z = np.maximum(X.reshape(len(X), -1) / 255 @ W1 + b1, 0) @ Wout + bout
    pi = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return dict(zip(GRAPH.states, pi))


def episodes(pi):
    """Yields (probability, states, actions, return) of every episode."""
    for start, actions in product(ENV.starts(), product(range(3), repeat=2)):
        probability, state, states, total = 1 / len(ENV.starts()), start, [], 0.0
        for action in actions:
            states.append(state)
            probability *= pi[state][action]
            state, reward, _ = ENV.successor(state, action)
            total += reward
        yield probability, states, actions, total


def J(values):
    return sum(probability * total for probability, _, _, total in episodes(policy(values)))


def differences(params, step=1e-6):
    """-> (parameters,): central differences of J by each parameter."""
    values = [value.astype(np.float64) for value in params.values()]
    slopes = []
    for value in values:
        for index in np.ndindex(value.shape):
            middle = value[index]
            value[index] = middle + step
            above = J(values)
            value[index] = middle - step
            slopes.append((above - J(values)) / (2 * step))
            value[index] = middle
    return np.array(slopes)


def test_forward_is_the_softmax(params):
    forward, _, _ = compiled(params)
    pi = forward(X)
    assert pi.dtype == np.float32
    np.testing.assert_allclose(pi.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(pi, list(policy(params.values()).values()), rtol=1e-5)


def test_the_exact_gradient_equals_finite_differences_of_J(params):
    """The slide sums over states and actions."""
    forward, _, gradient = compiled(params)
    pi = forward(X).astype(np.float64)
    gradient_of_loss, total = exact_gradient(flat(gradient), GRAPH, X, pi)
    expected = differences(params)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(-gradient_of_loss, expected, atol=1e-5)
    assert total == pytest.approx(J(params.values()), abs=1e-6)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_reinforce_is_unbiased_with_any_baseline(params, baseline):
    """The slide's log trick, averaged over all episodes with their probabilities."""
    _, _, gradient = compiled(params)
    expectation = 0.0
    for probability, states, actions, total in episodes(policy(params.values())):
        x = np.stack([OBSERVATIONS[state] for state in states])
        r = np.full(len(actions), total - baseline, np.float32)
        of_episode = flat(gradient)(x, np.array(actions, np.int32), r)
        expectation = expectation - probability * of_episode
    np.testing.assert_allclose(expectation, differences(params), atol=1e-5)


def test_learn_makes_rewarded_actions_more_probable(params):
    """An action with a positive reward becomes more probable, with a negative one less."""
    forward, learn, _ = compiled(params)
    x, action = X[:2], np.array([2, 0], np.int32)
    before = forward(x)[[0, 1], action]
    log_pi = learn(x, action, np.array([1, -1], np.float32))
    np.testing.assert_allclose(log_pi, np.log(before), rtol=1e-5)
    after = forward(x)[[0, 1], action]
    assert after[0] > before[0]
    assert after[1] < before[1]


@pytest.mark.usefixtures("uncompiled")
def test_reinforce_passes_whole_episodes_to_learn():
    """An update learns from 16 episodes. Every step gets its episode's return less the baseline.

    The baseline is the mean return of the earlier updates.
    """
    player = Reinforce(Catch(), Settings(seed=4), baseline=True)
    batches = []
    player.forward = lambda x: np.full((1, 3), 1 / 3, np.float32)
    player.learn = lambda *batch: batches.append(batch)
    for _ in range(3):
        player.step()
    (_, _, first), (x, action, second), (_, _, third) = batches
    totals = first.reshape(16, 9) * 16
    assert set(totals.ravel()) == {-1, 1}
    assert (totals == totals[:, :1]).all()
    assert totals.mean() < -0.1
    second_totals = second * 16 + totals.mean()
    assert set(np.round(second_totals, 5)) == {-1, 1}
    assert second_totals.mean() != pytest.approx(totals.mean(), abs=0.05)
    both = (totals.mean() + second_totals.mean()) / 2
    assert set(np.round(third * 16 + both, 5)) == {-1, 1}
    assert x.shape == (144, 10, 10, 1)
    assert set(action) == {0, 1, 2}
    assert (player.steps, player.updates) == (432, 3)


def test_noise_by_hand():
    draws = (np.array(g, float) for g in ([1, 0], [3, 0], [2, 3], [2, -3]))
    assert noise(draws, np.array([2.0, 0.0])) == (1 + 1 + 9 + 9) / 4 / 2**2


@pytest.mark.slow
def test_measuring_the_noise_does_not_change_learning():
    weights = []
    for measured in (False, True):
        player = Reinforce(ENV, Settings(seed=1, hidden=(5,)), baseline=False)
        if measured:
            found = player.noise(GRAPH, X, True)
            assert 0 < found["noise"] < np.inf
            assert -1 < found["J"] < 1
        player.step()
        weights.append([v.get_value() for v in player.forward.get_shared()])
    for expected, with_noise in zip(*weights):
        assert (with_noise == expected).all()
