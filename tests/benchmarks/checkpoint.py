"""The cost of checkpoints of a large memory:  python -m tests.benchmarks.checkpoint [FRAMES [GAME]]

The default is 1,000,000 frames of ALE/Pong-v5; GAME is another Gymnasium id with frames of 84 x 84,
or "pixels": Catch. The memory is filled with frames of random play. A row has the seconds that the
loop waits, the seconds of processor time, the bytes written and the peak memory of the process. The
first checkpoint writes the whole memory. Three more follow, each after 10,000 new frames. Then
another process resumes. Linux only: the script reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from pathlib import Path

from dqn_symbolic import Agent, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.loading import read_data, restore
from dqn_symbolic.runs.run import Run, first_calls
from dqn_symbolic.settings import PRESETS
from tests.benchmarks.results import in_a_process, keep

PLAYED = 10_000  # different frames; the memory repeats them
NEW = 10_000  # frames from one checkpoint to the next
TIMES = 3


def most_memory():
    """-> the peak memory of this process so far, in gigabytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def measured(name, call, bytes_written=lambda: None):
    """-> the row of a call. bytes_written() is called afterwards."""
    since, worked_since = time.perf_counter(), time.process_time()
    call()
    seconds, worked = time.perf_counter() - since, time.process_time() - worked_since
    written = bytes_written()
    row = {"what": name, "s": seconds, "at_work_s": worked}
    return {**row, "written_mb": written and written / 1e6, "peak_gb": most_memory()}


def fill(agent, frames):
    """Plays at random, then repeats the played frames until the memory is full."""
    play(agent, min(PLAYED, frames))
    memory, played = agent.memory, agent.memory.written
    for ring in memory.rings.values():
        for begin in range(played, memory.slots, played):
            ring[begin : begin + played] = ring[: memory.slots - begin][:played]
    memory.set_state({"written": memory.slots, "episode_begins": True}, memory.rings)
    agent.steps = memory.slots


def saved(run, name):
    folder = run.out / "memory"
    before = set(folder.glob("*"))

    def bytes_written():
        files = {*folder.glob("*"), run.out / "checkpoint.npz"} - before
        return sum(file.stat().st_size for file in files)

    return measured(name, run.save_checkpoint, bytes_written)


def play(agent, frames):
    last = agent.memory.written + frames
    while agent.memory.written < last:
        agent.step()


def saving(frames, game, folder):
    """-> the rows of the first checkpoint and of those after it"""
    settings = Settings(**PRESETS["pixels"] | {"memory_size": frames, "warm_up": 10**9})
    run = Run(game, settings, folder)
    agent = run.begin(Agent(game.make(), settings))
    fill(agent, frames)
    rows = [saved(run, "save for the first time")]
    for _ in range(TIMES):
        play(agent, NEW)
        rows.append(saved(run, f"save after {NEW:,} new frames"))
    return rows


def resuming(path):
    """-> the row of this process, which resumes"""
    data, task, settings = read_data(path, "checkpoint")
    agent = Agent(task.make(), settings)
    for _, compile_part in first_calls(agent):
        compile_part()
    return measured("resume, in another process", lambda: restore(path, data, task, agent))


def main(frames=1_000_000, game="ALE/Pong-v5"):
    pixels = game == "pixels"
    of = task("games:Catch-v0", pixels=84, drift=True) if pixels else task(game, frame_size=84)
    with tempfile.TemporaryDirectory() as folder:
        rows = saving(int(frames), of, Path(folder))
        rows.append(in_a_process(resuming, Path(folder, "checkpoint.npz")))
    keep("checkpoint", [{"game": game, "frames": int(frames), **row} for row in rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
