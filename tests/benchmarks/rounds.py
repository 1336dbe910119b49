"""Timing on a shared machine: the sides run in turn, and their medians are compared."""

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


def medians_of_a_step(sides, steps, rounds=9):
    """{name: play(steps)} -> {name: microseconds of an agent step}, as above."""
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, play in sides.items():
            since = time.perf_counter()
            play(steps)
            times[name].append((time.perf_counter() - since) / steps * 1e6)
    return {name: statistics.median(microseconds) for name, microseconds in times.items()}
