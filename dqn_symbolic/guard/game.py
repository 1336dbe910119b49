"""The guard around a game."""

import inspect
import traceback
from collections.abc import Mapping
from math import inf
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from dqn_symbolic.guard import spaces
from dqn_symbolic.guard.errors import GameError, Wrong, raised

GYMNASIUM = Path(gymnasium.__file__).parent
CALLERS = GYMNASIUM / "core.py", GYMNASIUM / "wrappers"  # they call the game
SIGNATURES = {"reset": "(*, seed=None, options=None)", "step": "(action)", "render": "()"}
TWO = 2, "(observation, info)"
FIVE = 5, "(observation, reward, terminated, truncated, info)"


class Innermost(gymnasium.Wrapper):
    """The game itself. Gymnasium's wrappers would trip over what it returns."""

    spec = property(lambda self: self.env.spec)  # as if this wrapper were not there

    def reset(self, *, seed=None, options=None):
        # Wrappers always pass `options`, which many games do not have, so None is left out.
        given = {"seed": seed, "options": options}
        result = self.env.reset(**{name: v for name, v in given.items() if v is not None})
        return expect_values(result, *TWO)

    def step(self, action):
        return expect_values(self.env.step(action), *FIVE)


class Guarded(gymnasium.Wrapper):
    """Any game with discrete actions. Its mistakes become a `GameError`, in one line.

    Observations are arrays of uint8 or float32 (`spaces.as_frames`), actions 0 to n - 1, rewards
    floats, flags bools. Raises ValueError, in one line, for a game that cannot be learnt.
    """

    spec = property(lambda self: self.env.spec)

    def __init__(self, env: gymnasium.Env):
        if not isinstance(env, gymnasium.Env):
            raise ValueError(f"the game: expected a gymnasium.Env, got {spaces.shown(env)}")
        super().__init__(with_innermost(env))
        self.name = env.spec.id if env.spec else type(env.unwrapped).__name__
        try:
            self.first_action, actions = spaces.action_range(getattr(env, "action_space", None))
            space = getattr(env, "observation_space", None)
            self.observation_space, self.as_array = spaces.as_frames(space)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        except Exception as error:
            raise raised(f"{self.name}: its spaces", error, CALLERS) from error
        self.action_space = Discrete(actions)
        self.shape, self.dtype = self.observation_space.shape, self.observation_space.dtype
        self.usual = {}  # {method: dtype of its observations}

    def reset(self, *, seed=None, options=None):
        try:
            observation, info = expect_values(self.env.reset(seed=seed, options=options), *TWO)
            return self.frame(observation, "reset"), expect_info(info)
        except BaseException as error:
            raise self.mistake("reset", error) from error

    def step(self, action):
        try:
            result = self.env.step(self.first_action + action)
            observation, reward, terminated, truncated, info = expect_values(result, *FIVE)
            usual = type(terminated) is type(truncated) is bool and type(info) is dict
            if not (usual and type(reward) is float and abs(reward) <= spaces.LARGEST):
                reward = float(spaces.number("the reward", reward, "a finite float32"))
                terminated = spaces.flag("terminated", terminated)
                truncated = spaces.flag("truncated", truncated)
                info = expect_info(info)
            if "life_lost" in info:  # which learning uses
                info = {**info, "life_lost": spaces.flag("info: life_lost", info["life_lost"])}
            usual = type(observation) is np.ndarray and observation.shape == self.shape
            usual = usual and observation.dtype is self.dtype is self.usual.get("step")
            if not (usual and (self.dtype == np.uint8 or np.vdot(observation, observation) < inf)):
                observation = self.frame(observation, "step")
            return observation, reward, terminated, truncated, info
        except BaseException as error:
            raise self.mistake("step", error) from error

    def frame(self, observation, method=None):
        """-> an observation as the agent sees it; method: that returned it."""
        array = self.as_array(observation)
        usual = self.usual.setdefault(method, array.dtype) if method else array.dtype
        if array.dtype != usual:
            raise Wrong(f"the observation: expected {usual}, as before, got {array.dtype}")
        return spaces.cast(array, self.dtype)

    def render(self):
        try:
            return self.env.render()
        except BaseException as error:
            raise self.mistake("render", error) from error

    def mistake(self, method, error):
        """-> the GameError for what came out of a call of this method."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        what, calls = f"{self.name}: {method}", traceback.extract_tb(error.__traceback__)
        if isinstance(error, Wrong):
            return GameError(f"{what}: {error}", "")
        if isinstance(error, TypeError) and calls[-1].filename == __file__:  # at the call itself
            called = getattr(self.env if len(calls) == 1 else self.unwrapped, method)
            got = inspect.signature(called) if callable(called) else spaces.shown(called)
            return GameError(f"{what}: expected {SIGNATURES[method]}, got {got}", "")
        return raised(what, error, CALLERS)


def expect_values(result, number, names):
    if not isinstance(result, tuple) or len(result) != number:
        raise Wrong(f"expected {names}, got {spaces.shown(result)}")
    return result


def expect_info(info):
    """-> `info`, which may be None."""
    if not isinstance(info, Mapping | None):
        raise Wrong(f"info: expected a dict, got {spaces.shown(info)}")
    return info or {}


def with_innermost(env):
    """Puts an `Innermost` around the game itself, under its wrappers, if there is none yet."""
    if not isinstance(env, gymnasium.Wrapper):
        return Innermost(env)
    if not isinstance(env, Innermost):
        env.env = with_innermost(env.env)
    return env
