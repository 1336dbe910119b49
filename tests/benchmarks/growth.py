"""What a learn step costs as the work grows:  python -m tests.benchmarks.growth

From the default game (board 10 x 10, 128 hidden units, batch 32, Adam) one size grows at a time,
on one thread: ours on numba beside torch, in the same process and in turn. "bytes" is what a step
has to read: the minibatch, both networks and the optimiser's averages.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.symbols.initialisers import glorot
from dqn_symbolic.symbols.networks import conv_params
from tests.benchmarks.learners import a_batch, agree, on_cpu, sides_of
from tests.benchmarks.rounds import medians

GROWTH = {
    "batch": (1, 8, 32, 128, 512, 1024),
    "hidden": (32, 128, 512, 2048),
    "board": (10, 20, 42, 84),
}


def main():
    print("size              ours us   torch us   ours / torch     bytes a step")
    for what, sizes in GROWTH.items():
        for size in sizes:
            now = {"batch": 32, "hidden": 128, "board": 10, what: size}
            obs_shape = now["board"], now["board"], 1
            rng = np.random.default_rng(0)
            values = conv_params(rng, obs_shape, (), (now["hidden"],), 3, glorot)
            batch = a_batch(now["batch"], obs_shape)
            sides = sides_of(values, (), "adam", batch, jax=False)
            agree(sides)
            found = medians(
                {name: lambda run=learn: on_cpu(run()) for name, (learn, _) in sides.items()},
                seconds=0.05,
            )
            mine, torchs = found["ours, numba"], found.get("torch, eager", float("nan"))
            bytes_read = sum(a.nbytes for a in batch) + 4 * sum(v.nbytes for v in values.values())
            print(
                f"{what:8}{size:6} {mine:11.1f} {torchs:10.1f} {mine / torchs:14.2f}"
                f" {bytes_read:16,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
