import gymnasium
import numpy as np

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
