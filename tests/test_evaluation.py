"""Evaluation: the returns of whole episodes, played several at once."""

import csv
import hashlib
import json
from dataclasses import asdict
from functools import partial
from itertools import cycle
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from dqn_symbolic.agent import Agent, streams
from dqn_symbolic.commands.options import NAMES, TRAINED
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import Task, new_games, scorer
from dqn_symbolic.evaluation import held_out, returns
from dqn_symbolic.guard.errors import GameError
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from games.catch import Catch, State


class Counter(gymnasium.Env):
    """Starts at the seed and counts up to 10; each step pays the action. x is the number."""

    observation_space = gymnasium.spaces.Box(0, 255, (1,), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, truncates=False, endless=False):
        self.truncates, self.endless = truncates, endless

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = seed
        return np.array([self.n], np.uint8), {}

    def step(self, action):
        self.n += not self.endless
        over = self.n == 10
        x = np.array([self.n], np.uint8)
        return x, float(action), over and not self.truncates, over and self.truncates, {}


def always(action):
    return lambda x: np.tile(np.eye(3, dtype=np.float32)[action], (len(x), 1))


def player(forward):
    return SimpleNamespace(forward=forward, settings=Settings())


def play(envs, seeds, forward, epsilon=0.0, most_steps=100, **options):
    beginnings = [{"seed": seed} for seed in seeds]
    return returns(player(forward), envs, beginnings, epsilon, most_steps, **options)


@pytest.mark.parametrize("side_by_side", [1, 2, 7])
@pytest.mark.parametrize("truncates", [False, True])
def test_returns_do_not_depend_on_how_many_episodes_are_played_at_once(side_by_side, truncates):
    envs = [Counter(truncates) for _ in range(side_by_side)]
    scores = play(envs, [9, 3, 7, 0, 8], always(2))
    assert scores.tolist() == [2 * (10 - seed) for seed in (9, 3, 7, 0, 8)]


def test_an_endless_episode_is_cut():
    scores = play([Counter(endless=True)] * 1, [0, 0], always(1), most_steps=25)
    assert scores.tolist() == [25, 25]


def test_forward_always_gets_a_batch_of_the_same_size():
    """JAX would compile again for a batch of another size."""
    sizes = []

    def forward(x):
        sizes.append(len(x))
        return always(0)(x)

    play([Counter() for _ in range(3)], [9, 3, 7, 0, 8], forward)
    assert set(sizes) == {3}


def test_each_environment_gets_the_best_action_for_its_own_observation():
    """The action, and so the reward, is 1 at odd numbers and 2 at even numbers."""

    def forward(x):
        return np.stack([np.eye(3)[1 if n % 2 else 2] for n in x.ravel()])

    scores = play([Counter() for _ in range(2)], [4, 7, 9], forward)
    assert scores.tolist() == [2 + 1 + 2 + 1 + 2 + 1, 1 + 2 + 1, 1]


def test_epsilon_is_the_share_of_random_actions():
    scores = play([Counter()] * 1, [0] * 400, always(0), epsilon=0.3)
    # 4,000 actions: 0.3 * (0 + 1 + 2) / 3 on average, with a standard error below .01
    assert scores.mean() / 10 == pytest.approx(0.3, abs=0.04)
    again = play([Counter()] * 1, [0] * 400, always(0), epsilon=0.3)
    assert (scores == again).all()


def test_a_request_to_stop_ends_the_evaluation():
    stop = []

    def forward(x):
        stop.append("Ctrl-C")
        return always(0)(x)

    assert play([Counter(endless=True)], [0], forward, most_steps=10**9, stop=stop) is None


def test_catch_is_scored_from_every_start():
    """A player who never moves catches the balls that fall on the paddle: 3 of 10 columns."""
    catch = task("games:Catch-v0")
    beginnings = catch.beginnings(None, seed=0)
    states = [beginning["options"]["state"] for beginning in beginnings]
    assert states == Catch().starts()
    scores = returns(player(always(1)), [catch.make()], beginnings, 0.0, 100)
    expected = [1.0 if s.paddle <= s.ball_column < s.paddle + 3 else -1.0 for s in states]
    assert scores.tolist() == expected
    assert catch.measures(scores) == {"catch_rate": 0.3}
    assert (catch.goal, catch.score_name) == (1.0, "catch_rate")


def test_other_games_are_scored_with_the_evaluations_epsilon_and_catch_without():
    """Greedily, this player of action 0 counts for nothing."""

    class FromZero(Counter):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=0)

    random_play = Settings(evaluation_epsilon=1.0, evaluation_episodes=2)
    seed, means = np.random.SeedSequence(0), []
    for s in (random_play, Settings(evaluation_episodes=2)):
        agent = SimpleNamespace(forward=always(0), settings=s, evaluation_seed=seed)
        means.append(scorer(Task("", {}, FromZero), agent)()["mean_return"])
    assert means[0] > means[1] == 0
    assert task("games:Catch-v0").epsilon(random_play) == 0


