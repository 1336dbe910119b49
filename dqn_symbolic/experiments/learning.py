"""Trains one agent with given settings: the measurement of most experiments."""

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.reinforce import Reinforce
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

SMALL_BOARD = {"game": {"rows": 5, "columns": 5, "paddle_width": 1}}


def catch(condition):
    """-> the Task of an experiment's condition, {"game": settings of Catch}."""
    return task("games:Catch-v0", **condition.get("game", {}))


def player_of(env, condition, seed):
    """-> an `Agent`, or a `Reinforce` if the condition has a "baseline" (whether it uses one)."""
    s = Settings(**condition["agent"], seed=seed)
    return Reinforce(env, s, condition["baseline"]) if "baseline" in condition else Agent(env, s)


def evaluations(player):
    """Trains. Yields agent steps: 0, then those of each evaluation (of REINFORCE, after it)."""
    yield 0
    for n, _ in enumerate(training(player), 1):
        yield n * player.settings.evaluate_every


def trained(condition, seed, env=None, pause=lambda: False):
    """-> the agent of a condition, after its last agent step, or when pause() is true after one."""
    player = player_of(env or catch(condition).make(), condition, seed)
    for _ in training(player, pause=pause):
        pass
    return player


def rows(condition, seed, game=None, worst=None):
    """Trains for `steps` agent steps. Yields a row at each evaluation.

    game: a `Task`, else Catch; worst: {column of an evaluation: its value once a run diverges}.
    A row has agent_steps, updates, these columns, and the game's levels, such as chance, optimum.
    """
    game, worst = game or catch(condition), worst or {"catch_rate": 0.0}
    player = player_of(game.make(), condition, seed)
    every, last = player.settings.evaluate_every, player.settings.steps
    # A step of REINFORCE is a batch of episodes, so its evaluations come somewhat later.
    due = iter(range(every, last + 1, every))
    try:
        for row, agent_steps in zip(training(player, scorer(game, player)), due):
            scores = {column: row[column] for column in worst}
            yield {"agent_steps": agent_steps, "updates": row["updates"], **scores, **game.levels}
    except FloatingPointError:
        for agent_steps in due:
            yield {"agent_steps": agent_steps, "updates": player.updates, **worst, **game.levels}
