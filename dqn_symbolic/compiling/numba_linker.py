"""Compiles a graph with numba as one plain function of loops.

PyTensor's own numba linker makes several functions of every node and compiles most of them twice,
together with functions that never run (a sort, texts for errors). Here every node becomes the few
lines that you would write by hand, and equal loops are compiled once. So a newcomer waits a quarter
of the time, and LLVM finds loops that it can vectorise. To read the compiled function, with its
loops as comments:

    print(learn.vm.jit_fn.py_func.__source__)

`write` says how each operation is written. For an operation that it does not know, the text calls
PyTensor's own function. Shapes that the graph does not know are checked as it runs. Input arrays
must be C-contiguous. This was tested with PyTensor 3.0.7 and 3.3.8; for others, see `fallback`.
"""

import re
from contextlib import contextmanager
from functools import singledispatch
from hashlib import sha256
from itertools import count
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.scalar as scalars
from numba.core.codegen import CPUCodeLibrary
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

VERSION = 8  # of the text that is written here, for numba's cache on disk
GRAPH = "symbolic_graph"  # the name of the function
NAME = re.compile(r"\b[iknv][0-9]+\b")  # as `Source.name` makes them
MODULE = {"np": np, "inf": np.inf, "__name__": __name__}
GLOBALS = {}  # {(key, fastmath): constant or function} of all graphs: compiled once


def one_function(fgraph):
    """-> the graph as a numba function, compiled at the first call; `Source.places`."""
    source = Source(fgraph)
    # The function's key in numba's cache on disk depends on everything that it is made of.
    keys = list(source.names_of_globals)
    made_of = VERSION, pytensor.__version__, config.numba__fastmath, source.text, keys
    # None is the key of a PyTensor function that cannot be cached.
    key = None if None in keys else sha256(repr(made_of).encode()).hexdigest()
    function = compile_numba_function_src(source.text, GRAPH, source.globals, cache_key=key)
    function = numba_njit(
        function,
        final_function=True,
        cache=config.numba__cache and key is not None,
        # As in NumPy, x / 0 raises nothing: a check for it would keep loops from being vectorised.
        error_model="numpy",
        nogil=True,  # so that several threads can run it at a time
    )
    return function, source.places


def optimise(library, as_numba=CPUCodeLibrary._optimize_final_module):
    """LLVM's passes over a function and all that it calls. The graph's loops have had them."""
    if library.name != GRAPH:
        return as_numba(library)
    passes, options = library._codegen._module_pass_manager(opt=0, cost="cheap")
    passes.run(library._final_module, options)


CPUCodeLibrary._optimize_final_module = optimise


class View(NamedTuple):
    """How the text reads a variable: as a view of an array, or as a single number (ndim 0)."""

    name: str  # of the array or number
    ndim: int  # the same
    axes: tuple  # the array's axis for each of the variable's, or "x"

    @property
    def is_array(self):
        """Whether the variable is the array itself."""
        return self.ndim > 0 and self.axes == tuple(range(self.ndim))

    @property
    def keeps_order(self):
        """Whether the variable has the array's numbers in the array's order."""
        axes = [axis for axis in self.axes if axis != "x"]
        return self.ndim > 0 and axes == sorted(axes)


