"""A multilayer perceptron:  python -m dqn_symbolic.exercises.mlp

Logistic regression on top of a hidden layer; both are learnt together:

    h = tanh(x W1 + b1)
    P(k | x) = softmax_k(h Wout + bout)
    loss = mean of -log P(label | x) + decay / 2 (|W1|^2 + |Wout|^2)

This is the network that learns Catch, with another loss. There is more than one minimum, so the
initial weights matter. They are Glorot's, which are made for tanh.

(Deep Learning Tutorials, "Multilayer Perceptron".)
"""

import numpy as np
import pytensor.tensor as TT

from dqn_symbolic import initialisers, networks
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises import data, logistic_regression, training
from dqn_symbolic.experiments.figures import panels

EPOCHS, BATCH, RATE, DECAY, HIDDEN = 100, 20, 0.1, 1e-3, 100


def graph(rng, mode=MODES["numba"]):
    """-> the `classifier` of this page, with params W1, b1, Wout, bout."""
    first = networks.mlp_params(rng, (data.PIXELS,), (HIDDEN,), data.CLASSES, initialisers.glorot)
    return logistic_regression.classifier(first, RATE, DECAY, TT.tanh, mode)


def train(digits, seed, epochs=EPOCHS, mode=MODES["numba"]):
    """-> forward, W1 (64, hidden), after training on digits = (x, label)."""
    rng = np.random.default_rng(seed)
    learn, forward, params = graph(rng, mode)
    training.fit(learn, rng, epochs, *digits, size=BATCH)
    return forward, params[0].get_value()


def main(seed):
    digits, test = data.digits(seed)
    forward, W1 = train(digits, seed)
    training.print_errors(forward, training=digits, test=test)
    figure, axes = panels(9, 2.6)
    title = f"What each of the {HIDDEN} hidden units looks for"
    training.show(axes, training.as_images(W1), 20, title)
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
