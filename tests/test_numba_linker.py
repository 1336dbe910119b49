"""The linker's compiled loops, compared with PyTensor's NumPy for each operation."""

import gc
import os
import re
import sys
from functools import partial
from typing import NamedTuple

import numba
import numpy as np
import pytensor
import pytensor.scalar as scalars
import pytensor.tensor as TT
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.core.errors import NumbaError
from pytensor.compile.ops import deep_copy_op, wrap_py
from pytensor.raise_op import Assert

from dqn_symbolic.compiling import cache, numba_linker
from dqn_symbolic.compiling.backends import mode, try_out
from dqn_symbolic.compiling.cache import SlowStart
from dqn_symbolic.compiling.fallback import OneFunctionLinker, linker
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import mlp, mlp_params
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import functions, q_learning
from tests.plain import PLAIN

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.standard_normal(shape).astype("float32")


M, N, T = random(4, 5), random(4, 5), random(3, 4, 5)
M_NAN = M.copy()
M_NAN[1, 2] = np.nan

# name: (symbolic expression, the arrays that it is called with)
CASES = {
    "elementwise operations": (lambda m, n: m * n - m / 3, (M, N)),
    "a row, a column and a number broadcast": (
        lambda m, r, c, s: m + r[None] * c[:, None] - s,
        (M, M[0], M[:, 0].copy(), np.float32(2)),
    ),
    "loops that differ in a constant": (
        lambda m, n: TT.tanh(2 * TT.dot(TT.tanh(3 * TT.dot(m, n)), n)),
        (M, random(5, 5)),
    ),
    "a transposed operand": (lambda m, n: m.T * 2 + n, (M, N.T.copy())),
    "an axis of length 1 dropped": (lambda t: t[:, :, 0] + 1, (random(4, 5, 1),)),
    "axes swapped and another dropped": (lambda t: t.dimshuffle(1, 0), (random(2, 3, 1),)),
    "a transposed result": (lambda t: t.dimshuffle(2, 0, 1), (T,)),
    "constants": (lambda m: m * np.arange(5, dtype="float32") + np.float32(7), (M,)),
    "a scalar from scalars": (lambda s, t: TT.sqrt(s) + t**2.5, (np.float32(2), np.float32(3))),
    "bytes to brightness": (
        lambda b: b.astype("float32") / 255,
        (RNG.integers(0, 256, (4, 5)).astype("uint8"),),
    ),
    "integers divided": (lambda i, j: i / j, (np.array([7, 8]), np.array([2, 3]))),
    "division by zero": (lambda m, n: m / n, (M * (M > 0), N * (N > 0))),
    "comparisons": (lambda m, n: TT.eq(m, n) + (m > n) * 2 + (m <= 0) * 4, (M, N)),
    "choice": (lambda m, n: TT.switch(m > 0, n, -n), (M, N)),
    "clipping": (lambda m: m.clip(-0.5, 0.5), (M,)),
    "functions": (lambda m: TT.tanh(m) + TT.exp(m) + TT.log(abs(m)), (M,)),
    "maximum keeps NaN": (lambda m, n: TT.maximum(m, n), (M_NAN, N)),
    "maximum keeps NaN of its second argument": (lambda m, n: TT.maximum(n, m), (M_NAN, N)),
    "minimum": (lambda m, n: TT.minimum(m, n), (M_NAN, N)),
    "sum of all": (lambda t: t.sum(), (T,)),
    "sum along the first axis": (lambda t: t.sum(axis=0), (T,)),
    "sum along the last axis": (lambda t: t.sum(axis=-1), (T,)),
    "sum along the outer axes": (lambda t: t.sum(axis=(0, 2)), (T,)),
    "sum of a transposed matrix": (lambda m: m.T.sum(axis=0), (M,)),
    "sum of integers": (lambda i: i.sum(), (np.arange(5),)),
    "sum of pixels": (lambda p: p.sum(axis=(1, 2), acc_dtype="int32"), (np.uint8(200 + T),)),
    "max of pixels": (lambda p: p.max(axis=1), (np.uint8(200 + T),)),
    "mean": (lambda m: (m**2).mean(), (M,)),
    "max": (lambda m: m.max(axis=1), (M,)),
    "max of negative numbers": (lambda m: m.max(axis=0), (-abs(M),)),
    "max keeps NaN": (lambda m: m.max(axis=1), (M_NAN,)),
    "matrix times matrix": (lambda m, n: TT.dot(m, n), (M, N.T.copy())),
    "transposed matrices": (lambda m, n: TT.dot(m.T, n) + TT.dot(n.T, m), (M, N)),
    "matrix times vector": (lambda m, v: TT.dot(m, v), (M, M[0])),
    "vector times vector": (lambda v, w: TT.dot(v, w), (M[0], N[0])),
    "products of integers": (lambda i, j: TT.dot(i, j), (np.arange(5), np.arange(5))),
    "flattened": (lambda t: t.flatten(2) + 1, (T,)),
    "a transposed matrix flattened": (lambda m: m.T.flatten(), (M,)),
    "a slice with bounds": (lambda v: v[1:-1], (M[0],)),
    "a slice backwards": (lambda v: v[::-1], (M[0],)),
    "a slice with computed bounds": (lambda v, i: v[i:] + v[i], (M[0], np.int64(3))),
    "a slice set": (lambda v: TT.set_subtensor(v[1:], 0), (M[0],)),
    "int8 overflows": (
        lambda i, j: (i + j).astype("float32") * 2,
        (np.array([100, 3], "int8"), np.array([100, 4], "int8")),
    ),
    "true and true is true": (
        lambda v: ((v > -9) + (v < 9)).astype("float32") * 2,
        (M[0],),
    ),
    "reshaped to a computed shape": (lambda t, m: t.reshape((m.shape[1], -1)), (T, M)),
    "a size": (lambda m: m.shape[0] + 0.5, (M,)),
    "sizes": (lambda m: TT.as_tensor(m.shape) * 2, (M,)),
    "a specified shape": (lambda m: TT.specify_shape(m, (4, None)) + 1, (M,)),
    "an operation that the linker leaves to PyTensor": (lambda m, n: TT.join(1, m, n), (M, N)),
    "gradients": (lambda m, n: TT.grad((TT.dot(m, n.T) ** 2).sum(), m), (M, N)),
    "an input returned unchanged": (lambda m: m, (M,)),
    "a scalar returned unchanged": (lambda s: s, (np.float32(3),)),
}


