"""Convolution for PyTensor: several channels, a stride, and gradients, on every backend.

The batch size B may change from call to call; all other sizes are fixed when the graph is built. No
padding. The kernel is not flipped (cross-correlation; Goodfellow et al. 2016, equation 9.6).

y is linear in x and in the kernel. So there are three maps, each from two of x, kernel and dy (of
y's shape) to the third: the convolution and its two gradients. Their gradients are these maps, too.
"""

import numpy as np
import pytensor
import pytensor.tensor as TT
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op


def conv2d(x, kernel, stride=1):
    """-> y (B, Ho, Wo, F), where Ho = (H - kh) // stride + 1 and Wo = (W - kw) // stride + 1

    y[b, i, j, f] is the sum of x[b, i stride + di, j stride + dj, c] kernel[di, dj, c, f] over all
    di, dj, c. x (B, H, W, C) is uint8 or has the dtype of kernel (kh, kw, C, F) and of y: float32
    or float64. Raises ValueError if the shapes do not match or if a size other than B is not known
    yet, TypeError for other dtypes.
    """
    if not isinstance(stride, int | np.integer) or stride < 1:
        raise ValueError(f"conv2d: the stride is a whole number from 1, got {stride!r}")
    return Conv2D(int(stride))(x, kernel)


def conv2d_transpose(y, kernel, image_size, stride=1):
    """-> x (B, H, W, C), where (H, W) is image_size: the transpose of conv2d, not its inverse.

    A pixel x[b, i stride + di, j stride + dj, c] is the sum of y[b, i, j, f] kernel[di, dj, c, f]
    over all f and all i, j, di, dj that lead to this pixel. y has the shape that conv2d gives for
    such an image. (Up to stride - 1 rows and columns at the far borders are in no window: 0.)
    """
    y, kernel = TT.as_tensor_variable(y), TT.as_tensor_variable(kernel)
    x = TT.tensor(dtype=kernel.dtype, shape=(None, *image_size, *kernel.type.shape[2:3]))
    expected = conv2d(x, kernel, stride).type
    got = f"y {y.type.shape} {y.dtype}"
    if y.dtype != expected.dtype:
        raise TypeError(f"conv2d_transpose: y is {expected.dtype} as the kernel; got {got}")
    if y.type.ndim != 4 or y.type.shape[1:] != expected.shape[1:]:
        raise ValueError(f"conv2d_transpose: y is {expected.shape} for such an image; got {got}")
    return InputGradient(int(stride), tuple(image_size))(kernel, y)


class BilinearMap(Op):
    """One of the three maps: from the two arrays that it `takes` to the one that it `gives`.

    size: of the kernel or of the image, if it gives this one's gradient.
    """

    __props__ = ("stride", "size")

    def __init__(self, stride, size=None):
        self.stride, self.size = stride, size

    def infer_shape(self, *arguments):
        *_, node, shapes = arguments  # PyTensor 3.0 passes the whole graph before them
        batch = next(shape[0] for name, shape in zip(self.takes, shapes) if name != "kernel")
        return [tuple(batch if n is None else n for n in node.outputs[0].type.shape)]

    def pullback(self, inputs, outputs, output_grads):
        # The type of the gradient may leave sizes open that the type of the output knows.
        gradient = TT.specify_shape(output_grads[0], outputs[0].type.shape)
        arrays = dict(zip((*self.takes, self.gives), (*inputs, gradient)))
        x, kernel, dy = arrays["x"], arrays["kernel"], arrays["dy"]
        gradients = {
            "x": InputGradient(self.stride, x.type.shape[1:3])(kernel, dy),
            "kernel": KernelGradient(self.stride, kernel.type.shape[:2])(x, dy),
            "dy": Conv2D(self.stride)(x, kernel),
        }
        if x.dtype == "uint8":  # PyTensor wants zeros as the gradient of whole numbers.
            gradients["x"] = x.zeros_like(dtype=pytensor.config.floatX)
        return [gradients[name] for name in self.takes]


