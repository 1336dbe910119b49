"""Gorila past this machine, as a model of events:  python -m tests.benchmarks.gorila_model

A bundle pulls, takes an agent step and, if an update is due, computes a gradient and pushes it. A
message is the sender's work, then that of Ray and of the server's other threads, then that of the
server's main thread, which has one message at a time; its answer goes the same way back. All shards
of a message are alike and come at the same time, so one of them stands for all; but the bundle has
work with each of them. The times are those of results/messages.json, measured on one machine, in a
bundle while it learns. No network is in them. The model draws pictures/gorila_model.png.

Three things make it right on shared cores, as `gorila_check` shows. A message between two agent
steps takes longer than one in a loop of messages. Part of the processor time of large messages is
work that nobody waits for, but that another process waits for. What has to be done next waits for
one of the cores even if the other is idle.
"""

import itertools
import os
from bisect import bisect_left
from collections import deque
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.figures import STYLES, legend_below, panels, save
from dqn_symbolic.settings import PRESETS, Settings
from tests.benchmarks.results import PICTURES, chosen, keep, read

# Agent steps from one update to the next, in each network's settings.
EVERY = {
    "Catch": Settings().update_every,
    "Pong": PRESETS["atari"]["update_every"],
    "Nature": Settings(**PRESETS["nature"]).update_every,
}


class Cost(NamedTuple):
    """Milliseconds of a message, or of its answer if that is larger."""

    latency: float  # of the message to all servers, until all answers are there
    sender: float  # processor time of the process that sends
    server: float  # of the main thread of each server, which has one message at a time
    others: float  # of the servers' other threads and of Ray's own processes


class Message(NamedTuple):
    """Milliseconds. A message and its answer each have half of them; the server's are between."""

    sender: float
    others: float
    server: float
    wait: float = 0.0  # nobody is at work
    elsewhere: float = 0.0  # processor time that nobody waits for


class Times(NamedTuple):
    """Milliseconds."""

    step: float  # without messages and gradient
    gradient: float
    known: Message  # a pull of a known version
    new: Message  # and of a new one
    push: Message
    update_every: int
    further: float = 0.0  # the sender's, with each further server


def times(parts, costs, update_every, further=0.0):
    """-> Times, of what `tests.benchmarks.messages.measured` gives back."""
    messages = {}
    for name, cost in costs.items():
        latency = parts.get(name, cost.latency)  # Catch pulls no known version
        # Code that is seldom called is slower: in a bundle, all of a message takes longer.
        work = np.array([cost.sender, cost.others, cost.server]) * latency / cost.latency
        in_turn = min(1, latency / sum(work))
        wait, elsewhere = max(0, latency - sum(work)), (1 - in_turn) * sum(work)
        messages[name] = Message(*(float(ms) for ms in (*in_turn * work, wait, elsewhere)))
    own = float(parts["step"]), float(parts["gradient"])
    return Times(*own, **messages, update_every=update_every, further=further)


def from_file():
    """-> {network: Times} of results/messages.json"""
    rows, found = read("messages")["rows"], {}
    for network, every in EVERY.items():
        parts = {row["part"]: row["ms"] for row in chosen(rows, network=network) if "part" in row}
        one, four = (
            {
                row["message"]: Cost(*(row[f"{field}_ms"] for field in Cost._fields))
                for row in chosen(rows, network=network, shards=shards)
            }
            for shards in (1, 4)
        )
        further = (four["known"].sender - one["known"].sender) / 3
        found[network] = times(parts, one, every, further)
    return found


