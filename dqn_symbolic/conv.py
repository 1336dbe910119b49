"""Convolution for PyTensor: several channels, a stride, and gradients, on every backend.

    conv2d(x, kernel, stride) -> y      y[b, i, j, f] = sum over di, dj, c of
                                        x[b, i stride + di, j stride + dj, c] kernel[di, dj, c, f]

x (B, H, W, C) is uint8 or of the kernel's dtype; kernel (kh, kw, C, F) is float32 or float64;
y (B, (H - kh) // stride + 1, (W - kw) // stride + 1, F) has the kernel's dtype. The batch B is free
at run time, all other sizes are fixed when the graph is built. No padding, and no flip of the
kernel: what the field calls convolution is cross-correlation (Goodfellow et al. 2016, eq. 9.6).

y is linear in x and in the kernel, so the two gradients are the two transposes of one bilinear map,
and the gradients of these three maps are these three maps again.
"""

import zlib
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as TT
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key


def conv2d(x, kernel, stride=1):
    """-> y (B, Ho, Wo, F), the shapes as above.

    Raises ValueError if the shapes do not go together or are not known yet, and TypeError for
    other dtypes.
    """
    return Conv2D(stride)(x, kernel)


class Conv2D(Op):
    """x (B, H, W, C), kernel (kh, kw, C, F) -> y (B, Ho, Wo, F)"""

    __props__ = ("stride",)

    def __init__(self, stride):
        if not isinstance(stride, int | np.integer) or stride < 1:
            raise ValueError(f"conv2d: the stride is a whole number from 1, got {stride!r}")
        self.stride = int(stride)

    def make_node(self, x, kernel):
        x, kernel = TT.as_tensor_variable(x), TT.as_tensor_variable(kernel)
        given = f"x {x.type.shape} {x.dtype} and kernel {kernel.type.shape} {kernel.dtype}"
        if x.type.ndim != 4 or kernel.type.ndim != 4:
            raise ValueError(f"conv2d: x is (B, H, W, C), kernel (kh, kw, C, F); got {given}")
        if kernel.dtype not in ("float32", "float64") or x.dtype not in ("uint8", kernel.dtype):
            raise TypeError(
                "conv2d: the kernel is float32 or float64, and x is uint8 or as the kernel; "
                f"got {given}"
            )
        B, *image = x.type.shape
        if None in (*image, *kernel.type.shape):
            raise ValueError(
                "conv2d: all sizes but the batch are fixed when the graph is built, as by "
                f"TT.tensor(shape=...) or pytensor.shared(shape=...); got {given}"
            )
        (H, W, C), (kh, kw, channels, F) = image, kernel.type.shape
        if channels != C:
            raise ValueError(f"conv2d: x has {C} channels, the kernel {channels}; got {given}")
        if not (1 <= kh <= H and 1 <= kw <= W):
            raise ValueError(f"conv2d: the kernel does not fit into the image; got {given}")
        Ho, Wo = (H - kh) // self.stride + 1, (W - kw) // self.stride + 1
        return Apply(self, [x, kernel], [TT.tensor(dtype=kernel.dtype, shape=(B, Ho, Wo, F))])

    def perform(self, node, inputs, outputs):
        x, kernel = inputs
        view = windows(x, kernel.shape[:2], self.stride)
        outputs[0][0] = np.tensordot(view, kernel, axes=((4, 5, 3), (0, 1, 2)))

    def infer_shape(self, fgraph, node, shapes):
        return [(shapes[0][0], *node.outputs[0].type.shape[1:])]

    def pullback(self, inputs, outputs, output_grads):
        x, kernel = inputs
        # What comes from above may know less of its shape than y does.
        dy = TT.specify_shape(output_grads[0], outputs[0].type.shape)
        return [
            in_x(x, InputGradient(self.stride, x.type.shape[1:3])(kernel, dy)),
            KernelGradient(self.stride, kernel.type.shape[:2])(x, dy),
        ]


