"""Where the time of one agent step goes:  python -m tests.benchmarks.step [GAME [PRESET]]

By default Catch, as it is learnt by default; or say ALE/Pong-v5, by the preset "atari" or "nature".
Each part is timed by itself, and the whole loop beside them, in interleaved rounds: the median of
the rounds, in microseconds an agent step. A part that is done at every update counts for as many
agent steps as there are between two updates.
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
# Past the annealing, as most of the time; and a memory that is full soon.
LATER = {"epsilon_start": 0.1, "epsilon_end": 0.1, "warm_up": 100, "memory_size": 5_000}


def main(game="games:Catch-v0", preset=None):
    game = task(game)
    s = Settings(**PRESETS[preset or game.preset] | LATER)
    agent = Agent(game.make(), s).compile()
    for _ in range(3_000):
        agent.step()
    rng, other = np.random.default_rng(0), as_seen(game.make(), s).env
    other.reset(seed=0)
    x, often = agent.x, 1 / s.update_every
    batch = agent.memory.sample(s.batch_size, rng)

    def act():
        epsilon_greedy(s.epsilon_end, agent.action_count, agent.q_values, rng)

    def play():
        if any(other.step(1)[2:4]):
            other.reset()

    parts = {  # how often in an agent step, and what
        "act (epsilon-greedy, forward)": (1, act),
        "game (step, draw, reset)": (1, play),
        "remember (memory.add)": (1, lambda: agent.memory.add(x, 1, 0.0, 0.99, x, False)),
        "sample (32 transitions)": (often, lambda: agent.memory.sample(s.batch_size, rng)),
        "learn (forward, backward)": (often, lambda: agent.learn(*batch)),
        "whole loop": (1, agent.step),
    }
    times = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, (often, part) in parts.items():
            calls, since = 0, time.perf_counter()
            while calls % s.update_every or time.perf_counter() - since < SECONDS:
                part()
                calls += 1
            times[name].append((time.perf_counter() - since) / calls * 1e6 * often)
    found = {name: statistics.median(rounds) for name, rounds in times.items()}
    whole = found.pop("whole loop")
    found["bookkeeping (the rest)"] = whole - sum(found.values())
    for name, microseconds in {**found, "whole loop": whole}.items():
        print(f"{name:32} {microseconds:7.1f} us  {microseconds / whole:5.0%}")
    print(f"{1e6 / whole:,.0f} agent steps a second")


if __name__ == "__main__":
    main(*sys.argv[1:])
