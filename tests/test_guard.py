"""The guard around a game: what is refused in one line, before learning or at the first bad step,
and what is converted."""

import pickle
import re
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space, Text, Tuple

from dqn_symbolic import agent as agents
from dqn_symbolic.guard.errors import GameError
from dqn_symbolic.guard.game import Guarded
from dqn_symbolic.settings import Settings
from tests.plain import no_functions

PIXELS, FLOATS = Box(0, 255, (2, 3), np.uint8), Box(-1, 1, (2, 3), np.float32)
SMALL = {"hidden": (4,), "warm_up": 10, "batch_size": 4}
Agent = partial(agents.Agent, functions=no_functions)


class Game(gymnasium.Env):
    """An episode has 4 steps. The game repeats `frames` and `rewards` for ever."""

    def __init__(self, frames=(), rewards=(0.0,), observations=PIXELS, actions=None):
        self.observation_space, self.action_space = observations, actions or Discrete(2)
        self.frames, self.rewards, self.steps = frames, rewards, 0

    def current_frame(self):
        if self.frames:
            return self.frames[self.steps % len(self.frames)]
        return self.observation_space.sample()

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


# -- spaces that cannot be learnt ------------------------------------------------------------------


class OfItsOwn(Space):
    """A kind of space that Gymnasium cannot flatten, like the missions of MiniGrid."""


PARTS = Dict(image=PIXELS, mission=OfItsOwn(), direction=Discrete(4))


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({"actions": Box(-1, 1, (1,))}, r"Discrete\(n\) \(gymnasium's DiscretizeAct.*got Box"),
        ({"actions": Box(-np.inf, 1, (1,))}, r"Discrete\(n\) \(gymnasium's TransformAction"),
        ({"actions": MultiBinary(3)}, "Discrete.*TransformAction"),
        ({"actions": MultiDiscrete([2, 3])}, "Discrete.*TransformAction"),
        ({"observations": Dict(a=PIXELS)}, r"\(gymnasium's FlattenObservation makes.*\), got Dict"),
        ({"observations": Tuple([PIXELS])}, "FlattenObservation makes it so.*got Tuple"),
        ({"observations": Text(9)}, "FlattenObservation makes it so.*got Text"),
        ({"observations": PARTS}, r"FilterObs.*\(env, \['image', 'direction'\]\), and then Fla"),
        ({"observations": Tuple([PIXELS, OfItsOwn()])}, r"FilterObs.*\(env, \[0\]\), and then"),
        ({"observations": OfItsOwn()}, r"TransformObservation\(env, function, Box\(...\)\) makes"),
        ({"observations": gymnasium.spaces.Sequence(PIXELS)}, "TransformObservation"),
        ({"observations": gymnasium.spaces.Graph(FLOATS, None)}, "TransformObservation"),
    ],
)
def test_spaces_that_cannot_be_learnt_from_are_refused(spaces, message):
    message = f"^Game: the .* space: expected .*{message}"
    assert refusal_step(Game(**spaces), ValueError, message) is None


def test_what_is_no_game_is_refused():
    with pytest.raises(ValueError, match=r"the game: expected a gymnasium\.Env, got 'CartPole-v1'"):
        Agent("CartPole-v1", Settings(**SMALL))
    game = Game()
    game.observation_space = None
    assert refusal_step(game, ValueError, "Game: the observation space: .* got None") is None


WRAPPERS = gymnasium.wrappers


def flattened_parts(env):
    return WRAPPERS.FlattenObservation(WRAPPERS.FilterObservation(env, ["direction", "image"]))


