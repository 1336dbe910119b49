"""Our numba linker, and PyTensor's own where ours fails: a slow start is better than none.

Ours builds on parts of PyTensor and numba that may change with any version, and on what a graph may
hold. Whatever fails before a function has run once, be it an import, the writing or numba's
compiling, PyTensor's own linker takes over, with the same results. It starts more slowly, and a
warning says so, once.
"""

import warnings
from functools import partial

import numba
import pytensor
from pytensor.link.numba.linker import NumbaLinker


class SlowStart(UserWarning):
    """PyTensor's own numba linker compiles what ours could not."""


class OneFunctionLinker(NumbaLinker):
    # PyTensor joins operations for its own compiler, and makes numbers of arrays of one element
    # (both under this name in 3.3); ours reads the operations one by one.
    incompatible_rewrites = (*NumbaLinker.incompatible_rewrites, "fuse_indexed_into_elemwise")
    has_warned = False

    def fgraph_convert(self, fgraph, **kwargs):
        """-> two ways to compile the graph: ours, and PyTensor's own."""
        convert, compiled = super().fgraph_convert, super().jit_compile
        return partial(one_function, fgraph), lambda: compiled(convert(fgraph, **kwargs))

    def jit_compile(self, ways):
        ours, pytensors_own = ways
        try:
            run = ours()
        except Exception as error:
            run = pytensors_own()
            warn(error)
            return run

        def call(*arguments):
            nonlocal run
            try:
                return run(*arguments)
            except Exception as error:
                if run.signatures:  # It has been compiled: the error is a result.
                    raise
                other = pytensors_own()
                results = other(*arguments)
                warn(error)
                run = other
                return results

        call.py_func = run.py_func
        return call


def one_function(fgraph):
    # Imported late, so that PyTensor's own linker is there also when this import fails.
    from dqn_symbolic.compiling.numba_linker import one_function

    return one_function(fgraph)


def warn(error):
    if OneFunctionLinker.has_warned:
        return
    OneFunctionLinker.has_warned = True
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    warnings.warn(
        "our numba linker failed, so PyTensor's own compiles the graphs: the start takes longer "
        f"(PyTensor {pytensor.__version__}, numba {numba.__version__}: {reason[:200]})",
        SlowStart,
        stacklevel=2,
    )
