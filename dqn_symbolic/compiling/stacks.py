"""The stacks of frames of a minibatch, made from the frames in the replay memory.

In a stack, the values of one pixel in all frames lie side by side. NumPy writes one frame after the
other, with gaps. A compiled loop for four frames of bytes, as in Atari, takes a quarter as long.
"""

import numpy as np
from pytensor import config
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS
from pytensor.link.numba.dispatch.basic import numba_njit

from dqn_symbolic.compiling.cache import text_of


def stacks(frames, slots, begins):
    """-> x, x_tp1 (B, *frame_shape, history)

    frames (N, *frame_shape), a ring; slots (2, B, history): where the frames of x and of x_tp1 are,
    the oldest first. begins (B,): the slot in which the episode begins; frames before it are zeros.
    """
    *sizes, history = slots.shape
    both = np.empty((*sizes, *frames.shape[1:], history), frames.dtype)
    if history == 4 and frames.dtype == np.uint8:
        flat = both.reshape(*sizes, frames[0].size * 4)
        stack_four(frames.reshape(len(frames), -1), slots, begins, flat)
        return both
    # No slot is more than one round away. (NumPy subtracts round after round, which is slow.)
    chosen = frames.take(slots, axis=0, mode="wrap")
    if history > 1:
        chosen[slots < begins[:, None]] = 0
    for i in range(history):  # five times as fast as a transpose
        both[..., i] = chosen[:, :, i]
    return both


def stack_four(frames, slots, begins, both):
    """frames (N, pixels), slots (2, B, 4), begins (B,); writes both (2, B, pixels * 4)."""
    zeros = np.zeros_like(frames[0])
    for side in range(2):
        for b in range(len(begins)):
            f0, f1, f2, f3 = [
                frames[slot % len(frames)] if slot >= begins[b] else zeros
                for slot in slots[side, b]
            ]
            out = both[side, b]
            for i in range(len(f0)):
                out[4 * i] = f0[i]
                out[4 * i + 1] = f1[i]
                out[4 * i + 2] = f2[i]
                out[4 * i + 3] = f3[i]


# PyTensor keeps the compiled function on disk under this name, until this file changes.
CACHED_SRC_FUNCTIONS[stack_four] = f"stack_four {text_of(__file__)}"
stack_four = numba_njit(stack_four, final_function=True, cache=config.numba__cache)
