"""Watching and playing: a window on a game, its screenshots, and the same as an animated GIF.

Data flows one way: keys and seconds -> `Game` (games/window/control.py) -> `View` -> `draw`
(games/window/panel.py).
"""

import math
import os
import re
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import numpy as np
import pygame
from PIL import Image

from games.window.control import Game
from games.window.gif import write_gif
from games.window.panel import draw
from games.window.screen import show_picture

MESSAGE_SECONDS = 2.5
GIF_SPEED, GIF_SECONDS = 25, 60  # most frames per second, and most seconds of play
GIF_END = 1000  # milliseconds for the final frame of an episode


def show(env, q_values=None, *, title=None, screenshots="."):
    """Opens the window and runs until Esc, or until it is closed; -> `Tally`.

    `env` has discrete actions and render_mode="rgb_array". The agent plays greedily by `q_values`;
    M takes over by hand and gives back. Without `q_values` a person plays alone. S (F12 in a game
    that uses S) saves the picture into the folder `screenshots`, as catch-0001.png and so on. This
    name comes from the `title`, which is the game's own name if you give none.
    """
    game, drawn = Game(env, q_values), None
    title = title or (env.spec.name if env.spec else type(env.unwrapped).__name__)
    clock, message, message_seconds = pygame.time.Clock(), "", 0.0
    try:
        while True:
            view = game.view()
            if message_seconds < MESSAGE_SECONDS:
                view = view._replace(message=message)
            if view != drawn:
                show_picture(draw(view), title)
                drawn = view
            seconds = clock.tick(game.fastest) / 1000
            message_seconds += seconds
            for event in pygame.event.get():
                leaves = event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE
                if leaves or event.type == pygame.QUIT:
                    return game.tally
                if event.type == pygame.KEYDOWN and event.key in game.own["screenshot"]:
                    message, message_seconds = save(game.view(), screenshots, title), 0.0
                elif event.type == pygame.KEYDOWN:
                    game.press(event.key)
                elif event.type == pygame.KEYUP:
                    game.release(event.key)
                elif event.type == pygame.WINDOWEXPOSED:
                    drawn = None  # another window covered this one: draw it again
            game.advance(seconds)
    finally:
        pygame.display.quit()


def save(view, folder, title):
    """Writes the picture to the first free catch-0001.png, catch-0002.png, ...; -> a message."""
    name_of_game = re.sub(r"\W+", "-", title.lower())
    paths = (Path(folder, f"{name_of_game}-{number:04}.png") for number in count(1))
    try:
        os.makedirs(folder, exist_ok=True)
        path = next(path for path in paths if not path.exists())
        with whole_file(path) as file:
            to_image(view).save(file, "PNG")
        return f"saved {path.name}"
    except OSError as error:
        return f"not saved: {error.strerror}"


def record(env, q_values, path, episodes=5):
    """Writes the agent's next `episodes`, or a minute of them, as an animated GIF; -> frames.

    It needs no screen. Raises OSError if the file is not writable.
    """
    views = scenes(Game(env, q_values), episodes)
    with whole_file(Path(path)) as file:
        return write_gif(file, ((np.asarray(to_image(view)), ms) for view, ms in views))


@contextmanager
def whole_file(path):
    """-> a file to write to. It appears under its path whole, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        if error.filename not in (None, str(part)):
            raise  # the game's own
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            part.unlink()


def scenes(game, episodes):
    """Yields views of the next `episodes`, each with its milliseconds; a fast game skips steps."""
    speed = game.speeds[False]
    every = math.ceil(speed / GIF_SPEED)
    # A GIF counts hundredths of a second. A slow game has the same number for each step, a fast
    # game its true speed: the next frame makes up for what rounding costs.
    hundredths = 100 / speed if every > 1 else round(100 / speed)
    step, last = 0, round(GIF_SECONDS * speed)
    while True:
        view, begun = game.view(newest=True), step
        finished = step >= last or (game.over and game.tally.episodes >= episodes)
        if finished or game.over:
            yield view, GIF_END
            if finished:
                return
            game.step()  # the start of the next episode
        else:
            while step < begun + every and not game.over:
                game.step()
                step += 1
            yield view, 10 * (round(step * hundredths) - round(begun * hundredths))


def to_image(view):
    surface = draw(view)
    return Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))