def test_at_most_a_hundred_games_are_made_for_an_evaluation():
    assert len(task("games:Catch-v0").games(Settings(), 101)) == 100


def test_new_games_are_cut_as_the_runs_own_evaluations():
    game = Task("", {}, partial(Counter, endless=True))
    one = SimpleNamespace(task=game, settings=Settings(evaluation_steps=7), forward=always(1))
    assert new_games(one, 2, 0.0).tolist() == [7, 7]


def test_each_run_is_scored_by_episodes_of_its_own():
    """Those of `evaluate`, with the seeds 0, 1, ..., stay new."""
    seen = []

    class Noting(Counter):
        def reset(self, *, seed=None, options=None):
            seen.append(seed)
            return super().reset(seed=0)

    for run in (0, 1):
        agent = SimpleNamespace(forward=always(1), settings=Settings(evaluation_episodes=2))
        agent.evaluation_seed = streams(run)["evaluation"]
        scorer(Task("", {}, Noting), agent)()
    assert len(set(seen)) == 4
    assert min(seen) > 1_000


def test_the_goal_of_catch_is_its_best_mean_return():
    """On two rows the paddle has one step: 38 of 80 balls can be caught."""
    catch = task("games:Catch-v0", rows=2)
    assert catch.levels["optimum"] == 38 / 80
    assert catch.goal == (38 - 42) / 80
    best = [1.0] * 38 + [-1.0] * 42
    assert np.mean(best) >= catch.goal
    assert State(0, 0, 0, 0) in catch.starts


def test_other_games_are_scored_by_the_same_episodes_every_time():
    cartpole = task("CartPole-v1")
    beginnings = cartpole.beginnings(Settings(evaluation_episodes=3), seed=7)
    assert beginnings == [{"seed": 7}, {"seed": 8}, {"seed": 9}]
    assert (cartpole.goal, cartpole.score_name, cartpole.preset) == (
        475.0,
        "mean_return",
        "classic",
    )


def test_held_out_states_are_those_of_random_play():
    """From 7 there are three states before the episode ends at 10, from 8 two, then 7 again."""
    states = held_out(Counter(), [{"seed": 7}, {"seed": 8}], states=8)
    assert states.ravel().tolist() == [7, 8, 9, 8, 9, 7, 8, 9]
    assert states.dtype == np.uint8
    truncated = held_out(Counter(truncates=True), [{"seed": 7}], states=4)
    assert truncated.ravel().tolist() == [7, 8, 9, 7]
    assert held_out(Counter(), [{"seed": 7}], stop=["Ctrl-C"]) is None


def test_random_play_takes_each_action_equally_often():
    taken = []

    class Noting(Counter):
        def step(self, action):
            taken.append(action)
            return super().step(action)

    held_out(Noting(endless=True), [{"seed": 0}], seed=3, states=3_000)
    counts = np.bincount(taken)
    assert np.abs(counts - 1_000).max() < 130  # five standard deviations of 26


def test_the_held_out_value_is_the_mean_of_the_greatest_q_values():
    """Every evaluation has the same states, whatever the weights are, and other scores aside."""
    q = np.array([[1.0, 5.0, 2.0]], np.float32)
    seen = []

    class Player:
        settings = Settings(evaluation_episodes=2)
        evaluation_seed = np.random.SeedSequence(0)

        def forward(self, x):
            seen.append(x)
            return q * x.reshape(len(x), -1)

    class FromZero(Counter):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed % 4)

    game = Task("Counter", {}, FromZero)
    score = scorer(game, Player())
    first, again = score(), score()
    held = [x for x in seen if len(x) == 500]
    assert len(held) == 2
    assert (held[0] == held[1]).all()
    assert first["held_out_value"] == pytest.approx(5 * held[0].mean())
    assert again == first
    assert len(np.unique(held[0])) > 6


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_that_comes_with_the_project_is_that_of_a_row(name):
    with np.load(TRAINED / name / "agent.npz") as file:
        arrays = [file[key] for key in file.files if file[key].dtype == np.float32]
    with open(TRAINED / "games.csv", newline="") as file:
        rows = {row["condition"].lower(): row for row in csv.DictReader(file)}
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    assert rows[name.replace("_", "")]["weights"] == digest
    assert (TRAINED / name / "agent.npz").stat().st_size < 1_500_000


