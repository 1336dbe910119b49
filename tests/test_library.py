"""The library: an agent in a program of your own."""

import os
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import dqn_symbolic
from dqn_symbolic import Agent, Settings, evaluation, load, training
from dqn_symbolic.__main__ import main
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.runs.checkpoints import Unreadable
from games.catch import Catch
from tests.plain import load as load_file

pytestmark = pytest.mark.usefixtures("uncompiled")

SMALL = {"hidden": (8,), "warm_up": 20, "batch_size": 4, "memory_size": 60, "steps": 60}
SMALL |= {"evaluate_every": 30, "evaluation_episodes": 3}


def trained(env, **settings):
    agent = Agent(env, Settings(**SMALL, **settings))
    for _ in training(agent):
        pass
    return agent


def greedy(agent, x):
    return int(np.asarray(agent.forward(x[None]))[0].argmax())


def test_the_import_is_quick():
    """PyTensor comes with Agent and load, not before."""
    code = (
        "import sys, dqn_symbolic\n"
        "from dqn_symbolic import Settings, training\n"
        "assert callable(training) and Settings().seed == 0\n"
        "assert not {'pytensor', 'numpy', 'gymnasium'} & sys.modules.keys()\n"
        "import dqn_symbolic.runs.run\n"  # imports the module `training`, too
        "from dqn_symbolic import Agent, load, training\n"
        "assert callable(training) and callable(load)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import dqn_symbolic as d; assert d.evaluation.seeds(2) == d.evaluation.seeds(2)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dqn_symbolic.nothing  # noqa: B018


GAMES = ["CartPole-v1", "FrozenLake-v1", "Acrobot-v1", "games:Catch-v0"]


@pytest.mark.parametrize("game", GAMES)
def test_any_game_of_the_command_line(game, tmp_path):
    """It trains, is saved, loaded, acts the same and is scored the same."""
    agent, envs = trained(gymnasium.make(game)), [gymnasium.make(game) for _ in range(2)]
    assert agent.updates == 41
    agent.save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz")
    assert again.settings == agent.settings
    for name, value in agent.weights().items():
        assert (again.weights()[name] == value).all()
    observation, _ = envs[0].reset(seed=3)
    for begins in (True, False, False):
        assert again.act(observation, begins=begins) == agent.act(observation, begins=begins)
        observation, *_ = envs[0].step(0)
    episodes = evaluation.seeds(5)
    scores = [evaluation.returns(a, envs, episodes, most_steps=50) for a in (agent, again)]
    assert (scores[0] == scores[1]).all()


def test_a_loaded_agent_trains_on_from_its_weights(tmp_path):
    agent = trained(gymnasium.make("games:Catch-v0"))
    agent.save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz")
    first = again.weights()
    targets = {p.name: p.get_value() for p in again.graph.target_params}
    assert all((targets[f"target.{name}"] == value).all() for name, value in first.items())
    assert [row["env_steps"] for row in training(again)] == [30, 60]
    assert any((again.weights()[name] != value).any() for name, value in first.items())


def test_a_run_of_train_is_loaded_by_its_folder_or_its_file(tmp_path):
    run = tmp_path / "run"
    small = ["--hidden", "8", "--warm-up", "20", "--steps", "60", "--evaluate-every", "30"]
    game = ["train", "--game", "CartPole-v1", "--evaluation-episodes", "2"]
    assert main([*game, *small, "--quiet", "--no-window", "--out", str(run)]) == 0
    _, arrays = load_file(run / "agent.npz", "agent")
    for path in (run, run / "agent.npz", str(run)):
        assert all((load(path).weights()[name] == value).all() for name, value in arrays.items())


def test_a_saved_agent_is_for_the_commands_too(tmp_path, capsys):
    trained(gymnasium.make("CartPole-v1")).save(tmp_path / "agent.npz")
    assert main(["evaluate", str(tmp_path), "--episodes", "2"]) == 0
    assert "CartPole-v1" in capsys.readouterr().out


def test_a_game_whose_id_is_not_registered_is_given_to_load(tmp_path):
    spec = gymnasium.envs.registration.EnvSpec("Mine-v0", entry_point=FromOne)
    agent = trained(gymnasium.make(spec))
    agent.save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz", FromOne())
    assert all(np.array_equal(again.weights()[k], v) for k, v in agent.weights().items())


def test_a_game_without_an_id_is_given_to_load(tmp_path):
    agent = trained(Catch(rows=5))
    agent.save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz", Catch(rows=5))
    assert all((again.weights()[name] == value).all() for name, value in agent.weights().items())
    with pytest.raises(Unreadable, match="its game has no Gymnasium id: give it to load"):
        load(tmp_path / "agent.npz")
    with pytest.raises(Unreadable, match="does not fit this version"):
        load(tmp_path / "agent.npz", Catch(rows=6))
    with pytest.raises(BadInput, match="is missing"):
        load(tmp_path / "other.npz")


def test_saving_replaces_the_file_in_one_step(tmp_path, monkeypatch):
    agent, path = trained(gymnasium.make("CartPole-v1")), tmp_path / "agent.npz"
    agent.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda file, **arrays: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        agent.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["agent.npz"]


def test_weights_that_are_not_finite_replace_no_file(tmp_path):
    agent = trained(gymnasium.make("CartPole-v1"))
    agent.save(tmp_path / "agent.npz")
    before = (tmp_path / "agent.npz").read_bytes()
    bias = agent.graph.params[-1]
    bias.set_value(np.full_like(bias.get_value(), np.nan))
    with pytest.raises(FloatingPointError, match="the weights are not finite"):
        agent.save(tmp_path / "agent.npz")
    assert (tmp_path / "agent.npz").read_bytes() == before


# -- act -------------------------------------------------------------------------------------------


def test_act_sees_the_frames_that_training_sees():
    """The last frames, with zeros before the episode begins; the greedy action of the network."""
    agent = trained(Catch(), history=3)
    game, seen = Catch(), agent.env.__class__(Catch(), 3)
    for seed in (1, 2):
        (observation, _), (x, _) = game.reset(seed=seed), seen.reset(seed=seed)
        begins, over = True, False
        while not over:
            action = agent.act(observation, begins=begins)
            assert (agent.shown == x).all()
            assert action == greedy(agent, x)
            observation, _, over, _, _ = game.step(action)
            x, *_ = seen.step(action)
            begins = False


class FromOne(gymnasium.Env):
    """A game whose actions are 1 and 2."""

    observation_space = gymnasium.spaces.Box(0, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2, start=1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(2, np.float32), {}

    def step(self, action):
        assert action in self.action_space
        return np.ones(2, np.float32), 0.0, True, False, {}


def test_act_returns_the_games_own_action():
    agent = trained(FromOne())
    q = agent.forward(np.ones((1, 2, 1), np.float32))[0]
    assert agent.act(np.ones(2, np.float32), begins=True) == 1 + q.argmax()


def test_act_with_epsilon_is_random_that_often():
    agent = trained(Catch())
    observation, _ = Catch().reset(seed=0)
    best = agent.act(observation, begins=True)
    actions = [agent.act(observation, epsilon=0.6, begins=True) for _ in range(3_000)]
    other = sum(action != best for action in actions) / 3_000
    assert other == pytest.approx(0.6 * 2 / 3, abs=0.03)  # a standard error of .009


def test_acting_changes_nothing_in_training():
    from tests.test_agent import bits

    undisturbed, agent = (Agent(Catch(), Settings(**SMALL)) for _ in range(2))
    observation, _ = Catch().reset(seed=0)
    for _ in range(50):
        undisturbed.step()
        agent.act(observation, epsilon=0.5)
        agent.step()
    assert bits(agent) == bits(undisturbed)


@pytest.mark.parametrize("bad", [np.zeros((9, 9), np.uint8), np.zeros((10, 10)), None])
def test_a_wrong_observation_is_refused(bad):
    with pytest.raises(ValueError, match=r"the observation: expected uint8 \(10, 10\), got"):
        trained(Catch()).act(bad)


# -- which game a file names -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kwargs"),
    [
        ({"render_mode": "rgb_array"}, {"max_episode_steps": 500}),
        ({"max_episode_steps": 50}, {"max_episode_steps": 50}),
        ({"max_episode_steps": -1}, {"max_episode_steps": -1}),
    ],
)
def test_the_game_comes_back_with_its_limit_and_without_its_window(options, kwargs, tmp_path):
    trained(gymnasium.make("CartPole-v1", **options)).save(tmp_path / "agent.npz")
    data, _ = load_file(tmp_path / "agent.npz", "agent")
    assert (data["game"], data["settings"]["game"]) == ("CartPole-v1", kwargs)
    limit = load(tmp_path / "agent.npz").env.spec.max_episode_steps
    assert (limit or -1) == kwargs["max_episode_steps"]


def test_keyword_arguments_of_the_game_come_back(tmp_path):
    trained(gymnasium.make("games:Catch-v0", rows=5, drift=True)).save(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz")
    assert (again.env.unwrapped.rows, again.env.unwrapped.drifts) == (5, (-1, 0, 1))


def test_a_game_whose_options_a_file_cannot_hold_is_given_to_load(tmp_path):
    env = gymnasium.make("MountainCar-v0", goal_velocity=np.float32(0.5))
    agent = Agent(env, Settings(hidden=(4,)))
    agent.save(tmp_path / "agent.npz")
    with pytest.raises(Unreadable, match="its game has no Gymnasium id: give it to load"):
        load(tmp_path / "agent.npz")
    again = load(tmp_path / "agent.npz", gymnasium.make("MountainCar-v0", goal_velocity=0.5))
    assert np.array_equal(again.weights()["W1"], agent.weights()["W1"])


def test_a_game_in_a_wrapper_is_given_to_load(tmp_path):
    """Its id alone would be another game."""

    def wrapped():
        env = gymnasium.make("CartPole-v1")
        return gymnasium.wrappers.TransformReward(env, lambda reward: reward / 100)

    trained(wrapped()).save(tmp_path / "agent.npz")
    with pytest.raises(Unreadable, match="its game has no Gymnasium id: give it to load"):
        load(tmp_path / "agent.npz")
    assert load(tmp_path / "agent.npz", wrapped()).settings.steps == 60
