"""One learner's life with given settings: the rows that most experiments compare."""

import numpy as np

from dqn_symbolic.agent.agent import Training, as_seen
from dqn_symbolic.agent.evaluation import returns
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.symbols.optimisers import remembered


def learner(Game, setting, seed):
    """-> a compiled `Training` for {"game": settings of the game, "learner": `Settings`}."""
    return Training(Game(**setting["game"]), Settings(**setting["learner"], seed=seed)).compile()


def evaluator(Game, setting, training):
    """-> catch_rate(): of the greedy policy over every start state, 0..1."""
    env = as_seen(Game(**setting["game"]), training.settings)
    starts = env.unwrapped.starts()

    def catch_rate():
        found = returns(env, starts, training.forward, training.evaluation_seed)
        return float((found > 0).mean())

    return catch_rate


def learning_rows(Game, setting, seed):
    """Trains for `steps` agent steps -> a row at each evaluation.

    agent_steps, updates; catch_rate, and the game's chance and optimum, 0..1.
    With "until_solved" in the setting, no longer than to the second perfect evaluation in a row.
    A run that diverges catches nothing from then on.
    """
    training = learner(Game, setting, seed)
    catch_rate, s = evaluator(Game, setting, training), training.settings
    chance, optimum = training.env.unwrapped.chance, training.env.unwrapped.optimum
    rows, diverged = [], False
    for agent_steps in range(s.evaluate_every, s.steps + 1, s.evaluate_every):
        try:
            while not diverged and training.steps < agent_steps:
                training.step()
            rate = 0.0 if diverged else catch_rate()
        except FloatingPointError:
            rate, diverged = 0.0, True
        counted = {"agent_steps": agent_steps, "updates": training.updates}
        rows.append({**counted, "catch_rate": rate, "chance": chance, "optimum": optimum})
        solved = len(rows) > 1 and all(row["catch_rate"] >= optimum for row in rows[-2:])
        if setting.get("until_solved") and solved:
            break
    return rows


def late(runs):
    """(seeds, evaluations) -> (seeds,): the mean over the last quarter of a run."""
    return runs[:, -max(1, runs.shape[1] // 4) :].mean(axis=1)


# -- gradients at fixed parameters -----------------------------------------------------------------


def keep_gradient(params, grads):
    """An optimiser that takes no step: it only remembers the gradient."""
    return [(remembered(p, "gradient"), gp) for p, gp in zip(params, grads)]


def reading(learn):
    """learn, compiled with `keep_gradient` -> gradient(*batch) -> (parameters,) float64."""
    kept = [v for v in learn.get_shared() if v.name.endswith(".gradient")]

    def gradient(*batch):
        learn(*batch)
        return np.concatenate([v.get_value().ravel() for v in kept]).astype(np.float64)

    return gradient
