"""Where the time of one agent step goes:  python -m tests.benchmarks.step

Each part is timed by itself, and the whole loop beside them, in interleaved rounds: the median of
the rounds, in microseconds an agent step. One update of batch 32 every step, as in the default
run.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time

import numpy as np

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.experience.exploration import epsilon_greedy
from games.catch import Catch

ROUNDS, REPEATS = 15, 1_000


def main():
    env = Catch()
    agent = Agent(env, Settings()).compile()
    for _ in range(3_000):  # past the annealing: epsilon is .1, as most of the time
        agent.step()
    s, rng, other = agent.settings, np.random.default_rng(0), Catch()
    other.reset(seed=0)
    x = agent.x
    batch = agent.memory.sample(s.batch_size, rng)

    def play():
        if other.step(1)[2]:
            other.reset()

    parts = {
        "act (epsilon-greedy, forward)": lambda: epsilon_greedy(0.1, 3, agent.q_values, rng),
        "game (step, draw, reset)": play,
        "remember (memory.add)": lambda: agent.memory.add(x, 1, 0.0, 0.99, x, False),
        "sample (32 transitions)": lambda: agent.memory.sample(s.batch_size, rng),
        "learn (forward, backward, Adam)": lambda: agent.learn(*batch),
        "whole loop": agent.step,
    }
    times = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, part in parts.items():
            since = time.perf_counter()
            for _ in range(REPEATS):
                part()
            times[name].append((time.perf_counter() - since) / REPEATS * 1e6)
    found = {name: statistics.median(rounds) for name, rounds in times.items()}
    whole = found.pop("whole loop")
    found["bookkeeping (the rest)"] = whole - sum(found.values())
    for name, microseconds in {**found, "whole loop": whole}.items():
        print(f"{name:32} {microseconds:7.1f} us  {microseconds / whole:5.0%}")
    print(f"{1e6 / whole:,.0f} agent steps a second")


if __name__ == "__main__":
    main()
