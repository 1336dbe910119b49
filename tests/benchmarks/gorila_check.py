"""The model of Gorila beside real bundles:  python -m tests.benchmarks.gorila_check [ROUNDS]

One, two and four bundles learn Catch and Pong on Ray, on this machine. The model has as many cores,
and times that are measured just before. Both take turns, because the speed of a shared machine
changes; medians of ROUNDS rounds.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import ray

from dqn_symbolic.compiling.threads import cores
from dqn_symbolic.gorila.on_ray import connect
from tests.benchmarks import messages
from tests.benchmarks.gorila_model import EVERY, simulated, times
from tests.benchmarks.results import keep

BUNDLES = 1, 2, 4
COLUMNS = "model_steps", "real_steps", "model_behind", "real_behind"


def beside(network, bundles, now, seconds):
    """-> agent steps a second of the model and of real bundles; versions behind, of both"""
    model = simulated(now, bundles, 1, cores())
    driver = messages.started(network, bundles)
    driver.lines()  # begins anew
    steps = int(model["steps"] / bundles * seconds)
    speed = steps * bundles / messages.take(driver, steps)
    behind, pushes = (sum(report[n] for report in driver.recent) for n in ("behind", "pushes"))
    messages.kill(driver)
    return model["steps"], speed, model["behind"], behind / pushes


def main(rounds=3, seconds=4):
    connect(messages.OWN, num_cpus=cores())
    rows = []
    for network in ("Catch", "Pong"):
        found = {bundles: [] for bundles in BUNDLES}
        for _ in range(int(rounds)):
            now = times(*messages.measured(network, 1), EVERY[network])
            for bundles, values in found.items():
                values.append(beside(network, bundles, now, float(seconds)))
        for bundles, values in found.items():
            medians = dict(zip(COLUMNS, np.median(values, axis=0)))
            rows.append({"network": network, "bundles": bundles, **medians})
    ray.shutdown()
    keep("gorila_check", rows, peers=("ray",))


if __name__ == "__main__":
    main(*sys.argv[1:])
