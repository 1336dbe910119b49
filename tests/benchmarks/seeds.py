"""Agent steps until Catch is solved, for each seed:  python -m tests.benchmarks.seeds [SEEDS]

A run is solved at the second of two consecutive perfect evaluations, as in `run_catch.py`. Every
run has the default settings and at most 20,000 agent steps.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from dqn_symbolic import Agent, Settings, training
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer

MOST_STEPS = 20_000


def steps_to_solve(seed, **settings):
    """-> agent steps, or MOST_STEPS + 1 if the run was not solved."""
    catch = task("games:Catch-v0")
    agent = Agent(catch.make(), Settings(seed=seed, steps=MOST_STEPS, **settings))
    return steps_until_solved(training(agent, scorer(catch, agent)), catch, MOST_STEPS)


def steps_until_solved(rows, catch, most_steps):
    """-> agent steps, or most_steps + 1. rows: as `training` yields them; catch: the Task"""
    seen = []
    for row in rows:
        seen.append(row)
        if catch.solved(seen):
            return row["env_steps"]
    return most_steps + 1


def main(seeds=30):
    steps = np.array([steps_to_solve(seed) for seed in tqdm(range(int(seeds)), disable=None)])
    edges = np.arange(0, MOST_STEPS + 1, 1_000)
    for low, count in zip(edges, np.histogram(steps, [*edges, np.inf])[0]):
        if count:
            print(f"{'over' if low == MOST_STEPS else '    '} {low:6,}  {'#' * count} {count}")
    print(f"median {np.median(steps):,.0f}, most {steps.max():,}, least {steps.min():,}")
    print(f"within 10,000 agent steps: {(steps <= 10_000).sum()} of {len(steps)} seeds")


if __name__ == "__main__":
    main(*sys.argv[1:])
