"""Is there a screen? And a window on it; without one, the same window in memory."""

import os
import sys

import pygame


def has_screen():
    """-> whether a user can see a window."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    was_open = pygame.display.get_init()
    try:
        pygame.display.init()
        # SDL turns to these drivers by itself where the named display does not answer.
        return pygame.display.get_driver() not in ("dummy", "offscreen")
    except pygame.error:
        return False
    finally:
        if not was_open:
            pygame.display.quit()


def open_screen(size, title):
    """A window of `size` (width, height) pixels; drawn in memory only where there is no screen."""
    if not has_screen():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    pygame.display.set_caption(title)
    return pygame.display.set_mode(size)
