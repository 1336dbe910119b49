"""Our numba linker, and PyTensor's own where ours fails: a slow start is better than none.

Our linker depends on parts of PyTensor and numba that any new version may change, and it has not
seen every graph. It may fail until a function has run once: in an import, while it writes the text,
or when numba compiles it. The results are the same but for rounding; a warning says so once.
"""

import numba
import pytensor
from pytensor.link.numba.linker import NumbaLinker

from dqn_symbolic.compiling import cache


class OneFunctionLinker(NumbaLinker):
    # For its own linker, PyTensor 3.3 joins operations and turns arrays of one element into
    # numbers. Both have this name. Our linker needs the single operations.
    incompatible_rewrites = (*NumbaLinker.incompatible_rewrites, "fuse_indexed_into_elemwise")
    stands_in = False  # whether PyTensor's own has compiled a graph of this process

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
            run, places = ours()
        except Exception as error:
            run = pytensors_own()
            warn(error)
            return run

        def call(*arguments):
            nonlocal run, places
            try:
                results = run(*arguments)
            except Exception as error:
                if run.signatures:  # It was compiled, so the graph itself raised the error.
                    raise
                other = pytensors_own()
                results = other(*arguments)
                warn(error)
                run, places = other, []
            if not places:
                return results
            everything = *arguments, *(results or ())
            return [everything[place] for place in places]

        call.py_func = run.py_func
        return call


def linker():
    """-> which linker compiles the graphs of this process for numba."""
    return "PyTensor's own linker" if OneFunctionLinker.stands_in else "our linker"


def warn(error):
    if OneFunctionLinker.stands_in:
        return
    OneFunctionLinker.stands_in = True
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    cache.warn(
        "our numba linker failed, so PyTensor's own compiles the graphs: the start takes longer,"
        " and the bits may differ"
        f" (PyTensor {pytensor.__version__}, numba {numba.__version__}: {reason[:200]})"
    )
