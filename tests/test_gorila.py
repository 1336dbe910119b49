"""Gorila in one process: exact beside the single agent, and each rule by itself."""

import re
import shutil
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import dqn_symbolic
from dqn_symbolic.__main__ import main
from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.gorila import learner as learner_module
from dqn_symbolic.gorila.bundle import Bundle, seed_of
from dqn_symbolic.gorila.learner import FIRST_LOSSES
from dqn_symbolic.gorila.parameter_server import ParameterServer, in_shards
from dqn_symbolic.gorila.scheduler import Scheduler, line
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import functions
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.checkpoints import Unreadable
from dqn_symbolic.runs.loading import read_agent, read_data
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from games.catch import Catch
from tests.benchmarks.gorila import at_the_ready, steps_to_solve
from tests.plain import halves, load, plain, trained, uncompiled

CATCH = task("games:Catch-v0")
QUICK = Settings(hidden=(16,), warm_up=50, epsilon_steps=300, memory_size=200, sync_every=30)
TWO = GorilaSettings(bundles=2, shards=2)


def scheduled(steps, settings=QUICK, compiled=False, **gorila):
    with nullcontext() if compiled else uncompiled():
        scheduler = at_the_ready(Scheduler(CATCH, settings, GorilaSettings(**gorila)))
    for _ in range(steps):
        scheduler.step()
    return scheduler


def assert_same_bits(scheduler, agent):
    """The only bundle, with the newest parameters, equals the single agent."""
    (bundle,) = scheduler.bundles
    bundle.learner.pull()
    (data, arrays), (expected_data, expected) = bundle.agent.get_state(), agent.get_state()
    for a in (data, expected_data):  # a report takes the losses with it
        a["counters"] |= {"loss_sum": 0, "loss_count": 0}
    assert data == expected_data
    for server in scheduler.servers:  # the optimiser's averages
        arrays |= {f"learner.{name}": value for name, value in server.get_state()[1].items()}
    assert set(expected) <= set(arrays)
    for name, value in expected.items():
        assert arrays[name].tobytes() == value.tobytes(), name


# -- exact -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("optimiser", "shards"), [("adam", 1), ("adagrad", 3)])
def test_one_bundle_is_the_single_agent(optimiser, shards):
    settings = replace(QUICK, optimiser=optimiser)
    scheduler = scheduled(120, settings, bundles=1, shards=shards, stale_after=1)
    agent = plain(Catch(), settings)
    for _ in range(120):
        agent.step()
    assert scheduler.updates == agent.updates == 71
    assert_same_bits(scheduler, agent)
    assert scheduler.score() == scorer(CATCH, agent)()


@pytest.mark.parametrize("bundles", [1, 2, 3])
def test_the_annealed_rate_is_0_after_the_last_update_of_all_bundles(bundles):
    settings = replace(QUICK, optimiser="sgd", anneal_learning_rate=True, steps=180)
    scheduler = scheduled(179, settings, bundles=bundles)
    (server,) = scheduler.servers

    def moves():
        version, before = server.pull()
        server.push({name: np.ones_like(value) for name, value in before.items()}, version)
        return any((value != before[name]).any() for name, value in server.pull()[1].items())

    expected = {1: 131, 2: 2 * 41, 3: 3 * 11}[bundles]  # from 50 agent steps on, in each bundle
    assert scheduler.updates == expected - 1
    assert moves()
    assert not moves()


@pytest.mark.slow
def test_one_bundle_is_the_single_agent_for_5_000_steps():
    """Compiled by numba; the single agent also learns in two steps, `gradient` and `apply`."""
    scheduler = scheduled(5_000, Settings(), compiled=True, bundles=1, stale_after=1)

    def in_halves(graph, mode, threads):
        forward, _, sync = functions(graph, mode)
        gradient, apply = halves(graph, mode)

        def learn(*batch):
            td_error, *gradients = gradient(*batch)
            apply(*gradients)
            return td_error

        return forward, learn, sync

    agent = Agent(Catch(), Settings(), in_halves)
    for _ in range(5_000):
        agent.step()
    assert agent.updates == scheduler.updates == 3_001
    assert_same_bits(scheduler, agent)


