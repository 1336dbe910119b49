"""Any Gymnasium id as a Task."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import DtypeObservation, FlattenObservation

from dqn_symbolic.environments.task import Task
from dqn_symbolic.experience.checks import expect_spaces


def task(game: str, **settings) -> Task:
    """-> the Task of a Gymnasium id, such as "CartPole-v1" or "games:Catch-v0".

    settings: keyword arguments of the game. Discrete observations become one-hot, those of float64
    become float32. The goal is the id's own `reward_threshold`. A game that has a method `scoring`,
    as Catch has, says by it how it is scored: {field of Task: value}. Raises ValueError, in one
    line, for a game that cannot be made or learnt.
    """

    def make(render_mode=None):
        how = {"render_mode": render_mode} if render_mode else {}
        return as_arrays(gymnasium.make(game, disable_env_checker=True, **how, **settings))

    try:
        env = make()
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise ValueError(f"{game}: {' '.join(str(error).split())}") from error
    expect_spaces(env)
    scoring = getattr(env.unwrapped, "scoring", None)
    preset = "classic" if len(env.observation_space.shape) == 1 else "catch"
    how = scoring() if scoring else {"goal": env.spec.reward_threshold, "preset": preset}
    env.close()
    return Task(game, settings, make, **how)


def as_arrays(env):
    """-> the game with observations that the agent can learn from, if there is a plain way."""
    if isinstance(env.observation_space, Discrete):
        return DtypeObservation(FlattenObservation(env), np.uint8)  # one-hot
    space = env.observation_space
    if isinstance(space, Box) and space.dtype in (np.float64, np.float16):
        return DtypeObservation(env, np.float32)
    return env
