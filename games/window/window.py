"""Watching and playing: a window on a game, its screenshots, and the same as an animated GIF.

Data flows one way: keys and seconds -> `Game` (games/window/control.py) -> `View` -> `draw`
(games/window/panel.py).
"""

import os
from collections import Counter
from itertools import count
from pathlib import Path

import pygame
from PIL import Image

from games.catch import BACKGROUND, BALL, PALETTE
from games.window import panel
from games.window.control import Game
from games.window.panel import draw
from games.window.screen import open_screen

FRAMES_PER_SECOND = 60  # of the window; the game itself steps at its own, slower speed
MESSAGE_SECONDS = 2.5
GIF_STEP, GIF_END = 120, 1000  # milliseconds a frame, and the final frame of an episode


def show(env, q_values=None, *, screenshots="."):
    """Opens the window and runs until Esc, or until it is closed; -> `Tally`.

    The agent plays greedily by `q_values`; M takes over by hand and gives back. Without `q_values`
    a person plays alone. S saves the picture into the folder `screenshots`, as catch-0001.png and
    so on. `env` is a `Catch`, or a wrapper around one.
    """
    game = Game(env, q_values)
    window = open_screen(draw(game.view()).get_size(), "Catch")
    clock, shown = pygame.time.Clock(), None
    message, message_seconds = "", 0.0
    try:
        while True:
            seconds = clock.tick(FRAMES_PER_SECOND) / 1000
            for event in pygame.event.get():
                leaves = event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE
                if leaves or event.type == pygame.QUIT:
                    return game.tally
                if event.type == pygame.KEYDOWN and event.key == pygame.K_s:
                    message, message_seconds = save(game.view(), screenshots), 0.0
                elif event.type == pygame.KEYDOWN:
                    game.press(event.key)
                elif event.type == pygame.KEYUP:
                    game.release(event.key)
                elif event.type == pygame.WINDOWEXPOSED:
                    shown = None  # another window covered this one: draw it again
            game.advance(seconds)
            message_seconds += seconds
            view = game.view()
            if message_seconds < MESSAGE_SECONDS:
                view = view._replace(message=message)
            if view != shown:
                window.blit(draw(view), (0, 0))
                pygame.display.flip()
                shown = view
    finally:
        pygame.display.quit()


def save(view, folder):
    """Writes the picture to the first free catch-0001.png, catch-0002.png, ...; -> a message."""
    try:
        os.makedirs(folder, exist_ok=True)
        for number in count(1):
            name = f"catch-{number:04}.png"
            try:
                with open(Path(folder, name), "xb") as file:
                    to_image(view).save(file, "PNG")
                return f"saved {name}"
            except FileExistsError:
                pass
    except OSError as error:
        return f"not saved: {error.strerror}"


def record(env, q_values, path, episodes=5):
    """Writes the agent's next `episodes` as an animated GIF, without a screen; -> frames.

    The file appears whole or not at all. Raises OSError where it cannot be written.
    """
    game, path = Game(env, q_values), Path(path)
    palette = gif_palette(game.view())
    frames, durations = [], []  # durations in milliseconds
    for view in views(game, episodes):
        frames.append(to_image(view).quantize(palette=palette, dither=Image.Dither.NONE))
        durations.append(GIF_END if view.sign else GIF_STEP)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        frames[0].save(
            part,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
        )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return len(frames)


def views(game, episodes):
    """The views of the next `episodes` (at least 1), one a step."""
    yield game.view()
    while game.tally.episodes < episodes:
        game.step()
        yield game.view()


def gif_palette(view):
    """64 colours: the flat ones, then the commonest of the letters' edges. More only cost bytes."""
    edges = Counter()
    for sign in ("", "caught", "missed"):
        image = to_image(view._replace(sign=sign))
        edges.update({colour: n for n, colour in image.getcolors(image.width * image.height)})
    flat = (*panel.FLAT_COLOURS, PALETTE[BACKGROUND], PALETTE[BALL])
    colours = list(dict.fromkeys((*flat, *(colour for colour, _ in edges.most_common()))))[:64]
    palette = Image.new("P", (1, 1))
    palette.putpalette(bytes(level for colour in colours for level in colour))
    return palette


def to_image(view):
    surface = draw(view)
    return Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))
