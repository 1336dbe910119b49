"""Products in registers, compared with NumPy in float64."""

import numba
import numpy as np
import pytest

from dqn_symbolic.compiling.conv import tiles

# Tiles of one size and of two, full vectors and others, and a single row.
SIZES = [(20, 16), (9, 35), (7, 3), (1, 75)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_a_product_with_overlapping_windows(rows, columns, dtype):
    """Each row of a is a window of 2 lines and 5 numbers, 3 further than the last."""
    rng = np.random.default_rng(0)
    line, b, c = (
        rng.normal(size=size).astype(dtype)
        for size in (3 * rows + 20, (2, 5, columns), (rows, 2, columns))
    )
    number = line.itemsize
    a = np.lib.stride_tricks.as_strided(line, (rows, 2, 5), (3 * number, 11 * number, number))
    add, before = tiles.product(rows, columns), c.copy()
    numba.njit(lambda c, a, b: add(c, a, b))(c[:, 1], a, b)
    expected = before[:, 1] + np.einsum("rkn,knf->rf", a.astype("float64"), b.astype("float64"))
    np.testing.assert_allclose(c[:, 1], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(c[:, 0], before[:, 0])


@pytest.mark.parametrize("rows", range(1, 41))
def test_the_tiles_cover_each_row_once(rows):
    tops = [
        (top, height)
        for first, end, height in tiles.down(rows)
        for top in range(first, end, height)
    ]
    assert [row for top, height in tops for row in range(top, top + height)] == list(range(rows))
    heights = {height for _, height in tops}
    assert max(heights) <= tiles.ROWS
    assert max(heights) - min(heights) <= 1
