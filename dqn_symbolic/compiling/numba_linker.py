"""Compiles a graph with numba as one plain function of loops.

PyTensor's own numba linker makes several functions of every node, compiles most of them twice, and
with them helpers that are never run (a sort, texts for errors). Here every node becomes the few
lines that one would write by hand, and numba compiles them all at once: a newcomer waits a quarter
of the time, and LLVM finds loops that it can vectorise. To read what became of a function:

    print(learn.vm.jit_fn.py_func.__source__)

`write` says how each operation is written; PyTensor's own function is called for any other. Shapes
that the graph does not know are checked as it runs. Arrays that come in must be C-contiguous.

It is tried with PyTensor 3.0.7 and 3.3.8, and stands on these parts: what makes a function of a
text and compiles it (`one_function`), PyTensor's own function for an operation
(`Source.function`), and the classes of the operations with their fields (`write`). Where one of
them has changed, `fallback` has PyTensor's own linker compile the graph.
"""

from functools import singledispatch
from hashlib import sha256
from itertools import count
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.scalar as scalars
from pytensor import config
from pytensor.compile.ops import DeepCopyOp
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key, numba_njit
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.basic import MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, Shape_i, SpecifyShape

VERSION = 3  # of what is written here, for numba's cache on disk


def one_function(fgraph):
    """-> the graph as a function of numba's, which compiles it at the first call."""
    source = Source(fgraph)
    # numba's cache on disk knows the function by all that it is made of.
    keys = list(source.known_as)
    made_of = VERSION, pytensor.__version__, config.numba__fastmath, source.text, keys
    # None is the key of a function of PyTensor's that cannot be cached.
    key = None if None in keys else sha256(repr(made_of).encode()).hexdigest()
    function = compile_numba_function_src(source.text, "graph", source.globals, cache_key=key)
    cached = config.numba__cache and key is not None
    return numba_njit(
        function,
        final_function=True,
        cache=cached,
        # As in NumPy, x / 0 is no exception: a branch for one keeps loops from being vectorised.
        error_model="numpy",
        nogil=True,  # so that several threads can run it at a time
    )


class Place(NamedTuple):
    """Where a variable's numbers are: in an array, or of ndim 0 a single number.

    axes: for each axis of the variable the array's, or "x" where there is none.
    """

    name: str
    ndim: int
    axes: tuple

    @property
    def is_array(self):
        return self.ndim > 0 and self.axes == tuple(range(self.ndim))

    @property
    def in_order(self):
        """Whether the array's elements, one after the other, are the variable's."""
        axes = [axis for axis in self.axes if axis != "x"]
        return self.ndim > 0 and axes == sorted(axes)


