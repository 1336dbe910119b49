"""Autoencoders:  python -m dqn_symbolic.exercises.autoencoder

A digit of 64 pixels becomes a code of a few numbers. The code alone is to reconstruct the digit:

    code = s(x W + b)
    x' = s(code W^T + c)

The decoder's weights are the encoder's, transposed ("tied weights"). In the tutorial, s is the
sigmoid. Pixels are then read as probabilities, and the loss is their cross-entropy. With s(z) = z,
the autoencoder is *linear*, and the loss is the squared error. Its best solution is known: the
principal components, as many as the code has numbers. There are no local minima (Baldi & Hornik
1989; Yang 1995 for tied weights). So the linear autoencoder should become as good as PCA, which is
computed without learning.

(Deep Learning Tutorials, "Denoising Autoencoders (dA)", section "Autoencoders".)
"""

import numpy as np
import pytensor.tensor as TT
from pytensor import grad

from dqn_symbolic import initialisers, optimisers
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises import data, training
from dqn_symbolic.experiments.figures import STYLES, panels
from dqn_symbolic.q_learning import compiled, shared

CODE_SIZES = 2, 4, 8, 16  # numbers in a code
EPOCHS, BATCH, RATE = 500, 100, 3e-3


def graph(rng, inputs, code_size, linear, optimiser, rate, mode=MODES["numba"]):
    """-> learn(seen, x) -> loss, reconstruct(seen) -> x', encode(seen) -> code, W, b.

    seen, x, x' (B, inputs), code (B, code_size). The encoder sees `seen`, and x' should become x.
    Here they are the same; on the next page they are not.
    """
    W = shared(initialisers.glorot(rng, (inputs, code_size)), "W")
    b = shared(np.zeros(code_size, np.float32), "b")
    c = shared(np.zeros(inputs, np.float32), "c")
    params = [W, b, c]

    seen = TT.matrix("seen", shape=(None, inputs))
    x = TT.matrix("x", shape=(None, inputs))

    z = TT.dot(seen, W) + b  # (B, code_size)
    code = z if linear else TT.sigmoid(z)
    z = TT.dot(code, W.T) + c  # (B, inputs)
    output = z if linear else TT.sigmoid(z)
    loss = ((output - x) ** 2).sum(axis=1).mean() if linear else bernoulli_cross_entropy(z, x)

    learn = compiled([seen, x], loss, mode, updates=optimiser(params, grad(loss, params), rate))
    reconstruct = compiled([seen], output, mode)
    encode = compiled([seen], code, mode)
    return learn, reconstruct, encode, W, b


def bernoulli_cross_entropy(logits, x):
    """-> the mean over B of the sum of -x log p - (1 - x) log(1 - p).  logits, x (B, ...)"""
    # p = sigmoid(logits), by the logits: no p is rounded to 0 before its logarithm is taken.
    return (TT.softplus(logits) - x * logits).sum() / x.shape[0].astype("float32")


def train(x, seed, code_size, linear):
    """-> reconstruct, after training on x (N, 64)."""
    rng = np.random.default_rng(seed)
    learn, reconstruct, *_ = graph(rng, data.PIXELS, code_size, linear, optimisers.adam, RATE)
    training.fit(lambda part: learn(part, part), rng, EPOCHS, x, size=BATCH)
    return reconstruct


def pca(x, code_size):
    """-> reconstruct(x) -> x', by the first `code_size` principal components.  x, x' (N, ...)"""
    mean = x.mean(axis=0)
    _, deviations, V = np.linalg.svd((x - mean).reshape(len(x), -1), full_matrices=False)
    # Components along which x does not vary are left out: rounding alone would choose them.
    rank = (deviations > 1e-5 * deviations[0]).sum()
    V = V[: min(code_size, rank)]  # (at most code_size, pixels): the components
    return lambda x: ((x - mean).reshape(len(x), -1) @ V.T @ V).reshape(x.shape) + mean


def squared_error(reconstruction, x):
    """x (N, ...) -> the squared error of a reconstruction of x, summed over pixels, mean over N."""
    return float(((reconstruction - x) ** 2).sum() / len(x))


def main(seed):
    x, test_x = xs = [x for x, _ in data.digits(seed)]
    methods = {
        "PCA": {size: pca(x, size) for size in CODE_SIZES},
        "linear autoencoder": {size: train(x, seed, size, True) for size in CODE_SIZES},
        "sigmoid autoencoder": {size: train(x, seed, size, False) for size in CODE_SIZES},
    }
    print("squared error: training, test".ljust(30), *(f"code of {size:2}" for size in CODE_SIZES))
    figure, (left, right) = panels(9, 3.4, 1, 2, width_ratios=(2, 3))
    for (name, by_size), style in zip(methods.items(), STYLES):
        errors = [[squared_error(method(x), x) for x in xs] for method in by_size.values()]
        print(name.ljust(30), *(f"{train:5.2f} {test:5.2f}" for train, test in errors))
        left.plot(CODE_SIZES, [test for _, test in errors], label=name, **style)
    left.set(xlabel="numbers in the code", ylabel="squared error, test digits", ylim=0)
    left.set_xticks(CODE_SIZES)
    left.legend(frameon=False, fontsize=8)
    x = test_x[:10]
    images = np.concatenate([x, *(method[8](x) for method in methods.values())]).reshape(-1, 8, 8)
    training.show(right, images, 10, "what comes back from codes of 8", ["test digits", *methods])
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
