"""What the symbolic graphs are compiled with: numba (default), C, or JAX."""

import importlib.util
import time

import pytensor

MODES = {"numba": "NUMBA", "c": "CVM", "jax": "JAX"}


def mode(backend):
    """-> the PyTensor mode of that name. Raises ValueError if it is unknown or cannot work here."""
    if backend not in MODES:
        raise ValueError(f"the backend is one of {', '.join(MODES)}, got {backend!r}")
    if backend == "c" and not pytensor.config.cxx:
        # PyTensor would fall back to interpreting the graph in Python, a thousand times slower.
        raise ValueError("the c backend needs a C++ compiler: install g++, or use numba")
    if backend == "jax" and importlib.util.find_spec("jax") is None:
        raise ValueError("the jax backend needs jax: pip install 'dqn_symbolic[jax]'")
    return MODES[backend]


def compile_now(function, *example):
    """Calls a compiled function once, as PyTensor's numba and JAX compile at the first call.

    Whatever the call updated is put back. -> seconds.
    """
    before = {variable: variable.get_value() for variable in function.get_shared()}
    start = time.perf_counter()
    function(*example)
    seconds = time.perf_counter() - start
    for variable, value in before.items():
        variable.set_value(value)
    return seconds