def test_the_rows_of_the_games_have_the_presets_settings():
    preset = json.loads(json.dumps(asdict(Settings(**PRESETS["atari"]))))
    with open(TRAINED / "games.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        settings = json.loads(row["settings"])
        game = settings.pop("game")
        assert (settings, game["frame_size"]) == (preset, ATARI_FRAME_SIZE), row["condition"]


class AfterAsking:
    """A request to stop that comes when it is asked for the n-th time."""

    def __init__(self, n):
        self.n = n

    def __bool__(self):
        self.n -= 1
        return self.n < 0


@pytest.mark.usefixtures("uncompiled")
def test_a_stopped_evaluation_of_one_game_gives_it_back():
    s = Settings(one_game=True, hidden=(8,), evaluation_episodes=2)
    agent = Agent(gymnasium.make("CartPole-v1"), s)
    for _ in range(5):
        agent.step()
    score, x = scorer(task("CartPole-v1"), agent), agent.x.copy()
    assert score()["mean_return"] > 5
    assert score(AfterAsking(9)) is None
    assert (agent.env.episode_return, len(agent.actions)) == (5, 5)
    assert (agent.x == x).all()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("at", [100, 505])  # in the random play of the held-out states, after it
def test_after_ctrl_c_in_the_evaluation_of_one_game_it_goes_on(at):
    s = Settings(one_game=True, hidden=(8,), evaluation_episodes=2)
    agent, other = (Agent(gymnasium.make("CartPole-v1"), s) for _ in range(2))
    for one in (agent, other):
        for _ in range(5):
            one.step()
    game, left = agent.env.env.env.unwrapped, [at]
    step = game.step

    def interrupted(action):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return step(action)

    game.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        scorer(task("CartPole-v1"), agent)()
    for _ in range(20):
        for one in (agent, other):
            one.step()
        assert np.array_equal(agent.x, other.x)
    assert agent.memory.get_state()[0] == other.memory.get_state()[0]


@pytest.mark.usefixtures("uncompiled")
def test_a_mistake_of_one_game_in_its_evaluation_does_not_change_the_agent(monkeypatch):
    """So a run that is saved then goes on with the episode of its training."""
    env = Counter(endless=True)
    monkeypatch.setattr(env, "reset", lambda seed=None: Counter.reset(env, seed=7))
    agent = Agent(env, Settings(one_game=True, hidden=(8,), epsilon_start=0, epsilon_end=0))
    for _ in range(5):
        agent.step()
    before, state = agent.env.episode_return, agent.get_state()[0]
    score = scorer(Task("Counter", {}, make=Counter), agent)
    monkeypatch.setattr(env, "step", lambda action: 1 / 0)
    with pytest.raises(GameError, match="step raised ZeroDivisionError"):
        score()
    assert agent.env.episode_return == before > 0
    assert agent.get_state()[0] == state


@pytest.mark.usefixtures("uncompiled")
def test_the_first_mistake_of_one_game_is_told(monkeypatch):
    """A game that has failed may fail again when the training is to go on in it."""
    game = Counter(endless=True)
    monkeypatch.setattr(game, "reset", lambda seed=None: Counter.reset(game, seed=7))
    agent = Agent(game, Settings(one_game=True, hidden=(8,), evaluation_episodes=1))
    score = scorer(Task("Counter", {}, make=Counter), agent)

    def fail(error):
        def raise_it(*_, **__):
            monkeypatch.setattr(game, "reset", fail("the connection is closed"))
            raise RuntimeError(error)

        return raise_it

    monkeypatch.setattr(game, "step", fail("the root cause"))
    with pytest.raises(GameError, match="the root cause"):
        score()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize(("method", "number"), [("reset", 2), ("step", 13)])
def test_a_mistake_of_one_game_after_its_evaluation_does_not_change_the_agent(
    method, number, monkeypatch
):
    """The episode of the training is played again, and fails at its reset or at its third step."""
    env, failing_at = Counter(endless=True), iter([])

    def fail_or(play, *given, **named):
        return 1 / 0 if next(failing_at, 0) else play(*given, **named)

    monkeypatch.setattr(env, "reset", lambda seed=None: Counter.reset(env, seed=7))
    s = Settings(one_game=True, hidden=(8,), evaluation_episodes=1, evaluation_steps=10)
    agent = Agent(env, s)
    for _ in range(5):
        agent.step()
    score = scorer(Task("Counter", {}, make=Counter), agent)
    assert score()["mean_return"] == 10 * agent.act(agent.x[..., 0])
    x, state = agent.x.copy(), agent.get_state()[0]
    failing_at = iter([0] * (number - 1) + [1])
    monkeypatch.setattr(env, method, partial(fail_or, getattr(env, method)))
    with pytest.raises(GameError, match=f"{method} raised ZeroDivisionError"):
        score()
    assert list(failing_at) == []
    assert agent.get_state()[0] == state
    assert (agent.x == x).all()


@pytest.mark.usefixtures("uncompiled")
def test_one_game_that_does_not_come_back_after_an_evaluation_is_noticed(monkeypatch):
    env, seeds = Counter(), cycle(range(7))  # each episode begins elsewhere
    monkeypatch.setattr(env, "reset", lambda seed=None: Counter.reset(env, seed=next(seeds)))
    agent = Agent(env, Settings(one_game=True, hidden=(8,), evaluation_episodes=1))
    agent.step()
    score = scorer(Task("Counter", {}, make=Counter), agent)
    with pytest.warns(RuntimeWarning, match="did not come back to where it was: a new episode"):
        score()
    assert (agent.episode, agent.actions) == (1, [])
