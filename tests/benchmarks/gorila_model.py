"""Gorila past this machine, as a model of events:  python -m tests.benchmarks.gorila_model [check]

A bundle pulls, takes an agent step and, if an update is due, computes a gradient and pushes it. A
message waits until its server has answered those before it. All shards of a message are alike and
come at the same time, so one of them stands for all; but the bundle has work with each of them. The
times are those that `tests.benchmarks.messages` has measured on one machine: of a bundle while it
learns, and of servers to which several processes send. No network is in them.

It prints tables and draws pictures/gorila_model.png. With `check`, one, two and four real bundles
learn on this machine, and are compared with the model on as many cores.
"""

import heapq
import os
import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.figures import STYLES, legend_below, panels, save

PICTURE = Path(__file__).parent / "pictures" / "gorila_model.png"


@dataclass(frozen=True)
class Times:
    """Milliseconds. Each message has the server's work, and the rest of its time.

    Half of this rest is the bundle's own work, half is waiting.
    """

    step: float  # without a gradient
    gradient: float
    known: tuple  # a pull of a known version
    new: tuple  # and of a new one
    push: tuple
    update_every: int
    elsewhere: float = 0.0  # processor time of a large message that nobody waits for


def times(one, work, update_every):
    """-> Times, of what `tests.benchmarks.messages.measured` gives back."""
    one = {"known": work["known"], **one}  # Catch pulls no known version
    ways = [(min(work[name], one[name]), max(0, one[name] - work[name])) for name in MESSAGES]
    known, new, push = (of_servers + rest / 2 for of_servers, rest in ways)
    learning = 1 / update_every
    here = one["step"] + learning * (one["gradient"] + push + new) + (1 - learning) * known
    elsewhere = max(0, one["cpu"] - here) / (2 * learning)
    return Times(one["step"], one["gradient"], *ways, update_every, elsewhere)


MESSAGES = "known", "new", "push"
MEASURED = {
    "Catch": Times(0.28, 0.09, (0.38, 0.35), (0.66, 0.68), (0.82, 0.67), 1),
    "Pong": Times(0.81, 4.53, (0.49, 0.78), (2.71, 0.62), (2.94, 1.70), 5),
    "Nature": Times(1.34, 29.5, (0.43, 1.04), (3.27, 1.93), (5.24, 1.76), 4),
}


def simulated(times, bundles, shards, cores=inf, pull_every=1, most_events=40_000, seed=0):
    """-> {"steps", "updates": a second; "behind": versions; "dropped", "load": shares, 0..1}

    cores: of all processes together; where there are fewer than processes, they take turns.
    "dropped": the gradients that are `GorilaSettings.stale_after` versions behind.
    """
    rng = np.random.default_rng(seed)
    known_work = times.known[0]
    free_cores = [0.0] * int(cores) if cores < inf else None
    free = busy = 0.0  # the server: when it is free, how long it has been at work
    version = behind = taken = pushes = 0
    stale_after = GorilaSettings().stale_after
    seen, due = [-1] * bundles, rng.integers(times.update_every, size=bundles)
    events = [(rng.uniform(0, times.step + times.gradient), i, "pull") for i in range(bundles)]
    heapq.heapify(events)

    def on_a_core(begin, ms):
        """-> when this work is done."""
        if free_cores is None:
            return begin + ms
        done = max(begin, heapq.heappop(free_cores)) + ms
        heapq.heappush(free_cores, done)
        return done

    for _ in range(most_events):
        now, i, what = heapq.heappop(events)
        message = what if what == "push" else "known" if seen[i] == version else "new"
        work, way = getattr(times, message)
        work = known_work + max(0.0, work - known_work) / shards
        free = on_a_core(max(now, free), work)
        busy += work
        if message != "known" and free_cores:
            on_a_core(free, times.elsewhere)
        answered = on_a_core(free, shards * way / 2) + way / 2
        if what == "push":
            behind += version - seen[i]
            pushes += 1
            version += version - seen[i] < stale_after
            heapq.heappush(events, (answered, i, "pull"))
            continue
        seen[i], taken, due[i] = version, taken + pull_every, due[i] + pull_every
        learns = due[i] % times.update_every < pull_every
        ms = pull_every * times.step + learns * times.gradient
        done = on_a_core(answered, ms * rng.uniform(0.8, 1.2))
        heapq.heappush(events, (done, i, "push" if learns else "pull"))
    return {
        "steps": taken / now * 1e3,
        "updates": version / now * 1e3,
        "behind": behind / max(1, pushes),
        "dropped": 1 - version / max(1, pushes),
        "load": min(1.0, busy / now),
    }


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
            panel.yaxis.set_major_formatter("{x:,.10g}")
            panel.xaxis.set_major_formatter("{x:,.10g}")
            if name == "steps":
                panel.set_yscale("log")
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

    connect(num_cpus=cores())
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
