"""The memory of long runs:  python -m tests.benchmarks.long_run [AGENT_STEPS]

Prints the resident memory of the process in MB and the time of a step, while the default learner
takes 200,000 agent steps with the usual evaluations and checkpoints. Then it prints the memory and
the open file descriptors over 100 short trainings in one process. Linux only: it reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs.run import Run
from run_catch import main as run_catch

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident():
    """-> the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def one_long_run(agent_steps, reports=20):
    endless = replace(task("games:Catch-v0"), goal=None)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(endless, Settings(steps=agent_steps), Path(folder))
        run.compile(lambda text, end="": None, [])
        step, every, since = run.agent.step, agent_steps // reports, [time.perf_counter()]

        def reporting_step():
            step()
            if run.agent.steps % every == 0:
                now = time.perf_counter()
                microseconds = (now - since[0]) / every * 1e6
                print(
                    f"{run.agent.steps:9,}  {resident() / 1e6:8.2f}  {microseconds:6.1f}",
                    flush=True,
                )
                since[0] = now

        run.agent.step = reporting_step
        print("agent steps  MB  us a step")
        run.train([], quiet=True)


def many_trainings(trainings, reports=10):
    print("trainings  MB  file descriptors")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, trainings + 1):
            arguments = ["--steps", "120", "--warm-up", "50", "--quiet", "--no-window"]
            assert run_catch(["--out", f"{folder}/{number}", *arguments]) == 0
            if number % max(trainings // reports, 1) == 0:
                print(f"{number:9}  {resident() / 1e6:8.2f}  {descriptors()}", flush=True)


if __name__ == "__main__":
    one_long_run(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
    many_trainings(100)
