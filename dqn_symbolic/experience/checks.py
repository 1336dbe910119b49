"""Checks of a game: its spaces, and every observation and reward.

Gymnasium's own checkers only warn about most of these errors, and do not know what this agent can
learn from.
"""

from math import inf

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Tuple

LARGEST = float(np.finfo(np.float32).max)  # the memory keeps rewards as float32


def expect_spaces(env):
    """Raises ValueError, in one line, for a game that the agent cannot learn."""
    actions, frames = env.action_space, env.observation_space
    if isinstance(actions, Box):
        refuse(
            "the action space", "Discrete(n) (gymnasium's DiscretizeAction makes it so)", actions
        )
    if not (isinstance(actions, Discrete) and actions.start == 0):
        refuse("the action space", "Discrete(n), its actions 0 to n - 1", actions)
    if not isinstance(frames, Box):
        if isinstance(frames, Dict | Tuple):
            frames = type(frames).__name__  # the whole space may fill a page
        expected = "a Box (gymnasium's FlattenObservation makes it so)"
        refuse("the observation space", expected, frames)
    if frames.dtype not in (np.uint8, np.float32):
        expected = "uint8 or float32 (gymnasium's DtypeObservation makes it so)"
        refuse("the observations", expected, frames.dtype)
    if not frames.shape:
        expected = "one axis or more (gymnasium's ReshapeObservation makes it so)"
        refuse("the observations", expected, frames)


def quick_check(space):
    """-> is_fine(frame, reward): a fast form of `expect_numbers`, called at every step.

    It is False for all that `expect_numbers` refuses, and for little else. A call takes less than
    half a microsecond (float frames: one and a half).
    """
    dtype, shape, cannot_be_nan = space.dtype, space.shape, space.dtype == np.uint8

    def is_fine(frame, reward):
        return (
            type(frame) is np.ndarray
            and frame.dtype is dtype
            and frame.shape == shape
            and type(reward) is float
            and -LARGEST <= reward <= LARGEST
            and (cannot_be_nan or np.vdot(frame, frame) < inf)
        )

    return is_fine


def expect_numbers(frame, reward, space):
    """Raises ValueError for a wrong type or shape, FloatingPointError for NaN or infinity.

    The message is one line.
    """
    if not isinstance(frame, np.ndarray):
        refuse("the observation", f"{space.dtype} {space.shape}", repr(frame))
    if (frame.dtype, frame.shape) != (space.dtype, space.shape):
        got = f"{frame.dtype} {frame.shape}"
        refuse("the observation", f"{space.dtype} {space.shape}", got)
    if not isinstance(reward, float | int | np.floating | np.integer):
        refuse("the reward", "a number", repr(reward))
    if not -LARGEST <= reward <= LARGEST:
        raise FloatingPointError(f"the reward is {reward}, not a finite float32")
    if not np.isfinite(frame).all():
        where = tuple(np.argwhere(~np.isfinite(frame))[0].tolist())
        raise FloatingPointError(f"the observation is {frame[where]} at {where}")


def refuse(name, expected, got):
    raise ValueError(" ".join(f"{name}: expected {expected}, got {got}".split()))
