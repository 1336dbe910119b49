"""First weights: the lecture's three to compare (exercise II), the Nature agent's, and biases.

Each is a function (rng, shape) -> float32 array. The last axis of `shape` counts a layer's outputs.
All other axes together count the inputs of one output. For a dense layer: (inputs, outputs).
"""

from math import prod

import numpy as np


def fans(shape):
    """-> (fan_in, fan_out): the inputs that feed one output, the outputs that one input feeds."""
    *window, inputs, outputs = shape
    return prod(window) * inputs, prod(window) * outputs


def glorot(rng, shape):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16)."""
    bound = np.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def uniform_fan_in(rng, shape):
    """Uniform in +-1/fan_in (the lecture's exercise II)."""
    bound = 1 / fans(shape)[0]
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def orthogonal(rng, shape):
    """All singular values 1 (the lecture's exercise II; Saxe, McClelland & Ganguli 2014)."""
    fan_in, outputs = fans(shape)[0], shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(fan_in, outputs), min(fan_in, outputs))))
    q *= np.sign(np.diag(r))  # without this, LAPACK chooses the signs, and not at random
    q = q if fan_in >= outputs else q.T
    return q.reshape(shape).astype(np.float32)


def nature(rng, shape):
    """Uniform in +-1/sqrt(fan_in), as in the Nature agent's code."""
    bound = 1 / np.sqrt(fans(shape)[0])
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def biases(rng, shape, initialiser):
    """-> (outputs,) float32, for weights of that shape: 0, or drawn like them with `nature`."""
    if initialiser is nature:
        bound = 1 / np.sqrt(fans(shape)[0])
        return rng.uniform(-bound, bound, shape[-1]).astype(np.float32)
    return np.zeros(shape[-1], np.float32)
