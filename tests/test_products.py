"""Products in parts, compared with NumPy in float64."""

import numpy as np
import pytest
from pytensor import function
from pytensor.tensor import dot, tensor

from dqn_symbolic.compiling import products
from dqn_symbolic.compiling.backends import mode

# (rows, inner size, columns); None is the size of the minibatch
SIZES = {
    "by_rows": (1_500, None, 200),
    "by_inner": (None, 1_500, 200),
    "by_columns": (None, 200, 1_500),
}


@pytest.fixture(autouse=True)
def small_kernels(monkeypatch):
    monkeypatch.setattr(products, "HAS_SMALL_KERNELS", True)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("way", SIZES)
def test_the_parts_together_are_the_product(way, transposed):
    """Batches of 0 and 1; of 7, whose last part is not full; of 40; and of 200, which is whole."""
    rows, inner, columns = SIZES[way]
    order = -1 if transposed else 1
    shapes = (rows, inner)[::order], (inner, columns)[::order]
    a, b = (tensor(shape=shape, dtype="float32") for shape in shapes)
    multiply = function([a, b], dot(a.T, b.T) if transposed else dot(a, b), mode=mode("numba"))
    assert way in map(name_of, multiply.vm.jit_fn.py_func.__globals__.values())
    rng = np.random.default_rng(0)
    for batch in (0, 1, 7, 40, 200):
        shape_a, shape_b = (rows or batch, inner or batch), (inner or batch, columns or batch)
        a, b = (rng.normal(size=shape).astype("float32") for shape in (shape_a, shape_b))
        given = [np.ascontiguousarray(m.T) for m in (a, b)] if transposed else [a, b]
        expected = a.astype("float64") @ b.astype("float64")
        np.testing.assert_allclose(multiply(*given), expected, rtol=1e-4, atol=1e-3)


def test_sizes_that_do_not_fit_are_refused():
    """Here the last part of b ends where a part of a ends, too."""
    a = tensor(shape=(None, None), dtype="float32")
    b = tensor(shape=(1_500, 200), dtype="float32")
    multiply = function([a, b], dot(a, b), mode=mode("numba"))
    with pytest.raises(ValueError, match="size"):
        multiply(np.zeros((50, 1_600), "float32"), np.zeros((1_500, 200), "float32"))


@pytest.mark.parametrize("sizes", [(None, 100, 128), (None, None, 512), (256, None, 512)])
def test_small_products_are_whole(sizes):
    assert products.in_parts(*sizes) is None


def test_products_are_whole_without_avx_512(monkeypatch):
    monkeypatch.setattr(products, "HAS_SMALL_KERNELS", False)
    assert products.in_parts(*SIZES["by_inner"]) is None


def name_of(value):
    return getattr(value, "__name__", None)
