"""What the agent sees (the slide "Other details"): several frames at a time, some skipped.

Gymnasium's `FrameStackObservation` makes the frames the first axis; a convolution needs them last.
"""

import gymnasium
import numpy as np

from dqn_symbolic.experience.checks import expect_numbers, expect_spaces, quick_check


def as_seen(env, settings):
    """-> the game as the agent sees it, by settings.history and settings.action_repeat."""
    if settings.action_repeat > 1:
        env = ActionRepeat(env, settings.action_repeat)
    return History(env, settings.history)


class History(gymnasium.Wrapper):
    """Observations are the last `history` frames: (*frame_shape, history), the newest last.

    Frames from before the episode are 0, as in DeepMind's code. A wrong observation or reward
    raises an error here (`checks`), before the agent remembers it.
    """

    def __init__(self, env, history):
        super().__init__(env)
        expect_spaces(env)
        self.frame_space = space = env.observation_space
        self.is_fine = quick_check(space)
        low, high = (np.repeat(b[..., None], history, axis=-1) for b in (space.low, space.high))
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=space.dtype)

    def reset(self, *, seed=None, options=None):
        frame, info = self.env.reset(seed=seed, options=options)
        expect_numbers(frame, 0.0, self.frame_space)
        self.x = np.zeros(self.observation_space.shape, self.observation_space.dtype)
        self.x[..., -1] = frame
        return self.x, info

    def step(self, action):
        frame, reward, terminated, truncated, info = self.env.step(action)
        if not self.is_fine(frame, reward):
            expect_numbers(frame, reward, self.frame_space)
        x, self.x = self.x, np.empty_like(self.x)
        self.x[..., :-1] = x[..., 1:]
        self.x[..., -1] = frame
        return self.x, reward, terminated, truncated, info


class ActionRepeat(gymnasium.Wrapper):
    """Each action is taken `times` times, or until the episode ends; the rewards are summed.

    The observation is the last frame.
    """

    def __init__(self, env, times):
        super().__init__(env)
        self.times = times

    def step(self, action):
        total = 0.0
        for _ in range(self.times):
            frame, reward, terminated, truncated, info = self.env.step(action)
            total += reward
            if terminated or truncated:
                break
        return frame, total, terminated, truncated, info
