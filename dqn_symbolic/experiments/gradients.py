"""A gradient as one vector, and how noisy it is."""

import numpy as np


def noise(gradients, mean):
    """gradients: draws of g (parameters,); mean: E g. -> E |g - E g|**2 / |E g|**2"""
    distances = [float(np.sum((g - mean) ** 2)) for g in gradients]
    return sum(distances) / len(distances) / float(np.sum(mean**2))


def flat(gradient):
    """-> vector(*batch) -> (parameters,) float64: the arrays of gradient(*batch) -> _, *arrays"""

    def vector(*batch):
        return np.concatenate([g.ravel() for g in gradient(*batch)[1:]]).astype(np.float64)

    return vector
