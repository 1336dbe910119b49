"""What sampling costs:  python -m tests.benchmarks.replay

The median time to sample 32 transitions of 84 x 84 x 4 pixels, both ends, from memories of growing
size; and the memory of the process before and after, as pages are taken only when they fill.
"""

import resource
import statistics
import time
from pathlib import Path

import numpy as np

from dqn_symbolic.memory import ReplayMemory


def megabytes():
    """Of this process, in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (84, 84, 4), dtype=np.uint8)
    print("capacity   frames   add us   sample 32 us   taken MB")
    for capacity in (1_000, 10_000, 100_000, 1_000_000):
        before = megabytes()
        memory = ReplayMemory(capacity, x.shape, np.uint8)
        frames = min(capacity, 50_000)
        since = time.perf_counter()
        for i in range(frames):
            memory.add(x, 1, 0.0, 0.99, x, i % 9 == 8)
        add = (time.perf_counter() - since) / frames * 1e6
        times = []
        for _ in range(200):
            since = time.perf_counter()
            memory.sample(32, rng)
            times.append((time.perf_counter() - since) * 1e6)
        taken = megabytes() - before
        sample = statistics.median(times)
        print(f"{capacity:9,} {frames:8,} {add:8.1f} {sample:14.0f} {taken:10.0f}")
        del memory


if __name__ == "__main__":
    main()
