"""Timing on a shared machine: the parts run in turn, and their medians are compared."""

import statistics
import time


def medians(parts, rounds=11, seconds=0.02):
    """{name: call} -> {name: microseconds a call}, the median of interleaved rounds.

    In every round, a part is called for about `seconds` seconds.
    """
    repeats = {}
    for name, call in parts.items():
        call()  # the first call may compile
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
    return {name: statistics.median(microseconds) for name, microseconds in times.items()}
