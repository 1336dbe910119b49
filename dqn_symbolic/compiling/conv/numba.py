"""The three convolutions for numba: matrix products; one factor is a view of the windows."""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from dqn_symbolic.compiling.cache import text_of
from dqn_symbolic.compiling.conv import tiles
from dqn_symbolic.compiling.conv.op import Conv2D, InputGradient, KernelGradient

IMAGES = 4  # in one product of the input gradient
# A hash of this and of the sizes, which are constants of the compiled functions, is in an Op's key
# in numba's cache on disk, beside its props.
TEXT = text_of(__file__, tiles.__file__)


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
        image = np.empty((H, W, C), kernel.dtype)
        line, pixel, number = image.strides
        # Since the channels are the last axis, a window's pixels in one line are neighbours.
        strides = stride * line, stride * pixel, line, number
        view = as_strided(image, (Ho, Wo, kh, kw * C), strides)
        for b in range(len(x)):
            copy(x[b], image)
            for i in range(Ho):
                add(y[b, i], view[i], weights)
        return y

    return convolve, hash((TEXT, H, W, C, kh, kw, F))


@register_funcify_default_op_cache_key(KernelGradient)
def numba_kernel_gradient(op, node, **_):
    stride, (kh, kw) = op.stride, op.size
    (_, H, W, C), (_, Ho, Wo, F) = (v.type.shape for v in node.inputs)
    add = tiles.product(kw * C, F)

    @numba_njit
    def kernel_gradient(x, dy):
        expect_fit(x.shape == (len(dy), H, W, C) and dy.shape[1:] == (Ho, Wo, F))
        x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
        dkernel = np.zeros((kh, kw, C, F), dy.dtype)
        lines = dkernel.reshape(kh, kw * C, F)
        image = np.empty((H, W, C), dy.dtype)
        line, pixel, number = image.strides
        strides = line, number, stride * line, stride * pixel
        view = as_strided(image, (kh, kw * C, Ho, Wo), strides)
        for b in range(len(x)):
            copy(x[b], image)
            for di in range(kh):
                add(lines[di], view[di], dy[b])
        return dkernel

    return kernel_gradient, hash((TEXT, H, W, C, Ho, Wo, F))


@register_funcify_default_op_cache_key(InputGradient)
def numba_input_gradient(op, node, **_):
    stride, (H, W), (kh, kw, C, F) = op.stride, op.size, node.inputs[0].type.shape
    Ho, Wo = (H - kh) // stride + 1, (W - kw) // stride + 1
    # The windows of one image overlap; those at the same place in several images do not.
    add = tiles.product(IMAGES, kw * C)

    @numba_njit
    def input_gradient(kernel, dy):
        expect_fit(dy.shape[1:] == (Ho, Wo, F) and kernel.shape == (kh, kw, C, F))
        lines = np.ascontiguousarray(kernel).reshape(kh, kw * C, F).transpose(0, 2, 1)
        weights = np.ascontiguousarray(lines).reshape(kh, 1, F, kw * C)
        B = -(-len(dy) // IMAGES) * IMAGES  # The last product has images of zeros, too.
        images = np.zeros((B, Ho, Wo, F), dy.dtype)
        copy(np.ascontiguousarray(dy), images)
        dx = np.zeros((B, H, W, C), dy.dtype)
        image, line, pixel, number = dx.strides
        strides = stride * line, stride * pixel, line, image, number
        view = as_strided(dx, (Ho, Wo, kh, B, kw * C), strides)
        for b in range(0, B, IMAGES):
            for i in range(Ho):
                for j in range(Wo):
                    for di in range(kh):
                        part = images[b : b + IMAGES, i, j : j + 1]
                        add(view[i, j, di, b : b + IMAGES], part, weights[di])
        return dx[: len(dy)]

    return input_gradient, hash((TEXT, C, kh, kw, F))
