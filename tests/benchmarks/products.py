"""What cutting matrix products buys (compiling/products.py):  python -m tests.benchmarks.products

The learn step of each preset for 84 x 84 pixels, with and without it. It acts only on processors
with AVX-512, and only if OpenBLAS uses its kernels for them (see OPENBLAS_CORETYPE).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from functools import partial

import numpy as np

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling import products
from dqn_symbolic.runs.run import example
from dqn_symbolic.settings import PRESETS, Settings
from games.catch import Catch
from tests.benchmarks.rounds import medians


def learn_step(preset, cut):
    """-> a call that learns once from a minibatch of random frames."""
    products.HAS_SMALL_KERNELS = cut
    agent = Agent(Catch(pixels=84), Settings(**PRESETS[preset] | {"memory_size": 1_000}))
    x, *numbers, _ = example(agent)
    x, x_tp1 = np.random.default_rng(0).integers(0, 256, (2, *x.shape), dtype=x.dtype)
    return partial(agent.learn, x, *numbers, x_tp1)


if __name__ == "__main__":
    if not products.HAS_SMALL_KERNELS:
        raise SystemExit("this processor has no AVX-512: the products are never cut")
    print("learn step, ms         cut    whole    ratio")
    for preset in ("pixels", "atari", "nature"):
        sides = {cut: learn_step(preset, cut) for cut in (True, False)}
        times = medians(sides, rounds=41, seconds=0.1)
        cut, whole = times[True] / 1e3, times[False] / 1e3
        print(f"{preset:18}{cut:8.2f} {whole:8.2f} {cut / whole:8.2f}", flush=True)