class Source:
    """The text of the function while it is being written."""

    def __init__(self, fgraph):
        self.lines, self.depth, self.names = [], 1, count()
        self.places = {}
        self.in_c_order = set()  # names of arrays that are known to lie so
        self.globals = {"np": np, "__name__": __name__}
        self.known_as = {}  # {key: the name of a global}
        arguments = [self.arrival(variable) for variable in fgraph.inputs]
        for node in fgraph.toposort():
            write(node.op, node, self)
        results = "".join(f"{self.in_order(variable)}, " for variable in fgraph.outputs)
        self.line(f"return {results or None}")
        self.text = "\n".join([f"def graph({', '.join(arguments)}):", *self.lines])

    def arrival(self, variable):
        """An argument of the function -> its name. Shared variables have been checked before."""
        name, shape = self.name("a"), variable.type.shape
        wrong = [f"{name}.shape[{i}] != {size}" for i, size in enumerate(shape) if size is not None]
        if wrong and not isinstance(variable, SharedVariable):
            self.refuse(" or ".join(wrong), f"{variable}: expected the shape {shape}")
        if shape:
            self.put(variable, name)
            self.in_c_order.add(name)
        else:
            self.let(variable, f"{name}[()]")
        return name

    # -- writing --------------------------------------------------------------------------------

    def name(self, letter):
        return f"{letter}{next(self.names)}"

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def loops(self, sizes):
        """Begins a loop for each size -> the names of the indices."""
        indices = [self.name("i") for _ in sizes]
        for index, size in zip(indices, sizes):
            self.line(f"for {index} in range({size}):")
            self.depth += 1
        return indices

    def end(self, loops):
        self.depth -= len(loops)

    def refuse(self, condition, message, error="ValueError"):
        self.line(f"if {condition}:")
        self.line(f"    raise {error}({message!r})")

    def known(self, value, key):
        """-> the name of a constant or of a function from outside; equal keys have one name."""
        if key not in self.known_as or key is None:
            self.known_as[key] = name = self.name("k")
            self.globals[name] = value
        return self.known_as[key]

    def function(self, op, node):
        """-> the name of PyTensor's own function for an operation."""
        function, key = numba_funcify_and_cache_key(op, node=node, storage_map={})
        # PyTensor's key leaves out the types, which numba distinguishes by itself.
        return self.known(function, key and (key, *(str(v.type) for v in node.inputs)))

    def constant(self, value):
        """-> the name of a constant array, or of a number."""
        return self.known(value, (value.dtype.str, value.shape, value.tobytes()))

    def put(self, variable, name):
        self.places[variable] = Place(name, variable.type.ndim, tuple(range(variable.type.ndim)))

    def flat(self, place, written):
        """-> the name of an array of one axis with the same numbers in it.

        If it is to be written, it must be the same array: numba then refuses one in another order.
        """
        if place.ndim == 1:
            return place.name
        name = self.name("f")
        call = f"reshape({place.name}.size)" if written else "ravel()"
        self.line(f"{name} = {place.name}.{call}")
        return name

    def let(self, variable, expression):
        name = self.name("v" if variable.type.ndim else "n")
        self.line(f"{name} = {expression}")
        self.put(variable, name)

    def empty(self, sizes, dtype):
        """-> the name of a new array."""
        name = self.name("v")
        self.line(f"{name} = np.empty({tuple_of(sizes)}, np.{dtype})")
        self.in_c_order.add(name)
        return name

    # -- reading --------------------------------------------------------------------------------

    def place(self, variable):
        if variable not in self.places and isinstance(variable, Constant):
            data = np.asarray(variable.data)
            if data.size == 1:
                number = self.constant(data.reshape(())[()])
                self.places[variable] = Place(number, 0, ("x",) * data.ndim)
            else:
                self.put(variable, self.constant(np.ascontiguousarray(data)))
        return self.places[variable]

    def size(self, variable, axis):
        """-> a number if the graph knows it, or else how to read it."""
        known = variable.type.shape[axis]
        place = self.place(variable)
        return f"{place.name}.shape[{place.axes[axis]}]" if known is None else known

    def sizes(self, variable):
        return [self.size(variable, axis) for axis in range(variable.type.ndim)]

    def element(self, variable, indices):
        """-> how to read one number, at these indices of the variable's axes."""
        place = self.place(variable)
        if place.ndim == 0:
            return place.name
        where = ["0"] * place.ndim
        for axis, index, single in zip(place.axes, indices, variable.type.broadcastable):
            if not single:
                where[axis] = index
        return f"{place.name}[{', '.join(where)}]"

    def array(self, variable):
        """-> how to read the whole variable as an array."""
        place = self.place(variable)
        if place.is_array:
            return place.name
        sizes = self.sizes(variable)
        name = self.empty(sizes, variable.dtype)
        loops = self.loops(sizes)
        self.line(f"{name}[{', '.join(loops) or '()'}] = {self.element(variable, loops)}")
        self.end(loops)
        return name

    def in_order(self, variable):
        """The same, C-contiguous."""
        name = self.array(variable)
        return name if name in self.in_c_order else f"np.ascontiguousarray({name})"


def tuple_of(sizes):
    return f"({''.join(f'{size}, ' for size in sizes)})"


# -- how each operation is written -----------------------------------------------------------------


@singledispatch
def write(op, node, source):
    """Adds to `source` what computes the outputs of `node`, and says where they are."""
    write_call(op, node, source)


def write_call(op, node, source):
    """For what has no lines here: PyTensor's own function is called."""
    arguments = [
        source.element(v, ()) if isinstance(v.type, scalars.ScalarType) else source.array(v)
        for v in node.inputs
    ]
    names = [source.name("v") for _ in node.outputs]
    source.line(f"{', '.join(names)} = {source.function(op, node)}({', '.join(arguments)})")
    for variable, name in zip(node.outputs, names):
        if variable.type.ndim or isinstance(variable.type, scalars.ScalarType):
            source.put(variable, name)
        else:
            source.let(variable, f"{name}[()]")