def test_two_bundles_are_the_same_twice():
    runs = [scheduled(160, bundles=2, shards=2) for _ in range(2)]
    for bundles in zip(*(run.bundles for run in runs)):
        (data, arrays), (other_data, other) = (bundle.agent.get_state() for bundle in bundles)
        assert data == other_data
        assert all(arrays[name].tobytes() == other[name].tobytes() for name in arrays)
    weights, other = (run.weights() for run in runs)
    assert all(weights[name].tobytes() == other[name].tobytes() for name in weights)


def test_bundles_play_games_of_their_own_and_share_the_parameters():
    scheduler = scheduled(160, bundles=2)
    one, other = (bundle.agent for bundle in scheduler.bundles)
    assert one.steps == other.steps == 80
    assert scheduler.updates == one.updates + other.updates == 62
    assert not np.array_equal(one.memory.rings["action"], other.memory.rings["action"])
    for bundle in scheduler.bundles:
        bundle.learner.pull()
    for name, value in scheduler.weights().items():
        assert np.array_equal(one.weights()[name], value)
        assert np.array_equal(other.weights()[name], value)
        assert not np.array_equal(scheduler.first_params[name], value)


def test_a_bundle_that_pulls_rarely_is_behind_and_its_gradients_are_dropped():
    scheduler = scheduled(160, bundles=2, pull_every=10, stale_after=4)
    (server,) = scheduler.servers
    # Each bundle learns from its 50th step on, and pulls before its 51st, 61st and 71st. The first
    # two gradients have version 0. Then, for three times ten steps, one bundle has version v and
    # the other v + 1: five gradients are fewer than 4 versions behind, and 15 are dropped.
    assert server.version == 2 + 3 * 5
    assert sum(recent["dropped"] for recent in scheduler.recent) == 3 * 15


@pytest.mark.slow
def test_two_bundles_learn_catch():
    assert steps_to_solve(200, bundles=2) <= 10_000


# -- a run, and its files --------------------------------------------------------------------------


def gorila_run(folder, data=None, gorila=TWO, said=None, **more):
    """-> a run that has at_the_ready."""
    settings = replace(QUICK, steps=200, evaluate_every=100, checkpoint_every=50, **more)
    run = Run(CATCH, settings, folder, data)
    run.game_and_settings["gorila"] = asdict(gorila)
    with uncompiled():
        driver = Scheduler(CATCH, settings, gorila, [].append if said is None else said.append)
        driver.folder_of = lambda i: folder / "bundles" / f"{run.mark}-{i + 1}"
        servers, bundles = ("servers", driver.start_servers), ("bundles", driver.start_bundles)
        run.begin(driver, [servers] if data else [servers, bundles])
    return run


@pytest.mark.usefixtures("uncompiled")
def test_a_run_drives_gorila_as_the_single_agent(tmp_path):
    said, run = [], gorila_run(tmp_path)
    score = run.scored(run.agent.score)
    for _ in run.kept(training(run.agent, score, run.pause)):
        said += run.agent.lines()
    summary = run.finish()
    assert [row["env_steps"] for row in run.rows] == [100, 200]
    assert summary["updates"] == 2 * 51 == run.rows[-1]["updates"]
    assert run.rows[-1]["epsilon"] == pytest.approx(1 - 0.9 * 50 / 300)
    assert summary["gorila"] == {
        **{"bundles": 2, "shards": 2, "pull_every": 1, "stale_after": 100, "outlier_after": 0}
    }
    assert len(said) == 4  # two bundles, two evaluations
    assert said[0].startswith("bundle 1: ")
    assert said[3].endswith(" steps a second, 0.0 versions behind, 0 gradients dropped")
    _, _, weights = read_agent(tmp_path / "agent.npz")
    assert set(weights) == set(run.agent.weights())


