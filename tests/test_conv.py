"""The convolution and its gradients against explicit loops, on every backend."""

import os
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as TT
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.gradient import verify_grad

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.compiling.conv.op import (
    Conv2D,
    InputGradient,
    KernelGradient,
    conv2d,
    conv2d_transpose,
)
from tests.plain import PLAIN


def by_hand(x, kernel, stride, dy):
    """-> y, dkernel, dx in float64, computed one multiplication at a time."""
    (B, H, W, C), (kh, kw, _, F) = x.shape, kernel.shape
    Ho, Wo = (H - kh) // stride + 1, (W - kw) // stride + 1
    y, dkernel, dx = np.zeros((B, Ho, Wo, F)), np.zeros(kernel.shape), np.zeros(x.shape)
    for b, i, j, f in np.ndindex(y.shape):
        for di, dj, c in np.ndindex(kh, kw, C):
            pixel, weight = (b, i * stride + di, j * stride + dj, c), (di, dj, c, f)
            y[b, i, j, f] += float(x[pixel]) * float(kernel[weight])
            dkernel[weight] += float(x[pixel]) * float(dy[b, i, j, f])
            dx[pixel] += float(kernel[weight]) * float(dy[b, i, j, f])
    return y, dkernel, dx


def compiled(image, kernel_shape, stride, x_dtype="float32", dtype="float32", mode=PLAIN):
    """-> function(x (B, *image), kernel, dy) -> y, dkernel, and dx unless x is uint8."""
    x = TT.tensor("x", dtype=x_dtype, shape=(None, *image))
    kernel = TT.tensor("kernel", dtype=dtype, shape=kernel_shape)
    y = conv2d(x, kernel, stride)
    dy = TT.tensor("dy", dtype=dtype, shape=(None, None, None, None))
    wrt = [kernel] if x_dtype == "uint8" else [kernel, x]
    gradients = pytensor.grad(None, wrt, known_grads={y: dy})
    return pytensor.function([x, kernel, dy], [y, *gradients], mode=mode)


