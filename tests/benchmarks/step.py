"""The time of each part of an agent step:  python -m tests.benchmarks.step [GAME [PRESET]]

The default is Catch with its default settings. Another game is ALE/Pong-v5, with the preset "atari"
or "nature". The parts and the whole loop are timed in interleaved rounds. The script prints the
median of the rounds in microseconds an agent step. The time of an update is divided by the agent
steps between two updates.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time

import numpy as np

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import PRESETS, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.experience.exploration import epsilon_greedy
from dqn_symbolic.experience.frames import as_seen

ROUNDS, SECONDS = 15, 0.1
# Epsilon has its final value, and the memory is full soon.
LATER = {"epsilon_start": 0.1, "epsilon_end": 0.1, "warm_up": 100, "memory_size": 5_000}


def main(game="games:Catch-v0", preset=None):
    game = task(game)
    s = Settings(**PRESETS[preset or game.preset] | LATER)
    agent = Agent(game.make(), s).compile()
    for _ in range(3_000):
        agent.step()
    rng, other = np.random.default_rng(0), as_seen(game.make(), s).env
    other.reset(seed=0)
    x, updates = agent.x, 1 / s.update_every  # updates an agent step
    batch = agent.memory.sample(s.batch_size, rng)

    def act():
        epsilon_greedy(s.epsilon_end, agent.action_count, agent.q_values, rng)

    def play():
        if any(other.step(1)[2:4]):
            other.reset()

    parts = {  # name: (calls an agent step, call)
        "act (epsilon-greedy, forward)": (1, act),
        "game (step, draw, reset)": (1, play),
        "remember (memory.add)": (1, lambda: agent.memory.add(x, 1, 0.0, 0.99, x, False)),
        "sample (32 transitions)": (updates, lambda: agent.memory.sample(s.batch_size, rng)),
        "learn (forward, backward)": (updates, lambda: agent.learn(*batch)),
        "whole loop": (1, agent.step),
    }
    times = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, (calls_a_step, part) in parts.items():
            calls, since = 0, time.perf_counter()
            while calls % s.update_every or time.perf_counter() - since < SECONDS:
                part()
                calls += 1
            times[name].append((time.perf_counter() - since) / calls * 1e6 * calls_a_step)
    medians = {name: statistics.median(rounds) for name, rounds in times.items()}
    whole = medians.pop("whole loop")
    medians["bookkeeping (the rest)"] = whole - sum(medians.values())
    for name, microseconds in {**medians, "whole loop": whole}.items():
        print(f"{name:32} {microseconds:7.1f} us  {microseconds / whole:5.0%}")
    print(f"{1e6 / whole:,.0f} agent steps a second")


if __name__ == "__main__":
    main(*sys.argv[1:])
