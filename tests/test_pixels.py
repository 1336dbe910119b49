"""Learning from pixels: 84 x 84, a drifting ball and four frames, on a small board to save time."""

import json

import pytest
from PIL import Image

from dqn_symbolic.agent import Agent
from dqn_symbolic.settings import PRESETS, Settings
from games.catch import Catch
from run_catch import main
from tests.test_agent import bits, saved_state

pytestmark = pytest.mark.slow

QUICK = ["--warm-up=500", "--epsilon-steps=500", "--evaluate-every=250"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "pixels"
    options = [option for setting in QUICK for option in setting.split("=")]
    board = ["--rows", "6", "--columns", "6", "--steps", "4000"]
    assert main(["--pixels", *board, *options, "--out", str(folder), "--quiet"]) == 0
    return folder


def test_the_agent_solves_catch_from_pixels(trained):
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["settings"]["game"]["pixels"] == 84
    assert summary["settings"]["game"]["drift"] is True
    assert summary["settings"]["history"] == 4
    assert summary["starts"] == 6 * 4 * 3
    assert summary["catch_rate"] == 1
    assert summary["solved"] is True


def test_the_window_shows_the_four_frames(trained, tmp_path):
    assert main(["watch", str(trained), "--gif", str(tmp_path / "a.gif")]) == 0
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 10 * 6
        assert animation.height > animation.width * 0.75  # a strip below the board


def pixels(steps):
    settings = Settings(**{**PRESETS["pixels"], "warm_up": 40, "memory_size": 100})
    agent = Agent(Catch(drift=True, pixels=84), settings)
    for _ in range(steps):
        agent.step()
    return agent


def test_pixel_runs_have_the_same_bits_twice_and_when_resumed():
    uninterrupted, stopped, resumed = pixels(60), pixels(45), pixels(0)
    resumed.set_state(*saved_state(stopped))
    for _ in range(15):
        stopped.step()
        resumed.step()
    assert bits(uninterrupted) == bits(stopped) == bits(resumed)
    assert uninterrupted.updates == 21
