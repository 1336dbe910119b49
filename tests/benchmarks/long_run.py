"""Does a long run grow?  python -m tests.benchmarks.long_run [AGENT_STEPS]

The memory of the process (resident, in MB) while the default learner goes on for 200,000 agent
steps, with evaluations and checkpoints as often as in a run; then over 100 short trainings in one
process, with the open file descriptors. Linux only: it reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from pathlib import Path

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.runs.run import Run
from games.catch import Catch
from run_catch import main as run_catch

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident():
    """-> bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def one_long_run(agent_steps, reports=20):
    settings = Settings(steps=agent_steps)
    with tempfile.TemporaryDirectory() as folder:
        game = Catch()
        never = 2  # a catch rate that ends the run
        agent = Agent(game, settings).compile()
        run = Run(agent, Catch(), game.starts(), {}, game.chance, never, Path(folder))
        run.compiled = True
        step, every = agent.step, agent_steps // reports

        def reporting():
            step()
            if agent.steps % every == 0:
                print(f"{agent.steps:9,}  {resident() / 1e6:8.2f}", flush=True)

        agent.step = reporting
        print("agent steps  MB")
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
