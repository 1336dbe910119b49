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

from functools import partial

import numpy as np

from dqn_symbolic.exercises.autoencoder import graph, squared_error
from dqn_symbolic.exercises.data import digits
from dqn_symbolic.exercises.training import as_images, fit, run, show
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.optimisers import sgd

EPOCHS, BATCH, RATE, HIDDEN, CORRUPTION = 200, 20, 0.1, 100, 0.3


def corrupt(rng, x, corruption):
    """-> x, where each number is 0 with probability `corruption`, independently of the others."""
    return x * (rng.random(x.shape) >= corruption)


def train(x, rng, hidden, corruption, epochs=EPOCHS):
    """-> reconstruct, encode, W (inputs, hidden), b (hidden,), after training on x (N, inputs)."""
    optimiser = partial(sgd, learning_rate=RATE)
    learn, reconstruct, encode, W, b = graph(rng, x.shape[1], hidden, False, optimiser)
    fit(lambda part: learn(corrupt(rng, part, corruption), part), rng, epochs, x, size=BATCH)
    return reconstruct, encode, W.get_value(), b.get_value()


def linear(x, rng):
    """-> the best affine map from corrupted to original digits, for 20 corruptions of each."""
    many = np.tile(x, (20, 1))
    corrupted = corrupt(rng, many, CORRUPTION)
    M = np.linalg.lstsq(np.c_[corrupted, np.ones(len(many))], many)[0]  # (65, 64)
    return lambda x: np.c_[x, np.ones(len(x))] @ M


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
        print(f"{name:22} {squared_error(output, data.test_x):5.2f}")
    figure, (above, *below) = panels(9, 7.4, 3)
    images = np.concatenate([x[:20] for x in (data.test_x, *outputs.values())])
    show(above, images.reshape(-1, 8, 8), 20, f"Test digits; {'; '.join(outputs)}")
    for axes, filters, name in zip(below, (plain_W, W), ("no", f"{CORRUPTION:.0%}")):
        show(axes, as_images(filters), 20, f"The hidden units' weights, {name} corruption")
    return figure


if __name__ == "__main__":
    run(main, __doc__)
