"""Watching and playing: a window on a game, its screenshots, and the same as an animated GIF.

Keys and seconds -> `Game` (control.py) -> `View` -> `draw` (panel.py), at the window's size.
"""

import math
import os
import re
from contextlib import suppress
from itertools import count
from pathlib import Path

import pygame
from PIL import Image
from tqdm import tqdm

from games.window import screen
from games.window.control import Game
from games.window.panel import draw

CLOSING = "window: Esc closes it"
MESSAGE_SECONDS = 2.5
GIF_SPEED = 25  # most frames per second
GIF_END = 1000  # milliseconds for the final frame of an episode
BAR = "{l_bar}{bar}| {remaining} left"  # of the progress of a GIF, on a terminal


def show(env, q_values=None, *, title=None, screenshots="."):
    """Opens the window and runs until Esc, or until it is closed; -> the `Tally` that it shows.

    `env` has discrete actions and render_mode="rgb_array". The agent plays greedily by `q_values`;
    M takes over by hand and gives back. Without `q_values` a person plays alone. F12 saves the
    picture into the folder `screenshots`, as catch-0001.png and so on. This name comes from the
    `title`, which is the game's own name if you give none.
    """
    game, drawn = Game(env, q_values), None
    title = title or (env.spec.name if env.spec else type(env.unwrapped).__name__)
    clock, message, age = pygame.time.Clock(), "", 0.0
    try:
        screen.opened(draw(game.view()).get_size(), title)
        while True:
            view = game.view()._replace(message=message if age < MESSAGE_SECONDS else "")
            surface = pygame.display.get_surface()
            size = surface.get_size()
            if (view, size) != drawn:
                surface.blit(draw(view, size), (0, 0))
                pygame.display.flip()
                drawn = view, size
            seconds = clock.tick(game.fastest) / 1000
            age += seconds
            for event in pygame.event.get():
                pressed = event.key if event.type == pygame.KEYDOWN else None
                if event.type == pygame.QUIT or pressed == pygame.K_ESCAPE:
                    return view.tally
                if pressed in game.own["screenshot"]:
                    message, age = save(draw(game.view(), size), screenshots, title), 0.0
                elif pressed:
                    game.press(pressed)
                elif event.type == pygame.KEYUP:
                    game.release(event.key)
                elif event.type == pygame.WINDOWEXPOSED:
                    drawn = None  # another window covered this one: draw it again
            game.advance(seconds)
    finally:
        pygame.display.quit()


def save(picture, folder, title):
    """Writes the picture to the first free catch-0001.png, catch-0002.png, ...; -> a message."""
    name_of_game = re.sub(r"\W+", "-", title.lower())
    part = Path(folder, f".{name_of_game}.{os.getpid()}")
    paths = (part.with_name(f"{name_of_game}-{number:04}.png") for number in count(1))
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            pygame.image.save(picture, file, "png")
        path = part.rename(next(path for path in paths if not path.exists()))
        return f"saved {path.name}"
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        return f"not saved: {error.strerror}"


def record(env, q_values, file, seconds=20, quiet=False):
    """Writes an animated GIF of the agent's next `seconds` into an open file; needs no screen."""
    with tqdm(total=seconds, leave=False, disable=quiet or None, bar_format=BAR) as bar:

        def pictures():
            size = None  # of the first picture; those of the game may change
            for view, milliseconds in scenes(Game(env, q_values), seconds):
                surface = draw(view._replace(keys=()), size)
                pixels, size = pygame.surfarray.pixels3d(surface), surface.get_size()
                picture = Image.fromarray(pixels.swapaxes(0, 1)).quantize()
                picture.info["duration"] = milliseconds
                yield picture
                bar.update(min(milliseconds / 1000, seconds - bar.n))

        first = next(others := pictures())
        first.save(file, "GIF", save_all=True, append_images=others, loop=0)


def scenes(game, seconds):
    """Yields views for so many seconds, each with its milliseconds; a fast game skips steps."""
    speed = game.speeds[False]
    every = math.ceil(speed / GIF_SPEED)
    # A GIF counts hundredths of a second. A slow game has the same number for each step, a fast
    # game its true speed: the next frame makes up for what rounding costs.
    hundredths = 100 / speed if every > 1 else round(100 / speed)
    step = shown = 0
    while shown < 1000 * seconds:
        view, begun, milliseconds = game.view(newest=True), step, GIF_END
        if not game.over:
            while step < begun + every and not game.over:
                game.step()
                step += 1
            milliseconds = 10 * (round(step * hundredths) - round(begun * hundredths))
        elif shown + GIF_END >= 750 * seconds:
            seconds = 0  # the last view: an episode has ended in the last quarter of the time
        else:
            game.step()  # the start of the next episode
        yield view, milliseconds
        shown += milliseconds