def trained_run(folder, *, steps=200, **more):
    """-> a run that has trained, and is saved."""
    run = gorila_run(folder, **more)
    run.agent.settings = replace(run.agent.settings, steps=steps)
    trained(run, run.agent.score)
    run.save_checkpoint()
    return run


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    with uncompiled():
        return trained_run(tmp_path_factory.mktemp("two"))


@pytest.fixture
def saved(trained_once, tmp_path):
    """-> a run that has trained, and the data of its checkpoint. A copy of it is in tmp_path."""
    shutil.copytree(trained_once.out, tmp_path, dirs_exist_ok=True)
    return trained_once, read_data(tmp_path / "checkpoint.npz", "checkpoint")[0]


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("gorila", "more"),
    [
        (GorilaSettings(bundles=1), {}),
        (GorilaSettings(bundles=1, pull_every=3, stale_after=5), {"optimiser": "rmsprop"}),
        (replace(TWO, outlier_after=0.5), {"memory_size": 30, "n_step": 3}),
    ],
)
@pytest.mark.parametrize("stopped_at", [pytest.param(20, marks=pytest.mark.slow), 131])
def test_a_resumed_run_has_the_bits_of_one_that_was_never_stopped(
    gorila, more, stopped_at, tmp_path, monkeypatch
):
    monkeypatch.setattr(pieces, "SIZE", 2_000)  # bytes: a piece holds 15 frames
    monkeypatch.setattr(learner_module, "FIRST_LOSSES", 10)
    runs, said = [], []
    for folder, steps in ((tmp_path / "whole", 200), (tmp_path / "stopped", stopped_at)):
        folder.mkdir()
        runs.append(trained_run(folder, steps=steps, gorila=gorila, **more))
    data = read_data(tmp_path / "stopped" / "checkpoint.npz", "checkpoint")[0]
    again = gorila_run(tmp_path / "stopped", data, gorila, said, **more)
    assert len(said) == gorila.bundles
    assert said[0].endswith("; 0 agent steps are lost")
    trained(again, again.agent.score)
    whole = runs[0].agent
    (state, arrays), (expected_state, expected) = again.agent.get_state(), whole.get_state()
    for i in range(gorila.bundles):
        assert (state["counters"].pop(f"bundle.{i}.lives")) == 1
        assert (expected_state["counters"].pop(f"bundle.{i}.lives")) == 0
    assert state == expected_state
    assert all(arrays[name].tobytes() == expected[name].tobytes() for name in expected)
    for bundle, other in zip(again.agent.bundles, whole.bundles):
        for learner in (bundle.learner, other.learner):
            assert not learner.counts  # they are in reports
        assert bundle.learner.versions == other.learner.versions
        (data, arrays), (expected_data, expected) = (b.agent.get_state() for b in (bundle, other))
        assert data == expected_data
        assert all(arrays[name].tobytes() == expected[name].tobytes() for name in expected)
        assert bundle.agent.epsilon == other.agent.epsilon
    assert again.agent.score() == whole.score()
    strip = (
        [{**row, "seconds": 0} for row in again.rows],
        [{**r, "seconds": 0} for r in runs[0].rows],
    )
    assert strip[0] == strip[1]


def changed(path, **values):
    """Writes other values into the data of a file."""
    data, arrays = load(path, "checkpoint")
    checkpoints.save(path, "checkpoint", {**data, **values}, arrays)


def test_a_bundle_says_so_if_its_game_does_not_come_back(saved, tmp_path):
    (path,) = tmp_path.glob("bundles/*-2/checkpoint.npz")
    agent = load(path, "checkpoint")[0]["agent"]
    changed(path, agent={**agent, "episode_return": agent["episode_return"] + 1})
    said = []
    gorila_run(tmp_path, saved[1], said=said)
    assert said[0].endswith("; 0 agent steps are lost")
    assert " lost; the game did not come back to where it was" in said[1]


