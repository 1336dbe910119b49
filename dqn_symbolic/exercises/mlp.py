"""A multilayer perceptron:  python -m dqn_symbolic.exercises.mlp

Logistic regression on top of a hidden layer; both are learnt together:

    h = tanh(x W1 + b1)
    P(k | x) = softmax_k(h Wout + bout)
    loss = mean of -log P(label | x) + decay / 2 (|W1|^2 + |Wout|^2)

This is the network that learns Catch, with another loss. There is more than one minimum, so the
first weights matter. They are Glorot's, which are made for tanh.

(Deep Learning Tutorials, "Multilayer Perceptron".)
"""

from functools import partial

import numpy as np
import pytensor.tensor as TT

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import CLASSES, PIXELS, digits
from dqn_symbolic.exercises.logistic_regression import classifier
from dqn_symbolic.exercises.training import as_images, fit, print_errors, run, show
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import mlp, mlp_params

EPOCHS, BATCH, RATE, DECAY, HIDDEN = 100, 20, 0.1, 1e-3, 100


def graph(rng, mode=MODES["numba"]):
    """-> the `classifier` of this page, with params W1, b1, Wout, bout."""
    first = mlp_params(rng, (PIXELS,), (HIDDEN,), CLASSES, glorot)
    return classifier(partial(mlp, activation=TT.tanh), first, RATE, DECAY, mode)


def train(data, seed, epochs=EPOCHS, mode=MODES["numba"]):
    """-> forward, W1 (64, hidden), after training."""
    rng = np.random.default_rng(seed)
    learn, forward, params = graph(rng, mode)
    fit(learn, rng, epochs, data.x, data.label, size=BATCH)
    return forward, params[0].get_value()


def main(seed):
    data = digits(seed)
    forward, W1 = train(data, seed)
    print_errors(forward, data)
    figure, axes = panels(9, 2.6)
    show(axes, as_images(W1), 20, f"What each of the {HIDDEN} hidden units looks for")
    return figure


if __name__ == "__main__":
    run(main, __doc__)
