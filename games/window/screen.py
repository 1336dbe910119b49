"""The one window, on the screen, or in memory if there is none."""

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


def show_picture(picture, title):
    """Shows a surface in the window, which opens if none of this size is open."""
    window = pygame.display.get_surface()
    if window is None or window.get_size() != picture.get_size():
        if not has_screen():
            os.environ["SDL_VIDEODRIVER"] = "dummy"
        pygame.display.init()
        pygame.display.set_caption(title)
        window = pygame.display.set_mode(picture.get_size())
    window.blit(picture, (0, 0))
    pygame.display.flip()
