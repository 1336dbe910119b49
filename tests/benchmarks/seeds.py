"""Agent steps until Catch is solved:  python -m tests.benchmarks.seeds [SEEDS [MORE]]

A run is solved at the second of two consecutive perfect evaluations, as in `run_catch.py`. SEEDS
runs have the default settings and at most 20,000 agent steps. MORE runs have convolutions on the
board, and MORE see 84 x 84 pixels with a drifting ball (`--preset conv`, `--pixels`).
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
GAMES = {  # the network: settings, and options of the game
    "dense": ({}, {}),
    "convolutions": (PRESETS["conv"], {}),
    "pixels": (PRESETS["pixels"], {"pixels": 84, "drift": True}),
}


def steps_to_solve(seed, board=(), **settings):
    """-> agent steps, or MOST_STEPS + 1 if the run was not solved. board: options of the game"""
    catch = task("games:Catch-v0", **dict(board))
    agent = Agent(catch.make(), Settings(**settings | {"seed": seed, "steps": MOST_STEPS}))
    return steps_until_solved(training(agent, scorer(catch, agent)), catch, MOST_STEPS)


def steps_until_solved(rows, catch, most_steps):
    """-> agent steps, or most_steps + 1. rows: as `training` yields them; catch: the Task"""
    seen = []
    for row in rows:
        seen.append(row)
        if catch.solved(seen):
            return row["env_steps"]
    return most_steps + 1


def main(seeds=30, more=3):
    rows = []
    for network, (settings, board) in GAMES.items():
        for seed in tqdm(range(int(more if rows else seeds)), network, disable=None):
            steps = steps_to_solve(seed, board, **settings)
            rows.append({"network": network, "seed": seed, "agent_steps": steps})
    keep("seeds", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