def static_shape(shape):
    """Only sizes of 1 are known: PyTensor has to know which axes it may broadcast."""
    return tuple(1 if size == 1 else None for size in shape)


@pytest.fixture(scope="module")
def results():
    """All cases in one function, because compiling each alone would take long."""
    inputs, outputs, arrays = [], [], []
    for expression, values in CASES.values():
        values = [np.asarray(value) for value in values]
        symbols = [TT.tensor(dtype=v.dtype, shape=static_shape(v.shape)) for v in values]
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
def test_compiled_loops_equal_numpy(case, results):
    expected, result = results[case]
    assert type(result) is type(expected)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=1e-6)


def test_outputs_do_not_share_memory_with_inputs():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], [x, x.T], mode=mode("numba"), trust_input=True)
    for output in f(M):
        assert not np.shares_memory(output, M)


def test_inputs_in_fortran_order_give_the_same_result():
    x = TT.matrix("x", dtype="float32")
    y = pytensor.shared(N, shape=N.shape)
    f = pytensor.function([x], TT.dot(x * y, y.T).sum(axis=0), mode=mode("numba"))
    np.testing.assert_allclose(f(np.asfortranarray(M)), (M * N @ N.T).sum(axis=0), rtol=1e-5)


def test_updates_are_written_over_the_old_values():
    """There is no copy, and everything that reads the old values is computed first."""
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


def test_updating_an_array_that_is_not_c_contiguous_is_refused():
    W = pytensor.shared(np.asfortranarray(M), shape=M.shape)
    f = pytensor.function([], [], updates=[(W, W * 2)], mode=mode("numba"))
    with pytest.raises(NotImplementedError, match="incompatible shape"):
        f()


def test_wrong_shapes_are_refused_also_for_trusted_inputs():
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
        f(M, N[:1].copy())  # PyTensor does not know that it may broadcast this axis


def test_an_axis_of_several_elements_is_not_dropped():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], x.dimshuffle(1), mode=mode("numba"))
    np.testing.assert_array_equal(f(M[:1]), M[0])
    with pytest.raises(ValueError, match="axis to drop"):
        f(M)


