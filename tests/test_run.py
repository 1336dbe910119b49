"""A run: what counts as training time, what it says meanwhile, and which agent it keeps."""

import fcntl
import json
import pty
import re
import struct
import sys
import termios
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs import checkpoints, run
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from tests.plain import load, plain, trained

CATCH = replace(task("games:Catch-v0", rows=4), goal=None)  # never solved
SETTINGS = Settings(hidden=(4,), warm_up=10, batch_size=4, evaluate_every=10, checkpoint_every=15)


def begun(folder, steps, data=None, **options):
    settings = Settings(**{**vars(SETTINGS), "steps": steps})
    one = Run(CATCH, settings, folder, data, **options)
    one.begin(plain(CATCH.make(), settings), parts=[])
    one.stack.close()  # of the lock: a test resumes the run
    return one


@pytest.fixture
def now(monkeypatch):
    """-> [seconds], a clock that stands still."""
    now = [0]
    monkeypatch.setattr(run, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def taking(seconds, call, now):
    def slower(*arguments):
        now[0] += seconds
        return call(*arguments)

    return slower


def zero(*_):
    return {"mean_return": 0.0, "catch_rate": 0.0}


def test_only_steps_are_training_time(tmp_path, now):
    """A step takes a second, an evaluation 100, a checkpoint 10,000."""
    one = begun(tmp_path, steps=35)
    one.agent.step = taking(1, one.agent.step, now)
    one.save_checkpoint = taking(10_000, one.save_checkpoint, now)
    trained(one, taking(100, zero, now))
    summary = one.finish()
    assert [row["seconds"] for row in one.rows] == [10, 20, 30]
    assert summary["train_seconds"] == 35
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    assert data["run"]["train_seconds"] == 35
    assert now[0] == 35 + 4 * 100 + 3 * 10_000  # at 15, at 30, and at the end
    data["run"]["compile_seconds"] = 7
    again = begun(tmp_path, 40, data)
    assert (again.train_seconds, again.compile_seconds) == (35, 7)
    again.agent.step = taking(1, again.agent.step, now)
    trained(again, zero)
    assert [row["seconds"] for row in again.rows] == [10, 20, 30, 40]


def test_compiling_changes_nothing_in_the_agent(tmp_path):
    """The first call of `learn` is an update, which is taken back."""
    agent = plain(CATCH.make(), SETTINGS)
    before = {v.name: np.array(v.get_value()) for v in agent.graph.variables}
    Run(CATCH, SETTINGS, tmp_path).begin(agent)
    after = {v.name: v.get_value() for v in agent.graph.variables}
    assert all(np.array_equal(after[name], value) for name, value in before.items())


def test_a_resumed_run_that_is_stopped_in_its_first_evaluation(tmp_path):
    """It was stopped before this evaluation, which comes first when it goes on."""
    one, stop = begun(tmp_path, steps=35), []
    for _ in range(10):
        one.agent.step()
    one.save_checkpoint()
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    again = begun(tmp_path, 35, data, stop=stop)
    trained(again, lambda *_: stop.append(2))
    assert (again.rows, again.agent.steps) == ([], 10)


@pytest.mark.parametrize("steps", [30, 35])
def test_a_run_has_not_ended_if_its_last_evaluation_was_stopped(steps, tmp_path):
    stop = []
    one = begun(tmp_path, steps, stop=stop)

    def score(*_):
        if one.agent.steps < steps:
            return zero()
        stop.append(2)

    trained(one, score)
    one.finish()
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    assert not data["run"]["ended"]
    again = begun(tmp_path, steps, data)
    trained(again, zero)
    again.finish()
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    assert data["run"]["ended"]
    assert [row["env_steps"] for row in again.rows] == [10, 20, 30]


def test_the_last_evaluation_is_one_row_if_the_run_is_stopped_after_it(tmp_path):
    """Else a run of several agents, which scores once more, would be solved by one evaluation."""
    stop = []
    one = begun(tmp_path, 30, stop=stop)
    trained(one, lambda *_: stop.extend([2] * (one.agent.steps == 30)) or zero())
    one.finish()
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    again = begun(tmp_path, 30, data)
    row = {"env_steps": 30, "updates": 3, "epsilon": 0.5, "loss": None, **zero()}
    assert [*again.kept([row])] == []
    assert [row["env_steps"] for row in again.rows] == [10, 20, 30]


def test_a_row_that_comes_late_has_its_own_seconds_and_weights(tmp_path, now):
    """As of an evaluation beside the training: the agent has learnt meanwhile."""
    one = begun(tmp_path, steps=35)
    then = {name: value + 1 for name, value in one.agent.weights().items()}

    def rows():
        now[0] += 9
        row = {"env_steps": 10, "updates": 3, "epsilon": 0.5, "loss": None, **zero()}
        yield {**row, "seconds": 1.23456, "weights": then}

    (row,) = one.kept(rows())
    assert row["seconds"] == 1.235
    assert list(row) == [
        *("env_steps", "updates", "seconds", "epsilon", "loss", "mean_return", "catch_rate")
    ]
    one.finish(scored=False)
    _, arrays = load(tmp_path / "agent.npz", "agent")
    assert all((arrays[name] == value).all() for name, value in then.items())


def test_a_checkpoint_that_is_passed_by_is_written(tmp_path):
    """Several agents can take more than one step at a time."""
    one = begun(tmp_path, steps=100)
    saved = []
    one.save_checkpoint = lambda: saved.append(one.agent.steps)

    def strides():
        for stride in (14, 1, 14, 40, 1):  # one every 15
            one.agent.steps += stride
            one.pause()
        yield from ()

    assert not [*one.kept(strides())]
    assert saved == [15, 69]


@pytest.mark.parametrize(("last", "best"), [(5.0, 5.0), (2.0, 3.0)])
def test_the_last_evaluation_can_be_the_best(last, best, tmp_path):
    """After 35 agent steps, an evaluation is not due, but the summary has one."""
    one, scores, weights = begun(tmp_path, steps=35), [1.0, 3.0, 2.0, last], []

    def score(stop=(), quiet=True):
        weights.append(one.agent.weights())
        mean = scores[len(weights) - 1]
        return {"mean_return": mean, "catch_rate": mean / 10}

    trained(one, score)
    one.finish()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["best_mean_return"], summary["mean_return"]) == (best, last)
    expected = weights[scores.index(best)]
    _, saved = load(tmp_path / "agent.npz", "agent")
    assert all((saved[name] == value).all() for name, value in expected.items())
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    again = begun(tmp_path, steps=40, data=data)
    assert again.best[0] == best
    assert all((again.best[1][name] == value).all() for name, value in expected.items())