class Conv2D(BilinearMap):
    """x (B, H, W, C), kernel (kh, kw, C, F) -> y (B, Ho, Wo, F)"""

    takes, gives = ("x", "kernel"), "dy"

    def make_node(self, x, kernel):
        x, kernel = TT.as_tensor_variable(x), TT.as_tensor_variable(kernel)
        got = f"x {x.type.shape} {x.dtype} and kernel {kernel.type.shape} {kernel.dtype}"
        if x.type.ndim != 4 or kernel.type.ndim != 4:
            raise ValueError(f"conv2d: x is (B, H, W, C), kernel (kh, kw, C, F); got {got}")
        if kernel.dtype not in ("float32", "float64") or x.dtype not in ("uint8", kernel.dtype):
            dtypes = "the kernel is float32 or float64, and x is uint8 or as the kernel"
            raise TypeError(f"conv2d: {dtypes}; got {got}")
        B, *image = x.type.shape
        if None in (*image, *kernel.type.shape):
            when = "fixed when the graph is built, as by TT.tensor or pytensor.shared(shape=...)"
            raise ValueError(f"conv2d: all sizes but the batch are {when}; got {got}")
        (H, W, C), (kh, kw, channels, F) = image, kernel.type.shape
        if channels != C:
            raise ValueError(f"conv2d: x has {C} channels, the kernel {channels}; got {got}")
        if not (1 <= kh <= H and 1 <= kw <= W):
            raise ValueError(f"conv2d: the kernel does not fit into the image; got {got}")
        Ho, Wo = (H - kh) // self.stride + 1, (W - kw) // self.stride + 1
        return Apply(self, [x, kernel], [TT.tensor(dtype=kernel.dtype, shape=(B, Ho, Wo, F))])

    def perform(self, node, inputs, outputs):
        x, kernel = inputs
        view = windows(x, kernel.shape[:2], self.stride)
        outputs[0][0] = np.tensordot(view, kernel, axes=((4, 5, 3), (0, 1, 2)))


class KernelGradient(BilinearMap):
    """x (B, H, W, C), dy (B, Ho, Wo, F) -> dkernel (kh, kw, C, F), the sum over the batch"""

    takes, gives = ("x", "dy"), "kernel"

    def make_node(self, x, dy):
        shape = (*self.size, x.type.shape[3], dy.type.shape[3])
        return Apply(self, [x, dy], [TT.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, outputs):
        x, dy = inputs
        view = windows(x, self.size, self.stride)
        dkernel = np.tensordot(view, dy, axes=((0, 1, 2), (0, 1, 2)))  # (C, kh, kw, F)
        outputs[0][0] = np.ascontiguousarray(dkernel.transpose(1, 2, 0, 3))


class InputGradient(BilinearMap):
    """kernel (kh, kw, C, F), dy (B, Ho, Wo, F) -> dx (B, H, W, C)"""

    takes, gives = ("kernel", "dy"), "x"

    def make_node(self, kernel, dy):
        shape = (dy.type.shape[0], *self.size, kernel.type.shape[2])
        return Apply(self, [kernel, dy], [TT.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, outputs):
        kernel, dy = inputs
        kh, kw, C, _ = kernel.shape
        dx = np.zeros((len(dy), *self.size, C), dy.dtype)
        view = windows(dx, (kh, kw), self.stride, writeable=True)
        for di, dj in np.ndindex(kh, kw):  # one pixel of each window at a time: windows overlap
            view[..., di, dj] += dy @ kernel[di, dj].T
        outputs[0][0] = dx


def windows(x, kernel_size, stride, writeable=False):
    """x (B, H, W, C) -> (B, Ho, Wo, C, kh, kw), a view: what the kernel covers at each position."""
    view = np.lib.stride_tricks.sliding_window_view(x, kernel_size, (1, 2), writeable=writeable)
    return view[:, ::stride, ::stride]
