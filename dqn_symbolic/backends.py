"""What the symbolic graphs are compiled with: numba (default), C, or JAX."""

import importlib.util

import pytensor
from pytensor.link.numba.dispatch.basic import (
    numba_funcify_default_op_cache_key,
    numba_njit,
    register_funcify_default_op_cache_key,
)
from pytensor.tensor.elemwise import DimShuffle

MODES = {"numba": "NUMBA", "c": "CVM", "jax": "JAX"}


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


stock_dimshuffle = numba_funcify_default_op_cache_key.dispatch(DimShuffle)


@register_funcify_default_op_cache_key(DimShuffle)
def numba_dimshuffle(op, node, **context):
    """A matrix's transpose as numba's own, which np.dot takes as it is.

    PyTensor's has strides that numba knows nothing of, and np.dot copies it first: in the gradients
    of the Nature agent's dense layers that is a sixth of a learn step.
    """
    if op.new_order != (1, 0):
        return stock_dimshuffle(op, node, **context)

    @numba_njit
    def transpose(x):
        return x.T

    return transpose, 1001  # a version, which tells it from PyTensor's in numba's cache on disk
