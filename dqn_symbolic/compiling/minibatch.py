"""A minibatch, gathered from the rings of the replay memory by one compiled loop."""

import numpy as np
from pytensor import config
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS
from pytensor.link.numba.dispatch.basic import numba_njit

from dqn_symbolic.compiling.cache import text_of


def gather(rings, last, chosen, n_step, minibatch):
    """Writes the transitions whose x ends with the frames in the slots `chosen` (B,).

    rings: frames (slots, pixels), age, action, reward, discount (slots,); last: the slot of the
    newest frame; minibatch: x and x_tp1 as one array (2, B, pixels, history), action, reward,
    discount (B,). Dtypes: as in `memory`; chosen int64. Nothing is checked.
    """
    frames, age, action, reward, discount = rings
    both, a, r, d = minibatch
    slots, zeros, history = len(frames), np.zeros_like(frames[0]), both.shape[3]
    for b, slot in enumerate(chosen):
        a[b], r[b], d[b] = action[slot], reward[slot], discount[slot]
        tp1 = slot + 1
        # One more step, if the transition from tp1 is in the memory and of the same episode.
        while tp1 - slot < n_step and tp1 % slots != last and age[(tp1 + 1) % slots] > 0:
            r[b] += d[b] * reward[tp1 % slots]
            d[b] *= discount[tp1 % slots]
            tp1 += 1
        begins = slot - age[slot]
        for side, newest in enumerate((slot, tp1)):
            stack, oldest = both[side, b], newest - history + 1
            if history == 4:  # pixel by pixel, as in Atari: four times as fast as frame by frame
                four = range(oldest, newest + 1)
                f0, f1, f2, f3 = [frames[n % slots] if n >= begins else zeros for n in four]
                for i in range(len(stack)):
                    stack[i, 0] = f0[i]
                    stack[i, 1] = f1[i]
                    stack[i, 2] = f2[i]
                    stack[i, 3] = f3[i]
            else:
                for h in range(history):
                    f = frames[(oldest + h) % slots] if oldest + h >= begins else zeros
                    for i in range(len(stack)):
                        stack[i, h] = f[i]


# PyTensor keeps the compiled function on disk under this name, until this file changes.
CACHED_SRC_FUNCTIONS[gather] = f"gather {text_of(__file__)} {config.numba__fastmath}"
gather = numba_njit(gather, final_function=True, cache=config.numba__cache)