@pytest.mark.parametrize(
    ("spaces", "wrap"),
    [
        ({"observations": Dict(a=FLOATS, b=FLOATS)}, WRAPPERS.FlattenObservation),
        ({"observations": Tuple([PIXELS, Discrete(3)])}, WRAPPERS.FlattenObservation),
        ({"observations": Text(4)}, WRAPPERS.FlattenObservation),
        ({"observations": PARTS}, flattened_parts),
        ({"actions": Box(-1, 1, (2,))}, lambda env: WRAPPERS.DiscretizeAction(env, 3)),
        (
            {"actions": MultiBinary(2)},
            lambda env: WRAPPERS.TransformAction(env, lambda a: [a // 2, a % 2], Discrete(4)),
        ),
    ],
)
def test_the_wrappers_named_in_the_messages_make_the_spaces_fit(spaces, wrap):
    game = Game(**spaces)
    observation = {"image": np.zeros((2, 3), np.uint8), "mission": None, "direction": 2}
    if isinstance(game.observation_space, Dict) and "mission" in game.observation_space.spaces:
        game.frames = [observation]
    if isinstance(game.observation_space, Text):
        game.frames = ["ab"]
    agent = Agent(wrap(game), Settings(**SMALL))
    agent.step()
    assert agent.x.dtype in (np.float32, np.uint8)


# -- what is harmless is converted -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "observation", "frame"),
    [
        (Box(-9, 9, (2,), np.float64), np.array([0.1, -9]), np.array([0.1, -9], np.float32)),
        (Box(-9, 9, (2,), np.float32), np.array([0.1, -9]), np.array([0.1, -9], np.float32)),
        (Box(-9, 9, (2,), np.float16), np.zeros(2, np.float16), np.zeros(2, np.float32)),
        (Box(-9, 9, (2,), np.int64), np.array([3, -9]), np.array([3, -9], np.float32)),
        (Box(0, 900, (2,), np.int16), np.array([3, 900]), np.array([3, 900], np.float32)),
        (Box(0, 1, (2,), bool), np.array([True, False]), np.array([1, 0], np.uint8)),
        (Box(0, 255, (2,), np.uint8), np.array([3, 255]), np.array([3, 255], np.uint8)),
        (Box(0, 9, (), np.float32), 7, np.array([7], np.float32)),
        (Box(0, 9, (), np.float32), np.float64(7), np.array([7], np.float32)),
        (MultiBinary(3), np.array([1, 0, 1], np.int8), np.array([1, 0, 1], np.uint8)),
        (MultiBinary((1, 2)), np.array([[1, 0]], bool), np.array([[1, 0]], np.uint8)),
        (MultiDiscrete([2, 3]), np.array([1, 0]), np.array([0, 1, 1, 0, 0], np.uint8)),
        (Discrete(3, start=5), 6, np.array([0, 1, 0], np.uint8)),
        (Discrete(3), np.int64(2), np.array([0, 0, 1], np.uint8)),
    ],
)
def test_observations_are_converted(space, observation, frame):
    env = Guarded(Game([observation], observations=space))
    box = env.observation_space
    assert (type(box), box.dtype, box.shape) == (Box, frame.dtype, frame.shape)
    for got in (env.reset(seed=0)[0], env.step(0)[0], env.step(1)[0]):
        assert (got.dtype, got.tolist()) == (frame.dtype, frame.tolist())


@pytest.mark.parametrize(
    ("space", "observation", "got"),
    [
        (Box(0, 255, (2,), np.uint8), np.array([0, 256]), r"uint8 \(2,\), got int64 \(2,\)"),
        (Box(0, 255, (2,), np.uint8), np.array([0, -1]), r"uint8 \(2,\), got int64 \(2,\)"),
        (Box(0, 255, (2,), np.uint8), np.zeros(2, np.float32), r"uint8 \(2,\), got float32"),
        (Box(0, 1, (2,)), np.array(["a", "b"]), r"float32 \(2,\), got <U1 \(2,\)"),
        (Box(0, 1, (2,)), [0.5, 0.5], r"float32 \(2,\), got \[0.5, 0.5\]"),
        (Discrete(3, start=5), 4, r"an element of Discrete\(3, start=5\), got 4"),
        (Discrete(3), 1.0, r"an element of Discrete\(3\), got 1.0"),
        (MultiDiscrete([2, 3]), np.array([1, 3]), r"an element of MultiD.* got int64 \(2,\)"),
    ],
)
def test_observations_that_would_change_are_refused(space, observation, got):
    game = Game([observation], observations=space)
    message = f"^Game: reset: the observation: expected {got}"
    assert refusal_step(game, GameError, message) is None


@pytest.mark.parametrize("start", [0, 1, -3])
def test_actions_begin_anywhere(start):
    class Noting(Game):
        actions = ()

        def step(self, action):
            self.actions = (*self.actions, int(action))
            return super().step(action)

    game = Noting(actions=Discrete(3, start=start))
    env = Guarded(game)
    assert env.action_space == Discrete(3)
    env.reset(seed=0)
    for action in (2, 0, 1):
        env.step(action)
    assert game.actions == (start + 2, start, start + 1)


# -- before learning -------------------------------------------------------------------------------


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
    assert refusal_step(Game([first]), GameError, message) is None


def test_filters_need_observations_that_are_images():
    message = r"filters: expected frames \(height, width\) or .* got \(6,\)"
    vector = Game(observations=Box(0, 255, (6,), np.uint8))
    assert refusal_step(vector, ValueError, message, filters=((2, 3, 1),)) is None


# -- during learning -------------------------------------------------------------------------------

FINE = np.zeros((2, 3), np.uint8)


@pytest.mark.parametrize("history", [1, 3])
@pytest.mark.parametrize(
    ("bad_frame", "message"),
    [
        (np.zeros((1, 3), np.uint8), r"expected uint8 \(2, 3\), got uint8 \(1, 3\)"),
        (np.zeros((2, 3)), r"expected uint8, as before, got float64"),
        (np.float32(0), r"expected uint8 \(2, 3\), got "),
        (7, r"expected uint8 \(2, 3\), got 7"),
    ],
)
def test_a_later_frame_of_another_shape_or_dtype_is_refused(bad_frame, message, history):
    """NumPy would broadcast or round it without an error."""
    env = Game([FINE] * 6 + [bad_frame])
    message = f"^Game: step: the observation: {message}"
    assert refusal_step(env, GameError, message, history=history) == 5


def test_an_observation_may_not_change_its_dtype_though_it_could_be_converted():
    frames = [np.zeros((2, 3), np.float32)] * 6 + [np.zeros((2, 3))]
    message = "the observation: expected float32, as before, got float64"
    assert refusal_step(Game(frames, observations=FLOATS), GameError, message) == 5


def test_reset_and_step_may_have_dtypes_of_their_own():
    class Two(Game):
        def reset(self, *, seed=None, options=None):
            frame, info = super().reset(seed=seed)
            return frame.astype(np.float64), info

    agent = Agent(Two(observations=FLOATS), Settings(**{**SMALL, "warm_up": 100}))
    for _ in range(9):
        agent.step()
    assert agent.memory.rings["frame"].dtype == np.float32


@pytest.mark.parametrize("reward", [None, "1", np.ones(2), [1.0], 1j, np.array("1"), {}])
def test_a_reward_that_is_not_a_number_is_refused(reward):
    game = Game(rewards=[0.0] * 6 + [reward])
    assert refusal_step(game, GameError, "^Game: step: the reward: expected a finite float32") == 5


@pytest.mark.parametrize(
    "reward",
    [
        *(1, -1, True, np.float32(0.5), np.int64(2), np.float64(0.5), np.array(1.0)),
        *(np.ones(1), np.ones((1, 1), np.int8), np.bool_(True)),
    ],
)
def test_a_reward_may_be_of_any_number_type(reward):
    agent = Agent(Game(rewards=[reward]), Settings(**{**SMALL, "warm_up": 100}))
    agent.step()
    assert agent.memory.rings["reward"][0] == reward


# -- what else `reset` and `step` return -----------------------------------------------------------


F = np.zeros((2, 3), np.float32)
FIVE = r"step: expected \(observation, reward, terminated, truncated, info\), got"
NOTHING = object()


class Returning(gymnasium.Env):
    """reset() and step() return, or call, what they are given; each under Gymnasium's wrappers."""

    observation_space, action_space = FLOATS, Discrete(2)

    def __init__(self, reset=NOTHING, step=None):
        self.results = {"reset": (F, {}) if reset is NOTHING else reset, "step": step}

    def result(self, name):
        result = self.results[name]
        return result() if callable(result) else result

    def reset(self, *, seed=None, options=None):
        return self.result("reset")

    def step(self, action):
        return self.result("step")


def guarded(env):
    wrapped = gymnasium.wrappers.OrderEnforcing(env)
    return Guarded(gymnasium.wrappers.TimeLimit(wrapped, 100))


def mistake(env, method):
    """-> the GameError of reset(), or of the step() that follows it."""
    with pytest.raises(GameError) as caught:  # noqa: PT012
        env.reset(seed=1)
        env.step(0)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{env.name}: {method}")
    return caught.value


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((F, 1.0, False, {}), f"{FIVE} 4 values"),
        ((F, 1.0, False, False, {}, 0), f"{FIVE} 6 values"),
        (None, f"{FIVE} None"),
        (F, rf"{FIVE} float32 \(2, 3\)"),
        ((F, 1.0, None, False, {}), "step: terminated: expected True or False, got None"),
        ((F, 1.0, False, "no", {}), "step: truncated: expected True or False, got 'no'"),
        ((F, 1.0, np.array([1, 0]), False, {}), r"terminated: .*got int64 \(2,\)"),
        ((F, 1.0, 2, False, {}), "step: terminated: expected True or False, got 2"),
        ((F, 1.0, 0.5, False, {}), "step: terminated: expected True or False, got 0.5"),
        (
            (F, 1.0, False, False, {"life_lost": np.array([1, 0])}),
            "step: info: life_lost: expected True or False, got int64",
        ),
        ((F, 1.0, False, False, 7), "step: info: expected a dict, got 7"),
    ],
)
def test_a_wrong_return_of_step_is_one_line(result, message):
    error = mistake(guarded(Returning(step=result)), "step")
    assert re.search(message, str(error))
    assert error.args[1] == ""


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (F, r"reset: expected \(observation, info\), got float32 \(2, 3\)"),
        ((F,), "reset: .*got 1 values"),
        ((F, {}, 0), "reset: .*got 3 values"),
        (None, "reset: .*got None"),
        ((F, "info"), "reset: info: expected a dict, got 'info'"),
    ],
)
def test_a_wrong_return_of_reset_is_one_line(result, message):
    error = mistake(guarded(Returning(reset=result)), "reset")
    assert re.search(message, str(error))


