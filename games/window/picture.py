"""What a game draws, and what an agent sees, as surfaces."""

import numpy as np
import pygame


def surfaces_of(rendered):
    """-> a list: a game may draw one picture or a list of them for each step."""
    pictures = rendered if isinstance(rendered, list) and rendered else [rendered]
    return [surface_of(picture) for picture in pictures]


def surface_of(picture):
    """picture (height, width) or (height, width, 1, 3 or 4) uint8: grey, RGB or RGBA."""
    array = isinstance(picture, np.ndarray)
    got = f"{picture.dtype} {picture.shape}" if array else f"{picture!r:.60}"
    fine = array and picture.dtype == np.uint8 and picture.ndim > 1 and picture.size > 0
    if not (fine and picture.shape[2:] in ((), (1,), (3,), (4,))):
        raise ValueError(f"render: expected a picture (height, width, 3) of uint8, got {got}")
    height, width = picture.shape[:2]
    colours = np.broadcast_to(picture.reshape(height, width, -1)[..., :3], (height, width, 3))
    return pygame.image.frombuffer(colours.tobytes(), (width, height), "RGB")


def frames_of(observation, palette):
    """-> the n > 1 frames of an observation (height, width, n) or (height, width, 3, n) uint8."""
    stack = np.asarray(observation)
    if stack.ndim not in (3, 4) or stack.dtype != np.uint8 or stack.shape[-1] == 1:
        return ()
    frames = np.moveaxis(stack, -1, 0)
    return tuple(map(surface_of, frames if stack.ndim == 4 else palette[frames]))
