"""Dynamic programming, compared with trying every sequence of actions."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from dqn_symbolic.experiments.dynamic_programming import errors
from dqn_symbolic.experiments.tabular import (
    expected_return,
    graph_of,
    policy_q,
    q_learning,
    sweeps,
    visits,
)
from games.catch import Catch

BOARDS = [
    {"rows": 2, "columns": 3, "paddle_width": 1},
    {"rows": 4, "columns": 3, "paddle_width": 1, "drift": True},
    {"rows": 4, "columns": 9, "paddle_width": 2},  # the paddle cannot reach every ball
    {"rows": 6, "columns": 4, "paddle_width": 1, "paddle_start": "middle", "drift": True},
]


def optimal_q(graph, discount):
    *_, q = sweeps(graph, discount)
    return q


def played(env, state, actions, discount):
    """-> the discounted return of the actions; None if the episode ends before the last one."""
    total = 0.0
    for i, action in enumerate(actions):
        state, reward, over = env.successor(state, action)
        total += discount**i * reward
        if over and i < len(actions) - 1:
            return None
    return total


@pytest.mark.parametrize("board", BOARDS)
def test_value_iteration_equals_trying_every_action_sequence(board):
    env = Catch(**board)
    graph = graph_of(env)
    q = optimal_q(graph, discount=0.9)
    assert q.shape == (len(graph.states), 3)
    for state, values in zip(graph.states, q):
        left = env.rows - 1 - state.ball_row
        for first in range(3):
            returns = [
                played(env, state, (first, *rest), 0.9)
                for rest in product(range(3), repeat=left - 1)
            ]
            assert values[first] == pytest.approx(max(returns), abs=1e-12)


@pytest.mark.parametrize("board", BOARDS)
def test_value_iteration_needs_one_sweep_per_step_of_an_episode(board):
    env = Catch(**board)
    tables = list(sweeps(graph_of(env), discount=0.9))
    assert len(tables) == env.rows
    assert (tables[-2] == tables[-1]).all()
    one_sweep_less = [0 * tables[-1], *tables][-3]
    assert (one_sweep_less != tables[-1]).any()


def test_the_graph_has_every_state_of_the_default_game_once():
    graph = graph_of(Catch())
    assert len(graph.states) == len(set(graph.states)) == 9 * 10 * 8
    assert [graph.states[i] for i in graph.starts] == Catch().starts()
    over = graph.following == len(graph.states)
    last = np.array([state.ball_row == 8 for state in graph.states])
    assert (over == last[:, None]).all()
    assert (np.abs(graph.reward) == last[:, None]).all()


@pytest.mark.parametrize("epsilon", [0.6, 1.0])
def test_tabular_q_learning_converges_to_the_optimal_values(epsilon):
    graph = graph_of(Catch(rows=4, columns=3, paddle_width=1, drift=True))
    exact = optimal_q(graph, discount=0.9)
    assert np.abs(exact).max() > 0.8
    learning = q_learning(graph, 0.9, 0.5, epsilon, np.random.default_rng(0))
    for _ in range(60_000):
        q = next(learning)
    np.testing.assert_allclose(q, exact, atol=1e-6)


def test_tabular_q_learning_by_hand():
    """On two rows every action ends the game. The learning rate is 1/2, so errors halve."""
    graph = graph_of(Catch(rows=2, columns=1, paddle_width=1))
    learning = q_learning(graph, 0.9, 0.5, 0.0, np.random.default_rng(0))
    q = next(learning).copy()
    assert sorted(q.ravel()) == [0, 0, 0.5]
    action = int(q.argmax())
    assert next(learning)[0, action] == 0.75
    assert next(learning)[0, action] == 0.875


def test_expected_return_and_visits_by_enumerating_every_episode():
    """Each episode counts with its probability."""
    env = Catch(rows=4, columns=3, paddle_width=1, drift=True)
    graph = graph_of(env)
    policy = np.random.default_rng(0).dirichlet([1, 1, 1], len(graph.states))
    index = {state: i for i, state in enumerate(graph.states)}
    J, expected_visits = 0.0, Counter()
    for start in env.starts():
        for actions in product(range(3), repeat=env.rows - 1):
            state, probability = start, 1 / len(env.starts())
            path = []
            for action in actions:
                path.append(index[state])
                probability *= policy[index[state], action]
                state, reward, _ = env.successor(state, action)
            J += probability * reward
            for i in path:
                expected_visits[i] += probability
    assert expected_return(graph, policy) == pytest.approx(J)
    result = visits(graph, policy)
    assert result.sum() == pytest.approx(env.rows - 1)
    np.testing.assert_allclose(result, [expected_visits[i] for i in range(len(result))], atol=1e-12)
    best = np.eye(3)[optimal_q(graph, 1.0).argmax(axis=1)]
    np.testing.assert_allclose(policy_q(graph, best), optimal_q(graph, 1.0))


def test_errors_by_hand():
    found = errors(np.array([[1.0, 0], [0, 2]]), np.array([[0.0, 1], [0, 3]]))
    assert found == {"rmse": (3 / 4) ** 0.5, "most": 1, "best_action": 0.5}