def example(rng, batch, image, kernel_shape, stride, x_dtype="float32", dtype="float32"):
    (H, W, _), (kh, kw, _, F) = image, kernel_shape
    x = (
        rng.integers(0, 256, (batch, *image))
        if x_dtype == "uint8"
        else rng.normal(size=(batch, *image))
    )
    dy = rng.normal(size=(batch, (H - kh) // stride + 1, (W - kw) // stride + 1, F))
    return x.astype(x_dtype), rng.normal(size=kernel_shape).astype(dtype), dy.astype(dtype)


def assert_close(results, expected, rel=1e-5):
    """Equal within `rel` times the largest number: each is a sum of numbers of that size."""
    for result, array in zip(results, expected):
        assert result.shape == array.shape
        np.testing.assert_allclose(result, array, rtol=0, atol=rel * max(1, np.abs(array).max()))


sizes = st.integers(1, 4)


@st.composite
def any_shapes(draw):
    """-> image, kernel_shape, stride, x_dtype, dtype: arguments of `compiled` and `example`."""
    kh, kw, C, F, stride = (draw(sizes) for _ in range(5))
    H, W = kh + draw(st.integers(0, 5)), kw + draw(st.integers(0, 5))
    dtypes = st.sampled_from([("float32",) * 2, ("float64",) * 2, ("uint8", "float32")])
    return (H, W, C), (kh, kw, C, F), stride, *draw(dtypes)


@settings(max_examples=40)
@given(shapes=any_shapes(), batch=sizes)
def test_perform_equals_the_loops(shapes, batch):
    x, kernel, dy = example(np.random.default_rng(0), batch, *shapes)
    results = compiled(*shapes)(x, kernel, dy)
    assert {array.dtype for array in results} == {np.dtype(shapes[-1])}
    assert_close(results, by_hand(x, kernel, shapes[2], dy))


# image, kernel, stride, dtypes; the windows of the second leave out two columns
SMALL = [
    ((7, 10, 3), (3, 2, 3, 4), 2, "uint8", "float32"),
    ((8, 6, 2), (2, 4, 2, 3), 3, "float32", "float32"),
]
FIRST_AND_LAST = [  # layers of the Nature network; a batch is cut into blocks
    ((84, 84, 4), (8, 8, 4, 32), 4, "uint8", "float32"),
    ((9, 9, 64), (3, 3, 64, 64), 1, "float32", "float32"),
]


def mode_or_skip(backend):
    if backend == "JAX":
        pytest.importorskip("jax")
    if backend == "CVM" and not pytensor.config.cxx:
        pytest.skip("no C++ compiler")
    return MODES["numba"] if backend == "NUMBA" else backend


@pytest.mark.parametrize(
    "backend",
    ["NUMBA", *(pytest.param(b, marks=pytest.mark.slow) for b in ("JAX", "CVM"))],
)
@pytest.mark.parametrize("shapes", [SMALL[0], pytest.param(SMALL[1], marks=pytest.mark.slow)])
def test_backends_equal_the_loops(backend, shapes):
    mode = mode_or_skip(backend)
    function = compiled(*shapes, mode=mode)
    for batch in 1, 5:
        x, kernel, dy = example(np.random.default_rng(batch), batch, *shapes)
        results = [np.asarray(array) for array in function(x, kernel, dy)]
        assert {array.dtype for array in results} == {np.dtype(shapes[-1])}
        assert_close(results, by_hand(x, kernel, shapes[2], dy))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["NUMBA", "JAX"])
@pytest.mark.parametrize("shapes", FIRST_AND_LAST)
def test_backends_equal_perform_for_several_batch_sizes(backend, shapes):
    function, plain = compiled(*shapes, mode=mode_or_skip(backend)), compiled(*shapes)
    for batch in 1, 2, 11, 32:
        arrays = example(np.random.default_rng(batch), batch, *shapes)
        assert_close([np.asarray(array) for array in function(*arrays)], plain(*arrays))


@pytest.mark.slow
def test_numba_compiles_for_each_size_of_image():
    """PyTensor's own linker finds compiled functions by a key that contains no sizes."""
    for image in (6, 5, 2), (7, 9, 2):
        shapes = image, (3, 2, 2, 3), 2
        arrays = example(np.random.default_rng(0), 2, *shapes)
        assert_close(compiled(*shapes, mode="NUMBA")(*arrays), by_hand(*arrays[:2], 2, arrays[2]))


@pytest.mark.slow
def test_inputs_need_not_be_contiguous():
    shapes = (6, 5, 2), (3, 2, 2, 3), 2
    function = compiled(*shapes, mode=MODES["numba"])
    x, kernel, dy = example(np.random.default_rng(0), 4, *shapes)
    x, kernel = np.asfortranarray(x), kernel[::-1, :, ::-1]
    assert_close(function(x, kernel, dy[..., ::-1]), by_hand(x, kernel, 2, dy[..., ::-1]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # the sum in verify_grad, by JAX
@pytest.mark.parametrize("backend", [PLAIN, "NUMBA", "JAX"], ids=["plain", "numba", "jax"])
def test_gradients_by_finite_differences(backend):
    mode, rng = mode_or_skip(backend), np.random.default_rng(0)
    dtype = "float32" if backend == "JAX" else "float64"
    x, kernel, _ = example(rng, 2, (6, 5, 2), (3, 2, 2, 3), 2, dtype, dtype)
    # y is linear in each number: a large difference is exact, and rounding is small beside it
    verify_grad(lambda x, k: conv2d(x, k, 2), [x, kernel], rng=rng, mode=mode, eps=0.25)


def test_gradients_of_the_gradients_by_finite_differences():
    rng = np.random.default_rng(0)
    arrays = example(rng, 2, (6, 5, 2), (3, 2, 2, 3), 2, "float64", "float64")
    for wrt in 0, 1:

        def gradient(x, kernel, dy, wrt=wrt):
            return pytensor.grad(None, [x, kernel][wrt], known_grads={conv2d(x, kernel, 2): dy})

        connected = {0: (1, 2), 1: (0, 2)}[wrt]  # y is linear in x and in kernel

        def of_connected(*variables, gradient=gradient, connected=connected):
            inputs = [TT.as_tensor_variable(array) for array in arrays]
            for i, variable in zip(connected, variables):
                inputs[i] = variable
            return gradient(*inputs)

        verify_grad(of_connected, [arrays[i] for i in connected], rng=rng, mode=PLAIN)


def test_pixels_have_no_gradient():
    x = TT.tensor("x", dtype="uint8", shape=(None, 3, 3, 1))
    kernel = TT.tensor("kernel", dtype="float32", shape=(2, 2, 1, 1))
    dx = pytensor.grad(conv2d(x, kernel, 1).sum(), x)
    assert dx.dtype == "float32"
    pixels, weights = np.ones((2, 3, 3, 1), np.uint8), np.ones((2, 2, 1, 1), np.float32)
    assert not dx.eval({x: pixels, kernel: weights}, mode=PLAIN, on_unused_input="ignore").any()


def test_shapes_are_known_when_the_graph_is_built():
    kernel = TT.tensor("kernel", dtype="float32", shape=(8, 7, 4, 32))
    for batch in None, 5:
        x = TT.tensor("x", dtype="float32", shape=(batch, 84, 83, 4))
        y = conv2d(x, kernel, 4)
        assert y.type.shape == (batch, 20, 20, 32)
        dx, dkernel = pytensor.grad(y.sum(), [x, kernel])
        assert dx.type.shape == (batch, 84, 83, 4)
        assert dkernel.type.shape == (8, 7, 4, 32)


def test_shapes_are_computed_without_convolving():
    x = TT.tensor("x", dtype="float32", shape=(None, 4, 4, 1))
    kernel = TT.tensor("kernel", dtype="float32", shape=(2, 2, 1, 1))
    y = conv2d(x, kernel, 2)
    dx, _ = gradients = pytensor.grad(y.sum(), [x, kernel])
    sizes = [v.shape for v in (y, *gradients)] + [dx[1:].shape]
    function = pytensor.function([x, kernel], sizes, mode="FAST_COMPILE", on_unused_input="ignore")
    ops = {type(node.op) for node in function.maker.fgraph.toposort()}
    assert not ops & {Conv2D, KernelGradient, InputGradient}
    shapes = function(np.zeros((3, 4, 4, 1), "float32"), np.zeros((2, 2, 1, 1), "float32"))
    assert [size.tolist() for size in shapes] == [
        [3, 2, 2, 1], [3, 4, 4, 1], [2, 2, 1, 1], [2, 4, 4, 1],
    ]  # fmt: skip


def test_numba_does_not_write_beyond_the_image():
    kernel = TT.tensor("kernel", dtype="float32", shape=(2, 2, 1, 1))
    dy = TT.tensor("dy", dtype="float32", shape=(None, None, None, 1))
    dx = InputGradient(1, (4, 4))(kernel, dy)
    function = pytensor.function([kernel, dy], dx, mode=MODES["numba"], trust_input=True)
    weights = np.ones((2, 2, 1, 1), "float32")
    assert function(weights, np.ones((1, 3, 3, 1), "float32")).sum() == 36
    for too_large in (1, 4, 3, 1), (1, 3, 4, 1):
        with pytest.raises(ValueError, match="do not fit"):
            function(weights, np.ones(too_large, "float32"))


FLOATS = ("float32", "float32")


@pytest.mark.parametrize(
    ("x_shape", "kernel_shape", "dtypes", "stride", "error", "message"),
    [
        ((None, 9, 9), (3, 3, 1, 1), FLOATS, 1, ValueError, r"\(B, H, W, C\).*\(None, 9, 9\)"),
        ((None, 9, 9, 2), (3, 3, 2), FLOATS, 1, ValueError, r"\(kh, kw, C, F\).*\(3, 3, 2\)"),
        ((None, 9, 9, 2), (3, 3, 4, 1), FLOATS, 1, ValueError, r"2 channels, the kernel 4"),
        ((None, 9, 9, 2), (10, 3, 2, 1), FLOATS, 1, ValueError, r"not fit.*9, 9, 2.*10, 3, 2, 1"),
        ((None, 9, 9, 2), (3, 10, 2, 1), FLOATS, 1, ValueError, r"does not fit"),
        ((None, None, 9, 2), (3, 3, 2, 1), FLOATS, 1, ValueError, r"fixed when.*None, None, 9"),
        ((None, 9, 9, 2), (3, 3, 2, None), FLOATS, 1, ValueError, r"fixed when.*3, 3, 2, None"),
        ((None, 9, 9, 2), (3, 3, 2, 1), FLOATS, 0, ValueError, r"stride.*got 0"),
        ((None, 9, 9, 2), (3, 3, 2, 1), FLOATS, 1.5, ValueError, r"stride.*got 1.5"),
        ((None, 9, 9, 2), (3, 3, 2, 1), ("int32", "float32"), 1, TypeError, r"uint8.*int32"),
        ((None, 9, 9, 2), (3, 3, 2, 1), ("float64", "float32"), 1, TypeError, r"got.*float64"),
        ((None, 9, 9, 2), (3, 3, 2, 1), ("uint8", "int64"), 1, TypeError, r"got.*int64"),
    ],
)
def test_bad_arguments_are_refused_when_the_graph_is_built(
    x_shape, kernel_shape, dtypes, stride, error, message
):
    x = TT.tensor("x", dtype=dtypes[0], shape=x_shape)
    kernel = TT.tensor("kernel", dtype=dtypes[1], shape=kernel_shape)
    with pytest.raises(error, match=message):
        conv2d(x, kernel, stride)


# -- the transpose ---------------------------------------------------------------------------------


def transposed(image, kernel_shape, stride, dtype="float32", mode=PLAIN):
    """-> function(y, kernel) -> x (B, *image)."""
    (H, W, _), (kh, kw, _, F) = image, kernel_shape
    shape = (None, (H - kh) // stride + 1, (W - kw) // stride + 1, F)
    y = TT.tensor("y", dtype=dtype, shape=shape)
    kernel = TT.tensor("kernel", dtype=dtype, shape=kernel_shape)
    x = conv2d_transpose(y, kernel, image[:2], stride)
    assert x.type.shape == (None, *image)
    return pytensor.function([y, kernel], x, mode=mode)


def spread_by_hand(y, kernel, stride, image):
    """Add each number of y, times the kernel, to the pixels of its window."""
    x = np.zeros((len(y), *image))
    for b, i, j, f in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        x[b, top : top + len(kernel), left : left + kernel.shape[1]] += y[b, i, j, f] * kernel[
            ..., f
        ].astype(np.float64)
    return x


@settings(max_examples=40)
@given(shapes=any_shapes(), batch=sizes)
def test_the_transpose_spreads_each_number_over_its_window(shapes, batch):
    image, kernel_shape, stride, _, dtype = shapes
    _, kernel, y = example(
        np.random.default_rng(0), batch, image, kernel_shape, stride, dtype, dtype
    )
    x = transposed(image, kernel_shape, stride, dtype)(y, kernel)
    assert x.dtype == np.dtype(dtype)
    assert_close([x], [spread_by_hand(y, kernel, stride, image)])


def test_the_transpose_by_hand():
    """Two windows of 3 with stride 2 share the third pixel; the sixth is in neither."""
    y = np.array([10, 1], np.float32).reshape(1, 1, 2, 1)
    kernel = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)
    x = transposed((1, 6, 1), (1, 3, 1, 1), 2)(y, kernel)
    assert x.ravel().tolist() == [10, 20, 31, 2, 3, 0]


@pytest.mark.parametrize(
    "backend", ["NUMBA", *(pytest.param(b, marks=pytest.mark.slow) for b in ("JAX", "CVM"))]
)
def test_the_transpose_on_every_backend(backend):
    image, kernel_shape, stride = (7, 10, 3), (3, 2, 3, 4), 2
    function = transposed(image, kernel_shape, stride, mode=mode_or_skip(backend))
    _, kernel, y = example(np.random.default_rng(0), 3, image, kernel_shape, stride)
    assert_close([np.asarray(function(y, kernel))], [spread_by_hand(y, kernel, stride, image)])


def test_the_transposes_gradients_by_finite_differences():
    rng = np.random.default_rng(0)
    _, kernel, y = example(rng, 2, (6, 5, 2), (3, 2, 2, 3), 2, "float64", "float64")

    def squares(y, kernel):
        return conv2d_transpose(y, kernel, (6, 5), 2) ** 2

    verify_grad(squares, [y, kernel], rng=rng, mode=PLAIN)


@pytest.mark.parametrize(
    ("y_shape", "kernel_shape", "dtypes", "image", "stride", "error", "message"),
    [
        ((None, 4, 4), (3, 3, 1, 2), FLOATS, (9, 9), 2, ValueError, r"\(None, 4, 4, 2\).*got"),
        ((None, 4, 5, 2), (3, 3, 1, 2), FLOATS, (9, 9), 2, ValueError, r"y is \(None, 4, 4, 2\)"),
        ((None, 4, 4, 3), (3, 3, 1, 2), FLOATS, (9, 9), 2, ValueError, r"got y \(None, 4, 4, 3\)"),
        ((None, None, 4, 2), (3, 3, 1, 2), FLOATS, (9, 9), 2, ValueError, r"got y \(None, None"),
        ((None, 4, 4, 2), (3, 3, 1, 2), FLOATS, (11, 9), 2, ValueError, r"y is \(None, 5, 4, 2\)"),
        ((None, 4, 4, 2), (3, 3, 1, 2), FLOATS, (2, 9), 2, ValueError, r"does not fit"),
        ((None, 4, 4, 2), (3, 3, 1, 2), FLOATS, (9,), 2, ValueError, r"\(B, H, W, C\)"),
        ((None, 4, 4, 2), (3, 3, 1), FLOATS, (9, 9), 2, ValueError, r"\(kh, kw, C, F\)"),
        ((None, 4, 4, 2), (3, 3), FLOATS, (9, 9), 2, ValueError, r"\(kh, kw, C, F\)"),
        ((None, 4, 4, 2), (3, 3, 1, 2), FLOATS, (9, 9), 0, ValueError, r"stride.*got 0"),
        ((None, 4, 4, 2), (3, 3, 1, 2), ("uint8", "float32"), (9, 9), 2, TypeError, r"got.*uint8"),
        ((None, 4, 4, 2), (3, 3, 1, 2), ("int64", "int64"), (9, 9), 2, TypeError, r"got.*int64"),
    ],
)
def test_bad_arguments_of_the_transpose_are_refused_when_the_graph_is_built(
    y_shape, kernel_shape, dtypes, image, stride, error, message
):
    y = TT.tensor("y", dtype=dtypes[0], shape=y_shape)
    kernel = TT.tensor("kernel", dtype=dtypes[1], shape=kernel_shape)
    with pytest.raises(error, match=message):
        conv2d_transpose(y, kernel, image, stride)


SCRIPT = """
import sys
import numpy as np, pytensor, pytensor.tensor as TT
from dqn_symbolic.compiling.conv import conv2d
x = TT.tensor("x", dtype="float32", shape=(None, 4, 4, 1))
kernel = TT.tensor("kernel", dtype="float32", shape=(2, 2, 1, 1))
y = conv2d(x, kernel, 2)
outputs = [y, *pytensor.grad(y.sum(), [x, kernel])]
function = pytensor.function([x, kernel], outputs, mode="NUMBA")
y, dx, dkernel = function(np.ones((1, 4, 4, 1), "f4"), np.ones((2, 2, 1, 1), "f4"))
assert (y == 4).all() and (dx == 1).all() and (dkernel == 4).all()
assert "jax" not in sys.modules, "JAX is imported without need"
"""


@pytest.mark.slow
def test_numba_compiles_once_for_all_processes(tmp_path):
    environment = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={tmp_path}"}

    def cached_files():
        subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, timeout=100)
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb[ic]")}

    first = cached_files()
    for name in "convolve", "kernel_gradient", "input_gradient", "numba_funcified_fgraph":
        assert any(name in path.name for path in first), name
    assert cached_files() == first


def test_a_gradient_of_another_batch_is_refused():
    x, kernel, dy = example(np.random.default_rng(0), 3, *SMALL[0])
    with pytest.raises(ValueError, match="do not fit"):
        compiled(*SMALL[0], mode=MODES["numba"])(x, kernel, dy[:2])