def damaged(path):
    path.write_bytes(path.read_bytes()[:-300])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: None, ""),
        (Path.unlink, "is missing"),
        (damaged, "is damaged, cut short"),
        (lambda path: changed(path, seed="x"), "does not fit this version"),
        (lambda path: changed(path, versions=[[]]), "does not fit this version"),
        (lambda path: changed(path, mean="x"), "does not fit this version"),
        (lambda path: changed(path, square=float("nan")), "does not fit this version"),
        (lambda path: changed(path, losses=-1), "does not fit this version"),
        (lambda path: shutil.copy(path.parents[2] / "checkpoint.npz", path), "does not fit"),
    ],
)
def test_a_bundle_without_its_file_begins_with_an_empty_memory(harm, why, saved, tmp_path):
    run, data = saved
    (path,) = tmp_path.glob("bundles/*-2/checkpoint.npz")
    harm(path)
    said = []
    again = gorila_run(tmp_path, data, said=said)
    one, other = (bundle.agent for bundle in again.agent.bundles)
    assert said[0] == f"bundle 1 goes on with {one.memory.size} transitions; 0 agent steps are lost"
    assert (one.steps, one.steps_before, one.memory.size) == (100, 0, 100)
    if why:
        assert said[1].startswith("bundle 2 goes on with 0 transitions; 100 agent steps are lost (")
        assert why in said[1]
        assert (other.steps, other.steps_before, other.memory.size) == (0, 100, 0)
        assert other.first_seed == plain(Catch(), other.settings).first_seed
        assert other.settings.seed == seed_of(0, 1, life=1)
    else:
        assert other.memory.size == 100
    assert other.epsilon == run.agent.bundles[1].agent.epsilon < 1
    assert again.agent.steps == 200


def test_a_damaged_checkpoint(saved, tmp_path):
    _, data = saved
    data["agent"]["counters"]["server.1.version"] = -1
    with pytest.raises(Unreadable, match=r"server.1.version: expected a count, got -1"):
        gorila_run(tmp_path, data)


@pytest.mark.usefixtures("uncompiled")
def test_a_folder_belongs_to_one_command(tmp_path, capsys):
    run = gorila_run(tmp_path)
    run.save_checkpoint()
    run.stack.close()
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "holds a run of gorila: gorila --resume goes on" in capsys.readouterr().err


def test_without_ray(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    # It may have been imported already: forget the module, and its name in the package.
    monkeypatch.delitem(sys.modules, "dqn_symbolic.gorila.on_ray", raising=False)
    monkeypatch.delattr("dqn_symbolic.gorila.on_ray", raising=False)
    assert main(["gorila", "--game", "games:Catch-v0"]) == 2
    assert capsys.readouterr().err == (
        'dqn_symbolic: Ray is not installed: pip install -e ".[ray]"\n'
    )


def test_only_one_file_imports_ray():
    files = Path(dqn_symbolic.__file__).parent.rglob("*.py")
    pattern = re.compile(r"^ *(import|from) ray\b", re.MULTILINE)
    names = {file.name for file in files if pattern.search(file.read_text())}
    assert names == {"on_ray.py"}


@pytest.mark.usefixtures("uncompiled")
def test_the_loss_of_a_row_is_of_all_updates_since_the_row_before():
    """`lines` is called when the scores come, which may be later."""
    scheduler = scheduled(120, bundles=2)
    scheduler.mean_loss()
    total = count = 0
    take = scheduler.note

    def note(i, report):
        nonlocal total, count
        total, count = total + report["losses"], count + report["updates"]
        take(i, report)

    scheduler.note = note
    for _ in range(6):
        scheduler.step()
    assert len(scheduler.lines()) == 2
    assert scheduler.lines() == []
    scheduler.step()
    assert count == 7
    assert scheduler.mean_loss() == pytest.approx(total / 7)
    assert scheduler.mean_loss() is None


def test_a_server_that_dies_in_the_last_step_of_an_episode():
    """The bundle remembers the transition, and goes on with the next episode."""
    with uncompiled():
        bundle = Bundle(Catch(rows=4), replace(QUICK, warm_up=1), GorilaSettings())

    def push(gradients, version):
        if bundle.agent.memory.episode_begins:
            raise ConnectionError
        return 0, True

    bundle.learner.connect([SimpleNamespace(push=push, pull=lambda known: (0, None))])
    died = 0
    for _ in range(20):
        try:
            bundle.step()
        except ConnectionError:
            died += 1
    agent = bundle.agent
    assert died == agent.episode > 2
    assert agent.steps == agent.memory.size == 20


def test_a_bundle_that_has_not_stepped_leaves_what_another_life_has_saved(tmp_path):
    with uncompiled():
        bundle = Bundle(Catch(), QUICK, GorilaSettings())
    (tmp_path / "checkpoint.npz").write_text("what was saved")
    bundle.save(tmp_path)
    assert (tmp_path / "checkpoint.npz").read_text() == "what was saved"


def test_what_a_killed_bundle_was_writing_is_removed(saved, tmp_path):
    _, data = saved
    (folder,) = tmp_path.glob("bundles/*-2")
    (folder / ".checkpoint.npz.12345").touch()
    gorila_run(tmp_path, data)
    assert {path.name for path in folder.iterdir()} == {"checkpoint.npz"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--one-game"], "one_game: expected False for gorila, got True"),
        (["--beside"], "beside: expected False for gorila, got True"),
        (["--preset", "conv", "--threads", "2"], "threads: expected 1 for gorila, got 2"),
    ],
)
def test_what_bundles_cannot_do_is_refused(option, said, tmp_path, capsys):
    pytest.importorskip("ray")
    out = str(tmp_path / "run")
    assert main(["gorila", "--game", "games:Catch-v0", *option, "--out", out]) == 2
    assert said in capsys.readouterr().err