def test_results_are_c_contiguous():
    """Otherwise the next update could not be written over them."""
    x, y = TT.matrix("x", dtype="float32"), TT.matrix("y", dtype="float32")
    f = pytensor.function([x, y], [(x + y).T, x[::-1]], mode=mode("numba"))
    for result, expected in zip(f(M, N), ((M + N).T, M[::-1])):
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_specified_shapes_are_checked(known):
    x, rows = TT.matrix("x", dtype="float32"), TT.lscalar("rows")
    specified = TT.specify_shape(x, (4 if known else rows, None))
    f = pytensor.function([x, rows], specified * 2, mode=mode("numba"), on_unused_input="ignore")
    np.testing.assert_array_equal(f(M, 4), M * 2)
    with pytest.raises(AssertionError, match="SpecifyShape"):
        f(M[:3].copy(), 4)


@pytest.mark.parametrize("backend", ["numba", pytest.param("c", marks=pytest.mark.slow)])
def test_maxima_and_minima_equal_numpys(backend):
    """NaN at any place is the result, and the first number of the loop is never the result."""
    if backend == "c" and not pytensor.config.cxx:
        pytest.skip("no C++ compiler")
    some = np.array([[-3, 4, 5], [-1, 2, 0]])
    examples = {
        "float32": [some, *np.where(np.eye(6).reshape(6, 2, 3), np.nan, some), some - np.inf],
        "float64": [some, *np.where(np.eye(6).reshape(6, 2, 3), np.nan, some), some + np.inf],
        "bool": [some > 2, some > -9, some > 9],
        "int8": [some, some - 120, some + 120],
        "uint8": [some + 3, some + 250],
        "int32": [some, some + 3 - 2**31, some - 6 + 2**31],
    }

    def reductions(x):
        axes = (0, 1, (0, 1)) if x.dtype == "float32" else [1]  # compiling them takes long
        return [getattr(x, name)(axis=axis) for name in ("max", "min") for axis in axes]

    inputs = [TT.matrix(dtype=dtype) for dtype in examples]
    outputs = [output for x in inputs for output in reductions(x)]
    f = pytensor.function(inputs, outputs, mode=mode(backend))
    for i in range(max(map(len, examples.values()))):
        arrays = [of[i % len(of)].astype(dtype) for dtype, of in examples.items()]
        expected = [output for array in arrays for output in reductions(array)]
        for result, right in zip(f(*arrays), expected):
            assert result.dtype == right.dtype
            np.testing.assert_array_equal(result, right)


@pytest.mark.parametrize("name", ["max", "min"])
def test_no_numbers_have_no_maximum_and_no_minimum(name):
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], getattr(x, name)(axis=1), mode=mode("numba"))
    assert f(M[:0].copy()).shape == (0,)
    with pytest.raises(ValueError, match="of no numbers"):
        f(M[:, :0].copy())


def test_a_scalar_is_returned_as_a_number():
    x = TT.vector("x", dtype="float32")
    f = pytensor.function([x], TT.scalar_from_tensor(x.sum()), mode=mode("numba"))
    assert type(f(np.float32([1, 2]))) is float
    assert f(np.float32([1, 2])) == 3


def test_a_number_is_read_before_its_array_is_updated_in_place():
    c = pytensor.shared(np.zeros(1, "float32"), shape=(1,))
    number = TT.scalar_from_tensor(c.dimshuffle())
    f = pytensor.function([], number, updates=[(c, c + 1)], mode=mode("numba"))
    assert [f(), f()] == [0, 1]


def test_an_array_that_is_updated_in_place_stays_the_same_object():
    """The compiled function does not return it, and every result finds its place."""
    x, W = TT.vector("x", dtype="float32"), pytensor.shared(M[0].copy(), shape=M[0].shape)
    V = pytensor.shared(M[1].copy(), shape=M[1].shape)
    updates = [(V, V + 2 * x), (W, W + x)]
    f = pytensor.function([x], [x.sum(), W * x], updates=updates, mode=mode("numba"))
    arrays = W.get_value(borrow=True), V.get_value(borrow=True)
    for times in 1, 2:
        total, product = f(M[2])
        np.testing.assert_allclose(total, M[2].sum(), rtol=1e-6)
        np.testing.assert_allclose(product, (M[0] + (times - 1) * M[2]) * M[2], rtol=1e-6)
        np.testing.assert_allclose(arrays[0], M[0] + times * M[2], rtol=1e-6)
        np.testing.assert_allclose(arrays[1], M[1] + 2 * times * M[2], rtol=1e-6)
    assert [id(array) for array in arrays] == [id(v.get_value(borrow=True)) for v in (W, V)]


