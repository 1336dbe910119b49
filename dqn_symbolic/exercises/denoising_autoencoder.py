"""A denoising autoencoder:  python -m dqn_symbolic.exercises.denoising_autoencoder

An autoencoder with more hidden units than pixels could learn to copy each pixel, and nothing about
digits. A denoising autoencoder gets a digit with some pixels set to 0, and has to reconstruct the
original. So it must learn which pixels belong together:

    x~ = x, where each pixel is 0 with probability `corruption`
    h = sigmoid(x~ W + b)
    x' = sigmoid(h W^T + c)
    loss = cross-entropy of x' against x, not x~

The corruption is drawn outside the graph, so there are no random numbers in the graph.

(Vincent, Larochelle, Bengio & Manzagol 2008; Deep Learning Tutorials, "Denoising Autoencoders".)
"""

import numpy as np
import pytensor.tensor as TT
from matplotlib.figure import Figure
from pytensor import grad

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import digits
from dqn_symbolic.exercises.supervised import bernoulli_cross_entropy
from dqn_symbolic.exercises.training import as_images, minibatches, run, show
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import compiled, shared

EPOCHS, BATCH, RATE, HIDDEN, CORRUPTION = 200, 20, 0.1, 100, 0.3


def graph(rng, inputs, hidden, mode=MODES["numba"]):
    """-> learn(corrupted, x) -> loss, reconstruct(x) -> x', encode(x) -> h, W, b.

    corrupted, x, x' (B, inputs), h (B, hidden); all 0..1.
    """
    W = shared(glorot(rng, (inputs, hidden)), "W")
    b, c = shared(np.zeros(hidden, "float32"), "b"), shared(np.zeros(inputs, "float32"), "c")
    params = [W, b, c]

    corrupted = TT.matrix("corrupted", shape=(None, inputs))
    x = TT.matrix("x", shape=(None, inputs))

    h = TT.sigmoid(TT.dot(corrupted, W) + b)  # (B, hidden)
    logits = TT.dot(h, W.T) + c  # (B, inputs)
    loss = bernoulli_cross_entropy(logits, x)
    updates = sgd(params, grad(loss, params), RATE)

    learn = compiled([corrupted, x], loss, mode, updates=updates)
    reconstruct = compiled([corrupted], TT.sigmoid(logits), mode)
    encode = compiled([corrupted], h, mode)
    return learn, reconstruct, encode, W, b


def corrupt(rng, x, corruption):
    """-> x, where each number is 0 with probability `corruption`, independently of the others."""
    return x * (rng.random(x.shape) >= corruption)


def train(x, rng, hidden, corruption, epochs=EPOCHS, mode=MODES["numba"]):
    """-> reconstruct, encode, W (inputs, hidden), b (hidden,), after training on x (N, inputs)."""
    learn, reconstruct, encode, W, b = graph(rng, x.shape[1], hidden, mode)
    for (part,) in minibatches(rng, epochs, x, size=BATCH):
        learn(corrupt(rng, part, corruption), part)
    return reconstruct, encode, W.get_value(), b.get_value()


def linear(x, rng):
    """-> the best affine map from corrupted to original digits, for 20 corruptions of each."""
    many = np.tile(x, (20, 1))

    def with_1(x):
        return np.column_stack([x, np.ones(len(x))])

    M = np.linalg.lstsq(with_1(corrupt(rng, many, CORRUPTION)), many)[0]  # (65, 64)
    return lambda x: with_1(x) @ M


def main(seed):
    data, rng = digits(seed), np.random.default_rng(seed)
    plain, _, plain_W, _ = train(data.x, rng, HIDDEN, 0)
    denoising, _, W, _ = train(data.x, rng, HIDDEN, CORRUPTION)
    corrupted = corrupt(rng, data.test_x, CORRUPTION)
    outputs = {
        "as it came": corrupted,
        "autoencoder": plain(corrupted),
        "best linear map": linear(data.x, rng)(corrupted),
        "denoising autoencoder": denoising(corrupted),
    }
    print(f"squared error, summed over the pixels of a test digit ({CORRUPTION:.0%} set to 0)")
    for name, output in outputs.items():
        error = ((output - data.test_x) ** 2).sum(axis=1).mean()
        print(f"{name:22} {error:5.2f}")
    figure = Figure(figsize=(9, 7.4), layout="constrained")
    above, *below = figure.subplots(3)
    images = np.concatenate([x[:20] for x in (data.test_x, *outputs.values())])
    show(above, images.reshape(-1, 8, 8), columns=20)
    above.set_title(f"Test digits; {'; '.join(outputs)}", fontsize=9)
    for axes, filters, name in zip(below, (plain_W, W), ("no", f"{CORRUPTION:.0%}")):
        show(axes, as_images(filters), columns=20)
        axes.set_title(f"The hidden units' weights, {name} corruption", fontsize=9)
    return figure


if __name__ == "__main__":
    run(main, __doc__)
