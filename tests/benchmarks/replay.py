"""The cost of the replay memory as it grows:  python -m tests.benchmarks.replay

The time to add a step, the time to sample 32 transitions, and the bytes a step, for boards of
10 x 10 and for 4 frames of 84 x 84. If Stable-Baselines3 is installed, its replay buffer is timed
too: as it is, with x and x_tp1 of every step, and with `optimize_memory_usage`, which stores each
stack once, without time limits. Its large memories of pixels do not fit and are left out. Every
memory is filled with up to 50,000 steps.
"""

import gc
import importlib.util
import resource
import statistics
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from gymnasium.spaces import Box, Discrete

from dqn_symbolic.memory import ReplayMemory
from tests.benchmarks.results import keep

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MOST_STEPS = 50_000


def bytes_taken():
    """-> the resident memory of this process in bytes (Linux), without pages never written."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def ours(capacity, shape):
    memory, rng = ReplayMemory(capacity, shape, np.uint8), np.random.default_rng(0)
    return (
        lambda x, over: memory.add(x, 1, 0.0, 0.99, x, over),
        lambda: memory.sample(32, rng),
    )


def sb3s(capacity, shape, **options):
    from stable_baselines3.common.buffers import ReplayBuffer

    with warnings.catch_warnings():
        # It warns that the full memory would not fit; only a part is filled.
        warnings.simplefilter("ignore")
        spaces = Box(0, 255, shape, np.uint8), Discrete(3)
        memory = ReplayBuffer(capacity, *spaces, device="cpu", **options)
    action, reward, info = np.ones(1, int), np.zeros(1, np.float32), [{}]
    return (
        lambda x, over: memory.add(x[None], x[None], action, reward, np.array([over]), info),
        lambda: memory.sample(32),
    )


def measure(maker, capacity, shape):
    """-> (microseconds to add, microseconds to sample, bytes a step)"""
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    gc.collect()
    before, steps = bytes_taken(), min(capacity, MOST_STEPS)
    add, sample = maker(capacity, shape)
    since = time.perf_counter()
    for step in range(steps):
        add(x, step % 9 == 8)
    added = (time.perf_counter() - since) / steps
    times = []
    for _ in range(200):
        since = time.perf_counter()
        sample()
        times.append(time.perf_counter() - since)
    return added * 1e6, statistics.median(times) * 1e6, (bytes_taken() - before) / steps


def main():
    sides = {"ours": ours}
    if importlib.util.find_spec("stable_baselines3"):
        once = {"optimize_memory_usage": True, "handle_timeout_termination": False}
        sides |= {
            "Stable-Baselines3": sb3s,
            "Stable-Baselines3, stored once": partial(sb3s, **once),
        }
    measure(ours, 100, (84, 84, 4))  # numba compiles the loop that stacks four frames
    rows = []
    for shape in ((10, 10, 1), (84, 84, 4)):
        for capacity in SIZES:
            for name, maker in sides.items():
                if maker is not ours and capacity * np.prod(shape) > 1e9:
                    continue
                add, sample, taken = measure(maker, capacity, shape)
                work = {"x": " x ".join(map(str, shape)), "capacity": capacity, "side": name}
                rows.append({**work, "add_us": add, "sample_us": sample, "bytes": taken})
    keep("replay", rows, peers=("stable_baselines3", "torch"))


if __name__ == "__main__":
    main()
