"""Autoencoders:  python -m dqn_symbolic.exercises.autoencoder

A digit of 64 pixels goes through a code of a few numbers, and has to come out as it went in:

    code = s(x W + b)
    x' = s(code W^T + c)

The decoder's weights are the encoder's, transposed ("tied weights"). With s the sigmoid, as in
the tutorial, the loss is the cross-entropy of the pixels, read as probabilities. With s(z) = z it
is the squared error. For this *linear* autoencoder the optimum is known: it can do no better than
as many principal components, and it has no local minima (Baldi & Hornik 1989). So PCA, which needs
no learning, is what it has to reach.

(Deep Learning Tutorials, "Denoising Autoencoders (dA)", section "Autoencoders".)
"""

import numpy as np
import pytensor.tensor as TT
from matplotlib.figure import Figure
from pytensor import grad

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import PIXELS, digits
from dqn_symbolic.exercises.training import minibatches, run, show
from dqn_symbolic.experiments.figures import STYLES
from dqn_symbolic.symbols.initialisers import glorot
from dqn_symbolic.symbols.optimisers import adam
from dqn_symbolic.symbols.q_learning import compiled, shared
from dqn_symbolic.symbols.supervised import bernoulli_cross_entropy

CODES = 2, 4, 8, 16  # numbers in a code
EPOCHS, BATCH, RATE = 500, 100, 3e-3


def graph(rng, code, linear, mode=MODES["numba"]):
    """-> learn(x) -> loss, reconstruct(x) -> x'.  x, x' (B, 64)"""
    W = shared(glorot(rng, (PIXELS, code)), "W")
    b, c = shared(np.zeros(code, "float32"), "b"), shared(np.zeros(PIXELS, "float32"), "c")
    params = [W, b, c]

    x = TT.matrix("x", shape=(None, PIXELS))

    z = TT.dot(x, W) + b  # (B, code)
    z = TT.dot(z if linear else TT.sigmoid(z), W.T) + c  # (B, 64)
    back = z if linear else TT.sigmoid(z)
    loss = ((back - x) ** 2).sum(axis=1).mean() if linear else bernoulli_cross_entropy(z, x)

    learn = compiled([x], loss, mode, updates=adam(params, grad(loss, params), RATE))
    reconstruct = compiled([x], back, mode)
    return learn, reconstruct


def train(x, seed, code, linear, epochs=EPOCHS, mode=MODES["numba"]):
    """-> reconstruct, when it has learnt."""
    rng = np.random.default_rng(seed)
    learn, reconstruct = graph(rng, code, linear, mode)
    for (part,) in minibatches(rng, epochs, x, size=BATCH):
        learn(part)
    return reconstruct


def pca(x, code):
    """-> reconstruct, by the `code` principal components of x (N, pixels)."""
    mean = x.mean(axis=0)
    components = np.linalg.svd(x - mean, full_matrices=False)[2][:code]  # (code, pixels)
    return lambda x: (x - mean) @ components.T @ components + mean


def squared_error(reconstruct, x):
    """The mean over x (N, ...) of the squared error, summed over the pixels."""
    return float(((reconstruct(x) - x) ** 2).sum() / len(x))


def main(seed):
    data = digits(seed)
    found = {
        "PCA": {code: pca(data.x, code) for code in CODES},
        "linear autoencoder": {code: train(data.x, seed, code, True) for code in CODES},
        "sigmoid autoencoder": {code: train(data.x, seed, code, False) for code in CODES},
    }
    print("squared error: training, test".ljust(30), *(f"code of {code:2}" for code in CODES))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    for (name, by_code), style in zip(found.items(), STYLES):
        errors = [
            (squared_error(one, data.x), squared_error(one, data.test_x))
            for one in by_code.values()
        ]
        print(name.ljust(30), *(f"{train:5.2f} {test:5.2f}" for train, test in errors))
        left.plot(CODES, [test for _, test in errors], label=name, **style)
    left.set(xlabel="numbers in the code", ylabel="squared error, test digits", ylim=0)
    left.set_xticks(CODES)
    left.legend(frameon=False, fontsize=8)
    left.grid(alpha=0.3)
    some = data.test_x[:10]
    rows = [some, *(by_code[8](some) for by_code in found.values())]
    show(right, np.concatenate(rows).reshape(-1, 8, 8), columns=10)
    right.set_title("Test digits; by codes of 8: PCA, linear, sigmoid", fontsize=9)
    return figure


if __name__ == "__main__":
    run(main, __doc__)