class Source:
    """The text of the function while it is being written."""

    def __init__(self, fgraph):
        self.lines, self.depth, self.names = [], 1, count()
        self.views = {}  # {variable: View}
        self.c_contiguous = set()  # names of arrays
        self.globals = dict(MODULE)
        self.names_of_globals = {}  # {key: name}
        arguments = [self.argument(variable) for variable in fgraph.inputs]
        for node in fgraph.toposort():
            write(node.op, node, self)
        outputs = [self.contiguous(variable) for variable in fgraph.outputs]
        # The caller has the arrays that were updated in place: a new object for each takes time.
        # Places: of the outputs among the arguments and then the results; []: they are these.
        names = list(dict.fromkeys([*arguments, *outputs]))
        results = names[len(arguments) :]
        self.line(f"return {tuple_of(results) if results else None}")
        self.places = [] if results == outputs else [names.index(name) for name in outputs]
        self.text = "\n".join([f"def {GRAPH}({', '.join(arguments)}):", *self.lines])

    def argument(self, variable):
        """Reads an input of the graph. -> the name of the function's argument for it"""
        name, shape = self.name("v"), variable.type.shape
        wrong = [f"{name}.shape[{i}] != {size}" for i, size in enumerate(shape) if size is not None]
        if not isinstance(variable, SharedVariable):  # PyTensor has checked their shapes already.
            self.refuse(wrong, f"{variable}: expected the shape {shape}")
        if shape:
            self.bind(variable, name)
            self.c_contiguous.add(name)
        else:
            self.let(variable, f"{name}[()]")
        return name

    def name(self, letter):
        return f"{letter}{next(self.names)}"

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def loops(self, sizes):
        """A loop for each size, around the lines written in it. -> the names of the indices"""
        indices = [self.name("i") for _ in sizes]
        for index, size in zip(indices, sizes):
            self.line(f"for {index} in range({size}):")
            self.depth += 1
        yield indices
        self.depth -= len(indices)

    @contextmanager
    def apart(self):
        """The lines written inside become a function, which numba compiles once for equal lines."""
        returned = []  # yielded for the name of a number that the function returns, if any
        before, depth, first = self.lines, self.depth, next(self.names)
        self.lines, self.depth = [], 1
        yield returned
        self.lines += [f"    return {name}" for name in returned]
        text, comment = "\n".join(self.lines), [f"    #{line}" for line in self.lines]
        self.lines, self.depth = [*before, *comment], depth
        names = dict.fromkeys(NAME.findall(text))
        constants = [name for name in names if name in self.globals]
        arguments = [name for name in names if int(name[1:]) < first and name not in constants]
        new = {name: f"{name[0]}{i}" for i, name in enumerate(names)}
        text = NAME.sub(lambda match: new[match[0]], text)
        text = f"def loops({', '.join(new[name] for name in arguments)}):\n{text}"
        keys = {name: key for key, name in self.names_of_globals.items()}
        key = text, *(keys.get(name) for name in constants)
        values = {new[name]: self.globals[name] for name in constants}
        function = compile_numba_function_src(text, "loops", MODULE | values)
        function = numba_njit(function, error_model="numpy")
        name = self.add_global(function, None if None in key else key)
        self.line(f"{''.join(f'{n} = ' for n in returned)}{name}({', '.join(arguments)})")

    def refuse(self, conditions, message, error="ValueError"):
        """Raises the error where one of the conditions is true; the list may be empty."""
        if conditions:
            self.line(f"if {' or '.join(conditions)}:")
            self.line(f"    raise {error}({message!r})")

    def add_global(self, value, key):
        """Adds a constant or a function. -> its name in the text, one name for equal keys"""
        if key not in self.names_of_globals or key is None:
            self.names_of_globals[key] = name = self.name("k")
            known = key, config.numba__fastmath
            self.globals[name] = value if key is None else GLOBALS.setdefault(known, value)
        return self.names_of_globals[key]

    def function(self, op, node):
        """-> the name of PyTensor's own function for an operation."""
        function, key = numba_funcify_and_cache_key(op, node=node, storage_map={})
        # PyTensor's key leaves out the types, which numba distinguishes by itself.
        return self.add_global(function, key and (key, *(str(v.type) for v in node.inputs)))

    def constant(self, value):
        """-> the name of a constant array, or of a number."""
        return self.add_global(value, (value.dtype.str, value.shape, value.tobytes()))

    def bind(self, variable, name):
        """From now on, `name` is the variable: the whole array, or the number."""
        ndim = variable.type.ndim
        self.views[variable] = View(name, ndim, tuple(range(ndim)))

    def let(self, variable, expression):
        """Writes "name = expression", under a new name, for `variable`."""
        name = self.name("v" if variable.type.ndim else "n")
        self.line(f"{name} = {expression}")
        self.bind(variable, name)

    def flat(self, array, ndim, written):
        """-> the name of an array of one axis with the same numbers: no copy if it is `written`."""
        if ndim == 1:
            return array
        name = self.name("v")  # numba refuses to reshape an array that is not C-contiguous
        self.line(f"{name} = {array}." + (f"reshape({array}.size)" if written else "ravel()"))
        return name

    def empty(self, sizes, dtype):
        """-> the name of a new array."""
        name = self.name("v")
        self.line(f"{name} = np.empty({tuple_of(sizes)}, np.{dtype})")
        self.c_contiguous.add(name)
        return name

    def view(self, variable):
        if variable not in self.views and isinstance(variable, Constant):
            data = np.asarray(variable.data)
            if data.size == 1:
                number = self.constant(data.reshape(())[()])
                self.views[variable] = View(number, 0, ("x",) * data.ndim)
            else:
                self.bind(variable, self.constant(np.ascontiguousarray(data)))
        return self.views[variable]

    def size(self, variable, axis):
        """-> the size along an axis: a number if the graph knows it, else an expression."""
        size, view = variable.type.shape[axis], self.view(variable)
        return f"{view.name}.shape[{view.axes[axis]}]" if size is None else size

    def element(self, variable, indices):
        """-> an expression for one number, at these indices of the variable's axes."""
        view = self.view(variable)
        if view.ndim == 0:
            return view.name
        array_indices = ["0"] * view.ndim
        for axis, index, single in zip(view.axes, indices, variable.type.broadcastable):
            if not single:
                array_indices[axis] = index
        return f"{view.name}[{', '.join(array_indices)}]"

    def array(self, variable):
        """-> the name of an array with the variable's axes (a copy if need be), or of a scalar."""
        view = self.view(variable)
        if view.is_array or isinstance(variable.type, scalars.ScalarType):
            return view.name
        sizes = [self.size(variable, axis) for axis in range(variable.type.ndim)]
        name = self.empty(sizes, variable.dtype)
        with self.apart(), self.loops(sizes) as indices:
            self.line(f"{name}[{', '.join(indices) or '()'}] = {self.element(variable, indices)}")
        return name

    def contiguous(self, variable):
        """-> an expression for the variable as a C-contiguous array, or as a number."""
        name = self.array(variable)
        is_number = isinstance(variable.type, scalars.ScalarType)
        return name if is_number or name in self.c_contiguous else f"np.ascontiguousarray({name})"


