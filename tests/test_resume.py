"""A run that is stopped anywhere and resumed has the bits of a run that never stopped."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.fallback import OneFunctionLinker
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from run_catch import main
from tests.plain import plain, trained
from tests.test_determinism import arguments, differences, outcome

ROOT = Path(__file__).parent.parent
GAME = {"rows": 5, "columns": 4, "paddle_width": 1, "drift": True}
CATCH = task("games:Catch-v0", **GAME)
# Few starts, for quick evaluations; never solved, so it does not end early.
CATCH = replace(CATCH, starts=CATCH.starts[::9], goal=None)
STEPS, WARM_UP, SYNC_EVERY, EVALUATE_EVERY, CHECKPOINT_EVERY = 130, 23, 10, 25, 40
SMALL = {
    **{"steps": STEPS, "warm_up": WARM_UP, "sync_every": SYNC_EVERY, "epsilon_steps": 50},
    **{"evaluate_every": EVALUATE_EVERY, "checkpoint_every": CHECKPOINT_EVERY},
    # The memory is small, so that old frames are overwritten.
    **{"hidden": (4,), "batch_size": 4, "memory_size": 30},
}
LEARNERS = {
    "adam": {"anneal_learning_rate": True},
    "four frames": {"history": 4, "optimiser": "rmsprop"},
    "two frames": {"history": 2, "update_every": 3, "loss": "clipped"},
    "beside": {"beside": True, "update_every": 2},
    "online": {"memory_size": 1, "batch_size": 1, "warm_up": 1, "sync_every": 1},
}


@cache
def compiled(learner):
    """-> (a compiled `Agent`, [(shared variable, its first value)])."""
    agent = plain(CATCH.make(), Settings(**{**SMALL, **LEARNERS[learner]}))
    return agent, [(v, v.get_value()) for v in agent.graph.variables]


def begun(learner, folder, presses):
    """-> a run at its start, or as its checkpoint has it, with the functions of `compiled`."""
    template, first_values = compiled(learner)
    functions = template.forward, template.learn, template.sync
    with patch("dqn_symbolic.agent.q_learning", lambda *how: template.graph):
        agent = Agent(CATCH.make(), template.settings, lambda *graph: functions)
    for variable, value in first_values:
        variable.set_value(value)
    data, said, checkpoint = None, [], folder / "checkpoint.npz"
    if checkpoint.exists():
        data = checkpoints.load_data(checkpoint, "checkpoint")
    run = Run(
        CATCH, agent.settings, folder, data, presses, lambda text, end=None: said.append(text)
    )
    run.begin(agent, parts=[])
    assert not said  # the game came back
    return run


@patch.object(pieces, "SIZE", 400)  # bytes: so that the memory has several pieces
def train_until(learner, folder, stop):
    """Trains from the run's checkpoint, or from its start, to a Ctrl-C in step `stop`."""
    presses = []
    run = begun(learner, folder, presses)
    step = run.agent.step

    def until_ctrl_c():
        step()
        if run.agent.steps == stop:
            presses.append("Ctrl-C")

    run.agent.step = until_ctrl_c
    if run.agent.steps < stop:
        trained(run, scorer(CATCH, run.agent))
    assert run.agent.steps == stop
    run.save_checkpoint()
    run.save_progress()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """uninterrupted(learner) -> the final state of a run that never stopped."""

    @cache
    def final_state(learner):
        folder = tmp_path_factory.mktemp("uninterrupted")
        train_until(learner, folder, STEPS)
        return outcome(folder)[0]

    return final_state


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(
    learner=st.sampled_from(list(LEARNERS)),
    stops=st.lists(st.integers(0, STEPS - 1), min_size=1, max_size=4).map(sorted),
)
@example("adam", [0])  # before the first step
@example("adam", [1, WARM_UP // 2])  # in the warm-up
@example("four frames", [WARM_UP - 1, WARM_UP, WARM_UP + 1])
@example("adam", [WARM_UP + SYNC_EVERY - 2, WARM_UP + SYNC_EVERY - 1])  # around a sync
@example("four frames", [EVALUATE_EVERY, CHECKPOINT_EVERY])
@example("two frames", [CHECKPOINT_EVERY - 1, CHECKPOINT_EVERY, CHECKPOINT_EVERY + 1])
@example("online", [3, 3, 4, 5])
@example("beside", [WARM_UP, WARM_UP + 1, WARM_UP + 2, CHECKPOINT_EVERY])
def test_a_run_stopped_anywhere_and_resumed_has_the_same_bits(
    uninterrupted, tmp_path_factory, learner, stops
):
    folder = tmp_path_factory.mktemp("parts")
    for stop in [*stops, STEPS]:
        train_until(learner, folder, stop)
    assert differences(uninterrupted(learner), outcome(folder)[0]) == []


def test_the_compared_state_is_complete_and_has_changed(uninterrupted):
    for learner in LEARNERS:
        state = uninterrupted(learner)
        counters, memory = json.loads(state["counters"]), json.loads(state["memory"])
        assert counters["steps"] == STEPS
        assert counters["updates"] > 35
        assert ("learner.acting.W1" in state) == (learner == "beside")
        assert memory["written"] > STEPS
        assert len(json.loads(state["progress.csv"])) == STEPS // EVALUATE_EVERY
        assert set(json.loads(state["streams"])) == {"exploration", "memory"}
        assert counters["episode"] > 20
        assert {"learner.target.W1", "memory.frame", "memory.age", "x"} <= state.keys()
        files = sum("/memory.frame" in name for name in state)
        assert files == 0 if learner == "online" else files >= 2
    assert {"learner.W1.m", "learner.W1.v", "learner.t"} <= uninterrupted("adam").keys()
    assert {"learner.W1.g", "learner.W1.g2"} <= uninterrupted("four frames").keys()


# -- in other processes, by the command line -------------------------------------------------------


@pytest.mark.slow
def test_three_processes_reach_the_bits_of_a_single_process(tmp_path):
    """A new process goes on in the warm-up and another one in mid-episode."""
    uninterrupted, resumed = tmp_path / "uninterrupted", tmp_path / "resumed"
    assert main(["--quiet", *arguments(uninterrupted, steps=200)]) == 0
    commands = [
        arguments(resumed, steps=17),
        ["--resume", str(resumed), "--steps", "98"],
        ["--resume", str(resumed), "--steps", "200"],
    ]
    for command in commands:
        python = [sys.executable, "run_catch.py", "--quiet", *command]
        subprocess.run(python, check=True, cwd=ROOT)
    assert differences(outcome(uninterrupted)[0], outcome(resumed)[0]) == []
    assert outcome(uninterrupted)[1] == outcome(resumed)[1]


@pytest.mark.usefixtures("uncompiled")
def test_a_run_that_goes_on_with_another_linker_says_so(tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    small = ["--hidden", "4", "--warm-up", "20", "--memory-size", "50", "--no-window"]
    with monkeypatch.context() as patch:
        patch.setattr(OneFunctionLinker, "stands_in", True)
        assert main(["--steps", "40", *small, "--out", str(out)]) == 0
        assert main(["--resume", str(out), "--steps", "60"]) == 0
        assert "compiled by" not in capsys.readouterr().out
    assert main(["--resume", str(out), "--steps", "80", "--no-window"]) == 0
    told = capsys.readouterr().out
    assert "compiled by our linker, before by another: the bits may differ\n" in told