# -- the parameter server --------------------------------------------------------------------------


@pytest.fixture
def server():
    first = {"W": np.float32([[1, 2]]), "b": np.float32([3])}
    with uncompiled():
        return ParameterServer(first, partial(sgd, learning_rate=0.5), 2, "numba")


ONES = {"W": np.float32([[1, 1]]), "b": np.float32([1]), "of another shard": None}


def test_each_gradient_makes_a_version(server):
    version, values = server.pull()
    assert (version, values["W"].tolist(), values["b"].tolist()) == (0, [[1, 2]], [3])
    server.push(ONES, 0)
    version, values = server.pull(known=0)
    assert (version, values["W"].tolist(), values["b"].tolist()) == (1, [[0.5, 1.5]], [2.5])


def test_a_known_version_costs_nothing(server):
    assert server.pull(known=0) == (0, None)


def test_old_gradients_are_dropped(server):
    assert server.push(ONES, 0) == (0, True)
    assert server.push(ONES, 0) == (1, True)  # one version behind
    assert server.push(ONES, 0) == (2, False)
    assert server.version == 2
    assert server.pull()[1]["b"].tolist() == [2]


def test_gradients_from_before_a_crash_are_dropped(server):
    assert server.push(ONES, 1) == (-1, False)
    assert server.version == 0


def test_a_server_comes_back(server):
    server.push(ONES, 0)
    data, arrays = server.get_state()
    server.push(ONES, 1)
    server.set_state(data, arrays)
    assert server.version == 1
    assert server.pull()[1]["b"].tolist() == [2.5]


def test_shards():
    sizes = {"W0": 60, "b0": 3, "W1": 40, "b1": 25}
    parts = in_shards({name: np.zeros(size) for name, size in sizes.items()}, 2)
    assert [sorted(part) for part in parts] == [["W0", "b0"], ["W1", "b1"]]
    with pytest.raises(ValueError, match="shards: expected at most 4"):
        in_shards(dict.fromkeys(sizes, np.zeros(1)), 5)


# -- the learner -----------------------------------------------------------------------------------


def learner(sync_every=3, outlier_after=0.0):
    settings = replace(QUICK, sync_every=sync_every)
    with uncompiled():
        return Bundle(Catch(), settings, GorilaSettings(outlier_after=outlier_after)).learner


def test_the_target_network_is_copied_by_the_servers_updates():
    one = learner(sync_every=3)
    now = {}

    def pull(known):
        return now["version"], {"bout": np.full(3, now["version"], np.float32)}

    one.connect([SimpleNamespace(pull=pull)])
    targets = []
    for version in (0, 2, 3, 4, 7, 8, 9):  # another learner's updates come between
        now["version"] = version
        one.pull()
        assert one.params["bout"].get_value().tolist() == [version] * 3
        targets.append(one.target_params["bout"].get_value()[0])
    assert targets == [0, 0, 3, 3, 7, 7, 9]


