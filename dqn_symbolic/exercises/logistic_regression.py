"""Logistic regression:  python -m dqn_symbolic.exercises.logistic_regression

The probability that digit x shows a k is a softmax of ten weighted sums of its pixels:

    P(k | x) = exp(x W_k + b_k) / sum over j of exp(x W_j + b_j)

Learning minimises the mean of -log P(label | x) over the training digits, plus a small multiple of
the squared weights:

    loss = mean of -log P(label | x) + decay / 2 |W|^2

Without the second term there is no minimum: these digits can be separated without an error, and
then larger weights always fit better. With it there is exactly one minimum. It is also the minimum
of scikit-learn's LogisticRegression(C=1 / (N decay)).

(Deep Learning Tutorials, "Classifying MNIST digits using Logistic Regression".)
"""

import numpy as np
import pytensor.tensor as TT
from matplotlib.figure import Figure
from pytensor import grad

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import CLASSES, PIXELS, digits
from dqn_symbolic.exercises.supervised import cross_entropy
from dqn_symbolic.exercises.training import as_images, error_rate, minibatches, run, show
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import compiled, shared

EPOCHS, BATCH, RATE, DECAY = 1000, 100, 0.5, 1e-3


def graph(mode=MODES["numba"]):
    """-> learn(x, label) -> loss, forward(x) -> logits, W, b.  x (B, 64), label (B,)"""
    W = shared(np.zeros((PIXELS, CLASSES), "float32"), "W")
    b = shared(np.zeros(CLASSES, "float32"), "b")

    x = TT.matrix("x", shape=(None, PIXELS))
    label = TT.ivector("label")

    logits = TT.dot(x, W) + b  # (B, 10)
    loss = cross_entropy(logits, label) + DECAY / 2 * (W**2).sum()
    updates = sgd([W, b], grad(loss, [W, b]), RATE)

    learn = compiled([x, label], loss, mode, updates=updates)
    forward = compiled([x], logits, mode)
    return learn, forward, W, b


def train(data, seed, epochs=EPOCHS, mode=MODES["numba"]):
    """-> forward, W (64, 10), b (10,), after training."""
    learn, forward, W, b = graph(mode)
    for x, label in minibatches(
        np.random.default_rng(seed), epochs, data.x, data.label, size=BATCH
    ):
        learn(x, label)
    return forward, W.get_value(), b.get_value()


def main(seed):
    data = digits(seed)
    forward, W, _ = train(data, seed)
    for name, x, label in ("training", data.x, data.label), ("test", data.test_x, data.test_label):
        print(f"{name} error {error_rate(forward(x), label):.1%} of {len(x):,} digits")
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    show(axes, as_images(W), columns=5)
    axes.set_title(
        "The weights of 0 to 4 and of 5 to 9: white pixels speak for the digit", fontsize=9
    )
    return figure


if __name__ == "__main__":
    run(main, __doc__)