def simulated(times, bundles, shards, cores=inf, pull_every=1, most_pulls=20_000, seed=0):
    """-> {"steps", "updates": a second; "behind": versions; "dropped", "load": shares, 0..1}

    cores: of all processes together. What has to be done next in a chain of messages waits for one
    of them, by chance, even if another is idle: the operating system seldom moves so short a work.
    "dropped": the gradients that are `GorilaSettings.stale_after` versions behind.
    """
    rng = np.random.default_rng(seed)
    stale_after = GorilaSettings().stale_after
    further = (shards - 1) * times.further
    known, new, push = (shard(m, times.known, shards, further) for m in times[2:5])
    now = at_work = 0.0  # at_work: of this time, the server
    version = behind = pulls = pushes = 0
    events, order = [], itertools.count()  # [(time, order, what happens then)]
    free = dict.fromkeys(["server", *(range(cores) if cores < inf else ())], 1)
    queues = {what: deque() for what in free}

    def wait(ms, then):
        heappush(events, (now + ms, next(order), then))

    def take(what, then):
        if free[what]:
            free[what] -= 1
            then()
        else:
            queues[what].append(then)

    def give(what):
        if queues[what]:
            queues[what].popleft()()
        else:
            free[what] += 1

    def work(ms, then):
        """On a core, at most for a millisecond: then it is another's turn."""
        if cores == inf:
            return wait(ms, then)
        core = int(rng.integers(cores))

        def done():
            give(core)
            work(ms - 1, then) if ms > 1 else then()

        take(core, lambda: wait(min(ms, 1), done))

    def go_on(process):
        """A process yields (function, argument), and goes on when that is done."""
        if what := next(process, None):
            function, argument = what
            function(argument, lambda: go_on(process))

    def exchange(message, answer):
        """answer() -> Message: the whole of it, as the server finds it."""
        nonlocal at_work
        yield work, message.sender / 2
        yield work, message.others / 2
        yield take, "server"
        began, whole = now, answer()
        yield work, whole.server
        at_work += now - began
        give("server")
        go_on(iter([(work, whole.elsewhere)]))
        yield work, whole.others - message.others / 2
        yield work, whole.sender - message.sender / 2
        yield wait, whole.wait

    def bundle(due):
        seen = -1

        def pulled():
            nonlocal seen, pulls
            is_known, seen, pulls = seen == version, version, pulls + 1
            return known if is_known else new

        def pushed():
            nonlocal version, behind, pushes
            behind, pushes = behind + version - seen, pushes + 1
            version += version - seen < stale_after
            return push

        yield wait, rng.uniform(0, times.step + times.gradient)
        while True:
            yield from exchange(known, pulled)
            learns = due % times.update_every < pull_every
            due += pull_every
            ms = pull_every * times.step + learns * times.gradient
            yield work, ms * rng.uniform(0.8, 1.2)
            if learns:
                yield from exchange(push, pushed)

    for _ in range(bundles):
        go_on(bundle(rng.integers(times.update_every)))
    while pulls < most_pulls:
        now, _, then = heappop(events)
        then()
    return {
        "steps": pulls * pull_every / now * 1e3,
        "updates": version / now * 1e3,
        "behind": behind / max(1, pushes),
        "dropped": 1 - version / max(1, pushes),
        "load": at_work / now,
    }


def shard(message, known, shards, further):
    """-> Message: to so many servers, each with its part of the parameters."""
    own = (small + (whole - small) / shards for small, whole in zip(known[1:], message[1:]))
    return Message(message.sender + further, *own)


SIZES, SHARDS = (1, 2, 4, 10, 30, 100, 300, 1_000), (1, 4, 16, 31, 64)
FULL = 0.95  # of its time, a server is at work


def main():
    measured, rows = from_file(), []
    for network, of_one in measured.items():
        for every in sorted({1, of_one.update_every}):
            for shards in SHARDS if every == 1 else (1, 31):
                for bundles in SIZES if every == 1 else (100,):
                    setup = {"network": network, "pull_every": every, "shards": shards}
                    one = simulated(of_one, bundles, shards, pull_every=every)
                    rows.append({**setup, "bundles": bundles, **one})
    full = [
        {"network": network, "pull_every": every, "full_at": full_at(of_one, every)}
        for network, of_one in measured.items()
        for every in sorted({1, of_one.update_every})
    ]
    draw(chosen(rows, pull_every=1))
    keep("gorila_model", rows + full)


def full_at(times, pull_every):
    """-> the smallest number of bundles with which a single server is at work FULL of its time."""
    sizes = range(1, 1_000)

    def load(bundles):
        return simulated(times, bundles, 1, pull_every=pull_every)["load"]

    return sizes[bisect_left(sizes, FULL, key=load)]


def draw(rows):
    names = {
        "steps": "agent steps a second",
        "behind": "versions a gradient is behind",
        "load": "% of its time a server works",
    }
    _, axes = panels(11, 8.4, len(EVERY), len(names), sharex=True)
    for network, row in zip(EVERY, axes):
        for (name, text), panel in zip(names.items(), row):
            for shards, style in zip(SHARDS, STYLES):
                line = chosen(rows, network=network, shards=shards)
                values = [one[name] * (100 if name == "load" else 1) for one in line]
                label = f"{shards} server{'s' * (shards > 1)}"
                panel.plot([one["bundles"] for one in line], values, label=label, ms=4, **style)
            panel.set(xscale="log", title=f"{network}: {text}")
            if name == "steps":
                panel.set_yscale("log")
            panel.set_ylim(bottom=None if name == "steps" else 0)
    for panel in axes[-1]:
        panel.set_xlabel("bundles, each on a core of its own")
    title = "A model of Gorila: many bundles, and 1 to 64 servers with the parameters"
    save(PICTURES / "gorila_model.png", legend_below(axes[0, 0], len(SHARDS)), title)


if __name__ == "__main__":
    main()