def tuple_of(sizes):
    return f"({''.join(f'{size}, ' for size in sizes)})"


def write_call(op, node, source):
    """For every other operation: a call of PyTensor's own function."""
    arguments = ", ".join([source.array(v) for v in node.inputs])
    names = [source.name("v") for _ in node.outputs]
    source.line(f"{', '.join(names)} = {source.function(op, node)}({arguments})")
    for variable, name in zip(node.outputs, names):
        if variable.type.ndim or isinstance(variable.type, scalars.ScalarType):
            source.bind(variable, name)
        else:
            source.let(variable, f"{name}[()]")


# write(op, node, source) writes lines that compute the outputs of `node`, and adds their views.
write = singledispatch(write_call)


@write.register(Elemwise)
def write_elemwise(op, node, source):
    """One loop over all numbers in memory order, or one per axis if an input is broadcast."""
    broadcastable = node.outputs[0].type.broadcastable
    if not broadcastable:  # no axes: a single number
        terms = [source.element(v, ()) for v in node.inputs]
        for variable, result in zip(node.outputs, scalar(op.scalar_op, node, terms, source)):
            source.let(variable, result)
        return
    sizes = [common_size(node, axis, source) for axis in range(len(broadcastable))]
    for i, output in enumerate(node.outputs):
        # The arrays of inputs that are not needed any more, such as old values, are used again.
        free = [source.view(node.inputs[j]) for j in op.destroy_map.get(i, ())]
        reused = [view.name for view in free if view.is_array and view.name in source.c_contiguous]
        source.bind(output, reused[0] if reused else source.empty(sizes, output.dtype))
    outputs = {v: source.view(v) for v in node.outputs}
    inputs = {v: source.view(v) for v in node.inputs if not all(v.type.broadcastable)}
    arrays = {v: view.name for v, view in outputs.items()}
    same_axes = all(v.type.broadcastable == broadcastable for v in inputs)
    if same_axes and all(view.keeps_order for view in inputs.values()):
        written, views = arrays.values(), inputs | outputs
        ndims = {view.name: view.ndim for view in views.values()}
        flat = {name: source.flat(name, ndim, name in written) for name, ndim in ndims.items()}
        arrays = {v: flat[view.name] for v, view in views.items()}
        sizes = [f"{arrays[node.outputs[0]]}.size"]
    with source.apart(), source.loops(sizes) as indices:
        elements = {v: f"{array}[{', '.join(indices)}]" for v, array in arrays.items()}
        terms = [elements.get(v) or source.element(v, indices) for v in node.inputs]
        for variable, result in zip(node.outputs, scalar(op.scalar_op, node, terms, source)):
            source.line(f"{elements[variable]} = {result}")


