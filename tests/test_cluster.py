"""Gorila on a cluster with a token: two nodes on one machine, each with an address of its own."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.test_gorila_on_ray import OURS, QUICK

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
RAY = Path(sys.executable).with_name("ray")
OPTIONS = [
    *("--num-cpus", "1", "--min-worker-port", "0", "--max-worker-port", "0"),
    *("--block", "--disable-usage-stats", "--node-ip-address"),
]


def session(leader):
    """-> {process: its name} of the session that `leader` has begun: no other Ray is in it"""
    found = {}
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == leader.pid:
                found[process] = process.name()
    return found


@contextmanager
def short_folder():
    """Short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="cluster-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def node(ip, folder, *which, env):
    """-> the command `ray start`, which stays, once its node has started"""
    command = [RAY, "start", *which, *OPTIONS, ip, "--temp-dir", str(folder / ip)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    leader = subprocess.Popen(command, env=env, **pipes, start_new_session=True)
    told = [""]
    try:
        while "Ray runtime started" not in told[-1]:
            told.append(leader.stdout.readline())
            assert told[-1], "".join(told)  # it has ended
        yield leader
    finally:
        processes = session(leader)
        leader.terminate()
        psutil.wait_procs(processes, timeout=10)
        for process in session(leader):
            process.kill()
        leader.communicate()


def head(folder, env):
    with socket.create_server((FIRST, 0)) as free:
        port = free.getsockname()[1]
    return f"{FIRST}:{port}", node(FIRST, folder, "--head", "--port", str(port), env=env)


@pytest.fixture(scope="module")
def cluster():
    """-> (the address, the environment of a shell with the token, the processes of two nodes)"""
    shell = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with short_folder() as folder:
        home = {**shell, "HOME": str(folder)}
        subprocess.run([RAY, "get-auth-token", "--generate"], env=home, check=True)
        shell |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": f"{folder}/.ray/auth_token"}
        address, first = head(folder, shell)
        with first as first, node(SECOND, folder, "--address", address, env=shell) as second:
            yield address, shell, (first, second)


def begun(address, out, env):
    command = [sys.executable, "-m", "dqn_symbolic", "gorila", *QUICK, "--steps", "400"]
    command += ["--shards", "2", "--address", address, "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **pipes)


def test_both_nodes_have_work(cluster, tmp_path):
    address, shell, nodes = cluster
    process, bundles = begun(address, tmp_path / "run", shell), []
    while process.poll() is None:
        names = [" ".join(session(leader).values()) for leader in nodes]
        bundles.append([name.count("ray::Bundle") for name in names])
        time.sleep(0.3)
    told, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert [1, 1] in bundles
    first, *others = told.splitlines()
    assert first.startswith("connecting to Ray ")
    assert not [line for line in others if not OURS.match(line)]
    names = {"agent.npz", "checkpoint.npz", "learning_curve.png", "progress.csv", "summary.json"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == names | {"bundles"}
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["env_steps"] == 400


@pytest.mark.parametrize(
    ("shell", "patch", "said"),
    [
        ({"RAY_AUTH_TOKEN": "wrong"}, "", "the token is not that of"),
        ({"RAY_AUTH_TOKEN_PATH": ""}, "", "found no token for"),
        ({"RAY_AUTH_MODE": ""}, "", "expected RAY_AUTH_MODE=token for"),
        # As on a machine without a node, and as with another Ray.
        ({}, "ray._private.services.find_node_ids = set", "this machine has not joined"),
        ({}, "ray.__version__ = '2.0'", "the versions of Ray and Python are not those of"),
    ],
)
def test_a_refusal_is_one_line(cluster, tmp_path, shell, patch, said):
    address, with_token, _ = cluster
    probing = f"import sys\nif '-c' in sys.orig_argv:\n    import ray; {patch}"
    (tmp_path / "sitecustomize.py").write_text(probing)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    mine = {**with_token, "HOME": str(tmp_path), "PYTHONPATH": path, **shell}
    expect_refusal(address, tmp_path / "run", mine, said)


def test_a_token_for_a_cluster_without(cluster):
    _, with_token, _ = cluster
    with short_folder() as folder:
        address, first = head(folder, {**with_token, "RAY_AUTH_MODE": "disabled"})
        with first:
            said = "no process starts, perhaps for want of a token, in"
            expect_refusal(address, folder / "run", with_token, said)


def expect_refusal(address, out, shell, said):
    since = time.monotonic()
    process = begun(address, out, shell)
    assert process.communicate() == ("", f"dqn_symbolic: {said} the Ray cluster at {address}\n")
    assert process.returncode == 2
    assert time.monotonic() - since < 35
    assert not out.exists()
