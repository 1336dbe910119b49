"""A convolutional autoencoder:  python -m dqn_symbolic.exercises.convolutional_autoencoder

Convolutions with strides turn a frame of Catch into a small code. Their transposes turn it back:

    h = networks.relu(conv2d(x, K1, stride 4) + k1)                84 x 84 x 1 -> 20 x 20 x 16
    code = networks.relu(conv2d(h, K2, stride 2) + k2)             -> 9 x 9 x 4
    h' = networks.relu(conv2d_transpose(code, L2, stride 2) + c2)  -> 20 x 20 x 16
    x' = sigmoid(conv2d_transpose(h', L1, stride 4) + c1) -> 84 x 84 x 1
    loss = cross-entropy of x' against x

A filter is the same at every position, so what it learns from a ball in one cell helps in all
cells. (It is exactly the same after shifts by 8 pixels, the product of the strides.) The test needs
this: every test ball is in a cell that held no ball in training. The comparison is PCA, with a code
of at most the same size. It learns each position by itself.

(The lecture's exercise III: "convolutions both in the encoder and the decoder. Extra kudos for
allowing pooling (or strides) in the encoder". Sizes and strides: the Nature network's first two.)
"""

import numpy as np
import pytensor.tensor as TT
from pytensor import grad

from dqn_symbolic import initialisers, networks, optimisers
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.compiling.conv import conv2d, conv2d_transpose
from dqn_symbolic.exercises import autoencoder, data, training
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.q_learning import compiled, shared

FILTERS = (16, 8, 4), (4, 4, 2)  # of each layer: how many, their size, their stride
EPOCHS, BATCH, RATE = 100, 20, 5e-3


def graph(rng, image, filters=FILTERS, mode=MODES["numba"]):
    """-> learn(x) -> loss, encode(x) -> code, reconstruct(x) -> x'.  x, x' (B, *image)"""
    x = TT.tensor("x", dtype="float32", shape=(None, *image))  # (B, height, width, channels)

    params, decoder, h = [], [], x
    for layer, (number, size, stride) in enumerate(filters, 1):
        *sides, channels = h.type.shape[1:]
        shape = size, size, channels, number
        K, L = (shared(initialisers.glorot(rng, shape), f"{name}{layer}") for name in "KL")
        k = shared(np.zeros(number, np.float32), f"k{layer}")
        c = shared(np.zeros(channels, np.float32), f"c{layer}")
        params += [K, k, L, c]
        decoder.insert(0, (L, c, sides, stride))
        h = networks.relu(conv2d(h, K, stride) + k)
    code = h
    for L, c, sides, stride in decoder:
        logits = conv2d_transpose(h, L, sides, stride) + c
        h = networks.relu(logits)  # not used after the last layer, which has a sigmoid
    loss = autoencoder.bernoulli_cross_entropy(logits, x)

    learn = compiled([x], loss, mode, updates=optimisers.adam(params, grad(loss, params), RATE))
    encode = compiled([x], code, mode)
    reconstruct = compiled([x], TT.sigmoid(logits), mode)
    return learn, encode, reconstruct


def train(x, seed, epochs=EPOCHS):
    """-> encode, reconstruct, after training on x (N, height, width, channels)."""
    rng = np.random.default_rng(seed)
    learn, encode, reconstruct = graph(rng, x.shape[1:])
    training.fit(learn, rng, epochs, x, size=BATCH)
    return encode, reconstruct


def main(seed):
    x, test_x = frames = data.catch(seed)
    encode, reconstruct = train(x, seed)
    code_size = encode(x[:1]).size
    methods = {
        "the mean frame": autoencoder.pca(x, 0),
        f"PCA, up to {code_size} numbers": autoencoder.pca(x, code_size),
        f"convolutions, {code_size} numbers": reconstruct,
    }
    print("squared error, summed over the pixels of a frame; training, test")
    for label, method in methods.items():
        print(f"{label:26}", *(f"{autoencoder.squared_error(method(x), x):8.2f}" for x in frames))
    figure, axes = panels(11, 4.2)
    x = test_x[:8]
    images = np.concatenate([x, *(method(x) for method in methods.values())])[..., 0]
    training.show(axes, images, 8, "", ["test frames", *methods])
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
