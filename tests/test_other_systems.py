"""An approximation of Windows: without the modules, functions and signals that only POSIX has."""

import json
import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from dqn_symbolic.commands.training import again

ROOT = Path(__file__).parent.parent

WITHOUT_POSIX = """
import os, signal, sys, warnings
import psutil  # it has other files for Windows

class Hider:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hider())
for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules.pop(name, None)
for name in ("O_DIRECTORY", "fork", "register_at_fork", "kill", "killpg", "geteuid"):
    delattr(os, name)
del os.sched_getaffinity
for name in ("SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGCHLD"):
    delattr(signal, name)
warnings.filterwarnings("ignore", "only soft file lock")  # Windows has its own file locks

import run_catch
sys.exit(run_catch.main(sys.argv[1:]))
"""


def test_a_printed_command_needs_no_quotes_on_windows():
    run = SimpleNamespace(out=PureWindowsPath(r"runs\catch-1"))
    assert again(run, "python run_catch.py", "watch") == "python run_catch.py watch runs/catch-1"


def run(*arguments):
    command = [sys.executable, "-W", "error", "-c", WITHOUT_POSIX, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)


@pytest.mark.slow
def test_train_resume_and_watch_work_without_posix(tmp_path):
    folder = tmp_path / "run"
    small = ["--quiet", "--no-window", "--hidden", "16", "--warm-up", "50"]
    process = run("--out", folder, "--steps", 60, *small)
    assert (process.returncode, process.stderr) == (0, "")
    process = run("--resume", folder, "--steps", 80, "--quiet")
    assert (process.returncode, process.stderr) == (0, "")
    assert json.loads((folder / "summary.json").read_text())["env_steps"] == 80
    process = run("watch", folder, "--gif", tmp_path / "a.gif")
    assert (process.returncode, process.stderr) == (0, "")
    assert (tmp_path / "a.gif").stat().st_size > 1_000
    assert not (folder / ".lock").exists()