class KernelGradient(Op):
    """x (B, H, W, C), dy (B, Ho, Wo, F) -> dkernel (kh, kw, C, F), the sum over the batch"""

    __props__ = ("stride", "kernel_size")

    def __init__(self, stride, kernel_size):
        self.stride, self.kernel_size = stride, kernel_size

    def make_node(self, x, dy):
        shape = (*self.kernel_size, x.type.shape[3], dy.type.shape[3])
        return Apply(self, [x, dy], [TT.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, outputs):
        x, dy = inputs
        view = windows(x, self.kernel_size, self.stride)
        dkernel = np.tensordot(view, dy, axes=((0, 1, 2), (0, 1, 2)))  # (C, kh, kw, F)
        outputs[0][0] = np.ascontiguousarray(dkernel.transpose(1, 2, 0, 3))

    def infer_shape(self, fgraph, node, shapes):
        return [node.outputs[0].type.shape]

    def pullback(self, inputs, outputs, output_grads):
        x, dy = inputs
        kernel = TT.specify_shape(output_grads[0], outputs[0].type.shape)
        return [
            in_x(x, InputGradient(self.stride, x.type.shape[1:3])(kernel, dy)),
            Conv2D(self.stride)(x, kernel),
        ]


class InputGradient(Op):
    """kernel (kh, kw, C, F), dy (B, Ho, Wo, F) -> dx (B, H, W, C)"""

    __props__ = ("stride", "image_size")

    def __init__(self, stride, image_size):
        self.stride, self.image_size = stride, image_size

    def make_node(self, kernel, dy):
        shape = (dy.type.shape[0], *self.image_size, kernel.type.shape[2])
        return Apply(self, [kernel, dy], [TT.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, outputs):
        kernel, dy = inputs
        kh, kw, C, _ = kernel.shape
        dx = np.zeros((len(dy), *self.image_size, C), dy.dtype)
        view = windows(dx, (kh, kw), self.stride, writeable=True)
        for di, dj in np.ndindex(kh, kw):  # the windows overlap: one place in them at a time
            view[..., di, dj] += dy @ kernel[di, dj].T
        outputs[0][0] = dx

    def infer_shape(self, fgraph, node, shapes):
        return [(shapes[1][0], *node.outputs[0].type.shape[1:])]

    def pullback(self, inputs, outputs, output_grads):
        kernel, dy = inputs
        x = TT.specify_shape(output_grads[0], outputs[0].type.shape)
        return [
            KernelGradient(self.stride, kernel.type.shape[:2])(x, dy),
            Conv2D(self.stride)(x, kernel),
        ]


def in_x(x, dx):
    """dx, or what PyTensor wants in its place for whole numbers: zeros."""
    return x.zeros_like(dtype=pytensor.config.floatX) if x.dtype == "uint8" else dx


def windows(x, kernel_size, stride, writeable=False):
    """x (B, H, W, C) -> what the kernel covers at each place, (B, Ho, Wo, C, kh, kw), a view."""
    view = np.lib.stride_tricks.sliding_window_view(x, kernel_size, (1, 2), writeable=writeable)
    return view[:, ::stride, ::stride]


# With numba a convolution is a matrix product: (places, kh kw C) times (kh kw C, F). The matrix of
# windows holds each pixel up to kh kw / stride**2 times, and would have to go through main memory;
# a block of a few images at a time stays in the processor's cache.
BLOCK = 2**18  # numbers in a block of windows: 1 MB of float32

# The cache that numba keeps on disk knows an Op by its name, its props, and this: the text of this
# file, so that an edit compiles anew.
TEXT = zlib.crc32(Path(__file__).read_bytes())


@numba_njit
def rows(array):
    """(..., n) -> (m, n)"""
    return array.reshape(-1, array.shape[-1])


@numba_njit
def block_of_windows(y, kernel):
    """-> room for the windows of a block of images, (images, Ho, Wo, kh kw C)"""
    B, Ho, Wo, F = y.shape
    size = kernel.size // F
    images = max(1, min(B, BLOCK // (Ho * Wo * size)))
    return np.empty((images, Ho, Wo, size), kernel.dtype)


@numba_njit
def copy(x, block, kh, stride, back):
    """block (images, Ho, Wo, kh kw C) <- the windows of x (images, H, W, C); uint8 becomes float.

    Or `back`, its transpose: each number in the block is added to the pixel that it belongs to.
    In a line of the image the pixels of a window lie side by side, as the channels are last: kw C
    numbers go in one run.
    """
    images, Ho, Wo, size = block.shape
    _, H, W, C = x.shape
    lines, run, step = x.reshape(images, H, W * C), size // kh, stride * C
    if (Ho - 1) * stride + kh > H or (Wo - 1) * step + run > W * C:
        # A function with trust_input takes any shape, and here nothing else stops at the border.
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
            np.dot(rows(block), rows(kernel), rows(y[part]))
        return y

    return convolve, TEXT


@register_funcify_default_op_cache_key(KernelGradient)
def numba_kernel_gradient(op, **_):
    stride, (kh, kw) = op.stride, op.kernel_size

    @numba_njit
    def kernel_gradient(x, dy):
        x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
        dkernel = np.zeros((kh, kw, x.shape[3], dy.shape[3]), dy.dtype)
        block = block_of_windows(dy, dkernel)
        for first in range(0, len(dy), len(block)):
            part = slice(first, min(len(dy), first + len(block)))
            block = block[: part.stop - first]
            copy(x[part], block, kh, stride, False)
            sums = rows(dkernel)
            sums += np.dot(rows(block).T, rows(dy[part]))
        return dkernel

    return kernel_gradient, TEXT


@register_funcify_default_op_cache_key(InputGradient)
def numba_input_gradient(op, **_):
    stride, (H, W) = op.stride, op.image_size

    @numba_njit
    def input_gradient(kernel, dy):
        kernel, dy = np.ascontiguousarray(kernel), np.ascontiguousarray(dy)
        dx = np.zeros((len(dy), H, W, kernel.shape[2]), dy.dtype)
        block = block_of_windows(dy, kernel)
        for first in range(0, len(dy), len(block)):
            part = slice(first, min(len(dy), first + len(block)))
            block = block[: part.stop - first]
            np.dot(rows(dy[part]), rows(kernel).T, rows(block))
            copy(dx[part], block, len(kernel), stride, True)
        return dx

    return input_gradient, TEXT


class WithJAX(GraphRewriter):
    """Rewrites nothing: PyTensor calls it, by its tag, before it compiles a graph for JAX, and it
    registers the three Ops there. Not earlier, as importing JAX takes long, and it may be missing.
    """

    def apply(self, fgraph):
        import jax
        from pytensor.link.jax.dispatch import jax_funcify

        def convolve(x, kernel, stride):
            sides = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(
                x.astype(kernel.dtype), kernel, (stride, stride), "VALID", dimension_numbers=sides
            )

        def transpose(linear, dy, node):
            shape = [len(dy) if n is None else n for n in node.outputs[0].type.shape]
            return jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, dy.dtype))(dy)[0]

        @jax_funcify.register(Conv2D)
        def jax_conv2d(op, **_):
            return lambda x, kernel: convolve(x, kernel, op.stride)

        @jax_funcify.register(KernelGradient)
        def jax_kernel_gradient(op, node, **_):
            return lambda x, dy: transpose(lambda kernel: convolve(x, kernel, op.stride), dy, node)

        @jax_funcify.register(InputGradient)
        def jax_input_gradient(op, node, **_):
            return lambda kernel, dy: transpose(lambda x: convolve(x, kernel, op.stride), dy, node)


optdb.register("conv2d_with_jax", WithJAX(), "jax", position=0)
