"""Two networks of convolutions beside torch and JAX:  python -m tests.benchmarks.conv

Times a learn step of batch 32, with RMSprop and the clipped error, and the forward pass of a single
stack of frames, on one thread and on two. The network of the preset "nature" is 84 x 84 x 4 uint8
-> 32 of 8 x 8 / 4 -> 64 of 4 x 4 / 2 -> 64 of 3 x 3 / 1 -> dense 512 -> 3 actions (Mnih et al.
2015). The preset "pixels" has the network of 2013. "its matrix products" are the products of the
learn step in NumPy, without copying patches into matrices; every thread has its part of the batch.
`conv THREADS PRESET` prints the rows of one of them.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # for a single product; torch has its own call for threads

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np

from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv_params
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from tests.benchmarks.learners import a_batch, agree, on_cpu, sides_of
from tests.benchmarks.results import beside_ours, in_a_process, keep, one_thread, show
from tests.benchmarks.rounds import medians

ACTIONS = 3


def network_of(preset):
    """-> (shape of a stack of frames, first weights, strides, Settings)"""
    settings = Settings(**PRESETS[preset])
    side = ATARI_FRAME_SIZE if preset == "atari" else 84
    work = (side, side, 4), settings.filters, settings.hidden, ACTIONS
    values = conv_params(np.random.default_rng(0), *work, glorot)
    return work[0], values, [stride for _, _, stride in settings.filters], settings


def matrix_products(batch_size, obs_shape, settings):
    """-> a call that does only the products of the learn step, forward and for both gradients."""
    sizes, side, channels = [], *obs_shape[1:]
    for number, size, stride in settings.filters:
        side = (side - size) // stride + 1
        sizes.append((batch_size * side**2, size**2 * channels, number))
        channels = number
    dense = [side**2 * channels, *settings.hidden, ACTIONS]
    sizes += [(batch_size, *pair) for pair in pairwise(dense)]
    rng = np.random.default_rng(0)
    products = []
    for first, (n, k, f) in enumerate(sizes):
        x, W, y = (rng.normal(size=size).astype("f4") for size in ((n, k), (k, f), (n, f)))
        products += [(x, W, y), (x, W, y.copy()), (x.T, y, W.copy())]
        if first:  # the pixels need no gradient
            products.append((y, W.T, x.copy()))

    def multiply():
        for a, b, out in products:
            np.dot(a, b, out=out)

    return multiply


def products_on_threads(threads, batch_size, *network):
    pool = ThreadPoolExecutor(threads)
    parts = [matrix_products(batch_size // threads, *network) for _ in range(threads)]
    return lambda: list(pool.map(lambda multiply: multiply(), parts))


def measured(threads, preset):
    if threads == 1:
        one_thread()
    obs_shape, values, strides, settings = network_of(preset)
    batch, rows = a_batch(32, obs_shape, ACTIONS), []
    sides = sides_of(values, strides, "rmsprop", batch, threads=threads)
    agree(sides)
    for i, work in enumerate(("learn, batch 32", "forward, batch 1")):
        parts = {
            name: lambda run=runs[i]: np.asarray(on_cpu(run())) for name, runs in sides.items()
        }
        if i == 0:
            parts["its matrix products"] = products_on_threads(threads, 32, obs_shape, settings)
        times = {name: us / 1e3 for name, us in medians(parts, seconds=0.1).items()}
        rows += beside_ours(times, "ms", preset=preset, threads=threads, work=work)
    return rows


def main(*given):
    if given:
        show(measured(int(given[0]), *given[1:]))
        return
    setups = product((1, 2), ("pixels", "nature"))
    rows = [row for setup in setups for row in in_a_process(measured, *setup)]
    keep("conv", rows, peers=("jax", "torch"))


if __name__ == "__main__":
    main(*sys.argv[1:])
