import gymnasium
import numpy as np
import pytest

from dqn_symbolic.frames import History
from games.catch import Catch, State


class Counting(gymnasium.Env):
    """Frame i is filled with i and its reward is i; an episode has `length` frames."""

    observation_space = gymnasium.spaces.Box(0, 255, (2,), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length):
        self.length = length

    def current_frame(self):
        return np.full(2, self.frame, np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.frame = 1
        return self.current_frame(), {}

    def step(self, action):
        self.frame += 1
        return self.current_frame(), float(self.frame), self.frame == self.length, False, {}


def test_history_is_the_last_frames_with_0_before_the_first():
    env = History(Counting(100), 3)
    assert env.reset()[0].tolist() == [[0, 0, 1]] * 2
    assert env.step(0)[0].tolist() == [[0, 1, 2]] * 2
    assert env.step(0)[0].tolist() == [[1, 2, 3]] * 2
    assert env.step(0)[0].tolist() == [[2, 3, 4]] * 2
    assert env.reset()[0].tolist() == [[0, 0, 1]] * 2  # no frame of the previous episode


def test_history_does_not_change_earlier_observations():
    env = History(Counting(100), 2)
    x, _ = env.reset()
    env.step(0)
    assert x.tolist() == [[0, 1]] * 2


def test_history_keeps_the_dtype_of_the_frames():
    env = History(Catch(), 4)
    assert env.observation_space == gymnasium.spaces.Box(0, 255, (10, 10, 4), np.uint8)
    x, _ = env.reset(seed=0)
    assert x in env.observation_space
    assert x.dtype == np.uint8


def test_history_passes_reset_options_to_the_game():
    start = State(0, 3, 0, 2)
    assert History(Catch(), 2).reset(options={"state": start})[1]["state"] == start


class Seen(gymnasium.Env):
    """Shows one observation of a space."""

    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, space, observation):
        self.observation_space, self.observation = space, observation

    def reset(self, *, seed=None, options=None):
        return self.observation, {}


def test_discrete_observations_become_one_hot():
    """They may begin at another number than 0."""
    env = History(Seen(gymnasium.spaces.Discrete(4, start=5), np.int64(7)), 2)
    x, _ = env.reset()
    assert x.dtype == np.uint8
    assert x.tolist() == [[0, 0], [0, 0], [0, 1], [0, 0]]
    assert env.observation_space.high.max() == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_become_float32(dtype):
    env = History(Seen(gymnasium.spaces.Box(-9, 9, (2,), dtype), np.array([0.5, -2], dtype)), 1)
    x, _ = env.reset()
    assert x.dtype == env.observation_space.dtype == np.float32
    assert x.tolist() == [[0.5], [-2]]


class Coloured(Counting):
    """Each frame has one colour; its red is 10 times the number of the frame."""

    observation_space = gymnasium.spaces.Box(0, 255, (6, 8, 3), np.uint8)

    def current_frame(self):
        return np.full((6, 8, 3), [10 * self.frame, 100, 200], np.uint8)


def test_gymnasiums_wrapper_turns_colours_into_luminance():
    env = History(gymnasium.wrappers.GrayscaleObservation(Coloured(9)), 2)
    env.reset()
    x = env.step(0)[0]
    assert x.shape == (6, 8, 2)
    assert x.dtype == np.uint8
    for frame, red in enumerate((10, 20)):
        luminance = 0.2125 * red + 0.7154 * 100 + 0.0721 * 200
        assert abs(x[..., frame].astype(float) - luminance).max() <= 1
