"""A run: what counts as training time, and which agent it keeps."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs import checkpoints, run
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from tests.plain import load, plain, trained

CATCH = replace(task("games:Catch-v0", rows=4), goal=None)  # never solved
SETTINGS = Settings(hidden=(4,), warm_up=10, batch_size=4, evaluate_every=10, checkpoint_every=15)


def begun(folder, steps, data=None):
    settings = Settings(**{**vars(SETTINGS), "steps": steps})
    one = Run(CATCH, settings, folder, data)
    one.begin(plain(CATCH.make(), settings), parts=[])
    one.stack.close()  # of the lock: a test resumes the run
    return one


def test_only_steps_are_training_time(tmp_path, monkeypatch):
    """A step takes a second, an evaluation 100, a checkpoint 10,000."""
    now = [0]
    monkeypatch.setattr(run, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def taking(seconds, call):
        def slower(*arguments):
            now[0] += seconds
            return call(*arguments)

        return slower

    one = begun(tmp_path, steps=35)
    one.agent.step = taking(1, one.agent.step)
    one.save_checkpoint = taking(10_000, one.save_checkpoint)
    trained(one, taking(100, lambda *_: {"mean_return": 0.0, "catch_rate": 0.0}))
    summary = one.finish()
    assert [row["seconds"] for row in one.rows] == [10, 20, 30]
    assert summary["train_seconds"] == 35
    data = checkpoints.load_data(tmp_path / "checkpoint.npz", "checkpoint")
    assert data["run"]["train_seconds"] == 35
    assert now[0] == 35 + 4 * 100 + 3 * 10_000  # at 15, at 30, and at the end


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
