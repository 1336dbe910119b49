"""Tests run without a screen, except those that set one up."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)


@pytest.fixture
def uncompiled():
    """Runs in this process need no compiling: see `tests.plain`."""
    from tests.plain import uncompiled

    with uncompiled():
        yield


@pytest.fixture(autouse=True)
def no_modules_of_other_tests():
    """What one test names on its command line, the next does not know."""
    from dqn_symbolic.environments.any_game import NAMED

    yield
    NAMED.clear()
