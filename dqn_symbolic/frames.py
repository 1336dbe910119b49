"""What the agent sees of a game (the slide "Other details"): the last few frames.

Gymnasium's `FrameStackObservation` makes the frames the first axis; a convolution needs them last.
"""

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from dqn_symbolic.guard.game import Guarded


class History(gymnasium.Wrapper):
    """Any Gymnasium game with discrete actions. Observations are the last `history` frames.

    x (*frame_shape, history), the newest last, uint8 or float32. Frames from before the episode are
    0, as in DeepMind's code. Raises ValueError, in one line, for a game that the agent cannot
    learn, and GameError for a mistake of the game (`guard`).
    """

    def __init__(self, env: gymnasium.Env, history: int):
        super().__init__(env if isinstance(env, Guarded) else Guarded(env))
        self.observation_space = stacked(self.env.observation_space, history)

    def reset(self, *, seed=None, options=None):
        frame, info = self.env.reset(seed=seed, options=options)
        self.x, self.episode_return = self.with_newest(frame), 0.0
        return self.x, info

    def step(self, action):
        frame, reward, terminated, truncated, info = self.env.step(action)
        self.x = self.with_newest(frame, self.x)
        self.episode_return += reward
        return self.x, reward, terminated, truncated, info

    def with_newest(self, frame, before=None):
        """-> x, where `frame` is the newest. before: the last x, None at the start."""
        if before is None:
            before = np.zeros(self.observation_space.shape, self.observation_space.dtype)
        x = np.empty_like(before)
        x[..., :-1] = before[..., 1:]
        x[..., -1] = frame
        return x


def stacked(frames: Box, history: int) -> Box:
    """-> the space of the last `history` frames."""
    low, high = (np.repeat(b[..., None], history, axis=-1) for b in (frames.low, frames.high))
    return Box(low, high, dtype=frames.dtype.type)
