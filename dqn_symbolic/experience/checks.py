"""What a game promises the agent, and that it keeps it.

Gymnasium's own checkers only warn of most of this, and do not know what this agent can learn from.
"""

import numpy as np
from gymnasium.spaces import Box, Discrete

LARGEST = float(np.finfo(np.float32).max)  # the memory keeps rewards as float32


def expect_spaces(env):
    """Raises ValueError, in one line, for a game that the agent cannot learn."""
    actions, frames = env.action_space, env.observation_space
    if not (isinstance(actions, Discrete) and actions.start == 0):
        refuse("the action space", "Discrete(n), its actions 0 to n - 1", actions)
    if not isinstance(frames, Box):
        refuse("the observation space", "a Box (gymnasium's FlattenObservation)", frames)
    if frames.dtype not in (np.uint8, np.float32):
        refuse("the observations", "uint8 or float32 (gymnasium's DtypeObservation)", frames.dtype)
    if not frames.shape:
        refuse("the observations", "one axis or more (gymnasium's ReshapeObservation)", frames)


def expect_numbers(frame, reward, space):
    """Raises ValueError for what is not of the promised type and shape.

    And FloatingPointError for what is not finite; both in one line.
    """
    if not isinstance(frame, np.ndarray):
        refuse("the observation", f"{space.dtype} {space.shape}", repr(frame))
    if (frame.dtype, frame.shape) != (space.dtype, space.shape):
        found = f"{frame.dtype} {frame.shape}"
        refuse("the observation", f"{space.dtype} {space.shape}", found)
    if not isinstance(reward, float | int | np.floating | np.integer):
        refuse("the reward", "a number", repr(reward))
    if not -LARGEST <= reward <= LARGEST:
        raise FloatingPointError(f"the reward is {reward}, not a finite float32")
    if not np.isfinite(frame).all():
        where = tuple(np.argwhere(~np.isfinite(frame))[0].tolist())
        raise FloatingPointError(f"the observation is {frame[where]} at {where}")


def refuse(what, expected, got):
    raise ValueError(" ".join(f"{what}: expected {expected}, got {got}".split()))