# -- what it says meanwhile ------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_the_bar_shows_the_score_first_and_fits_into_the_window(columns, tmp_path, monkeypatch):
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    one = begun(tmp_path, steps=100, quiet=False)
    with open(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        trained(one, lambda *_: {"mean_return": 0.0, "catch_rate": 0.8375})
        monkeypatch.undo()
    shown = ""
    with suppress(OSError), open(reader, "rb", buffering=0) as output:  # Linux: it ends with EIO
        while part := output.read(2**12):
            shown += part.decode()
    lines = [line.rstrip() for line in re.split("[\r\n]+", shown) if line]
    assert max(map(len, lines)) <= columns
    whole = r"catch rate 0.8375: 100%\|█+\| 00:00 left, +[\d.]+/s, 100 of 100"
    assert re.fullmatch(whole, lines[-1]) if columns == 80 else lines[-1].startswith(whole[:23])


@pytest.mark.parametrize(
    ("warm_up_takes", "step_takes", "said"),
    [
        (9, 0.25, ["forecast: 0:01:12 without evaluations, at 4.0 steps a second; 9 GB"]),
        (0.001, 4, ["forecast: 0:19:20 without evaluations, at 0.2 steps a second; 9 GB"]),
        (9, 0.125, []),  # 36 seconds
    ],
)
def test_the_forecast_is_the_speed_of_the_first_hundred_updates(
    warm_up_takes, step_takes, said, tmp_path, now
):
    """The first update is at agent step 10."""
    lines = []
    one = begun(tmp_path, steps=400, say=lambda text, end=None: lines.append(text))
    step, pause, one.memory = one.agent.step, one.pause, "9 GB"

    def slow():
        now[0] += step_takes if one.agent.steps >= 10 else warm_up_takes
        step()

    one.agent.step = slow
    one.pause = lambda: pause() or one.agent.steps == 150
    one.save_checkpoint = taking(10_000, one.save_checkpoint, now)
    trained(one, taking(100, zero, now))
    assert [line for line in lines if "forecast" in line] == said


def test_the_forecast_of_gorila_waits_until_the_new_memories_are_warm(tmp_path, now):
    """Each of two bundles has to take ten agent steps. Nobody asks for their `updates`."""

    class Scheduler:
        settings, steps, epsilon = Settings(warm_up=10, steps=10_000, evaluate_every=10_000), 0, 1

        def step(self):
            now[0] += 1 if self.steps >= 20 else 0.001
            self.steps += 1

    lines = []
    one = Run(CATCH, Scheduler.settings, tmp_path, say=lambda text, end=None: lines.append(text))
    one.game_and_settings["gorila"] = {"bundles": 2}
    one.agent, one.compiled, one.memory = Scheduler(), True, "9 GB"
    pause = one.pause
    one.pause = lambda: pause() or one.agent.steps == 150
    trained(one, zero)
    assert lines == ["forecast: 2:44:40 without evaluations, at 1.0 steps a second; 9 GB"]


@pytest.mark.parametrize("game", ["ALE/Pong-v5", "my_game:Pong-v0"])
def test_the_folder_of_a_run_is_named_after_the_game(game, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert re.fullmatch(r"runs/pong-\d{8}-\d{6}", run.unique_folder(game).as_posix())
