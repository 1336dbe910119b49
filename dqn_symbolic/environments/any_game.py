"""Any Gymnasium id as a Task."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import DtypeObservation, FlattenObservation

from dqn_symbolic.environments.task import Task
from dqn_symbolic.experience.checks import expect_spaces

# Errors of `gymnasium.make` for a game that it cannot make.
REFUSALS = (gymnasium.error.Error, TypeError, ValueError)


def task(game: str, **settings) -> Task:
    """-> the Task of a Gymnasium id, such as "CartPole-v1" or "games:Catch-v0".

    settings: keyword arguments of the game. Discrete observations become one-hot, float64 becomes
    float32. The goal is the `reward_threshold` of the id. A game may have its own scoring, as Catch
    has: a method `scoring` that returns {field of Task: value}. Raises a ValueError of one line for
    a game that Gymnasium cannot make or the agent cannot learn, and a ModuleNotFoundError of one
    line for a game of ALE if ALE is missing.
    """
    if game.startswith("ALE/"):
        return atari(game, settings)

    def make(render_mode=None):
        rendering = {"render_mode": render_mode} if render_mode else {}
        return as_arrays(gymnasium.make(game, disable_env_checker=True, **rendering, **settings))

    try:
        env = make()
    except (ImportError, *REFUSALS) as error:
        raise cannot_be_made(game, error) from error
    expect_spaces(env)
    scoring = getattr(env.unwrapped, "scoring", None)
    preset = "classic" if len(env.observation_space.shape) == 1 else "catch"
    fields = scoring() if scoring else {"goal": env.spec.reward_threshold, "preset": preset}
    env.close()
    return Task(game, settings, make, **fields)


def atari(game, settings):
    """-> the Task of "ALE/...". ALE is optional, so only this function imports it."""
    try:
        from dqn_symbolic.environments.atari import atari_task
    except ModuleNotFoundError as error:
        message = f"{game} needs {error.name}, which is not installed: pip install -e '.[atari]'"
        raise ModuleNotFoundError(message) from error
    try:
        return atari_task(game, **settings)
    except REFUSALS as error:
        raise cannot_be_made(game, error) from error


def cannot_be_made(game, error):
    return ValueError(f"{game}: {' '.join(str(error).split())}")


def as_arrays(env):
    """-> the game. Discrete and float64 observations become arrays that the agent can learn."""
    if isinstance(env.observation_space, Discrete):
        return DtypeObservation(FlattenObservation(env), np.uint8)  # one-hot
    space = env.observation_space
    if isinstance(space, Box) and space.dtype in (np.float64, np.float16):
        return DtypeObservation(env, np.float32)
    return env
