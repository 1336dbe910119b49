"""Trains one learner with given settings: the measurement of most experiments."""

import numpy as np

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer


def catch(setting):
    """-> the Task of an experiment's setting, {"game": settings of Catch}."""
    return task("games:Catch-v0", **setting["game"])


def learner(setting, seed, task=catch):
    """-> a compiled `Agent`. The `Settings` come from setting["learner"]."""
    s = Settings(**setting["learner"], seed=seed)
    return Agent(task(setting).make(), s).compile()


def learning_rows(setting, seed, task=catch):
    """Trains for `steps` agent steps. -> a row at each evaluation

    task(setting) -> the `Task`. A row has agent_steps, updates, catch_rate, and the game's chance
    and optimum, 0..1. With "until_solved" in the setting, the second perfect evaluation in a row
    ends the training. If a run diverges, its catch rate is 0 from then on.
    """
    agent, levels = learner(setting, seed, task), task(setting).levels
    score, s = scorer(task(setting), agent), agent.settings
    rows, diverged = [], False
    for agent_steps in range(s.evaluate_every, s.steps + 1, s.evaluate_every):
        try:
            while not diverged and agent.steps < agent_steps:
                agent.step()
            rate = 0.0 if diverged else score()["catch_rate"]
        except FloatingPointError:
            rate, diverged = 0.0, True
        counters = {"agent_steps": agent_steps, "updates": agent.updates}
        rows.append({**counters, "catch_rate": rate, **levels})
        solved = len(rows) > 1 and all(row["catch_rate"] >= levels["optimum"] for row in rows[-2:])
        if setting.get("until_solved") and solved:
            break
    return rows


def flat(gradients):
    """A gradient as a list of arrays -> (parameters,) float64."""
    return np.concatenate([g.ravel() for g in gradients]).astype(np.float64)
