"""Nothing grows, however long it goes on: neither memory, nor open files, nor windows."""

import sys
import time

import pygame
import pytest

import games.window.screen
from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from games.catch import Catch
from run_catch import main
from tests.benchmarks.long_run import descriptors, resident

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_the_memory_of_the_process_is_flat():
    """50 bytes a step, the smallest object that could be forgotten, would be over the bound."""
    # The default graph, which other tests have compiled.
    settings = Settings(batch_size=4, memory_size=500, warm_up=100)
    agent = Agent(Catch(), settings).compile()
    score = scorer(task("games:Catch-v0"), agent)

    def steps(number):
        for step in range(number):
            agent.step()
            if step % 1_000 == 0:
                score()
                agent.get_state()
        return resident()

    before = steps(4_000)
    since = time.process_time()
    memory_after_half = steps(6_000)
    half = time.process_time() - since
    assert steps(6_000) - before < 50 * 12_000, memory_after_half
    assert agent.steps == 16_000
    # Nor does a step take longer: seconds of this process alone, whatever else the machine does.
    assert time.process_time() - since < 2 * half + 2 * half


@pytest.fixture
def closed_at_once(monkeypatch):
    """A screen, and a window that its user closes in its first frame. -> the windows opened."""
    opened, set_mode = [], pygame.display.set_mode

    class Clock:
        def tick(self, frames_per_second):
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            return 50

    def counting(*size):
        opened.append(size)
        return set_mode(*size)

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(games.window.screen, "has_screen", lambda: True)
    monkeypatch.setattr(pygame.time, "Clock", Clock)
    monkeypatch.setattr(pygame.display, "set_mode", counting)
    return opened


@pytest.mark.usefixtures("uncompiled")
def test_no_file_and_no_window_stays_open(closed_at_once, tmp_path):
    """Trained, then played in a window, again and again in one process."""
    stays_as_it_is(3, closed_at_once, tmp_path)


@pytest.mark.slow
def test_nor_of_a_hundred_trainings_that_are_compiled(closed_at_once, tmp_path):
    stays_as_it_is(100, closed_at_once, tmp_path)


def stays_as_it_is(trainings, closed_at_once, tmp_path):
    small = ["--steps", "60", "--quiet", "--hidden", "8", "--warm-up", "50"]
    found = []
    for number in range(trainings):
        assert main(["--out", str(tmp_path / str(number)), *small]) == 0
        assert not pygame.display.get_init()
        found.append(descriptors())
    assert len(closed_at_once) == trainings
    assert found[1:] == found[1:2] * (trainings - 1)
