"""Finds out if there is a screen, and opens a window on it, or in memory if there is none."""

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
        # SDL chooses these drivers by itself if the named display does not answer.
        return pygame.display.get_driver() not in ("dummy", "offscreen")
    except pygame.error:
        return False
    finally:
        if not was_open:
            pygame.display.quit()


def open_screen(size, title):
    """-> a window of `size` (width, height) pixels; without a screen, it is only in memory."""
    if not has_screen():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
    pygame.display.init()
    pygame.display.set_caption(title)
    return pygame.display.set_mode(size)
