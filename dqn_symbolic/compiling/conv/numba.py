"""The three convolutions for numba: each is a matrix product over a block of images at a time.

The matrix has a row for each window and kh kw C columns. It holds each pixel up to
kh kw / stride**2 times, so for a whole batch it would be too large for the processor's cache. For a
block of a few images it fits.
"""

import zlib
from pathlib import Path

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from dqn_symbolic.compiling import products
from dqn_symbolic.compiling.conv.op import Conv2D, InputGradient, KernelGradient

BLOCK = 2**18  # numbers in a block of windows: 1 MB of float32

# An Op's key in numba's cache on disk is its name, its props and this checksum of the two files. So
# after an edit the Op is compiled again.
TEXT = zlib.crc32(Path(__file__).read_bytes(), products.TEXT)


@numba_njit
def as_matrix(array):
    """(..., n) -> (m, n)"""
    return array.reshape(-1, array.shape[-1])


@numba_njit
def block_of_windows(y, kernel):
    """-> an empty array for the windows of a block of images, (images, Ho, Wo, kh kw C)"""
    B, Ho, Wo, F = y.shape
    size = kernel.size // F
    images = max(1, min(B, BLOCK // (Ho * Wo * size)))
    return np.empty((images, Ho, Wo, size), kernel.dtype)


@numba_njit
def copy(x, block, kh, stride, back):
    """Copies the windows of x (images, H, W, C) to block (images, Ho, Wo, kh kw C).

    With `back` it does the transpose: it adds each number of the block to its pixel in x. Since the
    channels are the last axis, a window's pixels in one line of the image are kw C neighbours: a
    run.
    """
    images, Ho, Wo, size = block.shape
    _, H, W, C = x.shape
    lines, run, step = x.reshape(images, H, W * C), size // kh, stride * C
    if (Ho - 1) * stride + kh > H or (Wo - 1) * step + run > W * C:
        # A function with trust_input checks no shapes, and numba checks no index.
        raise ValueError("conv2d: the windows do not fit into the image")
    for b in range(images):
        for i in range(Ho):
            for di in range(kh):
                line = lines[b, i * stride + di]
                for j in range(Wo):
                    pixels = line[j * step : j * step + run]
                    window = block[b, i, j, di * run : di * run + run]
                    if back:
                        for n in range(run):
                            pixels[n] += window[n]
                    else:
                        for n in range(run):
                            window[n] = pixels[n]


@register_funcify_default_op_cache_key(Conv2D)
def numba_conv2d(op, **_):
    stride = op.stride

    @numba_njit
    def convolve(x, kernel):
        x, kernel = np.ascontiguousarray(x), np.ascontiguousarray(kernel)
        (B, H, W, _), (kh, kw, _, F) = x.shape, kernel.shape
        y = np.empty((B, (H - kh) // stride + 1, (W - kw) // stride + 1, F), kernel.dtype)
        block = block_of_windows(y, kernel)
        for first in range(0, B, len(block)):
            part = slice(first, min(B, first + len(block)))
            block = block[: part.stop - first]
            copy(x[part], block, kh, stride, False)
            products.rows_into(as_matrix(block), as_matrix(kernel), as_matrix(y[part]))
        return y

    return convolve, TEXT


@register_funcify_default_op_cache_key(KernelGradient)
def numba_kernel_gradient(op, **_):
    stride, (kh, kw) = op.stride, op.kernel_size

    @numba_njit
    def kernel_gradient(x, dy):
        x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
        dkernel = np.empty((kh, kw, x.shape[3], dy.shape[3]), dy.dtype)
        block = block_of_windows(dy, dkernel)
        sums = np.zeros((dy.shape[3], block.shape[3]), dy.dtype)  # transposed: BLAS is faster so
        for first in range(0, len(dy), len(block)):
            part = slice(first, min(len(dy), first + len(block)))
            block = block[: part.stop - first]
            copy(x[part], block, kh, stride, False)
            sums += products.by_inner(as_matrix(dy[part]).T, as_matrix(block))
        as_matrix(dkernel)[:] = sums.T
        return dkernel

    return kernel_gradient, TEXT


@register_funcify_default_op_cache_key(InputGradient)
def numba_input_gradient(op, **_):
    stride, (H, W) = op.stride, op.image_size

    @numba_njit
    def input_gradient(kernel, dy):
        kernel, dy = np.ascontiguousarray(kernel), np.ascontiguousarray(dy)
        dx = np.zeros((len(dy), H, W, kernel.shape[2]), dy.dtype)
        block, weights = block_of_windows(dy, kernel), np.ascontiguousarray(as_matrix(kernel).T)
        for first in range(0, len(dy), len(block)):
            part = slice(first, min(len(dy), first + len(block)))
            block = block[: part.stop - first]
            products.rows_into(as_matrix(dy[part]), weights, as_matrix(block))
            copy(dx[part], block, len(kernel), stride, True)
        return dx

    return input_gradient, TEXT
