"""What the symbolic graphs are compiled with: numba (default), C, or JAX."""

import importlib.util
import warnings

import pytensor
from pytensor.compile.mode import CVM, JAX, NUMBA, Mode

from dqn_symbolic.compiling.fallback import OneFunctionLinker
from dqn_symbolic.compiling.threads import cores

MODES = {
    "numba": Mode(OneFunctionLinker(), NUMBA.provided_optimizer),
    "c": CVM,
    "jax": JAX.including("local_remove_all_assert"),  # which JAX would only warn of
}


def mode(backend):
    """-> the PyTensor mode of one of MODES. Raises ValueError if it cannot work here."""
    if backend == "c":
        if not pytensor.config.cxx:
            # PyTensor would fall back to interpreting the graph in Python, a thousand times slower.
            raise ValueError("the c backend needs a C++ compiler: install g++, or use numba")
        # `advice` says it in one line.
        warnings.filterwarnings("ignore", "PyTensor could not link to a BLAS")
    if backend == "jax":
        if importlib.util.find_spec("jax") is None:
            raise ValueError("the jax backend needs jax: pip install jax")
        # The graph adds up in float64; JAX stays with float32, and need not say so every time.
        warnings.filterwarnings("ignore", "Explicitly requested dtype (float|int)64")
    return MODES[backend]


def advice(backend, threads=1):
    """-> a line on what would make a backend quicker here, or None."""
    if threads > cores():
        return (
            f"threads: {threads}, but there are {cores()} processor cores for them: "
            f"with {cores()} it would learn faster"
        )
    if backend == "c" and not pytensor.config.blas__ldflags:
        return (
            "the c backend has no BLAS, so its matrix products are slow: install one, say "
            "libopenblas-dev, and set PYTENSOR_FLAGS=blas__ldflags=-lopenblas"
        )
    return None


def try_out(function, *example):
    """Calls a function for the first time, which is when numba and JAX compile it.

    Whatever the call updated is put back.
    """
    before = {variable: variable.get_value() for variable in function.get_shared()}
    function(*example)
    for variable, value in before.items():
        variable.set_value(value)
