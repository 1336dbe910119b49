"""Timing on a shared machine: what is to be compared is run in turn, and medians are compared."""

import statistics
import time


def medians(parts, rounds=11, seconds=0.02):
    """parts: {name: call} -> {name: microseconds a call}, the median of interleaved rounds.

    A part is called in every round for about so many seconds.
    """
    repeats = {}
    for name, call in parts.items():
        call()  # whatever happens only once
        since = time.perf_counter()
        call()
        repeats[name] = max(1, int(seconds / (time.perf_counter() - since)))
    times = {name: [] for name in parts}
    for _ in range(rounds):
        for name, call in parts.items():
            since = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - since) / repeats[name] * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}
