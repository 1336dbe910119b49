"""A killed run resumes to the same bits; a full disk or a folder in use is one clear line."""

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.files import alone, sweep
from dqn_symbolic.runs.run import FILES
from run_catch import main
from tests.plain import load

ROOT = Path(__file__).parent.parent
# The network is too small to solve the game, so a run takes all its steps.
TINY = [
    *("--quiet", "--rows", "4", "--columns", "5", "--paddle-width", "1"),
    *("--hidden", "2", "--warm-up", "50", "--memory-size", "200"),
    *("--evaluate-every", "100", "--checkpoint-every", "20"),
]
UNTIL_KILLED = ["--steps", str(10**9)]


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


PIECE = 25 * (4 * 5 + 16)  # bytes: 25 frames, an eighth of the memory
KILLS = int(os.environ.get("KILLS", 20))
WITH_SMALL_PIECES = f"""
from dqn_symbolic.runs import pieces
import run_catch

pieces.SIZE = {PIECE}
run_catch.front.run(run_catch.main)
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", WITH_SMALL_PIECES, *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )


def kill(process, path, pause):
    """Kill a run `pause` seconds after it writes `path`; if negative, -pause seconds from now."""
    before = path.stat().st_mtime_ns if path.exists() else None
    written = pause < 0
    while not written and process.poll() is None:
        time.sleep(0.005)
        written = path.exists() and path.stat().st_mtime_ns != before
    time.sleep(abs(pause))
    process.kill()
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err


def without_seconds(folder):
    """-> the rows of progress.csv without the seconds, which differ between runs."""
    lines = (folder / "progress.csv").read_text().splitlines()
    return [line.split(",")[:2] + line.split(",")[3:] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["--no-beside", "--beside"])
def test_a_run_that_is_killed_many_times_ends_with_the_same_bits(beside, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "SIZE", PIECE)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    path, rng = killed / "checkpoint.npz", random.Random(0)
    kill(start("--out", killed, *TINY, beside, *UNTIL_KILLED), path, rng.uniform(0, 0.3))
    resumed_from, while_writing, unneeded = [], 0, 0
    for n in range(1, KILLS):
        data, _ = load(path, "checkpoint")
        resumed_from.append(data["agent"]["counters"]["steps"])
        files = [*os.listdir(killed), *os.listdir(killed / "memory")]
        while_writing += any(name.startswith(".") for name in files)
        unneeded += len(
            set(os.listdir(killed / "memory")) - {f"{n}.npz" for n, _ in data["pieces"]}
        )
        pause = -rng.uniform(0, 4) if n % 5 == 0 else rng.uniform(0, 0.3)
        kill(start("--resume", killed, "--quiet", *UNTIL_KILLED), path, pause)
    print(f"{KILLS} kills, {while_writing} while writing; {unneeded} pieces not needed")
    print(f"resumed from {resumed_from}")
    assert resumed_from == sorted(resumed_from)
    assert resumed_from[-1] > resumed_from[0]

    steps = str(checkpoints.load_data(path, "checkpoint")["agent"]["counters"]["steps"] + 110)
    assert main(["--resume", str(killed), "--quiet", "--steps", steps]) == 0
    assert main(["--out", str(whole), *TINY, beside, "--steps", steps]) == 0
    assert without_seconds(killed) == without_seconds(whole)
    assert (killed / "agent.npz").read_bytes() == (whole / "agent.npz").read_bytes()
    (data, arrays), (data_whole, arrays_whole) = (
        load(folder / "checkpoint.npz", "checkpoint") for folder in (killed, whole)
    )
    assert {**data, "run": 0} == {**data_whole, "run": 0}
    assert list(arrays) == list(arrays_whole)
    for name, array in arrays.items():
        assert array.tobytes() == arrays_whole[name].tobytes(), name
    assert sorted(os.listdir(killed)) == sorted([*FILES, "memory"])
    assert sorted(os.listdir(killed / "memory")) == sorted(os.listdir(whole / "memory"))
    assert len(data["pieces"]) == 8


def test_sweep_removes_only_the_temporary_files_of_dead_processes(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    remaining = {".agent.npz.old", f"notes.{dead.pid}"}
    for name in {*remaining, f".agent.npz.{dead.pid}", f".agent.npz.{10**30}"}:
        (tmp_path / name).write_text("half")
    sweep(tmp_path, FILES)
    assert set(os.listdir(tmp_path)) == remaining


@contextmanager
def small_files(folder, size):
    """No file can grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder, size):
    """Put the files of `folder` on a disk of their own, with `size` bytes left."""
    files = contents(folder)
    room = sum(len(content) + 4096 for content in files.values()) + size
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        yield
        files = contents(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (small_files, "File too large"),
        pytest.param(small_disk, "No space left on device", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_leaves_the_last_checkpoint(limit, message, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["--out", str(folder), "--steps", "100", *TINY, "--hidden", "999"]) == 0
    before = contents(folder)
    resume = ["--resume", str(folder), "--quiet", "--steps", "200"]
    with limit(folder, len(before["checkpoint.npz"]) // 2):
        assert main(resume) == 2
        after = contents(folder)
    assert capsys.readouterr().err == (
        f"run_catch.py: {folder}/checkpoint.npz: {message}; the last checkpoint is whole:"
        f" when this is repaired, go on with --resume {folder}\n"
    )
    assert after == before
    assert main(resume) == 0


@pytest.mark.usefixtures("uncompiled")
def test_a_full_disk_before_the_first_checkpoint_leaves_no_files(tmp_path, capsys):
    options = ["--out", str(tmp_path), "--steps", "20", *TINY, "--hidden", "999"]
    with small_files(tmp_path, 50_000):
        assert main(options) == 2
    assert "there was no checkpoint yet" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


@contextmanager
def as_nobody():
    """Lose the rights of root, who may write everywhere."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("option", ["--out", "--resume"])
def test_a_folder_that_cannot_be_written_is_refused_at_once(option, capsys):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with as_nobody():
            assert main([option, folder, "--quiet"]) == 2
        assert capsys.readouterr().err == f"run_catch.py: {folder}: Permission denied\n"
        assert os.listdir(folder) == []


@pytest.mark.parametrize("option", ["--out", "--resume"])
def test_a_folder_in_use_by_another_run_is_refused(option, tmp_path, capsys):
    with alone(tmp_path):
        assert main([option, str(tmp_path), "--quiet"]) == 2
    assert capsys.readouterr().err == f"run_catch.py: {tmp_path}: another run is at work there\n"
    assert os.listdir(tmp_path) == []


def test_an_unwritable_cache_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    process = subprocess.run(
        [sys.executable, "run_catch.py", "--out", tmp_path / "run"],
        cwd=ROOT,
        env={**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'file'}"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    assert process.stderr.count("\n") == 1
    assert "PYTENSOR_FLAGS=base_compiledir=DIR" in process.stderr
    assert os.listdir(tmp_path) == ["file"]
