"""Logistic regression:  python -m dqn_symbolic.exercises.logistic_regression

The probability that digit x shows a k is a softmax of ten weighted sums of its pixels:

    P(k | x) = exp(x W_k + b_k) / sum over j of exp(x W_j + b_j)

Learning minimises the mean of -log P(label | x), plus a small multiple of the squared weights:

    loss = mean of -log P(label | x) + decay / 2 |W|^2

Without the second term there is no minimum: these digits can be separated without an error, and
then larger weights always fit better. With it there is exactly one minimum. It is also the minimum
of scikit-learn's LogisticRegression(C=1 / (N decay)).

(Deep Learning Tutorials, "Classifying MNIST digits using Logistic Regression".)
"""

import numpy as np
import pytensor.tensor as TT
from pytensor import grad
from pytensor.tensor.special import log_softmax

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises.data import CLASSES, PIXELS, digits
from dqn_symbolic.exercises.training import as_images, fit, print_errors, run, show
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import compiled, one_hot, shared

EPOCHS, BATCH, RATE, DECAY = 1000, 100, 0.5, 1e-3


def classifier(network, first_params, rate, decay=0.0, mode=MODES["numba"]):
    """-> learn(x, label) -> loss, forward(x) -> logits, params.  x (B, 64), label (B,)

    network(x, params) -> logits (B, 10); first_params: {name: array}. An update is a step of
    gradient descent on the cross-entropy plus decay / 2 |W|^2, for all weights W.
    """
    params = [shared(value, name) for name, value in first_params.items()]

    x = TT.matrix("x", shape=(None, PIXELS))
    label = TT.ivector("label")

    logits = network(x, params)
    loss = cross_entropy(logits, label)
    if decay:
        loss += decay / 2 * sum((W**2).sum() for W in params if W.ndim == 2)

    learn = compiled([x, label], loss, mode, updates=sgd(params, grad(loss, params), rate))
    forward = compiled([x], logits, mode)
    return learn, forward, params


def cross_entropy(logits, label):
    """-> the mean of -log softmax(logits)[label].  logits (B, classes), label (B,) int32

    Raises TypeError if the number of classes is not known when the graph is built.
    """
    log_p = log_softmax(logits, axis=1)  # (B, classes), of probabilities that are not rounded
    return -(log_p * one_hot(label, logits.type.shape[1])).sum(axis=1).mean()


def weighted_sums(x, params):
    W, b = params
    return TT.dot(x, W) + b  # (B, 10)


def graph(mode=MODES["numba"]):
    """-> the `classifier` of this page, with params W (64, 10), b (10,)."""
    W, b = np.zeros((PIXELS, CLASSES), np.float32), np.zeros(CLASSES, np.float32)
    return classifier(weighted_sums, {"W": W, "b": b}, RATE, DECAY, mode)


def train(data, seed):
    """-> forward, W (64, 10), b (10,), after training."""
    learn, forward, (W, b) = graph()
    fit(learn, np.random.default_rng(seed), EPOCHS, data.x, data.label, size=BATCH)
    return forward, W.get_value(), b.get_value()


def main(seed):
    data = digits(seed)
    forward, W, _ = train(data, seed)
    print_errors(forward, data)
    figure, axes = panels(7, 3)
    title = "The weights of 0 to 4 and of 5 to 9: white pixels speak for the digit"
    show(axes, as_images(W), 5, title)
    return figure


if __name__ == "__main__":
    run(main, __doc__)