@write.register(Elemwise)
def write_elemwise(op, node, source):
    """One loop over all numbers as they lie; or one for each axis, if an input is repeated."""
    single = node.outputs[0].type.broadcastable
    if not single:
        terms = [source.element(v, ()) for v in node.inputs]
        for variable, result in zip(node.outputs, scalar(op.scalar_op, node, terms, source)):
            source.let(variable, result)
        return
    sizes = [common_size(node, axis, source) for axis in range(len(single))]
    for i, output in enumerate(node.outputs):
        # What PyTensor needs no more, such as the old value of an update, is written over.
        spent = [source.place(node.inputs[j]) for j in op.destroy_map.get(i, ())]
        reused = [p.name for p in spent if p.is_array and p.name in source.in_c_order]
        source.put(output, reused[0] if reused else source.empty(sizes, output.dtype))
    arrays = {v: source.place(v) for v in node.outputs}
    full = {v: source.place(v) for v in node.inputs if not all(v.type.broadcastable)}
    if all(v.type.broadcastable == single and place.in_order for v, place in full.items()):
        written = {place.name for place in arrays.values()}
        flat = {place.name: place for place in (full | arrays).values()}
        flat = {name: source.flat(place, name in written) for name, place in flat.items()}
        loops = source.loops([f"{arrays[node.outputs[0]].name}.size"])
        where = {v: f"{flat[place.name]}[{loops[0]}]" for v, place in (full | arrays).items()}
    else:
        loops = source.loops(sizes)
        where = {v: f"{place.name}[{', '.join(loops)}]" for v, place in arrays.items()}
    terms = [where.get(v) or source.element(v, loops) for v in node.inputs]
    for variable, result in zip(node.outputs, scalar(op.scalar_op, node, terms, source)):
        source.line(f"{where[variable]} = {result}")
    source.end(loops)


def common_size(node, axis, source):
    """-> the size along an axis of all inputs that are not repeated there."""
    sizes = [source.size(v, axis) for v in node.inputs if not v.type.broadcastable[axis]]
    if not sizes:
        return 1
    size = next((size for size in sizes if isinstance(size, int)), sizes[0])
    wrong = " or ".join(f"{other} != {size}" for other in dict.fromkeys(sizes) if other != size)
    if wrong:
        source.refuse(wrong, f"the sizes along axis {axis} differ")
    return size


# Operations on single numbers.
INFIX = {
    scalars.Add: "+",
    scalars.Mul: "*",
    scalars.Sub: "-",
    scalars.TrueDiv: "/",
    scalars.EQ: "==",
    scalars.NEQ: "!=",
    scalars.LT: "<",
    scalars.GT: ">",
    scalars.LE: "<=",
    scalars.GE: ">=",
}
PHRASES = {
    scalars.Neg: "-{0}",
    scalars.Sqr: "{0} * {0}",
    scalars.Sqrt: "np.sqrt({0})",
    scalars.Tanh: "np.tanh({0})",
    scalars.Switch: "{1} if {0} else {2}",
    # What is not a number stays so.
    scalars.Maximum: "{0} if {0} > {1} or {0} != {0} else {1}",
    scalars.Minimum: "{0} if {0} < {1} or {0} != {0} else {1}",
}


def scalar(op, node, terms, source):
    """-> how to compute the outputs of an operation on single numbers."""
    (dtype, *_), dtypes = (v.dtype for v in node.outputs), {v.dtype for v in node.inputs}
    if isinstance(op, scalars.Composite):
        return composite(op, terms, source)
    if isinstance(op, scalars.Cast):
        return [cast(terms[0], dtype)]
    if type(op) in INFIX:
        result = f" {INFIX[type(op)]} ".join(terms)
    elif type(op) in PHRASES:
        result = PHRASES[type(op)].format(*terms)
    else:
        node = op.make_node(*(scalars.get_scalar_type(v.dtype)() for v in node.inputs))
        result = f"{source.function(op, node)}({', '.join(terms)})"
    # All but floats of one type become wider, and True + True becomes 2.
    as_wide = dtypes == {dtype} and dtype.startswith("float")
    return [result if as_wide else cast(result, dtype)]


def composite(op, terms, source):
    """Operations that PyTensor has joined for one loop, a line for each."""
    names = dict(zip(op.fgraph.inputs, terms))

    def named(v):
        return names[v] if v in names else source.constant(np.dtype(v.dtype).type(v.data))

    for node in op.fgraph.toposort():
        (result,) = scalar(node.op, node, [named(v) for v in node.inputs], source)
        names[node.outputs[0]] = name = source.name("n")
        source.line(f"{name} = {result}")
    return [named(v) for v in op.fgraph.outputs]


def cast(number, dtype):
    return f"np.{np.dtype(dtype).type.__name__}({number})"


