"""The Nature network beside torch and JAX:  python -m tests.benchmarks.conv [THREADS [PRESET]]

Times a learn step of batch 32, with RMSprop and the clipped error, and the forward pass of a single
stack of frames. The network is 84 x 84 x 4 uint8 -> 32 of 8 x 8 / 4 -> 64 of 4 x 4 / 2 -> 64 of
3 x 3 / 1 -> dense 512 -> 3 actions (Mnih et al. 2015). The preset "pixels" has the network of 2013.
"its matrix products" are the products of the learn step in NumPy, without copying patches into
matrices; every thread has its part of the batch. With several threads, "ours, one thread" is shown
for comparison.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # for a single product; torch has its own call for threads
if sys.argv[1:2] in ([], ["1"]):  # otherwise XLA uses all cores
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv_params
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from tests.benchmarks.learners import a_batch, agree, on_cpu, ours, sides_of
from tests.benchmarks.rounds import medians

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
PRESET = sys.argv[2] if len(sys.argv) > 2 else "nature"
SIDE = ATARI_FRAME_SIZE if PRESET == "atari" else 84
OBS_SHAPE, ACTIONS = (SIDE, SIDE, 4), 3
NETWORK = Settings(**PRESETS[PRESET])
STRIDES = [stride for _, _, stride in NETWORK.filters]


def first_values():
    rng = np.random.default_rng(0)
    return conv_params(rng, OBS_SHAPE, NETWORK.filters, NETWORK.hidden, ACTIONS, glorot)


def matrix_products(batch_size):
    """-> a call that does only the products of the learn step, forward and for both gradients."""
    sizes, side, channels = [], *OBS_SHAPE[1:]
    for number, size, stride in NETWORK.filters:
        side = (side - size) // stride + 1
        sizes.append((batch_size * side**2, size**2 * channels, number))
        channels = number
    dense = [side**2 * channels, *NETWORK.hidden, ACTIONS]
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


def products_on_threads(batch_size):
    pool = ThreadPoolExecutor(THREADS)
    parts = [matrix_products(batch_size // THREADS) for _ in range(THREADS)]
    return lambda: list(pool.map(lambda multiply: multiply(), parts))


def main():
    values, batch = first_values(), a_batch(32, OBS_SHAPE, ACTIONS)
    sides = sides_of(values, STRIDES, "rmsprop", batch, threads=THREADS)
    if THREADS > 1:
        sides["ours, one thread"] = ours(values, STRIDES, "rmsprop", batch)
    agree(sides)
    print(f"{THREADS} thread(s): milliseconds, and the ratio to torch")
    if "OPENBLAS_CORETYPE" in os.environ:  # it can slow down the products of NumPy and numba
        print(f"OPENBLAS_CORETYPE is set to {os.environ['OPENBLAS_CORETYPE']}")
    for i, title in enumerate(("learn, batch 32", "forward, batch 1")):
        parts = {
            name: lambda run=runs[i]: np.asarray(on_cpu(run())) for name, runs in sides.items()
        }
        if i == 0:
            parts["its matrix products"] = products_on_threads(32)
        microseconds = medians(parts, seconds=0.1)
        for name, us in microseconds.items():
            ratio = us / microseconds.get("torch, eager", float("nan"))
            print(f"{title:18} {name:22} {us / 1e3:7.2f} ms {ratio:6.2f}")


if __name__ == "__main__":
    main()
