"""What Gorila's messages cost on Ray:  python -m tests.benchmarks.messages [SECONDS]

For Catch's network and the Nature network: milliseconds and bytes of a pull of a known version, a
pull of a new one, and a push, each to all shards at a time; milliseconds of a message where many
wait, which is what it keeps the servers busy; and what the bundle does between its messages. All
processes are on this machine, so nothing goes over a network.
"""

import os
import pickle
import sys
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import ray

from dqn_symbolic.environments.any_game import task
from dqn_symbolic.gorila.bundle import Bundle
from dqn_symbolic.gorila.on_ray import OnRay, connect
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.run import example
from dqn_symbolic.settings import PRESETS, Settings
from tests.benchmarks.rounds import medians

NATURE = {**PRESETS["nature"], "memory_size": 100}
NETWORKS = {
    "Catch": (task("games:Catch-v0"), Settings()),
    "Nature": (task("games:Catch-v0", pixels=84), Settings(**NATURE)),
}
WAITING = 16  # messages to each server at a time
NEVER = 10**9  # versions: no gradient is too old


def started(game, settings, shards):
    """-> Gorila on Ray whose servers are at work, without bundles."""
    driver = OnRay(game, settings, GorilaSettings(bundles=1, shards=shards, stale_after=NEVER))
    driver.start_servers()
    driver.ask("pull")  # they are compiled
    return driver


def kill(driver):
    """Ends the processes of its bundles and servers."""
    for actor in [*driver.bundles, *(server.actor for server in driver.servers)]:
        ray.kill(actor)


def messages(driver):
    """-> {name: call}: each sends a message to all servers, and does not wait."""
    servers = driver.servers
    gradients = {name: np.zeros_like(value) for name, value in driver.first_params.items()}
    return {
        "push": lambda: [server.push(gradients, 0) for server in servers],
        "pull, new": lambda: [server.pull(-1) for server in servers],
        "pull, known": lambda: [server.pull(driver.known) for server in servers],
    }


def cost(driver, seconds):
    """-> {message: (bytes, ms alone, ms where many wait)}"""
    costs = {}
    for name, send in messages(driver).items():
        driver.known = driver.updates  # of the server: the pushes come first
        alone = medians({name: lambda send=send: ray.get(send())}, seconds=seconds)[name] / 1e3
        many = medians(
            {name: lambda send=send: ray.get([one for _ in range(WAITING) for one in send()])},
            seconds=seconds,
        )[name]
        costs[name] = size(driver, name), alone, many / WAITING / 1e3
    return costs


def size(driver, name):
    """-> bytes of the larger of message and answer, of all servers together."""
    if name == "pull, known":
        return len(driver.servers) * len(pickle.dumps((driver.known, None)))
    return sum(len(pickle.dumps(part, protocol=5)) for part in driver.parts)


def of_the_bundle(game, settings, seconds):
    """-> {part: ms}: what a bundle does between its messages."""
    bundle = Bundle(game.make(), settings, GorilaSettings()).compile()
    agent, batch = bundle.agent, example(bundle.agent)
    agent.learn = lambda *batch: np.zeros(1)
    parts = {"agent step": agent.step, "gradient": lambda: bundle.learner.gradient(*batch)}
    return {name: us / 1e3 for name, us in medians(parts, seconds=seconds).items()}


def main(seconds=0.3):
    connect(num_cpus=2)
    print("| network | shards | message | bytes | ms | ms each, many waiting | a second |")
    print("|---|---|---|---|---|---|---|")
    for network, (game, settings) in NETWORKS.items():
        for shards in (1, 2, 4):
            driver = started(game, settings, shards)
            for message, (count, alone, many) in cost(driver, float(seconds)).items():
                print(
                    f"| {network} | {shards} | {message} | {count:,} | {alone:.2f} | {many:.2f}"
                    f" | {1e3 / many:,.0f} |",
                    flush=True,
                )
            kill(driver)
    for network, (game, settings) in NETWORKS.items():
        settings = replace(settings, warm_up=1, epsilon_start=0, epsilon_end=0)
        for part, ms in of_the_bundle(game, settings, float(seconds)).items():
            print(f"{network}: {part} {ms:.3f} ms")
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
