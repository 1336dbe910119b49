"""How much memory a run will take, and how much the machine has left.

NumPy's zeros only reserves memory. So without this check, a run could end after hours.
"""

from math import prod

import numpy as np
import psutil

from dqn_symbolic.memory import NUMBERS

LARGE = 10**9  # bytes: a line announces a replay memory that is larger


def expect_memory(space, settings, memories=1):
    """-> (a line about the replay memory, its bytes). ValueError if so many memories do not fit."""
    size = settings.memory_size * memories
    frame = np.dtype(space.dtype).itemsize * prod(space.shape)  # bytes of one frame
    numbers = sum(np.dtype(number).itemsize for number in (*NUMBERS.values(), np.int64))
    needed = (size + settings.history) * (frame + numbers)  # the memory's rings and `valid`
    shape = " x ".join(map(str, space.shape))
    line = f"replay memory: {size:,} frames of {shape}: {needed / 1e9:,.1f} GB"
    left = psutil.virtual_memory().available
    if needed > left:
        problem = f"but only {left / 1e9:,.1f} GB are available here"
        raise ValueError(f"{line}, {problem}; --memory-size sets the number of frames")
    return line, needed
