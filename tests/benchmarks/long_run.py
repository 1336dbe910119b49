"""The growth of long runs:  python -m tests.benchmarks.long_run [AGENT_STEPS [GAME]]

Prints and draws the resident memory of the process in MB, and the processor time of a step and of a
checkpoint, while the preset of the game (Catch) takes 200,000 agent steps with the usual
evaluations and checkpoints. AGENT_STEPS: a multiple of 20,000. The picture is
`pictures/long_run_GAME.png`. Without arguments, it then prints the memory and the open file
descriptors over 100 short trainings in one process. Linux only: it reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from dqn_symbolic import Agent, training
from dqn_symbolic.__main__ import DOOR
from dqn_symbolic.commands.training import new
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import save
from dqn_symbolic.runs.run import Run
from run_catch import main as run_catch

PICTURES = Path(__file__).parent / "pictures"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident():
    """-> the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def one_long_run(agent_steps, game="games:Catch-v0", reports=20):
    game, settings, _ = new(DOOR, {"game": game})
    endless = replace(game, goal=None)
    rows = []  # agent steps, MB, us a step, ms a checkpoint
    seconds = {"step": 0.0, "checkpoint": 0.0}  # of processor time, since the last report

    def timed(name, call):
        def timed_call():
            since = time.process_time()
            call()
            seconds[name] += time.process_time() - since

        return timed_call

    with tempfile.TemporaryDirectory() as folder:
        every = agent_steps // reports
        often = min(settings.checkpoint_every, every)
        settings = replace(settings, steps=agent_steps, checkpoint_every=often)
        run = Run(endless, settings, Path(folder))
        agent = run.begin(Agent(endless.make(), settings))
        agent.step = timed("step", agent.step)
        save_checkpoint = timed("checkpoint", run.save_checkpoint)
        checkpoints = every // settings.checkpoint_every

        def save_and_report():
            save_checkpoint()
            if agent.steps % every == 0:
                us = seconds["step"] / every * 1e6
                ms = seconds["checkpoint"] / checkpoints * 1e3
                rows.append((agent.steps, resident() / 1e6, us, ms))
                print("{:11,} {:8.2f} {:11.1f} {:16.1f}".format(*rows[-1]), flush=True)
                seconds.update(dict.fromkeys(seconds, 0.0))

        run.save_checkpoint = save_and_report
        print("agent steps       MB   us a step  ms a checkpoint")
        score = run.scored(scorer(endless, agent))
        for _ in run.kept(training(agent, score, run.pause)):
            pass
    save_picture(endless, rows)


def save_picture(task, rows):
    steps, *columns = zip(*rows)
    figure = Figure(figsize=(7, 5), layout="constrained")
    every = figure.subplots(3, sharex=True)
    for axes, values, name in zip(every, columns, ("MB", "us a step", "ms a checkpoint")):
        axes.plot(steps, values, "o-", color="#1f4e79", ms=3)
        axes.set(ylabel=name, ylim=(0, 1.3 * max(values)))
        axes.grid(alpha=0.3)
    every[0].set(title=task.game)
    every[-1].set(xlabel="agent steps")
    every[-1].locator_params("x", nbins=5)
    every[-1].xaxis.set_major_formatter("{x:,.0f}")
    name = task.game.split("/")[-1].split(":")[-1].split("-")[0].lower()
    save(PICTURES / f"long_run_{name}.png", figure)


def many_trainings(trainings, reports=10):
    print("trainings  MB  file descriptors")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, trainings + 1):
            arguments = ["--steps", "120", "--warm-up", "50", "--quiet", "--no-window"]
            assert run_catch(["--out", f"{folder}/{number}", *arguments]) == 0
            if number % max(trainings // reports, 1) == 0:
                print(f"{number:9}  {resident() / 1e6:8.2f}  {descriptors()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        one_long_run(int(sys.argv[1]), *sys.argv[2:])
    else:
        one_long_run(200_000)
        many_trainings(100)