def common_size(node, axis, source):
    """-> the size along an axis of all inputs that are not broadcast there."""
    sizes = [source.size(v, axis) for v in node.inputs if not v.type.broadcastable[axis]] or [1]
    size = next((size for size in sizes if isinstance(size, int)), sizes[0])
    wrong = [f"{other} != {size}" for other in dict.fromkeys(sizes) if other != size]
    source.refuse(wrong, f"the sizes along axis {axis} differ")
    return size


# Operations on single numbers.
INFIX = {scalars.Add: "+", scalars.Mul: "*", scalars.Sub: "-", scalars.TrueDiv: "/"}
INFIX |= {scalars.EQ: "==", scalars.NEQ: "!=", scalars.LT: "<", scalars.GT: ">"}
INFIX |= {scalars.LE: "<=", scalars.GE: ">="}
PHRASES = {
    scalars.Neg: "-{0}",
    scalars.Sqr: "{0} * {0}",
    scalars.Sqrt: "np.sqrt({0})",
    scalars.Tanh: "np.tanh({0})",
    scalars.Abs: "abs({0})",
    scalars.Switch: "{1} if {0} else {2}",
    # NaN stays NaN.
    scalars.Maximum: "{0} if {0} > {1} or {0} != {0} else {1}",
    scalars.Minimum: "{0} if {0} < {1} or {0} != {0} else {1}",
}


def scalar(op, node, terms, source):
    """-> expressions for the outputs of an operation on single numbers."""
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
    # Without a cast, numba widens mixed types and small integers, and True + True is 2.
    return [result if dtypes == {dtype} and dtype.startswith("float") else cast(result, dtype)]


def composite(op, terms, source):
    """Several operations that PyTensor has joined for one loop: a line for each of them."""
    names = dict(zip(op.fgraph.inputs, terms))

    def term(v):
        return names[v] if v in names else source.constant(np.dtype(v.dtype).type(v.data))

    for node in op.fgraph.toposort():
        (result,) = scalar(node.op, node, [term(v) for v in node.inputs], source)
        names[node.outputs[0]] = name = source.name("n")
        source.line(f"{name} = {result}")
    return [term(v) for v in op.fgraph.outputs]


def cast(number, dtype):
    return f"np.{np.dtype(dtype).type.__name__}({number})"


@write.register(CAReduce)
def write_reduction(op, node, source):
    """PyTensor's own functions lose NaN, and numba does not vectorise their sums of pixels."""
    (x,), (output,), operation = node.inputs, node.outputs, op.scalar_op
    if type(operation) not in (scalars.Add, scalars.Maximum, scalars.Minimum):
        return write_call(op, node, source)
    axes = range(x.type.ndim)
    reduced = axes if op.axis is None else op.axis
    remaining = [axis for axis in axes if axis not in reduced]
    sizes, dtype = [source.size(x, axis) for axis in axes], np.dtype(op._acc_dtype(x.dtype))
    first = operation.identity  # 0 of a sum, else infinite
    if first:
        empty = [f"{sizes[axis]} == 0" for axis in reduced if not x.type.shape[axis]]
        source.refuse(empty, f"{op} of no numbers")
        if dtype.kind in "iu":
            first = max(np.iinfo(dtype).min, min(first, np.iinfo(dtype).max))
    first = f"np.{dtype}({first})"
    with source.apart() as returned:
        total = source.name("v")
        if remaining:
            first = f"np.full({tuple_of(sizes[axis] for axis in remaining)}, {first})"
        source.line(f"{total} = {first}")
        with source.loops(sizes) as indices:
            of_total = [indices[axis] for axis in remaining]
            element = f"{total}[{', '.join(of_total)}]" if remaining else total
            number = source.name("n")
            source.line(f"{number} = {source.element(x, indices)}")
            join = PHRASES.get(type(operation), "{1} + {0}")
            source.line(f"{element} = {join.format(number, element)}")
        returned.append(total)
    if remaining:
        source.bind(output, total)
        if dtype != output.dtype:
            source.line(f"{total} = {total}.astype(np.{output.dtype})")
    else:
        source.let(output, cast(total, output.dtype))


