"""The backends that compile the symbolic graphs: numba (default), C and JAX."""

import gc
import importlib.util
import os
import warnings

import numba
import pytensor
from pytensor.compile.mode import CVM, JAX, NUMBA, Mode

from dqn_symbolic.compiling.fallback import OneFunctionLinker
from dqn_symbolic.compiling.jax_linker import OnDeviceLinker
from dqn_symbolic.compiling.threads import cores

MODES = {
    "numba": Mode(OneFunctionLinker(), NUMBA.provided_optimizer),
    "c": CVM,
    # JAX ignores asserts and warns about each.
    "jax": Mode(OnDeviceLinker(), JAX.provided_optimizer).including("local_remove_all_assert"),
}


def mode(backend):
    """-> the PyTensor mode of one of MODES. Raises ValueError if it cannot work here."""
    if backend == "numba" and numba.config.DISABLE_JIT:
        problem = "the numba backend needs numba's compiler, but NUMBA_DISABLE_JIT is set"
        raise ValueError(f"{problem}: unset it, or use --backend c")
    if backend == "c":
        if not pytensor.config.cxx:
            # PyTensor would fall back to interpreting the graph in Python, a thousand times slower.
            raise ValueError("the c backend needs a C++ compiler: install g++, or use numba")
        # Instead, `advice` says it in one line.
        warnings.filterwarnings("ignore", "PyTensor could not link to a BLAS")
    if backend == "jax":
        if importlib.util.find_spec("jax") is None:
            raise ValueError("the jax backend needs jax: pip install jax")
        # The graph sums in float64. JAX uses float32, and would warn about it every time.
        warnings.filterwarnings("ignore", "Explicitly requested dtype (float|int)64")
        # On a GPU, JAX multiplies float32 with 11 of their 24 bits (TF32), by whatever is fastest.
        flags = os.environ.get("XLA_FLAGS", "")
        if "xla_gpu_deterministic_ops" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
        import jax  # only now: it reads the flags at its first use of a device

        jax.config.update("jax_default_matmul_precision", "highest")
    return MODES[backend]


def advice(backend, threads=1):
    """-> a line that says how a backend would be faster on this machine, or None."""
    if threads > cores():
        problem = f"threads: {threads}, but there are {cores()} processor cores for them"
        return f"{problem}: with {cores()} it would learn faster"
    if backend == "c" and not pytensor.config.blas__ldflags:
        problem = "the c backend has no BLAS, so its matrix products are slow: install one"
        return f"{problem}, say libopenblas-dev, and set PYTENSOR_FLAGS=blas__ldflags=-lopenblas"


def try_out(function, example, variables):
    """The first call of a function: numba and JAX compile it. The variables stay as they are."""
    before = {variable: variable.get_value() for variable in variables}
    enabled = gc.isenabled()
    gc.disable()  # compiling makes many objects that stay, and the search for garbage visits them
    try:
        function(*example)
    finally:
        if enabled:
            gc.enable()
    for variable, value in before.items():
        variable.set_value(value)