@write.register(CAReduce)
def write_reduction(op, node, source):
    (x,), (output,) = node.inputs, node.outputs
    if type(op.scalar_op) not in (scalars.Add, scalars.Maximum) or x.dtype != "float32":
        write_call(op, node, source)
        return
    reduced = set(range(x.type.ndim)) if op.axis is None else {a % x.type.ndim for a in op.axis}
    kept = [axis for axis in range(x.type.ndim) if axis not in reduced]
    sizes, dtype = source.sizes(x), np.dtype(op._acc_dtype(x.dtype))
    adds = isinstance(op.scalar_op, scalars.Add)
    first = f"np.{dtype}({'0' if adds else '-np.inf'})"
    so_far = source.name("v")
    if kept:
        source.line(f"{so_far} = np.full({tuple_of(sizes[axis] for axis in kept)}, {first})")
    else:
        source.line(f"{so_far} = {first}")
    loops = source.loops(sizes)
    one = f"{so_far}[{', '.join(loops[axis] for axis in kept)}]" if kept else so_far
    number = source.name("n")
    source.line(f"{number} = {source.element(x, loops)}")
    result = f"{one} + {number}" if adds else PHRASES[scalars.Maximum].format(number, one)
    source.line(f"{one} = {result}")
    source.end(loops)
    if kept:
        source.put(output, so_far)
        source.line(f"{so_far} = {so_far}.astype(np.{output.dtype})")
    else:
        source.let(output, cast(so_far, output.dtype))


@write.register(Dot)
def write_dot(op, node, source):
    (output,) = node.outputs
    if not all(v.dtype == output.dtype == "float32" for v in node.inputs):
        write_call(op, node, source)
        return
    factors = []
    for variable in node.inputs:
        place = source.place(variable)
        # BLAS reads a transposed matrix as it lies.
        transposed = place.ndim == 2 and place.axes == (1, 0)
        factors.append(f"{place.name}.T" if transposed else source.array(variable))
    source.let(output, f"np.dot({', '.join(factors)})")
    source.in_c_order.add(source.place(output).name)


@write.register(DimShuffle)
def write_dimshuffle(op, node, source):
    """Nothing is done: what reads it reads the array along other axes."""
    (x,), (output,) = node.inputs, node.outputs
    dropped = [axis for axis in range(x.type.ndim) if axis not in op.new_order]
    unknown = [source.size(x, axis) for axis in dropped if x.type.shape[axis] is None]
    if unknown:
        wrong = " or ".join(f"{size} != 1" for size in unknown)
        source.refuse(wrong, "an axis to drop has more than one element")
    place = source.place(x)
    axes = tuple("x" if axis == "x" else place.axes[axis] for axis in op.new_order)
    source.places[output] = place._replace(axes=axes)


@write.register(Reshape)
def write_reshape(op, node, source):
    x, shape = node.inputs
    if shape.owner is not None and isinstance(shape.owner.op, MakeVector):
        sizes = [source.element(v, ()) for v in shape.owner.inputs]
    elif isinstance(shape, Constant):
        sizes = list(shape.data)
    else:
        write_call(op, node, source)
        return
    source.let(node.outputs[0], f"{source.in_order(x)}.reshape({tuple_of(sizes)})")


@write.register(MakeVector)
def write_vector(op, node, source):
    (output,) = node.outputs
    name = source.empty([len(node.inputs)], output.dtype)
    for i, variable in enumerate(node.inputs):
        source.line(f"{name}[{i}] = {source.element(variable, ())}")
    source.put(output, name)


@write.register(Shape_i)
def write_size(op, node, source):
    source.let(node.outputs[0], f"np.int64({source.size(node.inputs[0], op.i)})")


@write.register(SpecifyShape)
def write_specified_shape(op, node, source):
    x, *sizes = node.inputs
    wrong = [
        f"{source.size(x, axis)} != {size.data}"
        for axis, size in enumerate(sizes)
        if isinstance(size, Constant)
        and size.data is not None
        and size.data != source.size(x, axis)
    ]
    if wrong:
        source.refuse(" or ".join(wrong), "an array has another shape than expected")
    source.places[node.outputs[0]] = source.place(x)


@write.register(CheckAndRaise)
def write_assertion(op, node, source):
    x, *conditions = node.inputs
    for condition in conditions:
        source.refuse(f"not {source.element(condition, ())}", op.msg, op.exc_type.__name__)
    source.places[node.outputs[0]] = source.place(x)


@write.register(ScalarFromTensor)
@write.register(TensorFromScalar)
def write_same_number(op, node, source):
    source.places[node.outputs[0]] = source.place(node.inputs[0])


@write.register(DeepCopyOp)
def write_copy(op, node, source):
    (x,), (output,) = node.inputs, node.outputs
    if x.type.ndim:
        source.let(output, f"{source.array(x)}.copy()")
    else:
        source.places[output] = source.place(x)
