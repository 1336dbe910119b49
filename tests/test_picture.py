"""`picture`: the Q-values until a reward, and the last hidden layer of many states."""

import numpy as np
import pytest
from PIL import Image

from dqn_symbolic.__main__ import main
from dqn_symbolic.agent import Agent
from dqn_symbolic.commands import picture
from dqn_symbolic.commands.picture import Moment, draw_rally, moments, rally, seeing
from dqn_symbolic.frames import History
from dqn_symbolic.runs.loading import read_agent
from dqn_symbolic.settings import Settings
from tests.plain import uncompiled

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """-> the folder of an agent of Catch with two hidden layers."""
    out = tmp_path_factory.mktemp("run") / "catch"
    small = ["--hidden", "16,8", "--steps", "60", "--evaluate-every", "60", "--warm-up", "40"]
    with uncompiled():
        run = ["train", "--game", "games:Catch-v0", "--out", str(out), "--quiet"]
        assert main([*run, *small]) == 0
    return out


def test_a_seed_that_is_too_large_is_refused_at_once(folder, capsys):
    assert main(["picture", str(folder), "--seed", str(2**32)]) == 2
    assert "seed: expected at most 4,294,967,295, got 4294967296" in capsys.readouterr().err
    assert not (folder / "rally.png").exists()


def played(rewards, over=()):
    return (
        Moment(np.array([0.0, i]), np.zeros(1), np.zeros((2, 2, 3), np.uint8), reward, i in over)
        for i, reward in enumerate(rewards)
    )


def shown(rewards, over=()):
    """-> the steps that a rally shows."""
    return [int(moment.q.max()) for moment in rally(played(rewards, over))[0]]


def test_a_rally_ends_soon_after_the_first_reward_above_the_others():
    assert shown([0] * 70 + [1] + [0] * 50) == list(range(17, 77))
    assert shown([-1] * 70 + [0] + [-1] * 50) == list(range(17, 77))
    assert shown([0] * 20 + [-1] + [0] * 49 + [1] + [0] * 50) == list(range(17, 77))


def test_a_rally_ends_with_its_episode_or_after_a_long_time():
    assert shown([0] * 8 + [1], over=[8]) == list(range(9))
    assert shown([1] * 100, over=[99]) == list(range(40, 100))
    assert shown([1] * 3_000) == list(range(1_941, 2_001))


def test_the_network_is_seen_as_it_is(folder):
    """The last hidden layer and the Q-values are those that NumPy computes from the weights."""
    catch, settings, weights = read_agent(folder / "agent.npz")
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    env = History(catch.make(), 1)
    for seed in range(5):
        x, _ = env.reset(seed=seed)
        q, hidden = seeing(catch, settings, weights)(x)
        expected = np.maximum(x.ravel() / 255.0 @ w["W1"] + w["b1"], 0)
        expected = np.maximum(expected @ w["W2"] + w["b2"], 0)
        np.testing.assert_allclose(hidden, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(q, expected @ w["Wout"] + w["bout"], rtol=1e-4, atol=1e-6)


def test_moments_are_those_of_the_greedy_policy(folder):
    """Catch's first episode takes nine steps, and its reward comes with the last of them."""
    catch, settings, weights = read_agent(folder / "agent.npz")
    env = History(catch.make(render_mode="rgb_array"), 1)
    found = list(zip(range(20), moments(seeing(catch, settings, weights), env, 0.0, seed=4)))
    overs = [i for i, moment in found if moment.over]
    assert overs == [8, 17]
    assert (found[0][1].screen != found[9][1].screen).any()  # another episode
    assert [moment.reward for _, moment in found[:9]][:8] == [0] * 8
    agent = Agent(catch.make(), Settings(hidden=(16, 8)))
    for param, value in zip(agent.graph.params, weights.values()):
        param.set_value(value)
    other, total = History(catch.make(), 1), 0.0
    x, _ = other.reset(seed=4)
    for _ in range(9):
        x, reward, *_ = other.step(int(agent.forward(x[None])[0].argmax()))
        total += reward
    assert found[8][1].reward == total


def test_the_rally_is_drawn_with_its_rewards_and_four_screens():
    rewards = [0.0] * 5 + [1.0] + [0.0] * 3
    figure = draw_rally(list(played(rewards)), 0.0, ("left", "right"), 1.0)
    *screens, below = figure.axes
    assert [axes.get_title() for axes in screens] == [
        *("a: step 0", "b: step 1", "c: step 3", "d: step 5"),
    ]
    labels = [text.get_text() for text in below.texts]
    assert labels == ["reward +1 ", "a", "b", "c", "d"]
    value = {line.get_label(): line for line in below.lines}["the greatest: the value"]
    assert value.get_ydata().tolist() == list(range(9))


def test_a_rally_that_begins_with_a_lost_point_has_two_rewards():
    """The picture shows the last 60 steps only; other rewards are those unlike the first step's."""
    found, first = rally(played([0.0] * 40 + [-1.0] + [0.0] * 52 + [1.0] + [0.0] * 50))
    assert (first, found[0].reward) == (0, -1)
    below = draw_rally(found, first, ("left", "right"), 1.0).axes[-1]
    assert [text.get_text() for text in below.texts][:2] == ["reward -1 ", "reward +1 "]


@pytest.mark.slow  # needs scikit-learn
def test_both_pictures_are_written(folder, tmp_path, capsys, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(picture, "STATES", 120)
    assert main(["picture", str(folder), "--out", str(tmp_path / "new")]) == 0
    for name in ("rally.png", "states.png"):
        with Image.open(tmp_path / "new" / name) as image:
            assert image.width > 800 > image.height > 500
    assert "written: " in capsys.readouterr().out


def test_without_scikit_learn_a_line_says_what_is_missing(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    assert main(["picture", str(folder), "--out", str(tmp_path)]) == 0
    assert "no states.png: scikit-learn is not installed" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["rally.png"]


def test_pictures_of_an_agent_of_the_project_have_a_folder_of_their_own(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(picture, "folder_of", lambda *_: folder)
    monkeypatch.setattr(picture, "find_spec", lambda name: None)  # no t-SNE
    assert main(["picture", "--agent", "pong", "--quiet"]) == 0
    assert (tmp_path / "pong" / "rally.png").exists()
    assert not (folder / "rally.png").exists()
