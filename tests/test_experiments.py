"""The lecture's experiments: their settings, and the functions they share."""

import json
import multiprocessing
import os
import time
from itertools import pairwise, product

import numpy as np
import pytest

from dqn_symbolic.environments.any_game import paper_scores
from dqn_symbolic.experiments.frames import best_return
from dqn_symbolic.experiments.jobs import in_processes
from dqn_symbolic.experiments.minibatches import KINDS
from dqn_symbolic.experiments.results import by_condition, grouped, last_quarter, quartiles
from dqn_symbolic.experiments.runner import EXPERIMENTS, LONG
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.memory import ReplayMemory
from dqn_symbolic.runs.figures import band, panels
from dqn_symbolic.settings import PRESETS, Settings
from games.catch import Catch


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("quick", [True, False])
def test_settings_are_valid_and_can_be_written_as_json(name, quick):
    settings = EXPERIMENTS[name].conditions(quick)
    assert len(settings) >= 1 + (not quick)
    for condition in settings.values():
        assert json.loads(json.dumps(condition))
        Catch(**condition.get("game", {}))
        Settings(**condition.get("agent", {}))
    assert EXPERIMENTS[name].SEEDS[False] >= 5


def test_neighbouring_stages_differ_by_one_setting():
    learners = {}
    for name, condition in EXPERIMENTS["stages"].conditions(False).items():
        learner = {**condition["agent"]}
        del learner["learning_rate"]
        learners[name.rsplit("-", 1)[0]] = Settings(**learner)
    stages = list(learners.values())
    assert len(stages) == 5
    online = stages[0]
    assert (online.memory_size, online.batch_size, online.sync_every) == (1, 1, 1)
    assert online.optimiser == "sgd"
    changed = [
        {name for name in vars(a) if getattr(a, name) != getattr(b, name)}
        for a, b in pairwise(stages)
    ]
    assert changed == [{"memory_size"}, {"batch_size"}, {"sync_every"}, {"optimiser"}]


def test_the_ablation_has_replay_and_target_network_on_and_off():
    learners = {
        name: condition["agent"] for name, condition in LONG["pong"].conditions(False).items()
    }
    for name, learner in learners.items():
        s = Settings(**learner)
        assert (s.memory_size > 32) == (name in ("both", "replay-only"))
        assert (s.sync_every > 1) == (name in ("both", "target-only"))
        assert s.n_step == 1


def test_the_games_are_the_papers_with_the_preset_and_thirty_new_games():
    full = LONG["games"].conditions(False)
    assert list(full) == list(paper_scores())
    assert all((c["episodes"], c["agent"]) == (30, PRESETS["atari"]) for c in full.values())


@pytest.mark.parametrize("name", ["exploration", "deep-sea", "corridor"])
def test_epsilon_stays_the_same(name):
    for condition in EXPERIMENTS[name].conditions(False).values():
        s = Settings(**condition["agent"])
        assert "baseline" in condition or s.epsilon_start == s.epsilon_end


def test_consecutive_batches_hold_consecutive_transitions():
    memory, rng = ReplayMemory(50, (1, 1), np.uint8), np.random.default_rng(0)
    for n in range(80):
        memory.add(np.full((1, 1), n), 0, 0, 0, np.full((1, 1), n + 1), n % 10 == 9)
    x, _, _, _, x_tp1 = memory.transitions(np.arange(memory.size))
    assert len(x) == memory.size > 32
    assert (x_tp1 == x + 1).all()
    assert (np.diff(x.ravel().astype(int)) == 1).all()
    drawn = np.array([KINDS["consecutive"](rng, len(x), 4) for _ in range(500)])
    assert (np.diff(drawn) == 1).all()
    assert (drawn.min(), drawn.max()) == (0, len(x) - 1)


@pytest.mark.parametrize("history", [1, 2])
def test_best_return_equals_trying_every_reactive_player(history):
    """There are two moves: try every choice of the first, and count the best choice of the last."""
    env = Catch(rows=3, columns=4, paddle_width=1, drift=True, paddle_start="middle")
    starts = env.starts()
    paddle = starts[0].paddle
    best = 0
    for first in product(range(3), repeat=env.columns):  # one action for each column of the ball
        catches = {}  # observation before the last move: starts that each action catches
        for start in starts:
            state, _, _ = env.successor(start, first[start.ball_column])
            seen = state.ball_column, state.paddle
            if history == 2:
                seen += (start.ball_column, paddle)
            counts = catches.setdefault(seen, np.zeros(3))
            counts += [env.successor(state, action)[1] > 0 for action in range(3)]
        best = max(best, sum(counts.max() for counts in catches.values()))
    assert (best_return(env, history) + 1) / 2 == pytest.approx(best / len(starts))


