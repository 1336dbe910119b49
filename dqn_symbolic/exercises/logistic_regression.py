"""Logistic regression:  python -m dqn_symbolic.exercises.logistic_regression

The probability that digit x shows a k is a softmax of ten weighted sums of its pixels:

    P(k | x) = exp(x W_k + b_k) / sum over j of exp(x W_j + b_j)

Learning minimises the mean of -log P(label | x), plus a small multiple of the squared weights:

    loss = mean of -log P(label | x) + decay / 2 |W|^2

Without the second term there is no minimum: these digits can be separated without an error, and
then larger weights always fit better. With it there is exactly one minimum, up to a number added to
all b_k. It is also that of scikit-learn's LogisticRegression(C=1 / (N decay)).

(Deep Learning Tutorials, "Classifying MNIST digits using Logistic Regression".)
"""

import numpy as np
import pytensor.tensor as TT
from pytensor import grad
from pytensor.tensor.special import log_softmax

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises import data, training
from dqn_symbolic.experiments.figures import panels
from dqn_symbolic.networks import mlp
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import compiled, one_hot, shared

EPOCHS, BATCH, RATE, DECAY = 1000, 100, 0.5, 1e-3


def classifier(first_params, rate, decay=0.0, activation=None, mode=MODES["numba"]):
    """-> learn(x, label) -> loss, forward(x) -> logits, params.  x (B, 64), label (B,)

    first_params: {name: array}, W and b of each layer; activation: that of all layers but the last.
    An update is a step of gradient descent on the cross-entropy plus decay / 2 |W|^2, for all W.
    """
    params = [shared(value, name) for name, value in first_params.items()]

    x = TT.matrix("x", shape=(None, data.PIXELS))
    label = TT.ivector("label")

    logits = mlp(x, params, activation)  # (B, 10): with one layer, as here, x W + b
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


def graph(mode=MODES["numba"]):
    """-> the `classifier` of this page, with params W (64, 10), b (10,)."""
    W = np.zeros((data.PIXELS, data.CLASSES), np.float32)
    return classifier({"W": W, "b": W[0]}, RATE, DECAY, mode=mode)


def train(digits, seed):
    """-> forward, W (64, 10), b (10,), after training on digits = (x, label)."""
    learn, forward, (W, b) = graph()
    training.fit(learn, np.random.default_rng(seed), EPOCHS, *digits, size=BATCH)
    return forward, W.get_value(), b.get_value()


def main(seed):
    digits, test = data.digits(seed)
    forward, W, _ = train(digits, seed)
    training.print_errors(forward, training=digits, test=test)
    figure, axes = panels(7, 3)
    title = "The weights of 0 to 4 and of 5 to 9: white pixels speak for the digit"
    training.show(axes, training.as_images(W), 5, title)
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