def test_the_same_graph_gives_the_same_source_code():
    """numba's cache finds compiled functions by their source code."""

    def source_code():
        x, W = TT.matrix("x", dtype="float32"), pytensor.shared(M.T.copy(), shape=(5, 4))
        q = TT.maximum(TT.dot(x, W), 0)
        updates = [(W, W - TT.grad((q**2).mean(), W))]
        f = pytensor.function([x], q, updates=updates, mode=mode("numba"))
        return f.vm.jit_fn.py_func.__source__

    assert source_code() == source_code()
    assert "np.dot(" in source_code()


def test_operations_written_in_python_are_called_back():
    """The function that calls them is not cached on disk: it would call the wrong one."""
    double, triple = (
        wrap_py([TT.fmatrix], [TT.fmatrix])(function)
        for function in (lambda x: 2 * x, lambda x: 3 * x)
    )
    x = TT.matrix("x", dtype="float32")
    for op, factor in ((double, 2), (triple, 3)):
        with pytest.warns(UserWarning, match="object mode"):
            f = pytensor.function([x], op(x) + 1, mode=mode("numba"))
        np.testing.assert_array_equal(f(M), factor * M + 1)


def test_the_linker_works_without_numbas_cache():
    with pytensor.config.change_flags(numba__cache=False):
        x = TT.matrix("x", dtype="float32")
        f = pytensor.function([x], x + 1, mode=mode("numba"))
        np.testing.assert_array_equal(f(M), M + 1)


def test_loops_are_compiled_again_when_fastmath_changes():
    """One graph, in one process: numba does not tell such loops apart."""
    expression, arrays = CASES["loops that differ in a constant"]
    inputs = [TT.matrix(dtype="float32") for _ in arrays]
    for fastmath in True, False, True:
        with pytensor.config.change_flags(numba__fastmath=fastmath):
            f = pytensor.function(inputs, expression(*inputs), mode=mode("numba"))
        found = f.vm.jit_fn.py_func.__globals__.values()
        options = [loops.targetoptions for loops in found if hasattr(loops, "targetoptions")]
        assert [bool(option["fastmath"]) for option in options] == [fastmath] * len(options)
        assert len(options) > 1


def test_a_copy_of_a_number_does_not_see_its_update():
    c = pytensor.shared(np.zeros(1, "float32"), shape=(1,))
    copy = deep_copy_op(c.dimshuffle())
    f = pytensor.function([], copy, updates=[(c, c + 1)], mode=mode("numba"))
    assert [float(f()) for _ in range(3)] == [0, 1, 2]


def test_several_threads_can_run_a_function_at_a_time():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], x + 1, mode=mode("numba"))
    function, _ = numba_linker.one_function(f.maker.fgraph)
    assert function.targetoptions["nogil"]


def test_a_failed_assertion_is_raised():
    x = TT.vector("x", dtype="float32")
    f = pytensor.function([x], Assert("no positive sum")(x, x.sum() > 0) * 2, mode=mode("numba"))
    assert f(np.ones(2, np.float32)).tolist() == [2, 2]
    with pytest.raises(AssertionError, match="no positive sum"):
        f(np.zeros(2, np.float32))


@pytest.mark.parametrize("collects", [True, False])
def test_the_first_call_leaves_the_search_for_garbage_as_it_was(collects):
    try:
        (gc.enable if collects else gc.disable)()
        try_out(lambda: None, (), [])
        assert gc.isenabled() == collects
    finally:
        gc.enable()