@pytest.mark.parametrize(
    "step", [(F, 1, 0, np.False_, None), (F, np.ones(1), np.array(0), np.array([False]), {})]
)
def test_odd_flags_and_no_info_are_converted(step):
    env = guarded(Returning(reset=(F, None), step=step))
    assert env.reset(seed=1)[1] == {}
    _, *rest = env.step(1)
    assert rest == [1.0, False, False, {}]
    assert [type(value) for value in rest] == [float, bool, bool, dict]


# -- signatures and errors -------------------------------------------------------------------------


class NoOptions(Returning):
    def reset(self, seed=None):
        return self.result("reset")


class NoSeed(Returning):
    def reset(self):
        return self.result("reset")


class NoAction(Returning):
    def step(self):
        return self.result("step")


def test_a_reset_without_options_is_a_game_too():
    env = guarded(NoOptions(step=(F, 1.0, False, False, {})))
    env.reset(seed=3)
    assert env.step(0)[1] == 1
    with pytest.raises(GameError, match=r"reset: expected .*options=None.*, got .*seed=None"):
        env.reset(options={"state": 1})


def test_a_wrong_signature_is_one_line():
    error = mistake(guarded(NoSeed()), "reset: expected (*, seed=None, options=None), got ()")
    assert error.args[1] == ""
    error = mistake(guarded(NoAction()), "step: expected (action), got ()")
    assert error.args[1] == ""


