"""Gorila on Ray: exact with one bundle, and it goes on whatever dies."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dqn_symbolic.__main__ import main
from dqn_symbolic.environments import any_game
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.runs import machine
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from tests.benchmarks.gorila import at_the_ready

ray = pytest.importorskip("ray")
on_ray = pytest.importorskip("dqn_symbolic.gorila.on_ray")
inside = pytest.importorskip("tests.benchmarks.messages").inside
OWN = ExitStack()  # closed, it ends the Ray of these tests
connect = partial(on_ray.connect, OWN)
# One process runs them all, so that Ray starts once.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    pytest.mark.filterwarnings("default"),
]

CATCH = task("games:Catch-v0")
SMALL = Settings(hidden=(16,), warm_up=50, epsilon_steps=1_000, memory_size=500, sync_every=30)


@pytest.fixture(autouse=True, scope="module")
def shut_down():
    yield
    OWN.close()


@pytest.fixture(autouse=True)
def clusters(monkeypatch):
    """A Ray of our own is for this machine only. The next test may start one for many."""
    constants = ray._private.ray_constants
    monkeypatch.setattr(constants, "ENABLE_RAY_CLUSTER", constants.ENABLE_RAY_CLUSTER)


def new(settings=SMALL, **gorila):
    """-> (Gorila on Ray, the lines that it says)"""
    connect(num_cpus=2)
    said = []
    return on_ray.OnRay(CATCH, settings, GorilaSettings(**gorila), said.append), said


def started(settings=SMALL, **gorila):
    """-> the same, at the ready"""
    driver, said = new(settings, **gorila)
    return at_the_ready(driver), said


def kill(actor):
    os.kill(inside(actor, lambda self: os.getpid()), signal.SIGKILL)


def take(driver, steps):
    driver.settings = replace(driver.settings, steps=driver.steps + steps)
    for _ in training(driver):
        pass
    assert driver.steps == driver.settings.steps


def take_until_it_steps(driver, bundle, before):
    """A bundle that has died may still be starting."""
    since = time.monotonic()
    while driver.taken[bundle] == before:
        assert time.monotonic() - since < 120
        take(driver, 10)


@pytest.mark.parametrize(
    ("steps", "settings", "shards"),
    [(300, replace(SMALL, optimiser="adagrad"), 3), (5_000, Settings(), 1)],
)
def test_one_bundle_has_the_bits_of_the_scheduler(steps, settings, shards):
    how = {"bundles": 1, "shards": shards, "stale_after": 1}
    driver, _ = started(settings, **how)
    take(driver, steps)
    scheduler = at_the_ready(Scheduler(CATCH, settings, GorilaSettings(**how)))
    take(scheduler, steps)
    assert driver.mean_loss() == pytest.approx(scheduler.mean_loss())  # added in another order
    assert_same(driver.get_state(), scheduler.get_state())
    scheduler.bundles[0].learner.pull()
    inside(driver.bundles[0], lambda self: self.bundle.learner.pull())
    state = inside(driver.bundles[0], lambda self: self.bundle.agent.get_state())
    assert_same(state, scheduler.bundles[0].agent.get_state())
    assert driver.updates == scheduler.updates == steps - settings.warm_up + 1
    assert driver.epsilon == scheduler.epsilon


def assert_same(state, expected):
    (data, arrays), (expected_data, expected_arrays) = state, expected
    assert data == expected_data
    assert set(arrays) == set(expected_arrays)
    for name, array in arrays.items():
        assert array.tobytes() == expected_arrays[name].tobytes(), name


@pytest.mark.parametrize("has_folder", [False, True])
def test_a_killed_bundle_goes_on_with_what_it_has_saved(has_folder, tmp_path):
    driver, said = started(bundles=2)
    if has_folder:
        driver.folder_of = lambda i: tmp_path / f"1234abcd-{i + 1}"
    take(driver, 400)
    driver.get_state()  # as for a checkpoint
    saved = driver.taken[0]
    take(driver, 60)
    updates, taken, epsilon = driver.updates, list(driver.taken), driver.epsilon
    kill(driver.bundles[0])
    take(driver, 400)
    take_until_it_steps(driver, 0, taken[0])
    lost = taken[0] - saved
    back = f"{saved:,} transitions; {lost}" if has_folder else f"0 transitions; {taken[0]}"
    assert said == [
        "bundle 1 has died: it begins again",
        f"bundle 1 goes on with {back} agent steps are lost",
    ]
    assert driver.lives == [1, 0]
    assert sum(driver.taken) == driver.steps
    assert driver.updates > updates  # nothing that was learnt is lost
    steps = [inside(bundle, lambda self: self.bundle.agent.steps) for bundle in driver.bundles]
    first_life = saved if has_folder else 0
    assert steps == [first_life + driver.taken[0] - taken[0], driver.taken[1]]
    assert driver.epsilon < epsilon  # it goes on
    epsilons = [inside(bundle, lambda self: self.bundle.agent.epsilon) for bundle in driver.bundles]
    assert driver.epsilon == pytest.approx(sum(epsilons) / 2)
    seeds = [
        inside(bundle, lambda self: self.bundle.agent.settings.seed) for bundle in driver.bundles
    ]
    assert len({SMALL.seed, *seeds}) == 3


def test_a_folder_that_a_bundle_cannot_write(tmp_path):
    driver, said = started(bundles=1)
    (tmp_path / "file").touch()
    driver.folder_of = lambda i: tmp_path / "file" / "folder"
    take(driver, 60)
    driver.get_state()
    take(driver, 60)
    driver.rest()
    driver.get_state()
    assert set(said) == {
        f"bundle 1 cannot keep its memory: [Errno 20] Not a directory: '{tmp_path}/file/folder'"
    }
    assert driver.steps == 120


def test_a_killed_server_comes_back_from_its_last_checkpoint():
    driver, said = started(bundles=1, shards=2)
    take(driver, 200)
    driver.get_state()  # as for a checkpoint
    take(driver, 100)
    assert versions(driver) == [251, 251]
    kill(driver.servers[0].actor)
    take(driver, 100)
    assert said == ["server 1 has died: it begins again at version 151"]
    assert driver.lives == [0]
    # The gradients of 200 steps, and then each once.
    assert versions(driver) == [151 + 100, 251 + 100]


def die_as_they_start(driver, which, deaths):
    """The next processes of a driver, "server" or "bundle", die at once; deaths: how many."""
    make, left = getattr(driver, f"new_{which}"), [None] * deaths

    def new_process(argument):
        process = make(argument)
        if left:
            left.pop()
            ray.kill(process.actor if which == "server" else process)
        return process

    setattr(driver, f"new_{which}", new_process)


@pytest.mark.parametrize(
    ("which", "again"),
    [
        ("server", "server 1 has died: it begins again at version 0"),
        ("bundle", "bundle 1 has died: it begins again"),
    ],
)
def test_what_dies_while_it_starts_is_started_again(which, again):
    driver, said = new(bundles=1)
    die_as_they_start(driver, which, deaths=2)
    at_the_ready(driver)
    assert said == [again] * 2
    take(driver, 100)
    assert versions(driver) == [51]


def test_a_bundle_that_dies_for_ever_ends_the_run_although_another_works():
    driver, said = started(bundles=2)
    take(driver, 200)
    die_as_they_start(driver, "bundle", deaths=100)
    kill(driver.bundles[1])
    with pytest.raises(on_ray.GameError, match="bundle 2 cannot be started again: "):
        take(driver, 1_000_000)
    assert said == ["bundle 2 has died: it begins again"] * 3


def test_after_a_servers_death_bundles_take_its_parameters_at_once():
    driver, said = started(bundles=1, pull_every=150, stale_after=1_000)
    take(driver, 100)
    driver.get_state()
    take(driver, 100)
    assert inside(driver.bundles[0], lambda self: self.bundle.learner.versions) == [101]
    kill(driver.servers[0].actor)
    take(driver, 50)
    assert said == ["server 1 has died: it begins again at version 51"]
    assert inside(driver.bundles[0], lambda self: self.bundle.learner.versions) == [51]
    assert versions(driver)[0] > 51  # and go on from there


def test_work_clears_the_deaths_of_a_bundle_and_of_the_servers():
    deaths = Counter({"bundle 1": 3, "server 1": 2, "bundle 2": 1})
    driver = SimpleNamespace(deaths=deaths, servers=[None], note=lambda *_: None)
    on_ray.OnRay.stepped(driver, ({}, False, None), on_ray.Call(None, 0))
    assert +deaths == Counter({"bundle 2": 1})


def test_a_server_that_is_ended_for_want_of_memory_has_died():
    def step():
        raise ray.exceptions.OutOfMemoryError("memory")

    process = on_ray.BundleProcess()
    process.bundle = SimpleNamespace(step=step, report=dict)
    _, died, mistake = process.burst(1)
    assert (died, mistake) == (True, None)


def test_what_dies_while_it_is_restarted_is_restarted():
    driver, said = started(bundles=1, shards=2)
    take(driver, 200)
    state = driver.get_state()
    die_as_they_start(driver, "server", deaths=2)
    kill(driver.servers[1].actor)
    take(driver, 100)
    assert said == ["server 2 has died: it begins again at version 151"] * 3
    assert versions(driver) == [251, 251]
    # As a resumed run does.
    for bundle in driver.bundles:
        ray.kill(bundle)
    driver.calls = {}
    die_as_they_start(driver, "server", deaths=1)
    kill(driver.servers[0].actor)
    driver.set_state(*state)
    assert said[3:5] == ["server 1 has died: it begins again at version 151"] * 2
    assert said[5:] == ["bundle 1 goes on with 0 transitions; 200 agent steps are lost"]
    assert versions(driver) == [151, 151]


def test_a_stop_ends_the_wait_for_servers():
    driver, _ = new()
    never = ray.remote(on_ray.ParameterServer).options(num_cpus=1_000).remote
    driver.new_server = lambda part: on_ray.Remote(never(part, None, 1, "numba"), list(part))
    driver.stop = []
    threading.Timer(1, driver.stop.append, [signal.SIGINT]).start()
    since = time.monotonic()
    driver.start_servers()
    assert driver.stop
    assert time.monotonic() - since < 3


def rows_of(driver, pause=lambda: False):
    clock = SimpleNamespace(is_training=[])
    rows = driver.rows(lambda is_training: clock.is_training.append(is_training) or 7.5, pause)
    return list(rows), clock.is_training


def test_evaluations_are_beside_the_bundles():
    """The evaluator takes so long that the training is over before its first scores."""
    settings = replace(SMALL, steps=600, evaluate_every=200)
    driver, _ = started(settings, bundles=2)
    seen = []

    class Slow:
        def score(self, game, settings, params):
            time.sleep(1.5)
            return {"mean_return": float(params["bout"].sum())}

        def close(self):
            pass

    ray.kill(driver.evaluator)
    driver.evaluator = driver.new_evaluator(Slow)
    wait = driver.wait
    driver.wait = lambda: (wait(), seen.append((driver.steps, len(driver.scored))))
    rows, training_now = rows_of(driver)
    assert (600, 0) in seen
    assert training_now[:3] == [True] * 3
    assert training_now[3:]
    assert not any(training_now[3:])
    steps = [row["env_steps"] for row in rows]
    assert [at // 200 for at in steps] == [1, 2, 3]
    assert steps[2] == 600 == driver.steps
    assert [row["seconds"] for row in rows] == [7.5] * 3
    updates = [row["updates"] for row in rows]
    assert updates == sorted(updates)
    assert updates[2] == driver.updates > updates[0] > 0
    for row in rows:  # each has the scores of its own weights
        assert row["mean_return"] == float(row["weights"]["bout"].sum())
    assert (rows[2]["weights"]["bout"] == driver.weights()["bout"]).all()
    assert (rows[0]["weights"]["bout"] != driver.weights()["bout"]).any()


def test_the_scores_are_those_of_the_scheduler():
    settings = replace(SMALL, steps=150, evaluate_every=100)
    driver, _ = started(settings, bundles=1)
    scheduler = at_the_ready(Scheduler(CATCH, settings, GorilaSettings(bundles=1)))
    rows, training_now = rows_of(driver)
    assert [row["env_steps"] for row in rows] == [100, 150]  # and at the end
    assert training_now[:2] == [True] * 2
    assert not any(training_now[2:])
    take(scheduler, 150)
    assert rows[1]["updates"] == scheduler.updates == 101
    scores = scheduler.score()
    assert {name: rows[1][name] for name in scores} == scores


@pytest.mark.parametrize(("deaths", "ends"), [(1, False), (9, True)])
def test_a_killed_evaluator_comes_back(deaths, ends, tmp_path):
    settings = replace(SMALL, steps=300, evaluate_every=100)
    driver, said = started(settings, bundles=1)

    class Dying:
        def score(self, game, settings, params):
            lives = [*tmp_path.iterdir()]
            if len(lives) < deaths:
                (tmp_path / str(len(lives))).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return {"mean_return": 0.25}

    driver.evaluator = driver.new_evaluator(Dying)
    if ends:
        with pytest.raises(on_ray.GameError, match="the evaluator cannot be started again: "):
            rows_of(driver)
    else:
        rows, _ = rows_of(driver)
        assert [row["mean_return"] for row in rows] == [0.25] * 3
    assert not said


def versions(driver):
    return [version for version, _ in driver.ask("pull")]


def test_a_lost_node():
    """Two nodes with a core each: the bundle of the lost one waits until there is another node."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        nodes = {node.node_id: node for node in (cluster.head_node, cluster.add_node(num_cpus=1))}
        connect(cluster.address)
        driver, said = started(bundles=2, shards=2)
        take(driver, 300)
        driver.get_state()
        homes = [
            inside(actor, lambda self: ray.get_runtime_context().get_node_id())
            for actor in [*driver.bundles, *(server.actor for server in driver.servers)]
        ]
        lost = homes.index(next(home for home in homes[:2] if nodes[home] != cluster.head_node))
        driver.settings = replace(driver.settings, steps=600)
        driver.step()
        cluster.remove_node(nodes[homes[lost]])
        for _ in training(driver):
            pass
        assert driver.steps == sum(driver.taken) == 600
        assert driver.lives[lost] == 1
        assert driver.lives[1 - lost] == 0
        dead = [i for i in (0, 1) if homes[2 + i] == homes[lost]]
        ends = [line.split(" has died")[0] for line in said if "server" in line]
        assert ends == [f"server {i + 1}" for i in dead]
        assert driver.updates > 200
        cluster.add_node(num_cpus=1)
        take_until_it_steps(driver, lost, driver.taken[lost])
    finally:
        ray.shutdown()
        cluster.shutdown()


