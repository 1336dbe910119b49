"""The games of the experiments, and their exact values by counting and by formula."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from dqn_symbolic.experiments import learning
from dqn_symbolic.experiments.corridor import BEST, Corridor, expected_return
from dqn_symbolic.experiments.deep_sea import DeepSea
from dqn_symbolic.experiments.exploration import most
from dqn_symbolic.experiments.late_rewards import Late
from dqn_symbolic.experiments.runner import EXPERIMENTS
from dqn_symbolic.experiments.tabular import q_learning, state_graph
from games.catch import Catch, State

# -- starts that repeat ----------------------------------------------------------------------------


def test_the_corridor_by_hand():
    """In the middle, left and right are switched; at the left wall nothing happens."""
    env = Corridor()
    env.reset(seed=0)
    path = []
    for action in (0, 1, 1, 1, 0, 0, 1):
        x, reward, over, _, _ = env.step(action)
        assert (x.tolist(), reward) == ([1], -1)
        path.append((env.cell, over))
    assert [cell for cell, _ in path] == [0, 1, 0, 1, 2, 1, 0]
    env.step(1)
    env.step(0)
    assert env.step(1)[1:3] == (-1.0, True)


@pytest.mark.parametrize("right", [0.05, 0.3, 0.5, 0.95])
def test_the_return_in_the_corridor_solves_the_equations_of_its_rules(right):
    """v = -1 + moves v, where `moves` is played out and the goal, cell 3, has value 0."""
    moves, env = np.zeros((3, 4)), Corridor()
    env.reset(seed=0)
    for cell in range(3):
        for action, probability in enumerate([1 - right, right]):
            env.cell = cell
            env.step(action)
            moves[cell, env.cell] += probability
    v = np.linalg.solve(np.eye(3) - moves[:, :3], -np.ones(3))
    assert expected_return(right) == pytest.approx(v[0])


def test_the_best_policy_in_the_corridor():
    assert expected_return(BEST) == pytest.approx(-(6 + 4 * 2**0.5))
    returns = [expected_return(p) for p in np.linspace(0.01, 0.99, 99)]
    assert max(returns) <= expected_return(BEST)
    assert np.argmax(returns) == 58  # .59
    assert expected_return(0.05) == pytest.approx(-82.105, abs=1e-3)
    assert expected_return(0.95) == pytest.approx(-44.211, abs=1e-3)


# -- the deep sea ----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_exactly_one_sequence_of_actions_finds_the_treasure(depth):
    env, episodes = DeepSea(depth), []
    for actions in product(range(2), repeat=depth):
        x, _ = env.reset(seed=0)
        rewards = []
        for action in actions:
            assert x.sum() == 1
            x, reward, over, _, _ = env.step(action)
            rewards.append(reward)
            assert over == (len(rewards) == depth)
        assert x.sum() == 0
        episodes.append(rewards)
    assert np.sum(episodes) == 1
    assert np.sum(episodes, axis=0)[-1] == 1
    assert env.found


def test_the_table_needs_2_to_the_depth_episodes_in_expectation():
    """A geometric distribution: the mean of 400 has a standard deviation of .37 episodes."""
    rng, graph = np.random.default_rng(0), state_graph([(0, 0)], DeepSea(3).successor, 2)

    def steps_to_treasure():
        learnt = enumerate(q_learning(graph, 0.99, 0.5, 0.1, rng), 1)
        return next(steps for steps, q in learnt if steps % 3 == 0 and q.any())

    episodes = [steps_to_treasure() / 3 for _ in range(400)]
    assert np.mean(episodes) == pytest.approx(8, abs=1.2)


# -- late rewards ----------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 3])
@pytest.mark.parametrize("blank", [False, True])
def test_the_reward_is_delayed_by_the_given_number_of_steps(delay, blank):
    env = Late(Catch(rows=3, columns=3, paddle_width=1), delay, blank)
    for start, reward in ((State(0, 1, 0, 1), 1.0), (State(0, 0, 0, 1), -1.0)):
        env.reset(options={"state": start})
        steps = [env.step(1) for _ in range(2)]
        last_frame = steps[-1][0]
        steps += [env.step(2) for _ in range(delay)]
        assert [step[1] for step in steps] == [0.0] * (1 + delay) + [reward]
        assert [step[2] for step in steps] == [False] * (1 + delay) + [True]
        for x, *_ in steps[1:]:
            assert (x == last_frame).all()
        assert last_frame.any() == (not blank)


# -- exploration -----------------------------------------------------------------------------------


def test_the_highest_catch_rate_of_an_epsilon_greedy_player():
    env = Catch(rows=5, columns=5, paddle_width=1)
    assert most(env, 0.0) == 1
    assert most(env, 1.0) == pytest.approx(0.2)


def test_the_highest_catch_rate_with_one_move_by_hand():
    """Three columns, one move, epsilon .3: an action that is not chosen has probability .1.

    Columns of paddle and ball: in 0 0 and 2 2, left (or right) is as good as staying: .9.
    In 1 1, 0 1, 1 0, 1 2 and 2 1, one action catches: .8. In 0 2 and 2 0, none does: 0.
    """
    env = Catch(rows=2, columns=3, paddle_width=1)
    assert most(env, 0.3) == pytest.approx((2 * 0.9 + 5 * 0.8) / 9)


# -- what is measured in them ----------------------------------------------------------------------


def test_late_rewards_are_measured_in_the_late_game(monkeypatch):
    made = []
    monkeypatch.setattr(learning, "rows", lambda c, seed, game: made.append(game.make()) or ())
    for condition in EXPERIMENTS["late-rewards"].conditions(False).values():
        list(EXPERIMENTS["late-rewards"].measure(condition, 0))
    assert [(env.delay, env.blank) for env in made] == [
        *((0, False), (4, False), (4, True), (4, True)),
    ]


def test_the_probability_of_right_in_the_corridor_counts_random_actions(monkeypatch):
    player = SimpleNamespace(epsilon=0.1, forward=lambda x: np.array([[0.0, 1.0]]))
    monkeypatch.setattr(learning, "player_of", lambda *_: player)
    monkeypatch.setattr(learning, "evaluations", lambda player: [0])
    (row,) = EXPERIMENTS["corridor"].measure({}, 0)
    assert row["right"] == pytest.approx(0.95)


def test_a_run_that_diverges_catches_nothing_from_then_on(monkeypatch):
    def diverging(*_):
        yield {"catch_rate": 0.5, "updates": 3}
        raise FloatingPointError

    monkeypatch.setattr(learning, "training", diverging)
    found = list(learning.rows({"agent": {"steps": 30, "evaluate_every": 10}}, 0))
    assert [(row["agent_steps"], row["catch_rate"]) for row in found] == [
        *((10, 0.5), (20, 0), (30, 0)),
    ]
