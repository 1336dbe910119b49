"""Tests run without a screen, and say by themselves when they want one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)
