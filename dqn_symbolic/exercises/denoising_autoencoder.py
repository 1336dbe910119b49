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

from dqn_symbolic.exercises import autoencoder, data, training
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.optimisers import sgd

EPOCHS, BATCH, RATE, HIDDEN, CORRUPTION = 200, 20, 0.1, 100, 0.3


def corrupt(rng, x, corruption):
    """-> x, where each number is 0 with probability `corruption`, independently of the others."""
    return x * (rng.random(x.shape) >= corruption)


def train(x, rng, hidden, corruption, epochs=EPOCHS):
    """-> reconstruct, encode, W (inputs, hidden), b (hidden,), after training on x (N, inputs)."""
    how = x.shape[1], hidden, False, sgd, RATE
    learn, reconstruct, encode, W, b = autoencoder.graph(rng, *how)
    training.fit(lambda x: learn(corrupt(rng, x, corruption), x), rng, epochs, x, size=BATCH)
    return reconstruct, encode, W.get_value(), b.get_value()


def linear(x, rng):
    """-> the best affine map from corrupted to original digits, for 20 corruptions of each."""
    many = np.tile(x, (20, 1))
    corrupted = corrupt(rng, many, CORRUPTION)
    M = np.linalg.lstsq(np.c_[corrupted, np.ones(len(many))], many)[0]  # (65, 64)
    return lambda x: np.c_[x, np.ones(len(x))] @ M


def main(seed):
    (x, _), (test_x, _) = data.digits(seed)
    rng = np.random.default_rng(seed)
    plain, _, plain_W, _ = train(x, rng, HIDDEN, 0)
    denoising, _, W, _ = train(x, rng, HIDDEN, CORRUPTION)
    corrupted = corrupt(rng, test_x, CORRUPTION)
    outputs = {
        "as it came": corrupted,
        "autoencoder": plain(corrupted),
        "best linear map": linear(x, rng)(corrupted),
        "denoising autoencoder": denoising(corrupted),
    }
    print(f"squared error, summed over the pixels of a test digit ({CORRUPTION:.0%} set to 0)")
    for name, output in outputs.items():
        print(f"{name:22} {autoencoder.squared_error(output, test_x):5.2f}")
    figure, (above, *below) = panels(9, 7.4, 3)
    images = np.concatenate([x[:20] for x in (test_x, *outputs.values())])
    training.show(above, images.reshape(-1, 8, 8), 20, "", ["test digits", *outputs])
    for axes, filters, name in zip(below, (plain_W, W), ("no", f"{CORRUPTION:.0%}")):
        title = f"The hidden units' weights, {name} corruption"
        training.show(axes, training.as_images(filters), 20, title)
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
