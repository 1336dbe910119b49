"""The learn step of Catch's network beside torch and JAX:  python -m tests.benchmarks.learn

The network is 100-128-3 with a batch of 32, on one thread, once with RMSprop and once with Adam.
"its matrix products" are its seven products alone, by numba, in place. Every program with this
BLAS takes at least their time. The sizes grow in `growth`, the convolutions are in `conv`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numba
import numpy as np

from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv_params
from tests.benchmarks.learners import a_batch, agree, on_cpu, sides_of
from tests.benchmarks.results import beside_ours, keep, one_thread
from tests.benchmarks.rounds import medians


def seven_products(batch_size, inputs, hidden, actions):
    """-> a call that does only the matrix products of a learn step."""
    rng = np.random.default_rng(0)

    def matrix(*shape):
        return rng.normal(size=shape).astype(np.float32)

    x, W, h = matrix(batch_size, inputs), matrix(inputs, hidden), matrix(batch_size, hidden)
    Wout, q = matrix(hidden, actions), matrix(batch_size, actions)

    @numba.njit
    def multiply(x, W, h, Wout, q, h2, q2, W2, Wout2):
        for _ in range(2):  # x_tp1 through the target network, x through the online network
            np.dot(x, W, h2)
            np.dot(h, Wout, q2)
        np.dot(q, Wout.T, h2)
        np.dot(h.T, q, Wout2)
        np.dot(x.T, h, W2)

    outputs = h.copy(), q.copy(), W.copy(), Wout.copy()
    return lambda: multiply(x, W, h, Wout, q, *outputs)


def main():
    one_thread()
    rows = []
    batch = a_batch(32, (10, 10, 1))
    values = conv_params(np.random.default_rng(0), (10, 10, 1), (), (128,), 3, glorot)
    for optimiser in ("rmsprop", "adam"):
        sides = sides_of(values, (), optimiser, batch)
        agree(sides)
        parts = {name: lambda learn=learn: np.asarray(on_cpu(learn()))
                 for name, (learn, _) in sides.items()}  # fmt: skip
        parts["its matrix products"] = seven_products(32, 100, 128, 3)
        rows += beside_ours(medians(parts), optimiser=optimiser)
    keep("learn", rows, peers=("jax", "torch"))


if __name__ == "__main__":
    main()
