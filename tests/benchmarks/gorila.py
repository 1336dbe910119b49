"""Gorila on Catch, agent steps until it is solved:  python -m tests.benchmarks.gorila [SEEDS]

With 1, 2 and 4 bundles and ten seeds: in the scheduler and, if Ray is installed, on Ray on this
machine, with the seconds of playing, learning and evaluating. A run is solved at the second of two
consecutive perfect evaluations. Its agent steps are those of all bundles together, at most 40,000.
"""

import importlib.util
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tqdm import tqdm

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.scheduler import Scheduler
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from tests.benchmarks.results import keep
from tests.benchmarks.seeds import steps_until_solved

MOST_STEPS = 40_000


def at_the_ready(scheduler):
    """-> a `Scheduler`, after its servers and bundles have started."""
    scheduler.start_servers()
    scheduler.start_bundles()
    return scheduler


def steps_to_solve(seed, bundles, **settings):
    """-> agent steps of all bundles, or MOST_STEPS + 1 if that was not enough."""
    catch = task("games:Catch-v0")
    settings = Settings(seed=seed, steps=MOST_STEPS, **settings)
    scheduler = at_the_ready(Scheduler(catch, settings, GorilaSettings(bundles=bundles)))
    return steps_until_solved(training(scheduler, scheduler.score), catch, MOST_STEPS)


def on_ray(seed, bundles):
    """-> (agent steps, seconds)"""
    from dqn_symbolic.gorila.on_ray import OnRay, connect
    from tests.benchmarks.messages import OWN, kill

    catch, settings = task("games:Catch-v0"), Settings(seed=seed, steps=MOST_STEPS)
    connect(OWN)
    driver = at_the_ready(OnRay(catch, settings, GorilaSettings(bundles=bundles)))
    since = time.perf_counter()
    rows = driver.rows(lambda is_training: time.perf_counter() - since, lambda: False)
    steps = steps_until_solved(rows, catch, MOST_STEPS)
    seconds = time.perf_counter() - since
    kill(driver)
    return steps, seconds


def main(seeds=10):
    drivers = {"scheduler": lambda *run: (steps_to_solve(*run), None)}
    if importlib.util.find_spec("ray"):
        drivers["Ray"] = on_ray
    rows = []
    for driver, solve in drivers.items():
        for bundles in (1, 2, 4):
            for seed in tqdm(range(int(seeds)), f"{driver}, {bundles}", disable=None):
                steps, seconds = solve(seed, bundles)
                row = {"driver": driver, "bundles": bundles, "seed": seed}
                rows.append({**row, "agent_steps": steps, "s": seconds})
    keep("gorila", rows, peers=("ray",))


if __name__ == "__main__":
    main(*sys.argv[1:])
