"""Trains one learner with given settings: the measurement of most experiments."""

import numpy as np

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training


def catch(setting):
    """-> the Task of an experiment's setting, {"game": settings of Catch}."""
    return task("games:Catch-v0", **setting["game"])


def learner(setting, seed, task=catch):
    """-> an `Agent`. The `Settings` come from setting["learner"]."""
    return Agent(task(setting).make(), Settings(**setting["learner"], seed=seed))


def learning_rows(setting, seed, task=catch, player=None):
    """Trains for `steps` agent steps. -> a row at each evaluation

    task(setting) -> the `Task`; player: the `learner` if it is None. A row has agent_steps,
    updates, catch_rate, and the game's chance and optimum, 0..1. With "until_solved" in the
    setting, the second perfect evaluation in a row ends the training.
    """
    player, game = player or learner(setting, seed, task), task(setting)
    rows = []
    for row in scored(player, scorer(game, player), worst={"catch_rate": 0.0}):
        rows.append({**row, **game.levels})
        solved = len(rows) > 1 and all(row["catch_rate"] >= row["optimum"] for row in rows[-2:])
        if setting.get("until_solved") and solved:
            break
    return rows


def scored(player, score, worst):
    """Trains and yields a row at each evaluation: agent_steps, updates, and those of `worst`.

    score() -> {column: value}; worst: what it is from the moment on when a run diverges.
    """
    every, last = player.settings.evaluate_every, player.settings.steps
    agent_steps = 0
    try:
        for row in training(player, score):
            agent_steps += every  # a step of REINFORCE is a batch of episodes, so it is later
            shown = {name: row[name] for name in worst}
            yield {"agent_steps": agent_steps, "updates": row["updates"], **shown}
    except FloatingPointError:
        for steps in range(agent_steps + every, last + 1, every):
            yield {"agent_steps": steps, "updates": player.updates, **worst}


def flat(gradients):
    """A gradient as a list of arrays -> (parameters,) float64."""
    return np.concatenate([g.ravel() for g in gradients]).astype(np.float64)
