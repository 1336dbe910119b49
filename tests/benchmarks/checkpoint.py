"""What the checkpoints of a large memory cost:

    python -m tests.benchmarks.checkpoint FRAMES [GAME]

GAME: a Gymnasium id with frames of 84 x 84, such as ALE/Pong-v5; without it, Catch in pixels. Its
memory is full with the frames of random play. Each line: the seconds for which the loop stands
still, those of them in which the processor is at work for it, what is written, and the most memory
that the process has taken so far. The first checkpoint writes the whole memory, each other one
comes after 10,000 new frames, and the last line is another process that resumes. Linux only: it
reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dqn_symbolic.agent.settings import PRESETS, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.loading import read_data, restore
from dqn_symbolic.runs.run import Run

PLAYED = 10_000  # frames; then they come again
NEW = 10_000  # frames from one checkpoint to the next
TIMES = 3


def most_memory():
    """-> gigabytes, the most that this process has had so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def compiled(task, settings, folder):
    run = Run(task, settings, folder)
    run.compile(lambda text, end="": None, [])
    return run


def tell(what, call, written=lambda: 0):
    """Calls, and prints what that took. written() -> bytes, afterwards."""
    since, worked_since = time.perf_counter(), time.process_time()
    call()
    seconds, worked = time.perf_counter() - since, time.process_time() - worked_since
    print(
        f"{what:30} {seconds:6.2f} s, {worked:6.2f} s of work, {written() / 1e6:6.1f} MB written,"
        f" {most_memory():5.2f} GB at most",
        flush=True,
    )


def fill(agent, frames):
    """Plays at random, and then repeats what it has played as often as it takes."""
    play(agent, min(PLAYED, frames))
    memory, played = agent.memory, agent.memory.written
    for ring in memory.rings.values():
        for begin in range(played, memory.slots, played):
            ring[begin : begin + played] = ring[: memory.slots - begin][:played]
    memory.set_state({"written": memory.slots, "episode_begins": True}, memory.rings)
    agent.steps = memory.slots


def save(run, what):
    folder = run.out / "memory"
    before = set(folder.glob("*"))

    def written():
        files = {*folder.glob("*"), run.out / "checkpoint.npz"} - before
        return sum(file.stat().st_size for file in files)

    tell(what, run.save_checkpoint, written)


def play(agent, frames):
    last = agent.memory.written + frames
    while agent.memory.written < last:
        agent.step()


def saving(frames, game, folder):
    settings = Settings(**PRESETS["pixels"] | {"memory_size": frames, "warm_up": 10**9})
    run = compiled(game, settings, folder)
    fill(run.agent, frames)
    save(run, "saved for the first time")
    for _ in range(TIMES):
        play(run.agent, NEW)
        save(run, f"saved after {NEW:,} new frames")


def resuming(folder):
    data, task, settings = read_data(folder, "checkpoint")
    run = compiled(task, settings, folder)
    tell("resumed in another process", lambda: restore(run, data))


if __name__ == "__main__":
    if sys.argv[1] == "resume":
        resuming(Path(sys.argv[2]))
    else:
        frames, *game = sys.argv[1:]
        game = task(*game) if game else task("games:Catch-v0", pixels=84, drift=True)
        with tempfile.TemporaryDirectory() as folder:
            saving(int(frames), game, Path(folder))
            again = [sys.executable, "-m", "tests.benchmarks.checkpoint", "resume", folder]
            subprocess.run(again, check=True)
