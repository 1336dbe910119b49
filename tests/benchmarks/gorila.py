"""Gorila on Catch: agent steps to perfection, by bundles:  python -m tests.benchmarks.gorila

In the scheduler, with the default settings. A run counts as solved at the second perfect evaluation
in a row; the agent steps are those of all bundles together, at most 40,000.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.gorila.settings import GorilaSettings
from tests.benchmarks.seeds import steps_until_solved

MOST_STEPS = 40_000


def steps_to_solve(seed, bundles, **settings):
    """-> agent steps of all bundles, or MOST_STEPS + 1 if that was not enough."""
    catch = task("games:Catch-v0")
    scheduler = Scheduler(catch, Settings(seed=seed, **settings), GorilaSettings(bundles=bundles))
    return steps_until_solved(scheduler.compile(), catch, MOST_STEPS)


def main(seeds=10):
    rng = np.random.default_rng(0)
    print("| bundles | agent steps: median | 95% interval | least | most |\n|---|---|---|---|---|")
    for bundles in (1, 2, 4):
        found = np.array([steps_to_solve(seed, bundles) for seed in range(int(seeds))])
        medians = np.median(rng.choice(found, (10_000, len(found))), axis=1)  # bootstrap
        low, high = np.percentile(medians, [2.5, 97.5])
        print(
            f"| {bundles} | {np.median(found):,.0f} | {low:,.0f} to {high:,.0f}"
            f" | {found.min():,} | {found.max():,} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
