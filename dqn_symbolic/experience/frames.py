"""What the agent sees (the slide "Other details"): several frames at a time, some skipped.

A game in colours is put into Gymnasium's `GrayscaleObservation` (luminance) and `ResizeObservation`
first. Two other wrappers of Gymnasium's do nearly what is wanted: `FrameStackObservation` puts the
frames first, where a convolution wants them last; `MaxAndSkipObservation` may take the maximum with
a frame from before this step, when an episode ends within it.
"""

from math import inf

import gymnasium
import numpy as np

from dqn_symbolic.experience.checks import LARGEST, expect_numbers, expect_spaces


class History(gymnasium.Wrapper):
    """Observations are the last `history` frames: (*frame_shape, history), the newest last.

    Frames from before the episode are 0, as in DeepMind's code. A game that breaks a promise
    (`promises`) is refused here, before anything of it is remembered.
    """

    def __init__(self, env, history):
        super().__init__(env)
        expect_spaces(env)
        self.frames = env.observation_space
        self.dtype, self.shape = self.frames.dtype, self.frames.shape
        self.cannot_be_nan = self.frames.dtype == np.uint8
        low, high = (
            np.repeat(bound[..., None], history, axis=-1)
            for bound in (env.observation_space.low, env.observation_space.high)
        )
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=env.observation_space.dtype)

    def reset(self, **options):
        frame, info = self.env.reset(**options)
        expect_numbers(frame, 0.0, self.frames)
        self.x = np.zeros(self.observation_space.shape, self.observation_space.dtype)
        self.x[..., -1] = frame
        return self.x, info

    def step(self, action):
        frame, reward, terminated, truncated, info = self.env.step(action)
        # `expect_numbers` in the fewest words: nothing of this can be seen in the time of a step.
        if not (
            type(frame) is np.ndarray
            and frame.dtype is self.dtype
            and frame.shape == self.shape
            and type(reward) is float
            and -LARGEST <= reward <= LARGEST
            and (self.cannot_be_nan or np.vdot(frame, frame) < inf)
        ):
            expect_numbers(frame, reward, self.frames)
        x, self.x = self.x, np.empty_like(self.x)
        self.x[..., :-1] = x[..., 1:]
        self.x[..., -1] = frame
        return self.x, reward, terminated, truncated, info


class ActionRepeat(gymnasium.Wrapper):
    """Each action is taken `times` times, or until the episode ends; the rewards are summed.

    The observation is the last frame; or the maximum of the last two, pixel by pixel, of a game
    whose sprites flicker (Mnih et al. 2015, Methods, "Preprocessing").
    """

    def __init__(self, env, times, flickers=False):
        super().__init__(env)
        self.times, self.flickers = times, flickers

    def step(self, action):
        total, frames = 0.0, []
        for _ in range(self.times):
            frame, reward, terminated, truncated, info = self.env.step(action)
            total += reward
            frames.append(frame)
            if terminated or truncated:
                break
        seen = np.max(frames[-2:], axis=0) if self.flickers else frames[-1]
        return seen, total, terminated, truncated, info
