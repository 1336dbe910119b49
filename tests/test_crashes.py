"""A killed run resumes to the same bits; a full disk or a folder in use is one clear line."""

import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from dqn_symbolic.guard.files import alone, sweep, write_text
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.run import FILES
from run_catch import main
from tests.counts import on_the_page
from tests.plain import contents
from tests.test_determinism import outcome

ROOT = Path(__file__).parent.parent
# The network is too small to solve the game, so a run takes all its steps.
TINY = [
    *("--quiet", "--rows", "4", "--columns", "5", "--paddle-width", "1"),
    *("--hidden", "2", "--warm-up", "50", "--memory-size", "200"),
    *("--evaluate-every", "100", "--checkpoint-every", "20"),
]
UNTIL_KILLED = ["--steps", str(10**9)]


PIECE = 25 * (4 * 5 + 16)  # bytes: 25 frames, an eighth of the memory
KILLS = int(os.environ.get("KILLS", 0))
# A run that kills itself at its file operation number LEFT: in the middle of a write, or before
# the disk has it, before a file is replaced, or before one is removed.
KILLED = """
import os, signal, sys
from pathlib import Path
from dqn_symbolic.guard import files
from dqn_symbolic.runs import pieces
import run_catch

pieces.SIZE, left = int(sys.argv.pop(1)), int(sys.argv.pop(1))

def die_in_time(die_here=lambda: None):
    global left
    left -= 1
    if left == 0:
        die_here()
        os.kill(os.getpid(), signal.SIGKILL)

def dying(function):
    def counted(*arguments, **options):
        die_in_time()
        return function(*arguments, **options)

    return counted

class File:
    def __init__(self, path, mode):
        self.file = open(path, mode)

    def write(self, content):
        half = memoryview(content)[: len(content) // 2]
        die_in_time(lambda: (self.file.write(half), self.file.flush()))
        return self.file.write(content)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

files.open, os.fsync, os.replace = File, dying(os.fsync), dying(os.replace)
Path.unlink = dying(Path.unlink)
run_catch.front.run(run_catch.main)
"""


def killed(out, operations, *arguments):
    """Runs until it kills itself, or kills it while it plays, after 2 s."""
    command = [sys.executable, "-c", KILLED, str(PIECE), str(operations or 10**9)]
    process = subprocess.Popen(
        [*command, *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    if not operations:
        while not (out / "checkpoint.npz").exists():
            time.sleep(0.01)
        time.sleep(2)
        process.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["--no-beside", "--beside"])
def test_a_run_that_is_killed_many_times_ends_with_the_same_bits(beside, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "SIZE", PIECE)
    folder, whole, rng = tmp_path / "killed", tmp_path / "whole", random.Random(0)
    path, kills = folder / "checkpoint.npz", KILLS or 20
    killed(folder, 0, "--out", folder, *TINY, beside, *UNTIL_KILLED)
    resumed_from, while_writing = [], 0
    for n in range(1, kills):
        operations = rng.randrange(1, 600) if n % 20 else 0
        killed(folder, operations, "--resume", folder, "--quiet", *UNTIL_KILLED)
        data = checkpoints.load_data(path, "checkpoint")
        resumed_from.append(data["agent"]["counters"]["steps"])
        needed = {f"{data['run']['mark']}-{number}.npz" for number, _ in data["pieces"]}
        names = {*os.listdir(folder), *os.listdir(folder / "memory")}
        half_written = {name for name in names if name.startswith(".")} - {".lock"}
        while_writing += bool(half_written or set(os.listdir(folder / "memory")) - needed)
    assert while_writing > 0.9 * kills
    if KILLS:
        said = f"{kills} kills, {while_writing} of them while it wrote its files: the same bits"
        on_the_page("killed runs", said)
    assert resumed_from == sorted(resumed_from)
    assert resumed_from[-1] > resumed_from[0]

    steps = str(checkpoints.load_data(path, "checkpoint")["agent"]["counters"]["steps"] + 110)
    assert main(["--resume", str(folder), "--quiet", "--steps", steps]) == 0
    assert main(["--out", str(whole), *TINY, beside, "--steps", steps]) == 0
    assert outcome(folder) == outcome(whole)
    assert (folder / "agent.npz").read_bytes() == (whole / "agent.npz").read_bytes()
    assert sorted(os.listdir(folder)) == sorted([*FILES, "memory"])
    saved = checkpoints.load_data(path, "checkpoint")["pieces"]
    assert len(os.listdir(folder / "memory")) == len(saved) == 8


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
def mounted(folder, size):
    """A disk of its own, with `size` bytes, in place of `folder`."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def small_disk(folder, size):
    """Put the files of `folder` on a disk of their own, with `size` bytes left."""
    files = contents(folder)
    room = sum(len(content) + 4096 for content in files.values()) + size
    with mounted(folder, room):
        for name, content in files.items():
            (folder / name).write_bytes(content)
        yield
        files = contents(folder)
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
        f" when this is repaired, python run_catch.py train --resume {folder}\n"
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


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO])
def test_a_file_system_may_be_unable_to_sync_folders(error, tmp_path, monkeypatch):
    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(error, "on this file system")

    monkeypatch.setattr(os, "fsync", fsync)
    with nullcontext() if error == errno.EINVAL else pytest.raises(OSError, match="on this"):
        write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"


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
