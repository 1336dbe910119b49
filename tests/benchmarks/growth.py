"""The time of a learn step as the work grows:  python -m tests.benchmarks.growth

The sizes are those of the default game: a board of 10 x 10, 128 hidden units, batch 32 and Adam.
One size grows at a time. Ours on numba and torch run in turn in one process, on one thread. The
bytes are those that a step reads: the minibatch, both networks and Adam's averages.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv_params
from tests.benchmarks.learners import a_batch, agree, on_cpu, sides_of
from tests.benchmarks.results import beside_ours, keep
from tests.benchmarks.rounds import medians

GROWTH = {
    "batch": (1, 8, 32, 128, 512, 1024),
    "hidden": (32, 128, 512, 2048),
    "board": (10, 20, 42, 84),
}


def main():
    rows = []
    for growing, sizes in GROWTH.items():
        for size in sizes:
            setup = {"batch": 32, "hidden": 128, "board": 10, growing: size}
            obs_shape = setup["board"], setup["board"], 1
            rng = np.random.default_rng(0)
            values = conv_params(rng, obs_shape, (), (setup["hidden"],), 3, glorot)
            batch = a_batch(setup["batch"], obs_shape)
            sides = sides_of(values, (), "adam", batch, jax=False)
            agree(sides)
            microseconds = medians(
                {name: lambda run=learn: on_cpu(run()) for name, (learn, _) in sides.items()},
                seconds=0.05,
            )
            read = sum(a.nbytes for a in batch) + 4 * sum(v.nbytes for v in values.values())
            rows += beside_ours(microseconds, growing=growing, size=size, bytes=read)
    keep("growth", rows, peers=("torch",))


if __name__ == "__main__":
    main()