def test_the_learner_of_vector_observations_equals_numpy():
    """The history turns vectors, like those of CartPole, into arrays (B, 4, 1)."""
    rng = np.random.default_rng(0)
    values = mlp_params(rng, (4, 1), (8,), 2, glorot)
    x, x_tp1 = random(2, 3, 4, 1)
    action, reward = np.array([0, 1, 1], "int32"), random(3)
    discount = np.array([0.99, 0, 0.99], "float32")
    batch = x, action, reward, discount, x_tp1

    def q(x):
        h = np.maximum(x[:, :, 0] @ values["W1"] + values["b1"], 0)
        return h @ values["Wout"] + values["bout"]

    weights = []
    for m in PLAIN, mode("numba"):
        optimiser = partial(sgd, learning_rate=0.1)
        forward, learn, _ = functions(q_learning(mlp, values, (4, 1), "float32", optimiser), m)
        np.testing.assert_allclose(forward(x), q(x), rtol=1e-5, atol=1e-6)
        td_error = reward + discount * q(x_tp1).max(axis=1) - q(x)[range(3), action]
        np.testing.assert_allclose(learn(*batch), td_error, rtol=1e-5, atol=1e-6)
        weights.append({v.name: v.get_value() for v in learn.get_shared()})
    expected, result = weights
    for name in values:
        np.testing.assert_allclose(result[name], expected[name], rtol=1e-5, atol=1e-6)
        assert np.abs(result[name] - values[name]).max() > 1e-3


def fail(*_):
    raise AttributeError("gone")


