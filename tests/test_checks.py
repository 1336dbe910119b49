"""Games that break their promises are refused, before learning or at the first bad step."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from dqn_symbolic.agent import Agent
from dqn_symbolic.settings import Settings

PIXELS, FLOATS = Box(0, 255, (2, 3), np.uint8), Box(-1, 1, (2, 3), np.float32)
SMALL = {"hidden": (4,), "warm_up": 10, "batch_size": 4}


class Game(gymnasium.Env):
    """An episode has 4 steps. The game repeats `frames` and `rewards` for ever."""

    def __init__(self, frames=(), rewards=(0.0,), observations=PIXELS, actions=None):
        self.observation_space, self.action_space = observations, actions or Discrete(2)
        self.frames, self.rewards, self.steps = frames, rewards, 0
        self.size = gymnasium.spaces.flatdim(self.observation_space)

    def current_frame(self):
        if self.frames:
            return self.frames[self.steps % len(self.frames)]
        return gymnasium.spaces.utils.unflatten(self.observation_space, np.zeros(self.size))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.current_frame(), {}

    def step(self, action):
        self.steps += 1
        reward = self.rewards[self.steps % len(self.rewards)]
        return self.current_frame(), reward, self.steps % 4 == 0, False, {}


def refusal_step(env, error, message, **settings):
    """Check that `env` is refused in one line. -> the agent step, or None for the first reset."""
    agent = None
    with pytest.raises(error, match=message) as refusal:  # noqa: PT012
        agent = Agent(env, Settings(**SMALL, **settings))
        agent.learn = lambda x, *_: np.zeros(len(x), np.float32)
        agent.forward = lambda x: np.zeros((len(x), agent.action_count), np.float32)
        while agent.steps < 20:
            agent.step()
    assert "\n" not in str(refusal.value)
    return agent and agent.steps


# -- before learning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        (
            {"actions": Box(-1, 1, (1,))},
            r"action space: expected Discrete\(n\) \(.*Discretize.* got Box",
        ),
        ({"actions": MultiBinary(3)}, "action space: expected Discrete"),
        ({"actions": Discrete(3, start=1)}, r"its actions 0 to n - 1, got Discrete\(3, start=1\)"),
        ({"observations": MultiBinary(5)}, r"expected a Box \(gymnasium's Flatten.*got MultiB"),
        ({"observations": Dict(a=PIXELS)}, r"observation space: expected a Box .* got Dict"),
        ({"observations": Box(0, 9, (2,), np.int32)}, "uint8 or float32 .* got int32"),
        ({"observations": Box(0, 9, (), np.uint8)}, "expected one axis or more"),
    ],
)
def test_spaces_that_cannot_be_learnt_from_are_refused(spaces, message):
    assert refusal_step(Game(**spaces), ValueError, message) is None


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (np.zeros((3, 2), np.uint8), r"observation: expected uint8 \(2, 3\), got uint8 \(3, 2\)"),
        (np.zeros((2, 3)), r"expected uint8 \(2, 3\), got float64 \(2, 3\)"),
        ([[0, 0, 0], [0, 0, 0]], r"expected uint8 \(2, 3\), got \[\[0, 0, 0\], \[0, 0, 0\]\]"),
        (None, "got None"),
    ],
)
def test_a_first_observation_of_another_shape_or_dtype_is_refused(first, message):
    assert refusal_step(Game([first]), ValueError, message) is None


def test_filters_need_observations_that_are_images():
    message = r"filters: expected frames \(height, width\) or .* got \(6,\)"
    vector = Game(observations=Box(0, 255, (6,), np.uint8))
    assert refusal_step(vector, ValueError, message, filters=((2, 3, 1),)) is None


@pytest.mark.filterwarnings("ignore:.*precision lowered")
@pytest.mark.parametrize(
    ("space", "wrap"),
    [
        (Dict(a=FLOATS, b=FLOATS), gymnasium.wrappers.FlattenObservation),
        (
            Box(0, 1, (2,), np.int32),
            lambda env: gymnasium.wrappers.DtypeObservation(env, np.float32),
        ),
        (Box(0, 1, ()), lambda env: gymnasium.wrappers.ReshapeObservation(env, (1,))),
    ],
    ids=["Flatten", "Dtype", "Reshape"],
)
def test_the_wrappers_named_in_the_messages_make_the_spaces_fit(space, wrap):
    env = wrap(Game(observations=space))
    assert Agent(env, Settings(**SMALL)).x.dtype == np.float32


# -- during learning -------------------------------------------------------------------------------

FINE = np.zeros((2, 3), np.uint8)


@pytest.mark.parametrize("history", [1, 3])
@pytest.mark.parametrize(
    ("bad_frame", "message"),
    [
        (np.zeros((1, 3), np.uint8), r"expected uint8 \(2, 3\), got uint8 \(1, 3\)"),
        (np.zeros((2, 3)), r"expected uint8 \(2, 3\), got float64 \(2, 3\)"),
        (np.float32(0), r"expected uint8 \(2, 3\), got "),
        (7, r"expected uint8 \(2, 3\), got 7"),
    ],
)
def test_a_later_frame_of_another_shape_or_dtype_is_refused(bad_frame, message, history):
    """NumPy would broadcast or round it without an error."""
    env = Game([FINE] * 6 + [bad_frame])
    assert refusal_step(env, ValueError, message, history=history) == 5


@pytest.mark.parametrize("reward", [None, "1", np.ones(1), [1.0], 1j])
def test_a_reward_that_is_not_a_number_is_refused(reward):
    game = Game(rewards=[0.0] * 6 + [reward])
    assert refusal_step(game, ValueError, "reward: expected a number") == 5


@pytest.mark.parametrize("reward", [1, -1, True, np.float32(0.5), np.int64(2), np.float64(0.5)])
def test_a_reward_may_be_of_any_number_type(reward):
    agent = Agent(Game(rewards=[reward]), Settings(**{**SMALL, "warm_up": 100}))
    agent.step()
    assert agent.memory.rings["reward"][0] == reward


# -- NaN and infinity ------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_a_reward_that_is_not_finite_is_refused(bad):
    message = "the reward is .*, not a finite float32"
    assert refusal_step(Game(rewards=[0.0] * 6 + [bad]), FloatingPointError, message) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_observation_that_is_not_finite_is_refused_with_its_position(bad):
    frame = np.zeros((2, 3), np.float32)
    frame[1, 2] = bad
    env = Game([np.zeros((2, 3), np.float32)] * 6 + [frame], observations=FLOATS)
    message = rf"the observation is {bad} at \(1, 2\)"
    assert refusal_step(env, FloatingPointError, message) == 5
    assert refusal_step(Game([frame], observations=FLOATS), FloatingPointError, message) is None


def test_large_finite_observations_are_accepted():
    """Even if their sum of squares overflows."""
    env = Game([np.full((2, 3), 3e38, np.float32)], observations=FLOATS)
    agent = Agent(env, Settings(**{**SMALL, "warm_up": 100}))
    agent.step()
    assert agent.steps == 1