# -- jobs ------------------------------------------------------------------------------------------


def test_the_jobs_of_a_lost_node_run_elsewhere(tmp_path):
    from ray.cluster_utils import Cluster

    def work(job):
        node = ray.get_runtime_context().get_node_id()
        (tmp_path / f"{job} on {node} by {os.getpid()}").touch()
        time.sleep(600 if node == lost else 1)  # it is removed before a job there can end
        return job * job, node

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    lost = other.node_id
    try:
        connect(cluster.address)
        done, ticks = {}, []
        for job, (square, node) in on_ray.in_cluster(
            range(6), work, 0, [], lambda: ticks.append(0)
        ):
            assert job not in done
            assert square == job * job
            done[job] = node
            begun_there = [*tmp_path.glob(f"* on {other.node_id} *")]
            if begun_there and other in cluster.worker_nodes:
                cluster.remove_node(other)
        assert sorted(done) == [*range(6)]
        assert ticks
        begun_there = {int(path.name.split()[0]) for path in begun_there}
        assert begun_there
        assert {done[job] for job in begun_there} == {cluster.head_node.node_id}
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.parametrize(
    ("work", "error", "said"),
    [
        (lambda job: 1 // job, ZeroDivisionError, "division"),
        (lambda job: os.kill(os.getpid(), signal.SIGKILL), BadInput, "a process died, again"),
    ],
)
def test_a_job_that_fails(work, error, said):
    connect(num_cpus=2)
    with pytest.raises(error, match=said):
        list(on_ray.in_cluster([0], work, 0, [], lambda: None))


def test_jobs_are_stopped():
    connect(num_cpus=2)
    stop = []
    jobs = on_ray.in_cluster([0, 100, 100], lambda s: time.sleep(s), 0, stop, lambda: None)
    assert next(jobs) == (0, None)
    stop.append(signal.SIGINT)
    since = time.monotonic()
    assert not [*jobs]
    assert time.monotonic() - since < 5


def test_compare_on_a_cluster(tmp_path, capsys):
    """The rows are those of this machine's own processes."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    where = {"cluster": ["--address", cluster.address], "here": []}
    try:
        for name, more in where.items():
            command = ["compare", "corridor", "--quick", "--quiet", "--out", str(tmp_path / name)]
            assert main([*command, *more]) == 0, capsys.readouterr().err
        assert not ray.is_initialized()
    finally:
        ray.shutdown()
        cluster.shutdown()
    texts = [(tmp_path / name / "corridor.csv").read_text() for name in where]
    assert texts[0] == texts[1] != ""
    assert (tmp_path / "cluster" / "corridor.png").exists()


# -- the command -----------------------------------------------------------------------------------

QUICK = [
    *("--game", "games:Catch-v0", "--bundles", "2", "--hidden", "16", "--memory-size", "200"),
    *("--warm-up", "50", "--checkpoint-every", "100", "--evaluate-every", "200", "--no-window"),
]


def test_the_command(tmp_path, capsys):
    ray.shutdown()  # of a test before this one
    out = str(tmp_path / "run")
    assert main(["gorila", *QUICK, "--steps", "300", "--out", out]) == 0
    told = capsys.readouterr().out
    assert "starting Ray" in told
    assert "bundle 2: " in told
    assert f"watch:  python -m dqn_symbolic watch {out}" in told
    names = {"agent.npz", "checkpoint.npz", "learning_curve.png", "progress.csv", "summary.json"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == names | {"bundles"}
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["env_steps"], summary["gorila"]["bundles"]) == (300, 2)

    assert main(["gorila", "--resume", out, "--bundles", "3"]) == 2
    assert "--resume keeps a run's settings: bundles was 2, not 3" in capsys.readouterr().err
    assert main(["gorila", "--resume", out, "--steps", "500", "--no-window"]) == 0
    told = capsys.readouterr().out
    back = re.findall(
        r"bundle (.) goes on with (\d+) transitions; (\d+) agent steps are lost", told
    )
    assert sorted((i, lost) for i, _, lost in back) == [("1", "0"), ("2", "0")]
    assert all(0 < int(size) <= 200 for _, size, _ in back)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["env_steps"] == 500
    assert summary["updates"] == 500 - 2 * 49  # of each bundle, once
    assert not ray.is_initialized()


def test_the_memories_of_all_bundles_are_announced(tmp_path, monkeypatch, capsys):
    """Each frame counts once, although the agent sees four at a time."""
    left = SimpleNamespace(available=1_500_000_000)
    monkeypatch.setattr(machine, "psutil", SimpleNamespace(virtual_memory=lambda: left))
    large = ["gorila", *QUICK, "--history", "4", "--memory-size", "5000000", "--steps", "20"]
    assert main([*large, "--bundles", "2", "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("replay memory: 10,000,000 frames of 10 x 10: 1.2 GB\n")
    assert main([*large, "--bundles", "3", "--out", str(tmp_path / "three")]) == 2
    assert "only 1.5 GB are available" in capsys.readouterr().err


def test_by_address(tmp_path, capsys):
    """A cluster that was there before."""
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        steps = ["--steps", "200", "--bundles", "3", "--out", str(tmp_path / "run")]
        assert main(["gorila", *QUICK, *steps, "--address", cluster.address]) == 0
        told = capsys.readouterr().out
        assert told.startswith("connecting to Ray")
        assert "\n3 bundles share 2 processor cores\n" in told
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.parametrize("command", [["gorila", *QUICK], ["compare", "corridor", "--quick"]])
def test_no_cluster_at_this_address(command, capsys, tmp_path):
    command = [*command, "--out", str(tmp_path / "out")]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # answers, but not as Ray does
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        since = time.monotonic()
        assert main([*command, "--address", address]) == 2
        assert time.monotonic() - since < 35  # the check has 30 s
    for wrong in (address, address.partition(":")[0]):
        assert main([*command, "--address", wrong]) == 2
    told = capsys.readouterr().err.splitlines()
    nobody = f"dqn_symbolic: no Ray cluster answers at {address}"
    assert told == [nobody, nobody, "dqn_symbolic: address: expected HOST:PORT, got '127.0.0.1'"]


def no_luck(*args, **options):
    raise RuntimeError("no luck\n\ntoday")


@pytest.mark.parametrize(
    ("folder", "init", "said"),
    [
        ("none", ray.init, "none"),
        ("long" * 25, ray.init, "107 bytes"),
        ("", no_luck, "dqn_symbolic: no Ray: no luck today"),
    ],
)
def test_ray_does_not_start(folder, init, said, tmp_path, capsys, monkeypatch):
    OWN.close()
    temporary = tmp_path / "ray" / folder
    if folder != "none":
        temporary.mkdir(parents=True)
    monkeypatch.setenv("RAY_TMPDIR", str(temporary))
    monkeypatch.setattr(ray, "init", init)
    assert main(["gorila", *QUICK, "--out", str(tmp_path / "run")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()
    assert not [*tmp_path.glob("ray/*/*")]


def test_a_run_ends_when_the_game_is_solved(tmp_path):
    easy = ["--game-option", "columns=1", "--game-option", "paddle_width=1", "--steps", "100000"]
    assert main(["gorila", *QUICK, *easy, "--bundles", "1", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "summary.json").read_text())
    assert result["solved"]
    assert result["env_steps"] < 100_000


@pytest.mark.parametrize(("which", "who"), [("servers", "server 1"), ("bundles", "bundle 1")])
def test_what_dies_for_ever_ends_the_run_in_one_line(which, who, tmp_path, capsys, monkeypatch):
    step = on_ray.OnRay.step

    def dying(driver):
        if driver.steps >= 200:
            [process] = getattr(driver, which)
            ray.kill(process.actor if which == "servers" else process)
        step(driver)

    out = tmp_path / "run"
    monkeypatch.setattr(on_ray.OnRay, "step", dying)
    assert main(["gorila", *QUICK, "--bundles", "1", "--out", str(out)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"{who} cannot be started again: " in line
    monkeypatch.undo()
    assert (out / "summary.json").exists() == (which == "bundles")
    assert main(["gorila", "--resume", str(out), "--steps", "300", "--no-window"]) == 0
    assert json.loads((out / "summary.json").read_text())["env_steps"] == 300


def begun(out, *more, **env):
    """-> the command in a process of its own"""
    command = [sys.executable, "-m", "dqn_symbolic", "gorila", *QUICK, *more, "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, env={**os.environ, **env}, start_new_session=True)


def until(condition, process, seconds=90):
    since = time.monotonic()
    while not condition() and process.poll() is None and time.monotonic() - since < seconds:
        time.sleep(0.1)
    return condition()


def family(process):
    return psutil.Process(process.pid).children(recursive=True)


OURS = re.compile(
    r"(starting |forecast: |(bundle|server) [12](:| goes on with| has died:) |(not )?solved: "
    r"|time: |files: |go on: |watch: )"
)


STOPPING = "\nstopping: once more ends it at once\n"  # after a second


def test_a_ray_of_our_own(tmp_path):
    """Whatever the shell says: it is private and silent, keeps its workers fed, leaves nothing."""
    out, folder = tmp_path / "run", tempfile.mkdtemp(dir="/tmp")  # short enough for a socket
    shell = {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "192.0.2.1:6379", "RAY_TMPDIR": folder}
    never_solved = "--learning-rate", "1e-9"  # else a fast machine ends the run before Ctrl-C
    process = begun(out, "--steps", "100000", *never_solved, **shell)
    assert until((out / "checkpoint.npz").exists, process)

    children = family(process)
    ports = [c for p in [psutil.Process(process.pid), *children] for c in p.net_connections()]
    listen = {c.laddr.ip for c in ports if c.status == psutil.CONN_LISTEN}
    assert {ip.removeprefix("::ffff:") for ip in listen} == {"127.0.0.1"}
    [raylet] = [p for p in children if p.name() == "raylet"]
    assert raylet.environ()["RAY_AUTH_MODE"] == "token"
    workers = [p for p in children if p.name().startswith(("ray::Bundle", "ray::Parameter"))]
    assert {p.nice() for p in workers} == {os.nice(0)}
    assert len(workers) == 3

    for worker in workers:
        worker.kill()
        time.sleep(6)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    told, errors = process.communicate(timeout=90)
    assert process.returncode == 128 + signal.SIGINT
    assert told.count("has died") == 3
    assert not [line for line in told.splitlines() if not OURS.match(line)]
    assert errors in ("", STOPPING)
    assert not os.listdir(folder)
    os.rmdir(folder)


def test_sigterm_saves_everything(tmp_path):
    out = tmp_path / "run"
    process = begun(out, "--quiet")
    assert until((out / "checkpoint.npz").exists, process)
    process.terminate()
    told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, told
    assert told in [("", ""), ("", STOPPING)]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["env_steps"] >= 100


def test_after_a_hard_end_nothing_that_works_stays(tmp_path):
    out = tmp_path / "run"
    folder = tempfile.mkdtemp(dir="/tmp")
    process = begun(out, "--steps", "100000", RAY_TMPDIR=folder)
    assert until((out / "checkpoint.npz").exists, process)
    children = [p for p in family(process) if "Agent" not in p.name()]  # Ray's two take a minute
    assert len(children) >= 5
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    shutil.rmtree(folder)


SLOW_GAME = """
import sys, time
import games.catch, gymnasium

class Slow(games.catch.Catch):
    def __init__(self, **options):
        super().__init__(**options)
        if "default_worker" in sys.argv[0]:
            time.sleep(300)

gymnasium.register("Slow-v0", entry_point=Slow)
"""


def test_ctrl_c_while_the_bundles_start(tmp_path):
    game, out = tmp_path / "slow_game.py", tmp_path / "run"
    game.write_text(SLOW_GAME)
    process = begun(out, "--game", f"{game}:Slow-v0")
    for line in process.stdout:
        if line.startswith("starting the servers"):
            break
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    since = time.monotonic()
    told, errors = process.communicate(timeout=90)
    assert time.monotonic() - since < 10
    assert process.returncode == 128 + signal.SIGINT
    assert errors in ("", STOPPING)
    assert f"files:  {out}" in told
    assert json.loads((out / "summary.json").read_text())["env_steps"] == 0

    game.write_text(SLOW_GAME.replace("300", "0"))
    command = [sys.executable, "-m", "dqn_symbolic", "gorila", "--resume", out, "--import", game]
    subprocess.run([*command, "--steps", "200", "--quiet", "--no-window"], check=True, timeout=90)
    assert json.loads((out / "summary.json").read_text())["env_steps"] == 200


OWN_GAME = """
import pathlib, sys, uuid
import games.catch, gymnasium

class Own(games.catch.Catch):
    steps = 0

    def __init__(self, fails="", **options):
        super().__init__(**options)
        self.fails, self.there = fails, "default_worker" in sys.argv[0]
        if fails == "made" and self.there:
            raise RuntimeError("no display")

    def step(self, action):
        self.steps += 1
        if self.fails == "step" and self.there and self.steps == 70:
            raise RuntimeError("no more balls")
        return super().step(action)

    def close(self):
        if self.there:
            pathlib.Path(__file__).with_name(f"closed-{uuid.uuid4()}").touch()

gymnasium.register("Own-v0", entry_point=Own)
"""


@pytest.mark.parametrize(
    ("fails", "said", "closed"),
    [
        ("", "", 2 * 2 + 101),  # and those of the evaluator
        (
            "made",
            "dqn_symbolic: own_game:Own-v0: its constructor raised RuntimeError: no display",
            0,
        ),
        (
            "step",
            " agent steps: Own-v0: step raised RuntimeError: no more balls; everything until ",
            2 * 2,
        ),
    ],
)
def test_a_game_of_the_current_folder(fails, said, closed, tmp_path, capsys, monkeypatch):
    (tmp_path / "own_game.py").write_text(OWN_GAME)
    monkeypatch.delitem(sys.modules, "own_game", raising=False)
    monkeypatch.setattr(any_game, "NAMED", [])
    monkeypatch.setattr(on_ray, "NAMED", any_game.NAMED)
    monkeypatch.chdir(tmp_path)
    game = ["--game", "own_game.py:Own-v0", "--game-option", f"fails={fails}"]
    status = main(["gorila", *QUICK[2:], *game, "--steps", "300", "--out", "run", "--quiet"])
    told = capsys.readouterr()
    assert status == (2 if fails else 0), told.err
    *before, line = told.err.splitlines() or [""]
    assert said in line
    assert ("raise RuntimeError" in "".join(before)) == bool(fails)
    if fails == "step":
        summary = json.loads(Path("run/summary.json").read_text())
        assert 69 < summary["env_steps"] < 300  # the other may have taken fewer
        assert Path("run/checkpoint.npz").exists()
    assert len([*tmp_path.glob("closed-*")]) == closed
