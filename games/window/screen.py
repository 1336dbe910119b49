"""The one window, on the screen, or in memory if there is none."""

import os
import sys
import tempfile

import pygame

from games.window.canvas import fitting

# SDL reads these when a display starts. Windows itself must not enlarge the window: that blurs it.
os.environ.setdefault("SDL_WINDOWS_DPI_AWARENESS", "permonitorv2")
# Without this folder, the library of Wayland prints an error, even where nobody uses Wayland.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())

COMFORTABLE = 0.8  # the most of the screen's width and height that a new window takes


def has_screen():
    """-> whether a user can see a window. Opens the display, to find out."""
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not named:
        return False
    try:
        pygame.display.init()
        # SDL chooses these drivers by itself if the named display does not answer.
        return pygame.display.get_driver() not in ("dummy", "offscreen")
    except pygame.error:
        return False


def opened(size, title):
    """Opens the window for a picture of this size, enlarged to suit the screen."""
    if not has_screen():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    pygame.display.set_caption(title)
    icon = pygame.Surface((32, 32))  # the ball above the paddle
    icon.fill((28, 33, 43))
    icon.fill((255, 255, 255), (13, 5, 7, 7))
    icon.fill((140, 206, 255), (6, 23, 20, 5))
    pygame.display.set_icon(icon)
    scale = fitting(size, [COMFORTABLE * side for side in pygame.display.get_desktop_sizes()[0]])
    pygame.display.set_mode([round(scale * side) for side in size], pygame.RESIZABLE)
