"""What the agent sees of a game (the slide "Other details"): the last few frames, checked once.

Gymnasium's own checkers only warn about most errors of a game, and its `FrameStackObservation`
makes the frames the first axis; a convolution needs them last.
"""

from math import inf

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Tuple

from dqn_symbolic.settings import refuse

LARGEST = float(np.finfo(np.float32).max)  # the memory keeps rewards as float32


class History(gymnasium.Wrapper):
    """Any Gymnasium game with discrete actions. Observations are the last `history` frames.

    x (*frame_shape, history), the newest last. Discrete observations become one-hot, other floats
    float32. Frames from before the episode are 0, as in DeepMind's code. Raises ValueError, in one
    line, for a game that the agent cannot learn.
    """

    def __init__(self, env: gymnasium.Env, history: int):
        super().__init__(env)
        expect_discrete(env.action_space)
        self.frame_space, self.converted = as_arrays(env.observation_space)
        self.shape, self.dtype = self.frame_space.shape, self.frame_space.dtype
        bounds = self.frame_space.low, self.frame_space.high
        low, high = (np.repeat(bound[..., None], history, axis=-1) for bound in bounds)
        self.observation_space = Box(low, high, dtype=self.dtype)

    def reset(self, *, seed=None, options=None):
        observation, info = self.env.reset(seed=seed, options=options)
        self.x = self.stacked(observation)
        return self.x, info

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.x = self.stacked(observation, self.x, reward)
        return self.x, reward, terminated, truncated, info

    def stacked(self, observation, before=None, reward=0.0):
        """-> x, where `observation` is the newest frame. before: the last x, None at the start.

        Raises an error for a wrong observation or reward, before the agent remembers it.
        """
        frame = self.converted(observation) if self.converted else observation
        if not self.is_fine(frame, reward):
            expect_numbers(frame, reward, self.frame_space)
        if before is None:
            before = np.zeros(self.observation_space.shape, self.dtype)
        x = np.empty_like(before)
        x[..., :-1] = before[..., 1:]
        x[..., -1] = frame
        return x

    def is_fine(self, frame, reward):
        """A fast form of `expect_numbers`, False wherever that would raise."""
        return (
            type(frame) is np.ndarray
            and frame.dtype is self.dtype
            and frame.shape == self.shape
            and type(reward) is float
            and -LARGEST <= reward <= LARGEST
            and (self.dtype == np.uint8 or np.vdot(frame, frame) < inf)
        )


def as_arrays(space):
    """-> (the Box of the frames, the function that makes a frame of an observation, or None)"""
    if isinstance(space, Discrete):
        ones = np.eye(int(space.n), dtype=np.uint8)
        return Box(0, 1, (int(space.n),), np.uint8), lambda number: ones[number - space.start]
    if not isinstance(space, Box):
        got = type(space).__name__ if isinstance(space, Dict | Tuple) else space  # it may be long
        refuse("the observation space", "a Box (gymnasium's FlattenObservation makes it so)", got)
    if not space.shape:
        expected = "one axis or more (gymnasium's ReshapeObservation makes it so)"
        refuse("the observations", expected, space)
    if space.dtype in (np.float16, np.float64):
        with np.errstate(over="ignore"):
            low, high = (bound.astype(np.float32) for bound in (space.low, space.high))
        return Box(low, high, dtype=np.float32), np.float32
    if space.dtype not in (np.uint8, np.float32):
        expected = "uint8 or float32 (gymnasium's DtypeObservation makes it so)"
        refuse("the observations", expected, space.dtype)
    return space, None


def expect_discrete(space):
    if isinstance(space, Box):
        expected = "Discrete(n) (gymnasium's DiscretizeAction makes it so)"
        refuse("the action space", expected, space)
    if not (isinstance(space, Discrete) and space.start == 0):
        refuse("the action space", "Discrete(n), its actions 0 to n - 1", space)


def expect_numbers(frame, reward, space):
    """Raises ValueError for a wrong type or shape, FloatingPointError for NaN or infinity."""
    got = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else repr(frame)
    if got != f"{space.dtype} {space.shape}":
        refuse("the observation", f"{space.dtype} {space.shape}", got)
    if not isinstance(reward, float | int | np.floating | np.integer):
        refuse("the reward", "a number", repr(reward))
    if not -LARGEST <= reward <= LARGEST:
        raise FloatingPointError(f"the reward is {reward}, not a finite float32")
    if not np.isfinite(frame).all():
        where = tuple(np.argwhere(~np.isfinite(frame))[0].tolist())
        raise FloatingPointError(f"the observation is {frame[where]} at {where}")
