"""A multilayer perceptron:  python -m dqn_symbolic.exercises.mlp

Logistic regression on top of a hidden layer; both are learnt together:

    h = tanh(x W1 + b1)
    P(k | x) = softmax_k(h Wout + bout)
    loss = mean of -log P(label | x) + decay / 2 (|W1|^2 + |Wout|^2)

This is the network that learns Catch, with another loss. There is more than one minimum, so the
first weights matter. They are Glorot's, which are made for tanh.

(Deep Learning Tutorials, "Multilayer Perceptron".)
"""

import numpy as np
import pytensor.tensor as TT
from matplotlib.figure import Figure
from pytensor import grad

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import CLASSES, PIXELS, digits
from dqn_symbolic.exercises.supervised import cross_entropy
from dqn_symbolic.exercises.training import as_images, error_rate, minibatches, run, show
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import mlp, mlp_params
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import compiled, shared

EPOCHS, BATCH, RATE, DECAY, HIDDEN = 100, 20, 0.1, 1e-3, 100


def graph(rng, mode=MODES["numba"]):
    """-> learn(x, label) -> loss, forward(x) -> logits, params.  x (B, 64), label (B,)"""
    first = mlp_params(rng, (PIXELS,), (HIDDEN,), CLASSES, glorot)
    params = W1, _, Wout, _ = [shared(value, name) for name, value in first.items()]

    x = TT.matrix("x", shape=(None, PIXELS))
    label = TT.ivector("label")

    logits = mlp(x, params, TT.tanh)  # (B, 10)
    squares = (W1**2).sum() + (Wout**2).sum()
    loss = cross_entropy(logits, label) + DECAY / 2 * squares
    updates = sgd(params, grad(loss, params), RATE)

    learn = compiled([x, label], loss, mode, updates=updates)
    forward = compiled([x], logits, mode)
    return learn, forward, params


def train(data, seed, epochs=EPOCHS, mode=MODES["numba"]):
    """-> forward, W1 (64, hidden), after training."""
    rng = np.random.default_rng(seed)
    learn, forward, params = graph(rng, mode)
    for x, label in minibatches(rng, epochs, data.x, data.label, size=BATCH):
        learn(x, label)
    return forward, params[0].get_value()


def main(seed):
    data = digits(seed)
    forward, W1 = train(data, seed)
    for name, x, label in ("training", data.x, data.label), ("test", data.test_x, data.test_label):
        print(f"{name} error {error_rate(forward(x), label):.1%} of {len(x):,} digits")
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    show(axes, as_images(W1), columns=20)
    axes.set_title(f"What each of the {HIDDEN} hidden units looks for", fontsize=9)
    return figure


if __name__ == "__main__":
    run(main, __doc__)
