"""What a checkpoint of a large memory costs:  python -m tests.benchmarks.checkpoint FRAMES

The pixel agent, its memory of 84 x 84 full with the frames of random play: the seconds for which
the loop stands still, the size of the file, and the most memory that the process takes, before,
after saving, and in a process of its own that resumes.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dqn_symbolic.agent.settings import PRESETS, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.loading import read_data, restore
from dqn_symbolic.runs.run import Run

PLAYED = 20_000  # frames; then they come again


def most_memory():
    """-> gigabytes, the most that this process has had so far (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def saving(frames, folder):
    settings = Settings(**PRESETS["pixels"] | {"memory_size": frames, "warm_up": 10**9})
    run = Run(task("games:Catch-v0", pixels=84, drift=True), settings, folder)
    run.compile(lambda text, end="": None, [])
    agent, memory = run.agent, run.agent.memory
    for _ in range(min(PLAYED, frames)):
        agent.step()
    played = memory.written
    for ring in memory.rings.values():
        for begin in range(played, memory.slots, played):
            ring[begin : begin + played] = ring[: memory.slots - begin][:played]
    memory.written, memory.size, agent.steps = memory.slots, frames // 2, frames
    print(f"{frames:,} frames; the process takes {most_memory():.2f} GB at most")
    for _ in range(2):
        since = time.perf_counter()
        run.save_checkpoint()
        seconds = time.perf_counter() - since
        megabytes = (folder / "checkpoint.npz").stat().st_size / 1e6
        print(f"saved in {seconds:.2f} s, {megabytes:.0f} MB; {most_memory():.2f} GB at most")


def resuming(folder):
    data, task, settings = read_data(folder, "checkpoint")
    run = Run(task, settings, folder)
    run.compile(lambda text, end="": None, [])
    before, since = most_memory(), time.perf_counter()
    restore(run, data)
    seconds = time.perf_counter() - since
    print(f"resumed in {seconds:.2f} s; {before:.2f} GB at most before, {most_memory():.2f} after")


if __name__ == "__main__":
    if sys.argv[1] == "resume":
        resuming(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            saving(int(sys.argv[1]), Path(folder))
            again = [sys.executable, "-m", "tests.benchmarks.checkpoint", "resume", folder]
            subprocess.run(again, check=True)