ERRORS = [
    *((KeyError, "x"), (ConnectionResetError, 104, "reset by peer"), (MemoryError,)),
    *((TypeError, "a\nb"), (ModuleNotFoundError, "No module named 'x'"), (OSError, 98, "in use")),
    *((SystemExit, 0), (FloatingPointError, "x"), (ValueError, "x"), (StopIteration,)),
    (RecursionError,),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error[0].__name__)
@pytest.mark.parametrize("method", ["reset", "step", "render"])
def test_an_error_of_the_game_is_a_line_and_its_own_traceback(method, error):
    error = error[0](*error[1:])

    def fail():
        raise error

    given = {method: fail} if method != "render" else {"step": (F, 1.0, False, False, {})}
    env = guarded(Returning(**given))
    env.unwrapped.render = fail
    if method == "render":
        env.reset(seed=1)
        with pytest.raises(GameError) as caught:
            env.render()
        made = caught.value
    else:
        made = mistake(env, method)
    name = type(error).__name__
    assert str(made) == f"Returning: {method} raised {name}: {' '.join(str(error).split())}"
    assert made.__cause__ is error
    assert made.args[1].startswith("Traceback (most recent call last):\n")
    assert "raise error" in made.args[1]
    assert "guard/game.py" not in made.args[1]
    assert "gymnasium/wrappers" not in made.args[1]
    again = pickle.loads(pickle.dumps(made))
    assert (str(again), again.args[1]) == (str(made), made.args[1])


def test_ctrl_c_is_no_mistake_of_the_game():
    def stop():
        raise KeyboardInterrupt

    env = guarded(Returning(step=stop))
    env.reset(seed=1)
    with pytest.raises(KeyboardInterrupt):
        env.step(0)


def test_a_guarded_game_is_the_game_still():
    env = Guarded(gymnasium.make("CartPole-v1", disable_env_checker=True))
    assert (env.name, env.spec.id, env.spec.additional_wrappers) == ("CartPole-v1",) * 2 + ((),)
    assert type(env.unwrapped).__name__ == "CartPoleEnv"
    twice = Guarded(env.env)
    inner = [twice]
    while isinstance(inner[-1], gymnasium.Wrapper):
        inner.append(inner[-1].env)
    assert [type(part).__name__ for part in inner].count("Innermost") == 1


# -- NaN and infinity ------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_a_reward_that_is_not_finite_is_refused(bad):
    message = "the reward: expected a finite float32, got "
    assert refusal_step(Game(rewards=[0.0] * 6 + [bad]), GameError, message) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_observation_that_is_not_finite_is_refused_with_its_position(bad):
    frame = np.zeros((2, 3), np.float32)
    frame[1, 2] = bad
    env = Game([np.zeros((2, 3), np.float32)] * 6 + [frame], observations=FLOATS)
    message = rf"the observation is {bad} at \(1, 2\)"
    assert refusal_step(env, GameError, message) == 5
    assert refusal_step(Game([frame], observations=FLOATS), GameError, message) is None


def test_large_finite_observations_are_accepted():
    """Even if their sum of squares overflows."""
    env = Game([np.full((2, 3), 3e38, np.float32)], observations=FLOATS)
    agent = Agent(env, Settings(**{**SMALL, "warm_up": 100}))
    agent.step()
    assert agent.steps == 1
