"""Our numba linker, and PyTensor's own where ours fails: a slow start is better than none.

Our linker depends on parts of PyTensor and numba that any new version may change, and it has not
seen every graph. It may fail until a function has run once: in an import, while it writes the text,
or when numba compiles it. The results are the same, and a warning says once that it takes longer.
"""

import warnings

import numba
import pytensor
from pytensor.link.numba.linker import NumbaLinker


class SlowStart(UserWarning):
    """PyTensor's own numba linker compiles what ours could not."""


class OneFunctionLinker(NumbaLinker):
    # For its own linker, PyTensor 3.3 joins operations and turns arrays of one element into
    # numbers. Both have this name. Our linker needs the single operations.
    incompatible_rewrites = (*NumbaLinker.incompatible_rewrites, "fuse_indexed_into_elemwise")
    has_warned = False

    def fgraph_convert(self, fgraph, **kwargs):
        """-> two functions that compile the graph: our way, and PyTensor's own."""
        convert, compiled = super().fgraph_convert, super().jit_compile

        def ours():
            from dqn_symbolic.compiling.numba_linker import one_function  # this may fail, too

            return one_function(fgraph)

        return ours, lambda: compiled(convert(fgraph, **kwargs))

    def jit_compile(self, ways):
        ours, pytensors_own = ways
        try:
            run, constants = ours()
        except Exception as error:
            run = pytensors_own()
            warn(error)
            return run

        def call(*arguments):
            nonlocal run, constants
            try:
                return run(*arguments, *constants)
            except Exception as error:
                if run.signatures:  # It was compiled, so the graph itself raised the error.
                    raise
                other = pytensors_own()
                results = other(*arguments)
                warn(error)
                run, constants = other, ()
                return results

        call.py_func = run.py_func
        return call


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
