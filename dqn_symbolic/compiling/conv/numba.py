"""The three convolutions for numba: matrix products, in which one factor is a view of the windows.

The sizes of image, kernel and windows are constants of the compiled functions.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from dqn_symbolic.compiling.cache import text_of
from dqn_symbolic.compiling.conv import tiles
from dqn_symbolic.compiling.conv.op import Conv2D, InputGradient, KernelGradient

IMAGES = 4  # in one product of the input gradient
# A hash of this and of the sizes is in an Op's key in numba's cache on disk, beside its props.
TEXT = text_of(__file__, tiles.__file__)


@numba_njit
def windows(x, kh, kw, stride):
    """x (B, H, W, C) -> (B, Ho, Wo, kh, kw C), a view.

    Since the channels are the last axis, a window's pixels in one line of the image are neighbours.
    """
    (B, H, W, C), (image, line, pixel, number) = x.shape, x.strides
    shape = B, (H - kh) // stride + 1, (W - kw) // stride + 1, kh, kw * C
    return as_strided(x, shape, (image, stride * line, stride * pixel, line, number))


@numba_njit
def copy(image, place):
    """place[:] = image, but numba vectorises this."""
    image, place = image.reshape(-1), place.reshape(-1)
    for n in range(len(image)):
        place[n] = image[n]


@numba_njit
def expect_fit(fit):
    if not fit:  # A function with trust_input checks no shapes, and a product checks none.
        raise ValueError("conv2d: the windows do not fit into the image")


@register_funcify_default_op_cache_key(Conv2D)
def numba_conv2d(op, node, **_):
    stride, ((_, H, W, C), (kh, kw, _, F)) = op.stride, (v.type.shape for v in node.inputs)
    _, Ho, Wo, _ = node.outputs[0].type.shape
    add = tiles.product(Wo, F)

    @numba_njit
    def convolve(x, kernel):
        expect_fit(x.shape[1:] == (H, W, C) and kernel.shape == (kh, kw, C, F))
        x, kernel = np.ascontiguousarray(x), np.ascontiguousarray(kernel)
        weights = kernel.reshape(kh, kw * C, F)
        y = np.zeros((len(x), Ho, Wo, F), kernel.dtype)
        image = np.empty((1, H, W, C), kernel.dtype)
        view = windows(image, kh, kw, stride)[0]
        for b in range(len(x)):
            copy(x[b], image)
            for i in range(Ho):
                add(y[b, i], view[i], weights)
        return y

    return convolve, hash((TEXT, H, W, C, kh, kw, F))


@register_funcify_default_op_cache_key(KernelGradient)
def numba_kernel_gradient(op, node, **_):
    stride, (kh, kw) = op.stride, op.kernel_size
    (_, H, W, C), (_, Ho, Wo, F) = (v.type.shape for v in node.inputs)
    add = tiles.product(kw * C, F)

    @numba_njit
    def kernel_gradient(x, dy):
        expect_fit(x.shape == (len(dy), H, W, C) and dy.shape[1:] == (Ho, Wo, F))
        x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
        dkernel = np.zeros((kh, kw * C, F), dy.dtype)
        image = np.empty((1, H, W, C), dy.dtype)
        view = windows(image, kh, kw, stride)[0].transpose(2, 3, 0, 1)  # (kh, kw C, Ho, Wo)
        for b in range(len(x)):
            copy(x[b], image)
            for di in range(kh):
                add(dkernel[di], view[di], dy[b])
        return dkernel.reshape(kh, kw, C, F)

    return kernel_gradient, hash((TEXT, H, W, C, Ho, Wo, F))


@register_funcify_default_op_cache_key(InputGradient)
def numba_input_gradient(op, node, **_):
    stride, (H, W), (kh, kw, C, F) = op.stride, op.image_size, node.inputs[0].type.shape
    Ho, Wo = (H - kh) // stride + 1, (W - kw) // stride + 1
    # The windows of one image overlap; those at the same place in several images do not.
    add = tiles.product(IMAGES, kw * C)

    @numba_njit
    def input_gradient(kernel, dy):
        expect_fit(dy.shape[1:] == (Ho, Wo, F) and kernel.shape == (kh, kw, C, F))
        kernel, dy = np.ascontiguousarray(kernel), np.ascontiguousarray(dy)
        weights = kernel.reshape(kh, 1, kw * C, F).transpose(0, 1, 3, 2).copy()
        missing = -len(dy) % IMAGES
        if missing:  # The last product has images of zeros, too.
            dy = np.concatenate((dy, np.zeros((missing, Ho, Wo, F), dy.dtype)))
        B = len(dy)
        dy = dy.reshape(B, Ho, Wo, 1, F).transpose(1, 2, 0, 3, 4)
        dx = np.zeros((B, H, W, C), dy.dtype)
        view = windows(dx, kh, kw, stride).transpose(1, 2, 3, 0, 4)  # (Ho, Wo, kh, B, kw C)
        for b in range(0, B, IMAGES):
            for i, j, di in np.ndindex(Ho, Wo, kh):
                add(view[i, j, di, b : b + IMAGES], dy[i, j, b : b + IMAGES], weights[di])
        return dx[: B - missing]

    return input_gradient, hash((TEXT, C, kh, kw, F))