def test_results_of_several_seeds():
    rows = [
        {"condition": condition, "seed": seed, "caught": 10 * seed + i}
        for condition in "ab"
        for seed in (0, 1)
        for i in range(8)
    ]
    rows.insert(3, {"condition": "a", "seed": 0, "optimum": 1})  # a row without this column
    runs = dict(by_condition(rows, "caught"))
    assert list(runs) == ["a", "b"]
    assert runs["a"].tolist() == [list(range(8)), list(range(10, 18))]
    assert grouped(rows, "seed", "caught", condition="b")[1] == list(range(10, 18))
    assert last_quarter(runs["b"]).tolist() == [6.5, 16.5]
    assert quartiles([0.1, 0.2, 0.3, 0.4, 0.9]) == "30% (20% to 40%)"
    assert quartiles([2, 3, 4], ".2f") == "3.00 (2.50 to 3.50)"


# -- jobs in processes -----------------------------------------------------------------------------

JOBS = [("stages", name, {}, seed) for name in ("a", "b") for seed in (0, 1)]


def fine(job):
    return job[1] * (job[3] + 1)


def slow(job):
    time.sleep(0.5)


def dies(job):
    os._exit(3)


def fails(job):
    raise ZeroDivisionError(f"{job[1]} cannot be divided")


@pytest.mark.slow
def test_every_job_is_done_once():
    assert sorted(in_processes(JOBS, fine, 2, [])) == sorted((job, fine(job)) for job in JOBS)


@pytest.mark.slow
def test_time_passes_while_a_job_is_at_work():
    ticks = []
    list(in_processes(JOBS[:1], slow, 1, [], tick=lambda: ticks.append("tick")))
    assert len(ticks) > 1  # in half a second or more


@pytest.mark.slow
def test_an_exception_in_a_job_is_raised():
    with pytest.raises(ZeroDivisionError, match="a cannot be divided"):
        list(in_processes(JOBS[:1], fails, 2, []))


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 3])
def test_a_process_that_dies_is_noticed(processes):
    """Also where the third of three processes has no job."""
    with pytest.raises(BadInput, match="a process died while these jobs were at work: stages, a"):
        list(in_processes(JOBS[:2], dies, processes, []))


@pytest.mark.slow
def test_a_request_to_stop_ends_the_processes():
    stop = []
    for count, _ in enumerate(in_processes(JOBS, slow, 1, stop)):
        stop.append("Ctrl-C")
        assert count < len(JOBS) - 1
    assert multiprocessing.active_children() == []


def test_the_best_rate_of_a_stage_caught_most_over_the_whole_run():
    caught = {"online-0.1": (0.2, 0.9), "online-0.3": (0.7, 0.8), "replay-0.1": (0.0, 0.1)}
    rows = [
        {"condition": name, "seed": seed, "catch_rate": rate}
        for name, rates in caught.items()
        for seed in range(3)
        for rate in rates
    ]
    best = EXPERIMENTS["stages"].best_rates(rows)
    assert {stage: rate for stage, (rate, _) in best.items()} == {"online": 0.3, "replay": 0.1}


def test_a_band_is_the_median_between_the_quartiles():
    _, axes = panels(2, 2)
    band(axes, {1: [0, 1, 2, 3, 10], 2: [4, 4, 4, 4, 4]}, color="black")
    (line,), (area,) = axes.lines, axes.collections
    assert line.get_xydata().tolist() == [[1, 2], [2, 4]]
    corners = {tuple(corner) for path in area.get_paths() for corner in path.vertices}
    assert corners == {(1, 1), (1, 3), (2, 4)}


def test_solved_means_two_perfect_evaluations_in_a_row(monkeypatch):
    initialisation = EXPERIMENTS["initialisation"]
    for rates, last, solved in (((1, 0.5, 1, 1, 0), 3, 1), ((1, 0.5, 1, 0.5, 1), 4, 0)):
        rows = [
            {"agent_steps": step, "catch_rate": rate, "optimum": 1.0}
            for step, rate in enumerate(rates)
        ]
        monkeypatch.setattr(initialisation.learning, "rows", lambda *_, rows=rows: rows)
        (row,) = initialisation.measure({}, 0)
        assert row == {"solved": solved, "agent_steps": last, "catch_rate": 1}


def test_the_median_of_seeds_that_are_mostly_not_solved_is_no_number():
    initialisation = EXPERIMENTS["initialisation"]
    condition = "mlp-relu-glorot-adam"
    rows = [
        {"condition": condition, "seed": seed, "solved": solved, "agent_steps": 3_000}
        for seed, solved in enumerate((1, 0, 0))
    ]
    ((_, text),) = initialisation.cells(rows)["mlp relu"].values()
    assert text == "-\n33%"
    rows[1]["solved"] = 1
    ((_, text),) = initialisation.cells(rows)["mlp relu"].values()
    assert text == "3.0k\n67%"
