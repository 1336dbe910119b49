"""Gorila past this machine, as a model of events:  python -m tests.benchmarks.gorila_model [check]

A bundle pulls, takes an agent step and, if an update is due, computes a gradient and pushes it. A
message is the sender's work, then that of Ray and of the server's other threads, then that of the
server's main thread, which has one message at a time; its answer goes the same way back. All shards
of a message are alike and come at the same time, so one of them stands for all; but the bundle has
work with each of them. The times are those that `tests.benchmarks.messages` has measured on one
machine, in a bundle while it learns. No network is in them.

It prints tables and draws pictures/gorila_model.png. With `check`, one, two and four real bundles
learn on this machine, and are compared with the model on as many cores.
"""

import itertools
import os
import sys
from collections import deque
from heapq import heappop, heappush
from math import inf
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.figures import STYLES, legend_below, panels, save

PICTURE = Path(__file__).parent / "pictures" / "gorila_model.png"


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


def times(parts, costs, update_every):
    """-> Times, of what `tests.benchmarks.messages.measured` gives back."""
    messages = {}
    for name, cost in costs.items():
        latency = parts.get(name, cost.latency)  # Catch pulls no known version
        # Code that is seldom called is slower: in a bundle, all of a message takes longer.
        work = np.array([cost.sender, cost.others, cost.server]) * latency / cost.latency
        in_turn = min(1, latency / sum(work))
        wait, elsewhere = max(0, latency - sum(work)), (1 - in_turn) * sum(work)
        messages[name] = Message(*(float(ms) for ms in (*in_turn * work, wait, elsewhere)))
    return Times(
        float(parts["step"]), float(parts["gradient"]), **messages, update_every=update_every
    )


MEASURED = {
    "Catch": Times(
        0.21,
        0.07,
        Message(0.44, 0.28, 0.28, 0.00, 0.10),
        Message(0.58, 0.32, 0.43, 0.00, 0.11),
        Message(0.66, 0.35, 0.47, 0.00, 0.14),
        1,
    ),
    "Pong": Times(
        0.72,
        4.82,
        Message(0.51, 0.34, 0.33, 0.00, 0.12),
        Message(0.94, 1.55, 0.89, 0.00, 1.31),
        Message(1.80, 1.66, 1.24, 0.00, 1.58),
        5,
    ),
    "Nature": Times(
        1.44,
        30.81,
        Message(0.62, 0.42, 0.40, 0.00, 0.13),
        Message(1.37, 3.23, 1.81, 0.00, 2.49),
        Message(3.43, 2.68, 3.62, 0.00, 2.82),
        4,
    ),
}
FURTHER = 0.31  # milliseconds of a sender with each further server


def simulated(times, bundles, shards, cores=inf, pull_every=1, most_pulls=20_000, seed=0):
    """-> {"steps", "updates": a second; "behind": versions; "dropped", "load": shares, 0..1}

    cores: of all processes together. What has to be done next in a chain of messages waits for one
    of them, by chance, even if another is idle: the operating system seldom moves so short a work.
    "dropped": the gradients that are `GorilaSettings.stale_after` versions behind.
    """
    rng = np.random.default_rng(seed)
    stale_after = GorilaSettings().stale_after
    known, new, push = (shard(message, times.known, shards) for message in times[2:5])
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


def shard(message, known, shards):
    """-> Message: to so many servers, each with its part of the parameters."""
    own = (small + (whole - small) / shards for small, whole in zip(known[1:], message[1:]))
    return Message(message.sender + (shards - 1) * FURTHER, *own)


SIZES, SHARDS = (1, 2, 4, 10, 30, 100, 300, 1_000), (1, 4, 16, 31, 64)
FULL = 0.95  # of its time, a server is at work


