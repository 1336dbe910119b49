"""Tests run without a screen, and say by themselves when they want one."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)


@pytest.fixture
def uncompiled():
    """Runs of this process are ready at once: see `tests.plain`."""
    from tests.plain import uncompiled

    with uncompiled():
        yield
