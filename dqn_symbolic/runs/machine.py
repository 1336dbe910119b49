"""What the machine is, and whether it has room for a run.

NumPy's zeros only reserves memory. So without this check, a run could end after hours.
"""

import platform
import re
from importlib.metadata import version
from math import prod
from pathlib import Path

import numpy as np
import psutil

from dqn_symbolic.compiling.threads import cores
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.memory import NUMBERS

PACKAGES = "dqn_symbolic", "PyTensor", "numba", "NumPy", "Gymnasium"
LARGE = 10**9  # bytes: a line announces a replay memory that is larger


def expect_room(run, memories=1):
    """Raises BadInput if a run's replay memories will not fit; says their size if it is large."""
    s, space = run.settings, run.task.frames
    size = s.memory_size * memories
    frame = np.dtype(space.dtype).itemsize * prod(space.shape)  # bytes of one frame
    numbers = sum(np.dtype(number).itemsize for number in (*NUMBERS.values(), np.int64))
    needed = (size + s.history) * (frame + numbers)  # the memory's rings and `valid`
    shape = " x ".join(map(str, space.shape))
    run.memory = f"replay memory: {size:,} frames of {shape}: {needed / 1e9:,.1f} GB"
    left = psutil.virtual_memory().available
    if needed > left:
        problem = f"but only {left / 1e9:,.1f} GB are available here"
        raise BadInput(f"{run.memory}, {problem}; --memory-size sets the number of frames")
    if needed > LARGE:
        run.say(run.memory)


def machine():
    """-> {"machine": its processor and cores, "versions": of Python and the packages}"""
    name, known = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if known.exists() and (found := re.search("model name\\s*: (.*)", known.read_text())):
        name = found[1]
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    python = f"Python {platform.python_version()}"
    return {"machine": f"{name}, {cores()} cores", "versions": f"{packages}, {python}"}