def test_each_servers_own_updates_sync_its_share_of_the_target_network():
    one, names, now = learner(sync_every=3), ("bout", "Wout"), [0, 0]

    def server(i):
        def pull(known):
            values = {names[i]: np.full(one.params[names[i]].get_value().shape, now[i], "f4")}
            return now[i], values

        return SimpleNamespace(pull=pull)

    one.connect([server(0), server(1)])
    targets = []
    for now[:] in ([0, 0], [2, 3], [3, 4]):
        one.pull()
        targets.append([one.target_params[name].get_value().flat[0] for name in names])
    assert targets == [[0, 0], [0, 3], [3, 3]]


def test_a_gradient_counts_as_dropped_if_one_server_drops_it():
    one, answers = learner(), [(2, True), (5, False)]
    one.connect([SimpleNamespace(push=lambda *_, a=answer: a) for answer in answers])
    batch = plain(Catch(), QUICK).memory.transitions(np.zeros(QUICK.batch_size, int))
    for _ in range(3):
        one.learn(*batch)
    assert one.report() == {"pushes": 3, "behind": 3 * 5, "dropped": 3}
    answers[:] = [(0, True), (4, True)]
    one.connect([SimpleNamespace(push=lambda *_, a=answer: a) for answer in answers])
    one.learn(*batch)
    assert one.report() == {"pushes": 1, "behind": 4, "dropped": 0}


def test_the_line_of_a_bundle():
    recent = Counter(steps=100, seconds=0.5, behind=6, pushes=4, dropped=1_200)
    said = "bundle 2: 200 steps a second, 1.5 versions behind, 1,200 gradients dropped"
    assert line(1, recent) == said
    assert line(0, Counter()) == "bundle 1: no steps"


def test_outliers():
    """Against NumPy: the mean of the first hundred losses, and then an exponential mean."""
    rng = np.random.default_rng(0)
    losses = rng.uniform(1, 2, 600)
    losses[200:] /= 10
    losses[[50, 150, 590]] = 30, 30, 2  # the last is large beside the losses before it
    one = learner(outlier_after=3.0)
    found = [one.is_outlier(np.full(4, np.sqrt(loss), np.float32)) for loss in losses]
    expected = [False] * FIRST_LOSSES
    mean, square = losses[:100].mean(), (losses[:100] ** 2).mean()
    for loss in losses[100:]:
        expected.append(bool(loss > mean + 3 * np.sqrt(square - mean**2)))
        mean, square = 0.99 * mean + 0.01 * loss, 0.99 * square + 0.01 * loss**2
    assert found == expected
    assert found[150]
    assert found[590]
    assert sum(found) == 2


def test_outliers_are_not_pushed_but_counted():
    one, pushed = learner(outlier_after=1.0), []

    def push(gradients, version):
        pushed.append(version)
        return 0, True

    one.connect([SimpleNamespace(push=push)])
    batch = plain(Catch(), QUICK).memory.transitions(np.zeros(QUICK.batch_size, int))
    for _ in range(FIRST_LOSSES):
        one.learn(*batch)
    assert (len(pushed), one.counts["dropped"]) == (FIRST_LOSSES, 0)
    batch[2][:] = 100  # the rewards
    one.learn(*batch)
    assert (len(pushed), one.counts["dropped"]) == (FIRST_LOSSES, 1)


# -- settings --------------------------------------------------------------------------------------


def test_seeds():
    assert seed_of(7, 0) == 7
    seeds = {seed_of(seed, i, life) for seed in (0, 1) for i in range(4) for life in range(4)}
    assert len(seeds) == 32


@pytest.mark.parametrize("name", ["bundles", "shards", "pull_every", "stale_after"])
def test_settings_that_make_no_sense(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        GorilaSettings(**{name: 0})