# {part of the linker: a function that makes it fail}
FAILURES = {
    "the import": lambda patch: patch.setitem(sys.modules, numba_linker.__name__, None),
    "the writing": lambda patch: patch.setattr(numba_linker, "scalar", fail),
    "numba's compiling": lambda patch: patch.setitem(numba_linker.INFIX, scalars.Add, "@"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_pytensors_own_linker_takes_over_when_ours_fails(failure, monkeypatch):
    monkeypatch.setattr(OneFunctionLinker, "stands_in", False)
    cache.warn.cache_clear()
    FAILURES[failure](monkeypatch)
    W, x = pytensor.shared(M.copy(), shape=M.shape), TT.matrix("x", dtype="float32")
    with pytest.warns(SlowStart, match="takes longer, and the bits may differ") as warnings:  # noqa: PT031
        for updates in [(W, W + x)], [(W, W - x / 2)]:
            f = pytensor.function([x], (W + x).sum(axis=0), updates=updates, mode=mode("numba"))
            expected = (W.get_value() + N).sum(axis=0)
            np.testing.assert_allclose(f(N), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(W.get_value(), M + N / 2, rtol=1e-5, atol=1e-6)
    assert len(warnings) == 1
    assert "\n" not in str(warnings[0].message)
    assert re.search(r"numba [\d.]+: \w+(Error|Exception): .", str(warnings[0].message))
    assert linker() == "PyTensor's own linker"


def test_without_numbas_compiler_the_backend_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set: unset it, or use --backend c"):
        mode("numba")


def test_errors_of_both_linkers_are_raised_without_a_warning():
    x = TT.matrix("x", dtype="float32")
    f = pytensor.function([x], x + 1, mode=mode("numba"), trust_input=True)
    with pytest.raises(NumbaError):
        f("no array")
    np.testing.assert_array_equal(f(M), M + 1)
    assert f.vm.jit_fn.py_func.__name__ == "symbolic_graph"


# -- random graphs ---------------------------------------------------------------------------------

GRAPHS = int(os.environ.get("GRAPHS", 0))
PER_FUNCTION = 20  # graphs in one function, because compiling each alone would take long
DTYPES = "float32", "float32", "int64", "uint8", "bool"


class Drawn(NamedTuple):
    symbol: TT.TensorVariable
    shape: tuple
    exact: bool  # Without rounding, comparisons give the same result in any order of summation.


@st.composite
def graphs(draw):
    """-> [(input, array), ...], [output, ...]"""
    leaves = []

    def pick(options):
        return draw(st.sampled_from(options))

    def subset(options):
        return [option for option in options if draw(st.booleans())]

    def leaf(shape, dtypes=DTYPES, broadcasts=False):
        """A new input of small numbers. Some of its sizes are known when the graph is built."""
        dtype, rng = pick(dtypes), np.random.default_rng(draw(st.integers(0, 9)))
        array = rng.integers(0 if dtype == "uint8" else -2, 3, shape)
        array = (array / 2 if dtype.startswith("float") else array).astype(dtype)
        known = [n if draw(st.booleans()) or (broadcasts and n == 1) else None for n in shape]
        leaves.append((TT.tensor(dtype=dtype, shape=known), array))
        return leaves[-1][0]

    def operand_for(x, dtypes=DTYPES):
        """A new input that is broadcast along some axes of x, or lacks its first axes."""
        shape = [1 if draw(st.booleans()) else n for n in x.shape]
        return leaf(shape[pick([0, 0, len(shape)]) :], dtypes, broadcasts=True)

    def elementwise(x):
        y = operand_for(x)
        f = pick([TT.add, TT.mul, TT.maximum, TT.minimum, TT.sub])
        if (
            f is TT.sub and "u" in (x.symbol.dtype + y.dtype)
        ) or x.symbol.dtype == y.dtype == "bool":
            f = TT.add
        return x._replace(symbol=f(*pick([(x.symbol, y), (y, x.symbol)])))

    def rounded(x):
        f = pick([TT.tanh, lambda v: v / 3, TT.exp])
        return Drawn(f(x.symbol), x.shape, False)

    def compared(x):
        f = pick([TT.eq, TT.neq, TT.lt, TT.gt, TT.le, TT.ge])
        return x._replace(symbol=f(x.symbol, operand_for(x))) if x.exact else x

    def chosen(x):
        return x._replace(symbol=TT.switch(operand_for(x, ["bool"]), x.symbol, operand_for(x)))

    def cast(x):
        dtypes = ["float32", "float64", "int64", "bool"] if x.exact else ["float32", "float64"]
        return x._replace(symbol=x.symbol.astype(pick(dtypes)))

    def shuffled(x):
        dropped = subset(
            [axis for axis, droppable in enumerate(x.symbol.type.broadcastable) if droppable]
        )
        remaining = [axis for axis in range(len(x.shape)) if axis not in dropped]
        order = draw(st.permutations(remaining + ["x"] * pick([0, 0, 1])))
        shape = tuple(1 if axis == "x" else x.shape[axis] for axis in order)
        return Drawn(x.symbol.dimshuffle(order), shape, x.exact)

    def reduced(x):
        axes = subset(range(len(x.shape)))
        shape = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
        return Drawn(pick([TT.sum, TT.max, TT.min])(x.symbol, axis=axes), shape, x.exact)

    def multiplied(x):
        if not 1 <= len(x.shape) <= 2:
            return x
        shape = x.shape[-1], *pick([(), (1,), (3,)])
        W = pick([lambda: leaf(shape), lambda: leaf(shape[::-1]).T])()
        return Drawn(TT.dot(x.symbol, W), x.shape[:-1] + shape[1:], x.exact)

    def sliced(x):
        if not x.shape:
            return x
        start, number = TT.lscalar(), draw(st.integers(0, x.shape[0] - 1))
        leaves.append((start, np.array(number)))
        both = (slice(None, None, -1), slice(-1, None), slice(0, -1))
        index, plain = pick(
            [(slice(start, None), slice(number, None)), (start, number)]
            + [(index, index) for index in both]
        )
        if draw(st.booleans()):
            return Drawn(x.symbol[index], np.empty(x.shape)[plain].shape, x.exact)
        return x._replace(symbol=TT.set_subtensor(x.symbol[index], np.ones((), x.symbol.dtype)))

    def reshaped(x):
        n = draw(st.integers(1, max(1, len(x.shape))))
        shape = np.empty(x.shape).reshape(*x.shape[: n - 1], -1).shape
        return Drawn(x.symbol.flatten(n), shape, x.exact)

    steps = [elementwise, elementwise, rounded, compared, chosen, cast, shuffled, shuffled]
    steps += [reduced, multiplied, sliced, reshaped]
    outputs = []
    for _ in range(PER_FUNCTION):
        shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
        x = Drawn(leaf(shape), shape, True)
        for step in draw(st.lists(st.sampled_from(steps), min_size=1, max_size=4)):
            x = step(x)
        outputs.append(x.symbol)
    return leaves, outputs


@pytest.mark.slow
@settings(
    max_examples=(GRAPHS or 200) // PER_FUNCTION,
    derandomize=not GRAPHS,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(graphs())
def test_random_graphs_equal_numpy(drawn):
    (leaves, outputs) = drawn
    inputs, arrays = zip(*leaves)
    with pytensor.config.change_flags(numba__cache=False):
        expected, results = (
            pytensor.function(inputs, outputs, mode=m, on_unused_input="ignore")(*arrays)
            for m in (PLAIN, mode("numba"))
        )
    for numpys, loops, output in zip(expected, results, outputs):
        graph = pytensor.dprint(output, file="str", print_type=True)
        assert (loops.dtype, loops.shape) == (numpys.dtype, numpys.shape), graph
        np.testing.assert_allclose(loops, numpys, rtol=1e-4, atol=1e-4, err_msg=graph)
