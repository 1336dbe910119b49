"""Gorila past this machine, as a model:  python -m tests.benchmarks.gorila_model [picture.png]

Each bundle pulls, takes an agent step, and, if an update is due, computes a gradient and pushes it.
A message waits until its server has answered those that came before. All shards of a message are
alike and come at the same time, so one of them is simulated. Every process has a core of its own;
a network is not in the times, which `tests.benchmarks.messages` has measured.
"""

import heapq
import sys
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Times:
    """Milliseconds. Those of a message hold for one shard with all parameters."""

    step: float  # of the bundle, without the gradient
    gradient: float
    way: float  # of an empty message, there and back, while the server is free
    known: float  # the server's work for a pull of a known version
    new: float  # and of a new one
    push: float
    update_every: int = 1


def simulated(times, bundles, shards, seconds=20.0, seed=0):
    """-> {"steps", "updates": a second; "behind": versions; "load": of a server, 0..1}"""
    rng = np.random.default_rng(seed)
    new, push = (times.known + (one - times.known) / shards for one in (times.new, times.push))
    events = [(rng.uniform(0, times.step), i, "pull") for i in range(bundles)]
    heapq.heapify(events)
    free = version = busy = behind = 0.0
    known, steps = [-1] * bundles, [int(rng.integers(times.update_every)) for _ in range(bundles)]
    taken, now, end = 0, 0.0, seconds * 1e3
    while now < end:
        now, i, what = heapq.heappop(events)
        work = push if what == "push" else times.known if known[i] == version else new
        free = max(now, free) + work
        busy += work
        answer = free + times.way
        if what == "push":
            behind += version - known[i]
            version += 1
        else:
            known[i] = version
            taken += 1
            steps[i] += 1
            answer += times.step
            if steps[i] % times.update_every == 0:
                what = "push"
                answer += times.gradient
                heapq.heappush(events, (answer, i, "push"))
                continue
        heapq.heappush(events, (answer, i, "pull"))
    return {
        "steps": taken / seconds,
        "updates": version / seconds,
        "behind": behind / max(1, version),
        "load": min(1.0, busy / end),
    }
