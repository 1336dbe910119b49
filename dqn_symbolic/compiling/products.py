"""Matrix products in parts that OpenBLAS multiplies without packing.

Before OpenBLAS multiplies two matrices, it copies them into a packed form. For a minibatch of 32
and a dense layer of 2,592 x 256 weights, this takes longer than the product. On processors with
AVX-512 it has other kernels, without packing, for products of at most 100**3 multiplications. So a
product is cut along its largest size: the rows of the result, its columns, or the inner size.
"""

import llvmlite.binding
import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit

from dqn_symbolic.compiling.cache import text_of

HAS_SMALL_KERNELS = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
MOST = 100**3  # multiplications in a product without packing
LEAST = 32  # rows or columns in a part: with fewer, the calls would take longer than the packing
LARGE = 2**18  # numbers in a matrix that is worth it
TEXT = text_of(__file__)  # in the keys of its callers


def in_parts(rows, inner, columns):
    """-> the function(a, b) that cuts the product (rows, inner) @ (inner, columns), or None.

    A size is None if the graph does not know it: that of the minibatch.
    """
    sizes = rows or 0, inner or 0, columns or 0
    _, second, largest = sorted(sizes)
    if not HAS_SMALL_KERNELS or second * largest < LARGE:
        return None
    return (by_rows, by_inner, by_columns)[sizes.index(largest)]


@numba_njit
def by_rows(a, b):
    size = MOST // max(1, b.size)
    if size < LEAST or size >= len(a):
        return np.dot(a, b)
    a, out = np.ascontiguousarray(a), np.empty((len(a), b.shape[1]), a.dtype)
    for first in range(0, len(a), size):
        part = slice(first, first + size)
        np.dot(a[part], b, out[part])
    return out


@numba_njit
def by_inner(a, b):
    size = MOST // max(1, len(a) * b.shape[1])
    # If the sizes differ, np.dot raises the error.
    if size < LEAST or size >= len(b) or a.shape[1] != len(b):
        return np.dot(a, b)
    out = np.zeros((len(a), b.shape[1]), a.dtype)
    for first in range(0, len(b), size):
        part = slice(first, first + size)
        out += np.dot(np.ascontiguousarray(a[:, part]), np.ascontiguousarray(b[part]))
    return out


@numba_njit
def by_columns(a, b):
    size = MOST // max(1, a.size)
    if size < LEAST:
        return np.dot(a, b)
    out = np.empty((len(a), b.shape[1]), a.dtype)
    a, b = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    for first in range(0, len(b), size):
        part = slice(first, first + size)
        out[:, part] = np.dot(b[part], a).T
    return out
