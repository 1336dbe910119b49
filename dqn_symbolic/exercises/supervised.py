"""The losses of supervised learning: means over the minibatch, -> loss ().

Both take logits, the inputs of the last softmax or sigmoid. So no probability is rounded to 0
before its logarithm is taken.
"""

import pytensor.tensor as TT
from pytensor.tensor.special import log_softmax

from dqn_symbolic.q_learning import one_hot


def cross_entropy(logits, label):
    """-log softmax(logits)[label]. logits (B, classes) float32, label (B,) int32.

    Raises TypeError if the number of classes is not known when the graph is built.
    """
    log_p = log_softmax(logits, axis=1)  # (B, classes)
    return -(log_p * one_hot(label, logits.type.shape[1])).sum(axis=1).mean()


def bernoulli_cross_entropy(logits, x):
    """-x log p - (1 - x) log(1 - p) for p = sigmoid(logits), summed over all axes but the batch.

    logits, x (B, ...) float32, x in 0..1. (Deep Learning Tutorials, "Denoising Autoencoders".)
    """
    return (TT.softplus(logits) - x * logits).sum() / x.shape[0].astype("float32")