@write.register(Dot)
def write_dot(op, node, source):
    (output,) = node.outputs
    if output.type.ndim < 2 or not all(v.dtype == output.dtype == "float32" for v in node.inputs):
        return write_call(op, node, source)
    factors = []
    for variable in node.inputs:
        view = source.view(variable)
        # BLAS reads a transposed matrix without a copy.
        transposed = view.ndim == 2 and view.axes == (1, 0)
        factors.append(f"{view.name}.T" if transposed else source.array(variable))
    left, right = factors
    # numba compiles the product with an array for the result, and another function without.
    name = source.empty([f"{left}.shape[0]", f"{right}.shape[1]"], "float32")
    source.line(f"np.dot({left}, {right}, {name})")
    source.bind(output, name)


@write.register(DimShuffle)
def write_dimshuffle(op, node, source):
    """Computes nothing: the output is another view of the same array."""
    (x,), (output,) = node.inputs, node.outputs
    dropped = [axis for axis in range(x.type.ndim) if axis not in op.new_order]
    wrong = [f"{source.size(x, axis)} != 1" for axis in dropped if x.type.shape[axis] is None]
    source.refuse(wrong, "an axis to drop has more than one element")
    view = source.view(x)
    axes = tuple("x" if axis == "x" else view.axes[axis] for axis in op.new_order)
    source.views[output] = view._replace(axes=axes)


@write.register(Reshape)
def write_reshape(op, node, source):
    (x, shape), (output,) = node.inputs, node.outputs
    sizes = [source.element(shape, [str(axis)]) for axis in range(output.type.ndim)]
    source.let(output, f"{source.contiguous(x)}.reshape({tuple_of(sizes)})")


@write.register(MakeVector)
def write_vector(op, node, source):
    (output,) = node.outputs
    name = source.empty([len(node.inputs)], output.dtype)
    for i, variable in enumerate(node.inputs):
        source.line(f"{name}[{i}] = {source.element(variable, ())}")
    source.bind(output, name)


@write.register(Shape_i)
def write_size(op, node, source):
    source.let(node.outputs[0], f"np.int64({source.size(node.inputs[0], op.i)})")


@write.register(SpecifyShape)
def write_specified_shape(op, node, source):
    x, *sizes = node.inputs
    sizes = [v.data if isinstance(v, Constant) else source.element(v, ()) for v in sizes]
    wrong = [f"{source.size(x, i)} != {size}" for i, size in enumerate(sizes) if size is not None]
    source.refuse(wrong, "SpecifyShape: an array has another shape than expected", "AssertionError")
    source.views[node.outputs[0]] = source.view(x)


@write.register(CheckAndRaise)
def write_assertion(op, node, source):
    x, *conditions = node.inputs
    for condition in conditions:
        source.refuse([f"not {source.element(condition, ())}"], op.msg, op.exc_type.__name__)
    source.views[node.outputs[0]] = source.view(x)


@write.register(ScalarFromTensor)
@write.register(TensorFromScalar)
def write_same_number(op, node, source):
    source.let(node.outputs[0], source.element(node.inputs[0], ()))  # before an array is reused


@write.register(DeepCopyOp)
def write_copy(op, node, source):
    (x,), (output,) = node.inputs, node.outputs
    source.let(output, f"{source.array(x)}.copy()" if x.type.ndim else source.element(x, ()))
