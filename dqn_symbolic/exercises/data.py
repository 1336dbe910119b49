"""The exercises' data, none of it downloaded: scikit-learn's digits, and frames of two games."""

from typing import NamedTuple

import numpy as np

SIDE, PIXELS, CLASSES = 8, 64, 10  # of a digit; and how many digits there are
TEST = 500  # of the 1,797 digits


class Digits(NamedTuple):
    """x (N, 64) float32, 0..1 (white); label (N,) int32, 0..9; the same for testing."""

    x: np.ndarray
    label: np.ndarray
    test_x: np.ndarray
    test_label: np.ndarray


def digits(seed):
    """-> 1,297 digits to learn from and 500 to be tested on, dealt out by the seed.

    Raises ModuleNotFoundError, with what to do, where scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the digits are part of scikit-learn: pip install -e '.[exercises]'"
        ) from error
    pixels, label = load_digits(return_X_y=True)  # 0..16, by Alpaydin & Kaynak 1998
    x, label = (pixels / 16).astype(np.float32), label.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = order[:TEST], order[TEST:]
    return Digits(x[train], label[train], x[test], label[test])
