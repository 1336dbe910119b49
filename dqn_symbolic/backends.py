"""What the symbolic graphs are compiled with: numba (default), C, or JAX."""

import importlib.util

import pytensor
from pytensor.compile.mode import CVM, JAX, NUMBA, Mode

from dqn_symbolic.numba_linker import OneFunctionLinker

MODES = {"numba": Mode(OneFunctionLinker(), NUMBA.provided_optimizer), "c": CVM, "jax": JAX}


def mode(backend):
    """-> the PyTensor mode of one of MODES. Raises ValueError if it cannot work here."""
    if backend == "c" and not pytensor.config.cxx:
        # PyTensor would fall back to interpreting the graph in Python, a thousand times slower.
        raise ValueError("the c backend needs a C++ compiler: install g++, or use numba")
    if backend == "jax" and importlib.util.find_spec("jax") is None:
        raise ValueError("the jax backend needs jax: pip install jax")
    return MODES[backend]


def try_out(function, *example):
    """Calls a function for the first time, which is when numba and JAX compile it.

    Whatever the call updated is put back.
    """
    before = {variable: variable.get_value() for variable in function.get_shared()}
    function(*example)
    for variable, value in before.items():
        variable.set_value(value)
