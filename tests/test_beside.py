"""Updates beside the game: one update behind, and the same bits whichever of the two is slower."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dqn_symbolic import load, q_learning
from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import functions
from dqn_symbolic.settings import Settings
from games.catch import Catch
from run_catch import main
from tests.plain import PLAIN, plain
from tests.test_agent import bits, saved_state
from tests.test_determinism import arguments, differences, outcome
from tests.test_q_learning import BATCH, STATES, table

SMALL = {"hidden": (8,), "warm_up": 20, "update_every": 3, "sync_every": 4, "batch_size": 4}
SMALL |= {"beside": True, "epsilon_steps": 30, "memory_size": 50}


def tabular():
    """-> forward, learn, sync of q = W[state], and the values of each shared variable."""
    W = np.array([[1, 2], [3, 4]], np.float32)
    rule = partial(sgd, learning_rate=0.1)
    graph = q_learning.q_learning(table, {"W": W}, (2,), "float32", rule, beside=True)
    return *functions(graph, PLAIN), lambda: {v.name: v.get_value() for v in graph.variables}


def test_acting_is_one_update_behind_by_hand():
    """The first two updates of test_q_learning: TD errors, then W as it acts, and as it is."""
    forward, learn, sync, values = tabular()
    assert values().keys() == {"W", "acting.W", "target.W"}
    assert np.asarray(learn(*BATCH)).tolist() == [1, -4]
    np.testing.assert_allclose(forward(STATES), [[1, 2], [3, 4]])
    np.testing.assert_allclose(values()["W"], [[1, 2.1], [2.6, 4]])
    # The target network still has 4 at most. 1 + .5 * 4 - 2.1 = .9, and -1 - 2.6 = -3.6.
    np.testing.assert_allclose(learn(*BATCH), [0.9, -3.6], rtol=1e-6)
    np.testing.assert_allclose(forward(STATES), [[1, 2.1], [2.6, 4]])
    np.testing.assert_allclose(values()["W"], [[1, 2.19], [2.24, 4]])
    sync()
    np.testing.assert_allclose(values()["target.W"], values()["W"])


def later(call):
    def slow(*arguments):
        time.sleep(0.003)
        return call(*arguments)

    return slow


def slow_beside(monkeypatch):
    """Makes the helper slow, also in `sync`."""
    beside = q_learning.beside
    slow = lambda learn, sync, *rest: beside(later(learn), later(sync), *rest)  # noqa: E731
    monkeypatch.setattr(q_learning, "beside", slow)


def test_a_sync_and_the_next_update_wait_for_the_update(monkeypatch):
    """Called without a pause, they give what they give when each is waited for."""
    waited, sync_then, expected = tabular()[1:]
    slow_beside(monkeypatch)
    _, learn, sync, values = tabular()
    for _ in range(3):
        learn(*BATCH)
        sync()
        learn(*BATCH)
        last = learn(*BATCH)
        np.asarray(waited(*BATCH))
        sync_then()
        np.asarray(waited(*BATCH))
        error = np.asarray(waited(*BATCH))
    assert np.asarray(last).tolist() == error.tolist()
    assert all((value == expected()[name]).all() for name, value in values().items())


def stepped(env, steps=120, **settings):
    return more(plain(env, Settings(**SMALL | settings)), steps)


def more(agent, steps):
    for _ in range(steps):
        agent.step()
    return agent


class SlowCatch(Catch):
    def step(self, action):
        time.sleep(0.002)
        return super().step(action)


def in_one_thread(learn, sync, hand_over, target):
    """What `beside` computes, one after the other."""

    def hand_over_and_learn(x, action, reward, discount, x_tp1):
        hand_over()
        return learn(x, action, target(reward, discount, x_tp1))

    return hand_over_and_learn, sync


def test_a_slow_helper_and_a_slow_game_change_no_bit(monkeypatch):
    expected = bits(stepped(SlowCatch()))
    assert bits(stepped(Catch(), beside=False)) != expected
    with monkeypatch.context() as patch:
        slow_beside(patch)
        assert bits(stepped(Catch())) == expected
    monkeypatch.setattr(q_learning, "beside", in_one_thread)
    assert bits(stepped(Catch())) == expected


def test_the_state_is_that_after_the_update(monkeypatch):
    """It waits for a slow helper; an agent that goes on from it has the same bits."""
    slow_beside(monkeypatch)
    for steps in (19, 20, 21, 32, 33):  # around the first update; 33 is the step of a sync
        agent, resumed = stepped(Catch(), steps), stepped(Catch(), 40)
        resumed.set_state(*saved_state(agent))
        assert bits(more(agent, 30)) == bits(more(resumed, 30))


def test_weights_are_those_that_act_and_are_scored():
    agent = stepped(Catch())
    acting = {p.name: p.get_value() for p in agent.graph.acting}
    np.asarray(agent.td_error)
    learnt = {p.name: p.get_value() for p in agent.graph.params}
    for name, value in agent.weights().items():
        assert (value == acting[f"acting.{name}"]).all()
        assert (value != learnt[name]).any()


def test_a_loaded_agent_acts_with_its_weights(tmp_path):
    env = task("games:Catch-v0").make()
    agent = stepped(env)
    agent.save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz")
    assert again.settings.beside
    assert all((again.weights()[n] == value).all() for n, value in agent.weights().items())
    assert {p.name: p.get_value().tobytes() for p in again.graph.params} == {
        name: value.tobytes() for name, value in agent.weights().items()
    }


@pytest.mark.filterwarnings("ignore:.*encountered in")
def test_errors_of_the_helper_arrive_as_themselves(monkeypatch):
    def broken(x, action, target_q):
        raise ZeroDivisionError("in the helper")

    agent, beside = stepped(Catch(), 21, epsilon_end=1.0), q_learning.beside
    for variable in agent.graph.params:
        variable.set_value(np.full_like(variable.get_value(), np.inf))
    with pytest.raises(FloatingPointError, match="the squared TD error is nan"):
        more(agent, 6)

    monkeypatch.setattr(q_learning, "beside", lambda learn, *rest: beside(broken, *rest))
    agent = stepped(Catch(), 21)  # its first update is in this step
    for call in agent.get_state, agent.mean_loss, agent.step, agent.sync:
        with pytest.raises(ZeroDivisionError, match="in the helper"):
            more(agent, 3) if call == agent.step else call()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system chooses the cores")
@pytest.mark.slow
def test_one_core_and_all_cores_have_the_same_bits_and_so_has_a_resumed_run(tmp_path):
    options = {"filters": "4x3x1,4x2x1", "update_every": 2}
    code = (
        "import os, sys; from run_catch import main\n"
        "if sys.argv[1] == 'one': os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "sys.exit(main(sys.argv[2:]))"
    )
    for cores in ("one", "all"):
        command = ["--quiet", "--beside", *arguments(tmp_path / cores, **options)]
        python = [sys.executable, "-c", code, cores, *command]
        subprocess.run(python, check=True, cwd=Path(__file__).parent.parent)
    stopped = tmp_path / "stopped"
    assert main(["--quiet", "--beside", *arguments(stopped, steps=151, **options)]) == 0
    assert main(["--quiet", "--no-window", "--resume", str(stopped), "--steps", "240"]) == 0
    (one, settings), *others = (outcome(tmp_path / name) for name in ("one", "all", "stopped"))
    assert settings["beside"]
    for other, _ in others:
        assert differences(one, other) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"backend": "c"}, {"backend": "jax"}, {"threads": 2}], ids=str)
def test_every_backend_and_several_threads_learn_beside_the_game(options):
    if options.get("backend") == "jax":
        pytest.importorskip("jax")
    steps = {**SMALL, "filters": ((2, 2, 1),), **options}
    agents = [more(Agent(Catch(), Settings(**steps)), 60) for _ in range(2)]
    assert bits(agents[0]) == bits(agents[1])
    assert agents[0].updates == 14
