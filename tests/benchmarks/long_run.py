"""The growth of long runs:  python -m tests.benchmarks.long_run [CATCH [PONG [TRAININGS]]]

The resident memory of the process in MB, and the processor time of an agent step and of a
checkpoint, while Catch takes 2,000,000 agent steps and Pong 500,000, each with its preset and the
usual evaluations and checkpoints. CATCH and PONG: other numbers, multiples of 20,000; 0 leaves the
game out. The pictures are pictures/long_run_GAME.png. Then the memory and the open file
descriptors over 100 short trainings in one process. Linux only: it reads /proc.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from dqn_symbolic import Agent, training
from dqn_symbolic.__main__ import DOOR
from dqn_symbolic.commands.training import new
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.runs.figures import STYLES, panels, save
from dqn_symbolic.runs.run import Run
from run_catch import main as run_catch
from tests.benchmarks.results import PICTURES, in_a_process, keep

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
GAMES = {"Catch": "games:Catch-v0", "Pong": "ALE/Pong-v5"}


def resident():
    """-> the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def one_long_run(name, agent_steps, reports=20):
    """-> rows, at equal distances"""
    game, settings, _ = new(DOOR, {"game": GAMES[name]})
    endless = replace(game, goal=None)
    rows, every = [], agent_steps // reports
    seconds = {"step": 0.0, "checkpoint": 0.0}  # of processor time, since the last row
    saved = 0  # checkpoints since then

    def timed(name, call):
        def timed_call():
            since = time.process_time()
            call()
            seconds[name] += time.process_time() - since

        return timed_call

    with tempfile.TemporaryDirectory() as folder:
        often = min(settings.checkpoint_every, every)
        settings = replace(settings, steps=agent_steps, checkpoint_every=often)
        run = Run(endless, settings, Path(folder))
        agent = run.begin(Agent(endless.make(), settings))
        agent.step = timed("step", agent.step)
        save_checkpoint = timed("checkpoint", run.save_checkpoint)

        def save_and_report():
            nonlocal saved
            save_checkpoint()
            saved += 1
            if agent.steps // every > len(rows):
                taken = agent.steps - (rows[-1]["agent_steps"] if rows else 0)
                us, ms = seconds["step"] / taken * 1e6, seconds["checkpoint"] / saved * 1e3
                row = {"game": name, "agent_steps": agent.steps, "mb": resident() / 1e6}
                rows.append({**row, "step_us": us, "checkpoint_ms": ms})
                seconds.update(dict.fromkeys(seconds, 0.0))
                saved = 0

        run.save_checkpoint = save_and_report
        score = run.scored(scorer(endless, agent))
        for _ in run.kept(training(agent, score, run.pause)):
            pass
    return rows


def draw(name, rows):
    units = {"mb": "memory: MB", "step_us": "an agent step: us", "checkpoint_ms": "checkpoint: ms"}
    figure, every = panels(7, 5, len(units), sharex=True)
    for axes, (key, text) in zip(every, units.items()):
        values = [row[key] for row in rows]
        axes.plot([row["agent_steps"] for row in rows], values, ms=4, **STYLES[0])
        axes.set(ylabel=text, ylim=(0, 1.3 * max(values)))
        axes.yaxis.set_major_locator(MaxNLocator(4))
    every[-1].set(xlabel="agent steps")
    figure.align_ylabels()
    title = f"{name}, one run of {rows[-1]['agent_steps']:,} agent steps: memory, processor time"
    save(PICTURES / f"long_run_{name.lower()}.png", figure, title)


def many_trainings(trainings, reports=10):
    """-> rows"""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, trainings + 1):
            arguments = ["--steps", "120", "--warm-up", "50", "--quiet", "--no-window"]
            assert run_catch(["--out", f"{folder}/{number}", *arguments]) == 0
            if number % max(trainings // reports, 1) == 0:
                mb = resident() / 1e6
                rows.append({"trainings": number, "mb": mb, "open_files": descriptors()})
    return rows


def main(catch=2_000_000, pong=500_000, trainings=100):
    rows = []
    for name, steps in {"Catch": int(catch), "Pong": int(pong)}.items():
        if steps:
            rows += (of_one := in_a_process(one_long_run, name, steps))
            draw(name, of_one)
    keep("long_run", rows + in_a_process(many_trainings, int(trainings)))


if __name__ == "__main__":
    main(*sys.argv[1:])
