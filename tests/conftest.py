"""Tests run without a screen, except those that set one up."""

import os

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # seconds depend on the machine's load
settings.load_profile("busy")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)


@pytest.fixture
def uncompiled():
    """Runs in this process need no compiling, and draw no learning curve: see `tests.plain`."""
    from dqn_symbolic.runs.run import Run
    from tests.plain import uncompiled

    with uncompiled(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "draw", lambda run: None)
        yield


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch):
    """The tests of this process do not wait for the disk, which would take most of their time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(autouse=True)
def no_modules_of_other_tests():
    """What one test names on its command line, the next does not know."""
    from dqn_symbolic.environments.any_game import NAMED

    yield
    NAMED.clear()