def table():
    results = {
        (network, k, n): simulated(times, n, k)
        for network, times in MEASURED.items()
        for k in SHARDS
        for n in SIZES
    }
    for network in ("Pong", "Nature"):
        every = MEASURED[network].update_every
        for k in (1, 4, 31):
            one = simulated(MEASURED[network], 100, k, pull_every=every)
            results[f"{network}, a pull for {every} steps", k, 100] = one
    columns = ("steps a second", "updates a second", "versions behind", "dropped", "load")
    print(f"| network | shards | bundles | {' | '.join(columns)} |\n{'|---' * 8}|")
    for (network, k, n), one in results.items():
        if k in (1, 4, 31) and n in (1, 10, 100, 1_000):
            print(
                f"| {network} | {k} | {n:,} | {one['steps']:,.0f} | {one['updates']:,.0f}"
                f" | {one['behind']:,.1f} | {one['dropped']:.0%} | {one['load']:.0%} |"
            )
    for network, measured in MEASURED.items():
        for every in sorted({1, measured.update_every}):
            print(
                f"{network}, a pull for {every} steps: one server is full at",
                full_at(network, every),
            )
    draw(results)


def full_at(network, pull_every):
    """-> the smallest number of bundles with which a single server is at work FULL of its time."""
    loads = (
        simulated(MEASURED[network], n, 1, pull_every=pull_every)["load"] for n in range(1, 99)
    )
    return next(n for n, load in enumerate(loads, 1) if load >= FULL)


def draw(results):
    names = {"steps": "agent steps a second", "behind": "versions behind", "load": "server's load"}
    _, axes = panels(11, 8, len(MEASURED), len(names), sharex=True)
    for network, row in zip(MEASURED, axes):
        for (name, text), panel in zip(names.items(), row):
            for k, style in zip(SHARDS, STYLES):
                values = [results[network, k, n][name] for n in SIZES]
                panel.plot(SIZES, values, label=f"{k} shard{'s' * (k > 1)}", ms=4, **style)
            panel.set(xscale="log", title=f"{network}: {text}")
            if name == "steps":
                panel.set_yscale("log")
            panel.yaxis.set_major_formatter("{x:,.10g}")
            panel.xaxis.set_major_formatter("{x:,.10g}")
            panel.set_ylim(bottom=None if name == "steps" else 0)
    for panel in axes[-1]:
        panel.set_xlabel("bundles")
    save(PICTURE, legend_below(axes[0, 0], len(SHARDS)))


def check(rounds=3, seconds=4):
    """Real bundles beside the model, in turn, because the speed of a shared machine changes."""
    import ray

    from dqn_symbolic.compiling.threads import cores
    from dqn_symbolic.gorila.on_ray import connect
    from tests.benchmarks import messages

    connect(messages.OWN, num_cpus=cores())
    print("| network | bundles | steps a second: model | real | versions behind: model | real |")
    print("|---|---|---|---|---|---|")
    for network in ("Catch", "Pong"):
        found = {bundles: [] for bundles in (1, 2, 4)}
        for _ in range(rounds):
            update_every = messages.GAMES[network][2].update_every
            now = times(*messages.measured(network, 1), update_every)
            for bundles, values in found.items():
                model = simulated(now, bundles, 1, cores())
                driver = messages.started(network, bundles)
                driver.lines()  # begins anew
                steps = int(model["steps"] / bundles * seconds)
                speed = steps * bundles / messages.take(driver, steps)
                behind, pushes = (sum(r[n] for r in driver.recent) for n in ("behind", "pushes"))
                values.append((model["steps"], speed, model["behind"], behind / pushes))
                messages.kill(driver)
        for bundles, values in found.items():
            steps, speed, behind, really = np.median(values, axis=0)
            ratio = steps / speed
            print(
                f"| {network} | {bundles} | {steps:,.0f} ({ratio:.2f}) | {speed:,.0f}"
                f" | {behind:.2f} | {really:.2f} |",
                flush=True,
            )
    ray.shutdown()


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else table()
