"""Any Gymnasium id as a Task."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import DtypeObservation, FlattenObservation

from dqn_symbolic.environments.task import Task
from dqn_symbolic.experience.checks import expect_spaces

# How a game says that it cannot be made.
REFUSALS = (gymnasium.error.Error, TypeError, ValueError)


def task(game: str, **settings) -> Task:
    """-> the Task of a Gymnasium id, such as "CartPole-v1" or "games:Catch-v0".

    settings: keyword arguments of the game. Discrete observations become one-hot, those of float64
    become float32. The goal is the id's own `reward_threshold`. A game that has a method `scoring`,
    as Catch has, says by it how it is scored: {field of Task: value}. Raises ValueError, in one
    line, for a game that cannot be made or learnt.
    """
    if game.startswith("ALE/"):
        return atari(game, settings)

    def make(render_mode=None):
        how = {"render_mode": render_mode} if render_mode else {}
        return as_arrays(gymnasium.make(game, disable_env_checker=True, **how, **settings))

    try:
        env = make()
    except (ImportError, *REFUSALS) as error:
        raise cannot_be_made(game, error) from error
    expect_spaces(env)
    scoring = getattr(env.unwrapped, "scoring", None)
    preset = "classic" if len(env.observation_space.shape) == 1 else "catch"
    how = scoring() if scoring else {"goal": env.spec.reward_threshold, "preset": preset}
    env.close()
    return Task(game, settings, make, **how)


def atari(game, settings):
    """-> the Task of "ALE/...". ALE is optional, so it is imported only when it is asked for."""
    try:
        from dqn_symbolic.environments.atari import atari_task
    except ImportError as error:
        need = f"{game} needs {error.name}, which is not installed: pip install -e '.[atari]'"
        raise ValueError(need) from error
    try:
        return atari_task(game, **settings)
    except REFUSALS as error:
        raise cannot_be_made(game, error) from error


def cannot_be_made(game, error):
    return ValueError(f"{game}: {' '.join(str(error).split())}")


def as_arrays(env):
    """-> the game with observations that the agent can learn from, if there is a plain way."""
    if isinstance(env.observation_space, Discrete):
        return DtypeObservation(FlattenObservation(env), np.uint8)  # one-hot
    space = env.observation_space
    if isinstance(space, Box) and space.dtype in (np.float64, np.float16):
        return DtypeObservation(env, np.float32)
    return env
