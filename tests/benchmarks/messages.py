"""What Gorila's messages cost on Ray:  python -m tests.benchmarks.messages [SECONDS]

For Catch's network and both networks of Atari (which needs ale-py): what one bundle does in an
agent step, timed while it learns from real servers; bytes and milliseconds of a message to all
shards; and milliseconds of each where SENDERS processes send them at once, which is what a message
keeps a server busy. All processes are on this machine, so nothing goes over a network.
"""

import os
import pickle
import sys
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import ray

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.on_ray import OnRay, connect
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.settings import PRESETS, Settings

GAMES = {
    "Catch": ("games:Catch-v0", {}, Settings()),
    "Pong": ("ALE/Pong-v5", {"frame_size": 42}, Settings(**PRESETS["atari"])),
    "Nature": ("ALE/Pong-v5", {}, Settings(**PRESETS["nature"])),
}
SENDERS = 4  # processes
INLINE = 100_000  # bytes: Ray's object store, a process of its own, has what is larger
NEVER = 10**9  # agent steps; versions: no gradient is too old


def started(network, bundles=1, shards=1):
    """-> Gorila on Ray whose bundles learn, with epsilon .1."""
    game, options, settings = GAMES[network]
    endless = dict.fromkeys(("steps", "evaluate_every", "checkpoint_every"), NEVER)
    settings = replace(settings, warm_up=100, memory_size=2_000, epsilon_start=0.1, **endless)
    gorila = GorilaSettings(bundles=bundles, shards=shards, stale_after=NEVER)
    driver = OnRay(task(game, **options), settings, gorila).compile()
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
    """-> {part of a step: ms, the mean}: of the only bundle, while it learns.

    "cpu" is the processor time of all processes together, Ray's own among them.
    """
    (bundle,) = driver.bundles
    speed = 200 / take(driver, 200)
    inside(bundle, begin_timing)
    before = processor_time()
    take(driver, max(50, int(speed * seconds)))
    cpu = processor_time() - before
    ms = inside(bundle, lambda process: {n: 1e3 * np.mean(t) for n, t in process.times.items()})
    steps, updates = inside(bundle, lambda process: (len(process.times["step"]), process.updates))
    learning = updates / steps
    pulls = ms["known"] * (1 - learning) + ms["new"] * learning if "known" in ms else ms["new"]
    ms["step"] -= pulls + learning * (ms["gradient"] + ms["push"])
    return {**ms, "cpu": 1e3 * cpu / steps}


def processor_time():
    """-> seconds: of this process and all that it has started."""
    driver = psutil.Process()
    return sum(sum(p.cpu_times()[:2]) for p in [driver, *driver.children(recursive=True)])


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
        *((learner, "push", "push"), (bundle, "step", "step")),
    ):
        timed(owner, name, label)
    process.times = times


# -- messages alone --------------------------------------------------------------------------------


class Sender:
    """A process that sends messages, one after the other, to all servers at once."""

    def send(self, message, servers, gradients, begin, seconds):
        """-> how many, in these seconds from the time `begin` on."""
        versions = [version for version, _ in ray.get([server.pull(-1) for server in servers])]
        sent = {
            "push": lambda: [server.push(gradients, 0) for server in servers],
            "new": lambda: [server.pull(-1) for server in servers],
            "known": lambda: [s.pull(version) for s, version in zip(servers, versions)],
        }[message]
        time.sleep(max(0, begin - time.time()))
        count, end = 0, time.time() + seconds
        while time.time() < end:
            ray.get(sent())
            count += 1
        return count


def costs(driver, senders, seconds):
    """-> {message: ms each, if so many processes send at once}."""
    gradients = {name: np.zeros_like(value) for name, value in driver.first_params.items()}
    processes = [ray.remote(Sender).options(num_cpus=0).remote() for _ in range(senders)]
    ms = {}
    for message in ("known", "new", "push"):
        begin = time.time() + 2 * (not ms) + 0.2  # the processes have to start
        given = message, driver.servers, gradients, begin, seconds
        ms[message] = 1e3 * seconds / sum(ray.get([p.send.remote(*given) for p in processes]))
    for process in processes:
        ray.kill(process)
    return ms


def size(driver, message):
    """-> bytes of the larger of message and answer, of all servers together."""
    if message == "known":
        return len(driver.servers) * len(pickle.dumps((0, None)))
    return sum(len(pickle.dumps(part, protocol=5)) for part in driver.parts)


def measured(network, seconds):
    """-> (parts of a step, costs of a message where SENDERS processes send), in ms"""
    driver = started(network)
    one, many = parts(driver, seconds), costs(driver, SENDERS, seconds)
    if size(driver, "push") < INLINE:
        one["cpu"] = 0.0
    kill(driver)
    return one, many


def main(seconds=1):
    seconds = float(seconds)
    connect(num_cpus=2)
    print(f"| network | shards | message | bytes | ms | ms each, from {SENDERS} processes |")
    print("|---|---|---|---|---|---|")
    for network in GAMES:
        for shards in (1, 4):
            driver = started(network, shards=shards)
            alone, many = costs(driver, 1, seconds), costs(driver, SENDERS, seconds)
            for message, ms in alone.items():
                print(
                    f"| {network} | {shards} | {message} | {size(driver, message):,} | {ms:.2f}"
                    f" | {many[message]:.2f} |",
                    flush=True,
                )
            kill(driver)
    for network in GAMES:
        one, many = measured(network, seconds)
        print(f"{network}: a bundle's parts", {name: round(ms, 3) for name, ms in one.items()})
        print(f"{network}: a server's work", {name: round(ms, 3) for name, ms in many.items()})
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
