"""What Gorila's messages cost on Ray:  python -m tests.benchmarks.messages [SECONDS]

For Catch's network and both networks of Atari (which needs ale-py): bytes, milliseconds and
processor time of a message to all shards, and what one bundle does in an agent step, timed while it
learns from real servers. All processes are on this machine, so nothing goes over a network. A
message is a pull of a "known" version, a pull of a "new" one, or a push.
"""

import os
import pickle
import sys
import time
from contextlib import ExitStack
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import ray

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.on_ray import OnRay, connect
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.settings import PRESETS, Settings
from tests.benchmarks.gorila import at_the_ready
from tests.benchmarks.gorila_model import Cost
from tests.benchmarks.results import keep

GAMES = {
    "Catch": ("games:Catch-v0", {}, Settings()),
    "Pong": ("ALE/Pong-v5", {"frame_size": 42}, Settings(**PRESETS["atari"])),
    "Nature": ("ALE/Pong-v5", {}, Settings(**PRESETS["nature"])),
}
OWN = ExitStack()  # keeps the files of Ray until this process ends
NEVER = 10**9  # agent steps; versions: no gradient is too old


def started(network, bundles=1, shards=1):
    """-> Gorila on Ray whose bundles learn, with epsilon .1."""
    game, options, settings = GAMES[network]
    endless = dict.fromkeys(("steps", "evaluate_every", "checkpoint_every"), NEVER)
    settings = replace(settings, warm_up=100, memory_size=2_000, epsilon_start=0.1, **endless)
    gorila = GorilaSettings(bundles=bundles, shards=shards, stale_after=NEVER)
    driver = at_the_ready(OnRay(task(game, **options), settings, gorila))
    take(driver, 200)
    return driver


def take(driver, steps):
    """-> seconds, for so many agent steps of each bundle."""
    last, since = driver.steps + steps * len(driver.bundles), time.perf_counter()
    while driver.steps < last:
        driver.step()
    return time.perf_counter() - since


def kill(driver):
    """Ends the processes of its bundles and servers."""
    for actor in [*driver.bundles, *(server.actor for server in driver.servers), driver.evaluator]:
        ray.kill(actor)


def inside(actor, function):
    return ray.get(actor.__ray_call__.remote(function))


# -- one bundle ------------------------------------------------------------------------------------


def parts(driver, seconds):
    """-> {part of a step: ms, the mean}: of the only bundle, while it learns."""
    (bundle,) = driver.bundles
    speed = 200 / take(driver, 200)
    inside(bundle, begin_timing)
    take(driver, max(50, int(speed * seconds)))
    ms = inside(bundle, lambda process: {n: 1e3 * np.mean(t) for n, t in process.times.items()})
    steps, updates = inside(bundle, lambda process: (len(process.times["step"]), process.updates))
    ms["push"] -= ms["gradient"]  # both are in `learn`
    learning = updates / steps
    pulls = ms["known"] * (1 - learning) + ms["new"] * learning if "known" in ms else ms["new"]
    ms["step"] -= pulls + learning * (ms["gradient"] + ms["push"])
    return ms


def begin_timing(process):
    """From now on, `process.times` gets the seconds of each part."""
    bundle, times = process.bundle, {}
    learner = bundle.learner

    def timed(owner, name, label):
        call = getattr(owner, name)

        def and_timed(*given):
            before, since = learner.known, time.perf_counter()
            answer = call(*given)
            seconds = time.perf_counter() - since
            is_known = label == "new" and before == learner.known
            times.setdefault("known" if is_known else label, []).append(seconds)
            process.updates = len(times.get("push", ()))
            return answer

        setattr(owner, name, and_timed)

    for owner, name, label in (
        *((learner, "pull", "new"), (learner, "gradient", "gradient")),
        *((bundle.agent, "learn", "push"), (bundle, "step", "step")),
    ):
        timed(owner, name, label)
    process.times = times


# -- messages alone --------------------------------------------------------------------------------


class Sender:
    """A process that sends messages, one after the other, to all servers at once."""

    def send(self, message, servers, gradients, seconds):
        """-> how many, in these seconds."""
        versions = [version for version, _ in ray.get([server.pull(-1) for server in servers])]
        sent = {
            "push": lambda: [server.push(gradients, 0) for server in servers],
            "new": lambda: [server.pull(-1) for server in servers],
            "known": lambda: [s.pull(version) for s, version in zip(servers, versions)],
        }[message]
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            ray.get(sent())
            count += 1
        return count


def costs(driver, seconds):
    """-> {message: Cost}, of one process that sends."""
    gradients = {name: np.zeros_like(value) for name, value in driver.first_params.items()}
    sender = ray.remote(Sender).options(num_cpus=0).remote()
    servers = [server.actor for server in driver.servers]
    pids = [inside(actor, lambda process: os.getpid()) for actor in (sender, *servers)]
    found = {}
    for message in ("known", "new", "push"):
        given = message, driver.servers, gradients
        ray.get(sender.send.remote(*given, 0.1))
        before = processor_times(*pids)
        count = ray.get(sender.send.remote(*given, seconds))
        spent = seconds, *processor_times(*pids) - before
        found[message] = Cost(*(1e3 * part / count for part in spent))
    ray.kill(sender)
    return found


def processor_times(sender, *servers):
    """-> seconds: of the sender, of a server's main thread, the rest of this program's processes.

    sender, servers: numbers of processes.
    """
    driver = psutil.Process()
    every = {p.pid: p for p in [driver, *driver.children(recursive=True)]}
    main = [t for pid in servers for t in every[pid].threads() if t.id == pid]
    server = sum(t.user_time + t.system_time for t in main)
    sent, total = (sum(map(busy, of)) for of in ([every[sender]], every.values()))
    return np.array([sent, server / len(servers), total - sent - server])


def busy(process):
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return 0.0


def size(driver, message):
    """-> bytes of the larger of message and answer, of all servers together."""
    if message == "known":
        return len(driver.servers) * len(pickle.dumps((0, None)))
    return sum(len(pickle.dumps(part, protocol=5)) for part in driver.parts)


def measured(network, seconds):
    """-> (parts of a step, {message: Cost}), in ms"""
    driver = started(network)
    found = parts(driver, seconds), costs(driver, seconds)
    kill(driver)
    return found


def main(seconds=1):
    seconds = float(seconds)
    connect(OWN, num_cpus=2)
    rows, of_bundles = [], []
    for network in GAMES:
        for shards in (1, 4):
            driver = started(network, shards=shards)
            if shards == 1:
                ms = parts(driver, seconds).items()
                of_bundles += [{"network": network, "part": part, "ms": t} for part, t in ms]
            for message, cost in costs(driver, seconds).items():
                row = {"network": network, "shards": shards, "message": message}
                ms = {f"{part}_ms": value for part, value in cost._asdict().items()}
                rows.append({**row, "bytes": size(driver, message), **ms})
            kill(driver)
    ray.shutdown()
    keep("messages", rows + of_bundles, peers=("ray",))


if __name__ == "__main__":
    main(*sys.argv[1:])
