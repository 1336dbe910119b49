"""Matrix products that copy nothing, for numba: a factor can be a view of an image's windows.

BLAS first copies its matrices into another order. For the windows of an image and a few filters,
this takes as long as the product. Here the result is computed in tiles, each so small that its sums
stay in the processor's registers: those of AVX2 hold 5 rows of 16 columns beside the factors. LLVM
makes each processor's own instructions from the vectors that are written here.
"""

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import alloca_once_value, for_range, for_range_slice, unpack_tuple
from numba.extending import intrinsic

ROWS, COLUMNS = 5, 16  # of a tile, at most
COLUMNS_OF_ONE_ROW = 64  # so that there are enough sums to work on at the same time
LANES = 8  # numbers in a vector
FUSED = ("contract",)  # one instruction multiplies and adds, where the processor has it
size = ir.IntType(64)  # size(number) is a constant in the code


def product(rows, columns):
    """-> the function add(c, a, b) for numba: c[r, f] += sum over k, n of a[r, k, n] b[k, n, f]

    c (rows, columns), a (rows, K, N) and b (K, N, columns) are views with any strides, but the
    columns lie side by side. All three have the same type of float. No size is checked.
    """

    @intrinsic
    def add(_, c, a, b):
        def write(context, builder, signature, arguments):
            arrays = zip(signature.args, arguments)
            c, a, b = (context.make_array(t)(context, builder, value) for t, value in arrays)
            number = context.get_data_type(signature.args[0].dtype)
            for left, right, width in across(rows, columns):
                for top, bottom, height in down(rows):
                    with (
                        for_range_slice(builder, *map(size, (left, right, width))) as (f, _),
                        for_range_slice(builder, *map(size, (top, bottom, height))) as (r, _),
                    ):
                        write_tile(builder, number, c, a, b, r, height, f, width)
            return context.get_dummy_value()

        return types.void(c, a, b), write

    return add


def across(rows, columns):
    """-> [(first column, end, columns of a tile), ...]"""
    most = COLUMNS if rows > 1 else COLUMNS_OF_ONE_ROW
    rest = columns % most
    return not_empty((0, columns - rest, most), (columns - rest, columns, rest))


def down(rows):
    """-> [(first row, end, rows of a tile), ...]: the heights of the tiles differ by 1 at most."""
    tiles = -(-rows // ROWS)
    height = -(-rows // tiles)
    end = (rows - tiles * (height - 1)) * height
    return not_empty((0, end, height), (end, rows, height - 1))


def not_empty(*ranges):
    return [(first, end, step) for first, end, step in ranges if first < end]


def write_tile(builder, number, c, a, b, r, height, f, width):
    """Writes the code for `height` rows from r on, and `width` columns from f on."""
    rows = [builder.add(r, size(i)) for i in range(height)]
    columns = [builder.add(f, size(i)) for i in range(0, width, LANES)]
    vectors = [ir.VectorType(number, min(LANES, width - i)) for i in range(0, width, LANES)]
    sums = [[alloca_once_value(builder, ir.Constant(v, None)) for v in vectors] for _ in rows]
    _, K, N = unpack_tuple(builder, a.shape)
    with for_range(builder, K) as outer, for_range(builder, N) as inner:
        k, n = outer.index, inner.index
        of_b = [load(builder, address(builder, b, k, n, f), v) for f, v in zip(columns, vectors)]
        for r, totals in zip(rows, sums):
            of_a = load(builder, address(builder, a, r, k, n), number)
            for total, factor in zip(totals, of_b):
                term = builder.fmul(repeated(builder, of_a, factor.type), factor, FUSED)
                builder.store(builder.fadd(builder.load(total), term, FUSED), total)
    for r, totals in zip(rows, sums):
        for f, v, total in zip(columns, vectors, totals):
            place = address(builder, c, r, f)
            new = builder.fadd(load(builder, place, v), builder.load(total))
            builder.store(new, builder.bitcast(place, v.as_pointer()), align=1)


def address(builder, view, *indices):
    place = builder.bitcast(view.data, ir.IntType(8).as_pointer())
    for index, stride in zip(indices, unpack_tuple(builder, view.strides)):
        place = builder.gep(place, [builder.mul(index, stride)])
    return place


def load(builder, place, of_type):
    return builder.load(builder.bitcast(place, of_type.as_pointer()), align=1)


def repeated(builder, number, vector):
    """-> the number in all places of a vector."""
    index = ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, index(0))
    everywhere = ir.VectorType(index, vector.count)([0] * vector.count)
    return builder.shuffle_vector(first, first, everywhere)
