"""A run announces a large replay memory, and is refused if the machine has less memory left."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium.spaces import Box

from dqn_symbolic.__main__ import main
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.memory import ReplayMemory
from dqn_symbolic.runs import machine
from dqn_symbolic.runs.machine import expect_room
from dqn_symbolic.settings import Settings

GB = 10**9
SHORT = ["--steps", "3", "--evaluation-episodes", "1"]
PIXELS = Box(0, 255, (84, 84), np.uint8)
# Bytes of a frame, its age, action, reward and discount, and an entry in `valid`; 4 slots more.
MILLION = (84 * 84 + 4 * 4 + 8) * 1_000_004


@pytest.fixture
def set_memory_left(monkeypatch):
    """-> a function that sets how many bytes are available."""

    def set_size(size):
        left = SimpleNamespace(available=size)
        monkeypatch.setattr(machine, "psutil", SimpleNamespace(virtual_memory=lambda: left))

    return set_size


def line_about(space, settings):
    task = SimpleNamespace(frames=space)
    run = SimpleNamespace(task=task, settings=settings, say=lambda line: None)
    expect_room(run)
    return run.memory


def test_the_line_about_a_memory(set_memory_left):
    set_memory_left(MILLION)
    settings = Settings(memory_size=1_000_000, history=4)
    line = "replay memory: 1,000,000 frames of 84 x 84: 7.1 GB"
    assert line_about(PIXELS, settings) == line
    floats = Box(-1, 1, (3_000,), np.float32)
    line = "replay memory: 1,000,000 frames of 3000: 12.0 GB"
    set_memory_left(13 * GB)
    assert line_about(floats, settings) == line


def test_the_size_counts_frames_and_their_numbers(set_memory_left):
    sizes = (140_000, 142_000)
    cases = [(n, PIXELS, 1, (n + 1) * (84 * 84 + 4 + 4 + 4 + 4 + 8)) for n in sizes]
    for shape, dtype in (((84, 84, 4), np.uint8), ((7, 2), np.float32)):
        memory = ReplayMemory(50, shape, dtype)
        *frame, history = shape
        needed = sum(array.nbytes for array in [*memory.rings.values(), memory.valid])
        cases.append((50, Box(0, 1, frame, dtype), history, needed))
    for size, space, history, needed in cases:
        settings = Settings(memory_size=size, history=history)
        set_memory_left(needed)
        line_about(space, settings)
        set_memory_left(needed - 1)
        with pytest.raises(BadInput):
            line_about(space, settings)


def test_a_memory_that_does_not_fit_is_refused(set_memory_left):
    set_memory_left(MILLION - 1)
    with pytest.raises(BadInput, match="--memory-size sets the number") as refusal:
        line_about(PIXELS, Settings(memory_size=1_000_000, history=4))
    assert "1,000,000 frames of 84 x 84: 7.1 GB, but only 7.1 GB are avail" in str(refusal.value)


@pytest.mark.usefixtures("uncompiled")
def test_a_run_announces_or_refuses_the_memory_before_it_compiles(set_memory_left, tmp_path, capfd):
    run, other = tmp_path / "run", tmp_path / "other"
    size = ["--memory-size", "30000000"]  # 1.2 GB, of which a short run uses almost nothing
    start = ["train", "--game", "CartPole-v1", "--no-window", *size, *SHORT, "--out"]
    set_memory_left(2 * GB)
    assert main([*start, str(run)]) == 0
    first, second, *_ = capfd.readouterr().out.splitlines()
    assert first == "replay memory: 30,000,000 frames of 4: 1.2 GB"
    assert second.startswith("building the graph")
    set_memory_left(1 * GB)
    for command in ([*start, str(other)], ["train", "--resume", str(run), "--steps", "9999"]):
        assert main(command) == 2
        assert capfd.readouterr() == (
            "",
            "dqn_symbolic: replay memory: 30,000,000 frames of 4: 1.2 GB, but only 1.0 GB are"
            " available here; --memory-size sets the number of frames\n",
        )
    assert os.listdir(tmp_path) == ["run"]
