"""Memory, step time, open files and windows do not grow with the length of a run."""

import sys
import time

import pygame
import pytest

import games.window.screen
from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.settings import Settings
from games.catch import Catch
from run_catch import main
from tests.benchmarks.long_run import descriptors, resident
from tests.plain import uncompiled

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_memory_and_step_time_do_not_grow():
    """The bound is 50 bytes a step, the size of the smallest object that a step could leak."""
    # These settings have the default graph, which other tests have compiled already.
    settings = Settings(batch_size=4, memory_size=500, warm_up=100)
    agent = Agent(Catch(), settings)
    score = scorer(task("games:Catch-v0"), agent)

    def memory_after(steps):
        for step in range(steps):
            agent.step()
            if step % 1_000 == 0:
                score()
                agent.get_state()
        return resident()

    before = memory_after(4_000)
    begin = time.process_time()
    halfway = memory_after(6_000)
    half = time.process_time() - begin
    assert memory_after(6_000) - before < 50 * 12_000, halfway
    assert agent.steps == 16_000
    # Processor time of this process: the load of the machine makes no difference.
    assert time.process_time() - begin < 2 * half + 2 * half


@pytest.fixture
def closed_at_once(monkeypatch):
    """Windows are closed in their first frame. -> a list with an entry for each opened window."""
    opened, set_mode = [], pygame.display.set_mode

    class Clock:
        def tick(self, frames_per_second):
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            return 50

    def recording_set_mode(*size):
        opened.append(size)
        return set_mode(*size)

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(games.window.screen, "has_screen", lambda: True)
    monkeypatch.setattr(pygame.time, "Clock", Clock)
    monkeypatch.setattr(pygame.display, "set_mode", recording_set_mode)
    return opened


def test_no_file_or_window_stays_open(closed_at_once, tmp_path):
    """Three trainings in one process, each with a picture and a window afterwards."""
    with uncompiled():
        assert_nothing_stays_open(3, closed_at_once, tmp_path)


@pytest.mark.slow
def test_no_file_or_window_stays_open_after_25_compiled_trainings(closed_at_once, tmp_path):
    assert_nothing_stays_open(25, closed_at_once, tmp_path)


def assert_nothing_stays_open(trainings, closed_at_once, tmp_path):
    small = ["--steps", "60", "--quiet", "--hidden", "8", "--warm-up", "50"]
    open_files = []
    for number in range(trainings):
        assert main(["--out", str(tmp_path / str(number)), *small]) == 0
        assert not pygame.display.get_init()
        open_files.append(descriptors())
    assert len(closed_at_once) == trainings
    assert open_files[1:] == open_files[1:2] * (trainings - 1)
