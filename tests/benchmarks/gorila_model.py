"""Gorila past this machine, as a model of events:  python -m tests.benchmarks.gorila_model [check]

A bundle pulls, takes an agent step and, if an update is due, computes a gradient and pushes it. A
message waits until its server has answered those before it. All shards of a message are alike and
come at the same time, so one of them stands for all; but the bundle has work with each of them. The
times are those that `tests.benchmarks.messages` has measured between processes of one machine; no
network is in them.

It prints a table and draws pictures/gorila_model.png. With `check`, one and two real bundles learn
Catch on this machine, and are compared with the model on as many cores.
"""

import heapq
import os
import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.gorila.settings import GorilaSettings

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


# ms alone and ms where many wait, of one shard: the server's work is the smaller of the two.
MEASURED = {
    "Catch": Times(0.16, 0.07, (0.85, 0.47), (1.48, 0.70), (1.42, 1.81), 1),
    "Nature": Times(1.2, 40.7, (0.82, 0.55), (7.26, 0.0), (7.48, 4.19), 4),
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


def table():
    sizes, shards = (1, 2, 4, 10, 30, 100, 300, 1_000), (1, 4, 16, 31, 64)
    results = {
        (network, k, n): simulated(times, n, k)
        for network, times in MEASURED.items()
        for k in shards
        for n in sizes
    }
    for k in (1, 4, 31):
        results["Nature, a pull for 4 steps", k, 100] = simulated(
            MEASURED["Nature"], 100, k, pull_every=4
        )
    columns = ("steps a second", "updates a second", "versions behind", "dropped", "load")
    print(f"| network | shards | bundles | {' | '.join(columns)} |\n{'|---' * 8}|")
    for (network, k, n), one in results.items():
        if k in (1, 4, 31) and n in (1, 10, 100, 1_000):
            print(
                f"| {network} | {k} | {n:,} | {one['steps']:,.0f} | {one['updates']:,.0f}"
                f" | {one['behind']:,.1f} | {one['dropped']:.0%} | {one['load']:.0%} |"
            )
    draw(results, sizes, shards)


def draw(results, sizes, shards):
    figure = Figure(figsize=(11, 6), layout="constrained")
    names = {"steps": "agent steps a second", "behind": "versions behind", "load": "server's load"}
    panels = figure.subplots(len(MEASURED), len(names))
    for network, row in zip(MEASURED, panels):
        for (name, text), axes in zip(names.items(), row):
            for k in shards:
                values = [results[network, k, n][name] for n in sizes]
                axes.plot(sizes, values, label=f"{k} shard{'s' * (k > 1)}")
            axes.set(xscale="log", title=f"{network}: {text}", xlabel="bundles")
            if name != "load":
                axes.set_yscale("symlog" if name == "behind" else "log")
    panels[0, 0].legend()
    figure.savefig(PICTURE, dpi=80)


def check(steps=2_000):
    """Real bundles beside the model: Catch, where every step learns and epsilon is at its end.

    The messages are measured before each, because the speed of a shared machine changes.
    """
    import ray

    from dqn_symbolic.compiling.threads import cores
    from dqn_symbolic.gorila.on_ray import OnRay, connect
    from dqn_symbolic.settings import Settings
    from tests.benchmarks.messages import NETWORKS, cost, kill, of_the_bundle, started

    connect(num_cpus=cores())
    catch, default = NETWORKS["Catch"]
    servers = started(catch, default, 1)
    endless = dict.fromkeys(("steps", "evaluate_every", "checkpoint_every"), 10**9)
    settings = Settings(warm_up=100, epsilon_steps=100, **endless)
    print("| bundles | steps a second: model | real | versions behind: model | real |")
    print("|---|---|---|---|---|")
    for bundles in (1, 2):
        messages = cost(servers, 0.1)
        ways = [(min(a, m), max(0, a - m)) for _, a, m in messages.values()]
        parts = of_the_bundle(catch, settings, 0.1)
        push, new, known = ways
        times = Times(parts["agent step"], parts["gradient"], known, new, push, 1)
        model = simulated(times, bundles, 1, cores())

        driver = OnRay(catch, settings, GorilaSettings(bundles=bundles)).compile()
        for last in (400, 400 + steps):
            driver.lines()  # begins anew
            while driver.steps < last * bundles:
                driver.step()
        speed = sum(one["steps"] / one["seconds"] for one in driver.recent)
        behind, pushes = (sum(one[name] for one in driver.recent) for name in ("behind", "pushes"))
        print(
            f"| {bundles} | {model['steps']:,.0f} | {speed:,.0f}"
            f" | {model['behind']:.2f} | {behind / pushes:.2f} |",
            flush=True,
        )
        kill(driver)
    ray.shutdown()


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else table()
