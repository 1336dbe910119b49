"""A signal stops a run, and a second one ends the process at once, wherever it hangs."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dqn_symbolic.runs.stopping import SIGNALS, noted_signals
from tests.test_crashes import ROOT

HANGING = """
import sys, threading, time
import games.catch, gymnasium

def loop():
    while True:
        pass

def stubborn():
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass

def lock():
    locked = threading.Lock()
    locked.acquire()
    locked.acquire()

WAYS = {
    "loop": loop,
    "stubborn": stubborn,
    "lock": lock,
    "thread": lambda: threading.Thread(target=lock).start(),  # the process waits for it at its end
}

class Hanging(games.catch.Catch):
    steps = 0

    def __init__(self, way, place, **options):
        super().__init__(**options)
        self.way, self.place = WAYS[way], place
        self.reach("made")

    def reach(self, place):
        if place == self.place:
            print("here", flush=True)
            self.way()

    def step(self, action):
        self.steps += 1
        if self.steps == 800:
            self.reach("step")
        return super().step(action)

gymnasium.register("Hanging-v0", entry_point=Hanging)
"""
OTHERS = """
import multiprocessing, signal, time
from dqn_symbolic.runs import stopping

stopping.AS_ONE = 0.1
context = multiprocessing.get_context("fork")

def work(ready):
    ready.set()
    time.sleep(60)

with stopping.noted_signals() as noted:
    stopping.end_at_second_signal()
    signal.signal(signal.SIGALRM, lambda *_: None)
    for _ in range(3):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        ready = context.Event()
        worker = context.Process(target=work, args=(ready,))
        worker.start()
        ready.wait()
        worker.terminate()
        worker.join(10)
        time.sleep(0.2)
        print(worker.exitcode)
print(noted)
"""
SAID = "\nstopping: once more ends it at once\n"  # from then on, another signal is the second
PLACES = [
    *(("step", way) for way in ("loop", "stubborn", "lock", "thread")),
    ("made", "stubborn"),
]


def started(folder, *arguments):
    """-> a process of the command line, which has reached the place where its game hangs."""
    (folder / "hanging.py").write_text(HANGING)
    process = subprocess.Popen(
        [sys.executable, "-m", "dqn_symbolic", *arguments, "--import", folder / "hanging.py"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    return process


def train(folder, place, way):
    game = ["--game", "hanging:Hanging-v0"]
    game += ["--game-option", f"place={place}", "--game-option", f"way={way}"]
    few = ["--hidden", "4", "--warm-up", "20", "--evaluate-every", "1000", "--memory-size", "100"]
    return started(
        folder, "train", *game, *few, "--checkpoint-every", "50", "--out", folder / "run", "--quiet"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("place", "way"), PLACES)
def test_a_second_signal_ends_a_run_that_hangs(place, way, tmp_path):
    first, second = (signal.SIGINT, signal.SIGTERM) if way == "loop" else (signal.SIGINT,) * 2
    process = train(tmp_path, place, way)
    process.send_signal(first)
    assert process.stderr.readline() + process.stderr.readline() == SAID
    assert process.poll() is None
    process.send_signal(second)
    since = time.monotonic()
    assert process.communicate(timeout=10)[1] == ""
    assert time.monotonic() - since < 2
    assert process.returncode == 128 + second
    if place == "step" and way != "thread":
        resume = [sys.executable, "-m", "dqn_symbolic", "train", "--resume", tmp_path / "run"]
        resume += ["--import", tmp_path / "hanging.py", "--quiet", "--steps", "770"]
        done = subprocess.run(resume, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_afterwards_signals_do_what_they_did():
    before = [signal.getsignal(signum) for signum in SIGNALS]
    with noted_signals():
        assert [signal.getsignal(signum) for signum in SIGNALS] != before
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_game_may_have_alarms_and_end_its_own_processes():
    done = subprocess.run([sys.executable, "-c", OTHERS], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("-15\n-15\n-15\n[]\n", "")


@pytest.mark.slow
def test_two_signals_at_once_are_one(tmp_path):
    """`timeout` sends two: the run ends in order, with all its files."""
    process = subprocess.Popen(
        [sys.executable, "run_catch.py", "--out", tmp_path, "--steps", str(10**9), "--quiet"],
        cwd=ROOT,
    )
    while not (tmp_path / "checkpoint.npz").exists():
        assert process.poll() is None
        time.sleep(0.05)
    for _ in range(5):
        process.terminate()
        time.sleep(0.002)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert (tmp_path / "summary.json").exists()


def test_what_is_ignored_from_the_start_stays_so():
    """`nohup` ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted_signals() as noted:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        assert noted == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_ends_a_process_that_compiles():
    """The main thread is in a call that lets no Python code of its own run, but other threads."""
    code = (
        "import ctypes, os, signal, time\n"
        "from dqn_symbolic.runs import stopping\n"
        "stopping.AS_ONE = .1\n"
        "with stopping.noted_signals():\n"
        "    stopping.end_at_second_signal()\n"
        "    print('here', flush=True)\n"
        "    while True:\n"
        "        ctypes.CDLL(None).sleep(100)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    process.terminate()
    assert process.stderr.readline() + process.stderr.readline() == SAID
    assert process.poll() is None
    process.terminate()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM
