"""The linker's function of loops against PyTensor's own NumPy, operation by operation."""

import numpy as np
import pytensor
import pytensor.tensor as TT
import pytest
from pytensor.compile.ops import wrap_py

from dqn_symbolic.compiling.backends import mode
from tests.plain import PLAIN

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.standard_normal(shape).astype("float32")


M, N, T = random(4, 5), random(4, 5), random(3, 4, 5)
M_NAN = M.copy()
M_NAN[1, 2] = np.nan

# name: (symbolic expression, the arrays that it is called with)
CASES = {
    "one loop over all numbers": (lambda m, n: m * n - m / 3, (M, N)),
    "a row, a column and a number repeated": (
        lambda m, r, c, s: m + r[None] * c[:, None] - s,
        (M, M[0], M[:, 0].copy(), np.float32(2)),
    ),
    "read along other axes": (lambda m, n: m.T * 2 + n, (M, N.T.copy())),
    "an axis of one element dropped": (lambda t: t[:, :, 0] + 1, (random(4, 5, 1),)),
    "a transposed result": (lambda t: t.dimshuffle(2, 0, 1), (T,)),
    "constants": (lambda m: m * np.arange(5, dtype="float32") + np.float32(7), (M,)),
    "a number from numbers": (lambda s, t: TT.sqrt(s) + t**2.5, (np.float32(2), np.float32(3))),
    "bytes to brightness": (
        lambda b: b.astype("float32") / 255,
        (RNG.integers(0, 256, (4, 5)).astype("uint8"),),
    ),
    "whole numbers divided": (lambda i, j: i / j, (np.array([7, 8]), np.array([2, 3]))),
    "division by zero": (lambda m, n: m / n, (M * (M > 0), N * (N > 0))),
    "comparisons": (lambda m, n: TT.eq(m, n) + (m > n) * 2 + (m <= 0) * 4, (M, N)),
    "choice": (lambda m, n: TT.switch(m > 0, n, -n), (M, N)),
    "clipping": (lambda m: m.clip(-0.5, 0.5), (M,)),
    "functions": (lambda m: TT.tanh(m) + TT.exp(m) + TT.log(abs(m)), (M,)),
    "maximum keeps what is not a number": (lambda m, n: TT.maximum(m, n), (M_NAN, N)),
    "maximum from the right": (lambda m, n: TT.maximum(n, m), (M_NAN, N)),
    "minimum": (lambda m, n: TT.minimum(m, n), (M_NAN, N)),
    "sum of all": (lambda t: t.sum(), (T,)),
    "sum along the first axis": (lambda t: t.sum(axis=0), (T,)),
    "sum along the last axis": (lambda t: t.sum(axis=-1), (T,)),
    "sum along the outer axes": (lambda t: t.sum(axis=(0, 2)), (T,)),
    "sum of a transposed matrix": (lambda m: m.T.sum(axis=0), (M,)),
    "sum of whole numbers": (lambda i: i.sum(), (np.arange(5),)),
    "mean": (lambda m: (m**2).mean(), (M,)),
    "max": (lambda m: m.max(axis=1), (M,)),
    "max of negative numbers": (lambda m: m.max(axis=0), (-abs(M),)),
    "max keeps what is not a number": (lambda m: m.max(axis=1), (M_NAN,)),
    "matrix times matrix": (lambda m, n: TT.dot(m, n), (M, N.T.copy())),
    "transposed matrices": (lambda m, n: TT.dot(m.T, n) + TT.dot(n.T, m), (M, N)),
    "matrix times vector": (lambda m, v: TT.dot(m, v), (M, M[0])),
    "vector times vector": (lambda v, w: TT.dot(v, w), (M[0], N[0])),
    "products of whole numbers": (lambda i, j: TT.dot(i, j), (np.arange(5), np.arange(5))),
    "flattened": (lambda t: t.flatten(2) + 1, (T,)),
    "reshaped to what is computed": (lambda t, m: t.reshape((m.shape[1], -1)), (T, M)),
    "a size": (lambda m: m.shape[0] + 0.5, (M,)),
    "sizes": (lambda m: TT.as_tensor(m.shape) * 2, (M,)),
    "a specified shape": (lambda m: TT.specify_shape(m, (4, None)) + 1, (M,)),
    "an operation without lines of its own": (lambda m: TT.cumsum(m, axis=1), (M,)),
    "gradients": (lambda m, n: TT.grad((TT.dot(m, n.T) ** 2).sum(), m), (M, N)),
    "an input as it came": (lambda m: m, (M,)),
    "a scalar as it came": (lambda s: s, (np.float32(3),)),
}


@pytest.fixture(scope="module")
def results():
    """All the cases in one function, as compiling has a price for each."""
    inputs, outputs, arrays = [], [], []
    for expression, values in CASES.values():
        values = [np.asarray(value) for value in values]
        symbols = [TT.tensor(dtype=v.dtype, shape=(None,) * v.ndim) for v in values]
        if expression is CASES["an axis of one element dropped"][0]:
            symbols = [TT.tensor(dtype="float32", shape=(None, None, 1))]
        inputs += symbols
        outputs.append(expression(*symbols))
        arrays += values
    plain, loops = (
        pytensor.function(inputs, outputs, mode=m, on_unused_input="ignore")
        for m in (PLAIN, mode("numba"))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return dict(zip(CASES, zip(plain(*arrays), loops(*arrays))))


@pytest.mark.parametrize("case", CASES)
def test_loops_compute_what_numpy_does(case, results):
    expected, found = results[case]
    assert type(found) is type(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_what_comes_out_is_not_what_came_in():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], [x, x.T], mode=mode("numba"), trust_input=True)
    for found in f(M):
        assert not np.shares_memory(found, M)


def test_arrays_that_lie_otherwise_in_memory():
    x = TT.matrix("x", dtype="float32")
    y = pytensor.shared(N, shape=N.shape)
    f = pytensor.function([x], TT.dot(x * y, y.T).sum(axis=0), mode=mode("numba"))
    np.testing.assert_allclose(f(np.asfortranarray(M)), (M * N @ N.T).sum(axis=0), rtol=1e-5)


def test_updates_are_written_over_the_old_values():
    """Without a copy, and only once all that reads the old values has read them."""
    W, b = pytensor.shared(M.copy(), "W", shape=M.shape), pytensor.shared(N[0], "b", shape=(5,))
    x = TT.matrix("x", dtype="float32")
    new_W, before = W * 2 + b[None] - x, W.get_value(borrow=True)
    f = pytensor.function(
        [x], TT.dot(W, x.T), updates=[(W, new_W), (b, b * W.sum(axis=0))], mode=mode("numba")
    )
    np.testing.assert_allclose(f(N), M @ N.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(W.get_value(), M * 2 + N[0] - N, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b.get_value(), N[0] * M.sum(axis=0), rtol=1e-5, atol=1e-6)
    assert np.shares_memory(before, W.get_value(borrow=True))


def test_an_update_of_an_array_in_another_order_is_refused_and_not_lost():
    W = pytensor.shared(np.asfortranarray(M), shape=M.shape)
    f = pytensor.function([], [], updates=[(W, W * 2)], mode=mode("numba"))
    with pytest.raises(NotImplementedError, match="incompatible shape"):
        f()


def test_wrong_shapes_are_refused_also_where_the_input_is_trusted():
    x, y = TT.tensor("x", dtype="float32", shape=(None, 5)), TT.matrix("y", dtype="float32")
    f = pytensor.function([x, y], x + y, mode=mode("numba"), trust_input=True)
    assert f(M, N).shape == (4, 5)
    with pytest.raises(ValueError, match=r"x: expected the shape \(None, 5\)"):
        f(M[:, :4].copy(), N)
    with pytest.raises(ValueError, match="sizes along axis 0 differ"):
        f(M, N[:3].copy())
    with pytest.raises(ValueError, match="sizes along axis 1 differ"):
        f(M, N[:, :4].copy())
    with pytest.raises(ValueError, match="sizes along axis 0 differ"):
        f(M, N[:1].copy())  # it would have to be known as broadcastable


def test_a_shape_that_was_specified_is_checked():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], TT.specify_shape(x, (4, None)) * 2, mode=mode("numba"))
    with pytest.raises(ValueError, match="another shape"):
        f(M[:3].copy())


def test_the_same_graph_is_the_same_text_so_that_the_cache_knows_it():
    def text():
        x, W = TT.matrix("x", dtype="float32"), pytensor.shared(M.T.copy(), shape=(5, 4))
        q = TT.maximum(TT.dot(x, W), 0)
        updates = [(W, W - TT.grad((q**2).mean(), W))]
        f = pytensor.function([x], q, updates=updates, mode=mode("numba"))
        return f.vm.jit_fn.py_func.__source__

    assert text() == text()
    assert "np.dot(" in text()


def test_operations_that_only_python_knows():
    """They are called back in Python, and what calls them is not kept on disk."""
    double, triple = (
        wrap_py([TT.fmatrix], [TT.fmatrix])(function)
        for function in (lambda x: 2 * x, lambda x: 3 * x)
    )
    x = TT.matrix("x", dtype="float32")
    for op, factor in ((double, 2), (triple, 3)):
        with pytest.warns(UserWarning, match="object mode"):
            f = pytensor.function([x], op(x) + 1, mode=mode("numba"))
        np.testing.assert_array_equal(f(M), factor * M + 1)


def test_without_the_cache():
    with pytensor.config.change_flags(numba__cache=False):
        x = TT.matrix("x", dtype="float32")
        f = pytensor.function([x], x + 1, mode=mode("numba"))
        np.testing.assert_array_equal(f(M), M + 1)
