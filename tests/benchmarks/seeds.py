"""Agent steps until a game is solved, for many seeds:  python -m tests.benchmarks.seeds [SEEDS]

A run is solved at the second of two consecutive evaluations that reach the goal, as in the command
`train`. SEEDS runs (30) are of Catch with the default settings; of each other kind there are a few.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tqdm import tqdm

from dqn_symbolic import Agent, Settings, training
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.settings import PRESETS
from tests.benchmarks.results import keep

MOST_STEPS = 20_000
PAPERS = {"optimiser": "rmsprop", "loss": "clipped", "learning_rate": 0.00025}
LONGER = PRESETS["classic"] | {"steps": 200_000, "n_step": 3, "discount": 0.995}
LONGER |= {"sync_every": 1_000, "epsilon_steps": 60_000}
CATCH = "games:Catch-v0"
KINDS = {  # (seeds, game, its options, settings)
    "dense": (30, CATCH, {}, {}),
    "paper's optimiser": (5, CATCH, {}, PAPERS),
    "convolutions": (3, CATCH, {}, PRESETS["conv"]),
    "pixels": (3, CATCH, {"pixels": 84, "drift": True}, PRESETS["pixels"]),
    "CartPole": (10, "CartPole-v1", {}, PRESETS["classic"]),
    "MountainCar": (2, "MountainCar-v0", {}, LONGER),
}


def steps_to_solve(seed, game=CATCH, options=(), **settings):
    """-> agent steps, or one more than `steps` (20,000) if the run was not solved."""
    game = task(game, **dict(options))
    agent = Agent(game.make(), Settings(**{"steps": MOST_STEPS, **settings, "seed": seed}))
    score = scorer(game, agent)
    return steps_until_solved(training(agent, score), game, agent.settings.steps)


def steps_until_solved(rows, game, most_steps):
    """-> agent steps, or most_steps + 1. rows: as `training` yields them; game: the Task"""
    seen = []
    for row in rows:
        seen.append(row)
        if game.solved(seen):
            return row["env_steps"]
    return most_steps + 1


def main(seeds=30):
    rows = []
    for kind, (number, game, options, settings) in KINDS.items():
        for seed in tqdm(range(int(seeds) if kind == "dense" else number), kind, disable=None):
            steps = steps_to_solve(seed, game, options, **settings)
            rows.append({"kind": kind, "seed": seed, "agent_steps": steps})
    keep("seeds", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
