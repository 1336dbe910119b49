"""Gorila on Catch: agent steps to perfection, by bundles:  python -m tests.benchmarks.gorila

In the scheduler, with the default settings and ten seeds; `tests.benchmarks.gorila 10 ray` is the
same on Ray, on this machine, and prints the seconds to perfection, too. A run counts as solved at
the second perfect evaluation in a row; the agent steps are those of all bundles together, at most
40,000.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from tests.benchmarks.seeds import steps_until_solved

MOST_STEPS = 40_000


def steps_to_solve(seed, bundles, **settings):
    """-> agent steps of all bundles, or MOST_STEPS + 1 if that was not enough."""
    catch = task("games:Catch-v0")
    settings = Settings(seed=seed, steps=MOST_STEPS, **settings)
    scheduler = Scheduler(catch, settings, GorilaSettings(bundles=bundles))
    scheduler.start_servers()
    scheduler.start_bundles()
    return steps_until_solved(training(scheduler, scheduler.score), catch, MOST_STEPS)


def on_ray(seed, bundles):
    """-> (agent steps, seconds)"""
    from dqn_symbolic.gorila.on_ray import OnRay, connect
    from tests.benchmarks.messages import OWN, kill

    catch, settings = task("games:Catch-v0"), Settings(seed=seed, steps=MOST_STEPS)
    connect(OWN)
    driver = OnRay(catch, settings, GorilaSettings(bundles=bundles))
    driver.start_servers()
    driver.start_bundles()
    since = time.perf_counter()
    rows = driver.rows(lambda is_training: time.perf_counter() - since, lambda: False)
    steps = steps_until_solved(rows, catch, MOST_STEPS)
    seconds = time.perf_counter() - since
    kill(driver)
    return steps, seconds


def main(seeds=10, where="scheduler"):
    rng = np.random.default_rng(0)
    print("| bundles | agent steps: median | 95% interval | least | most |\n|---|---|---|---|---|")
    for bundles in (1, 2, 4):
        if where == "ray":
            runs = [on_ray(seed, bundles) for seed in range(int(seeds))]
            print(f"median {np.median([seconds for _, seconds in runs]):.0f} s")
            steps = np.array([steps for steps, _ in runs])
        else:
            steps = np.array([steps_to_solve(seed, bundles) for seed in range(int(seeds))])
        medians = np.median(rng.choice(steps, (10_000, len(steps))), axis=1)  # bootstrap
        low, high = np.percentile(medians, [2.5, 97.5])
        print(
            f"| {bundles} | {np.median(steps):,.0f} | {low:,.0f} to {high:,.0f}"
            f" | {steps.min():,} | {steps.max():,} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
