"""The cost of checkpoints of a large memory:

    python -m tests.benchmarks.checkpoint FRAMES [GAME]

GAME is a Gymnasium id with frames of 84 x 84, such as ALE/Pong-v5; the default is Catch in pixels.
The memory is filled with frames of random play. Every line prints the seconds that the loop waits,
the seconds of processor time, the bytes written and the peak memory of the process. The first
checkpoint writes the whole memory. Three more follow, each after 10,000 new frames. Then another
process resumes. Linux only: the script reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dqn_symbolic import Agent, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.loading import read_data, restore
from dqn_symbolic.runs.run import Run, first_calls
from dqn_symbolic.settings import PRESETS

PLAYED = 10_000  # different frames; the memory repeats them
NEW = 10_000  # frames from one checkpoint to the next
TIMES = 3


def most_memory():
    """-> the peak memory of this process so far, in gigabytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def measure(name, call, bytes_written=lambda: 0):
    """Calls and prints the costs. bytes_written() is called afterwards."""
    since, worked_since = time.perf_counter(), time.process_time()
    call()
    seconds, worked = time.perf_counter() - since, time.process_time() - worked_since
    print(
        f"{name:30} {seconds:6.2f} s, {worked:6.2f} s of work,"
        f" {bytes_written() / 1e6:6.1f} MB written, {most_memory():5.2f} GB at most",
        flush=True,
    )


def fill(agent, frames):
    """Plays at random, then repeats the played frames until the memory is full."""
    play(agent, min(PLAYED, frames))
    memory, played = agent.memory, agent.memory.written
    for ring in memory.rings.values():
        for begin in range(played, memory.slots, played):
            ring[begin : begin + played] = ring[: memory.slots - begin][:played]
    memory.set_state({"written": memory.slots, "episode_begins": True}, memory.rings)
    agent.steps = memory.slots


def save(run, name):
    folder = run.out / "memory"
    before = set(folder.glob("*"))

    def bytes_written():
        files = {*folder.glob("*"), run.out / "checkpoint.npz"} - before
        return sum(file.stat().st_size for file in files)

    measure(name, run.save_checkpoint, bytes_written)


def play(agent, frames):
    last = agent.memory.written + frames
    while agent.memory.written < last:
        agent.step()


def saving(frames, game, folder):
    settings = Settings(**PRESETS["pixels"] | {"memory_size": frames, "warm_up": 10**9})
    run = Run(game, settings, folder)
    agent = run.begin(Agent(game.make(), settings))
    fill(agent, frames)
    save(run, "saved for the first time")
    for _ in range(TIMES):
        play(agent, NEW)
        save(run, f"saved after {NEW:,} new frames")


def resuming(path):
    data, task, settings = read_data(path, "checkpoint")
    agent = Agent(task.make(), settings)
    for _, compile_part in first_calls(agent):
        compile_part()
    measure("resumed in another process", lambda: restore(path, data, task, agent))


if __name__ == "__main__":
    if sys.argv[1] == "resume":
        resuming(Path(sys.argv[2]))
    else:
        frames, *game = sys.argv[1:]
        game = task(*game) if game else task("games:Catch-v0", pixels=84, drift=True)
        with tempfile.TemporaryDirectory() as folder:
            saving(int(frames), game, Path(folder))
            module, path = "tests.benchmarks.checkpoint", f"{folder}/checkpoint.npz"
            subprocess.run([sys.executable, "-m", module, "resume", path], check=True)
