"""The picture of a view: the board, and beside it a panel with Q-values, score and keys."""

import math
from functools import lru_cache

import numpy as np
import pygame

from games.catch import PADDLE, PALETTE, STAY

BACK, LINE, TRACK = (17, 20, 27), (44, 50, 62), (28, 33, 43)
TEXT, DIM = (228, 233, 240), (134, 145, 163)
AGENT, HAND, BAR = PALETTE[PADDLE], (255, 200, 124), (84, 98, 122)
GOOD, BAD = (116, 214, 152), (255, 118, 118)
FLAT_COLOURS = (BACK, LINE, TRACK, TEXT, DIM, AGENT, BAR, GOOD, BAD)

MARGIN, PANEL_WIDTH = 28, 292
LEAST_BOARD = 240, 480  # the room a board gets at least (width, height), for signs and panel
SMALL, NORMAL, LARGE = 18, 22, 30  # text heights
BARS_TOP, BAR_PITCH, BAR_HEIGHT = 64, 26, 14  # from the panel's top, in pixels
BAR_LEFT, BAR_RIGHT = 52, PANEL_WIDTH - 68  # the ends of the track, from the panel's left
FRAME_HEIGHT, GAP = 120, 12  # of the frames that the network sees, in pixels
ROOM = 1.25  # the track reaches to this many times the scale
NAMES, MINUS = ("left", "stay", "right"), "\N{MINUS SIGN}"
SIGNS = {
    "start": (TEXT, "press an arrow key", "to start"),
    "paused": (TEXT, "paused"),
    "caught": (GOOD, "caught"),
    "missed": (BAD, "missed"),
}


def draw(view):
    """The picture of a view: a new 24-bit surface, its size set by the board and by `seen`."""
    width = max(view.board.get_width(), LEAST_BOARD[0])
    height = max(view.board.get_height(), LEAST_BOARD[1])
    whole = pygame.Rect(0, 0, width + PANEL_WIDTH + 3 * MARGIN, height + 2 * MARGIN)
    if view.seen:
        whole.height += view.seen.get_height() + 2 * MARGIN
    surface = pygame.Surface(whole.size, depth=24)
    surface.fill(BACK)
    if view.seen:
        seen = view.seen.get_rect(left=MARGIN, bottom=whole.bottom - MARGIN)
        surface.blit(view.seen, seen)
        words = "what the network sees, the newest frame last"
        write(surface, words, DIM, NORMAL, midleft=(MARGIN, seen.top - MARGIN // 2))
    draw_board(surface, pygame.Rect(MARGIN, MARGIN, width, height), view)
    draw_panel(surface, pygame.Rect(width + 2 * MARGIN, MARGIN, PANEL_WIDTH, height), view)
    return surface


def side_by_side(frames):
    """frames (height, width, n) uint8, the newest last -> a surface of height FRAME_HEIGHT."""
    height, width, n = frames.shape
    size = max(1, width * FRAME_HEIGHT // height), FRAME_HEIGHT
    strip = pygame.Surface((n * size[0] + (n - 1) * GAP, FRAME_HEIGHT), depth=24)
    strip.fill(BACK)
    for i, frame in enumerate(np.moveaxis(frames, -1, 0)):
        picture = pygame.image.frombuffer(frame.tobytes(), (width, height), "P")
        picture.set_palette(PALETTE)
        strip.blit(pygame.transform.scale(picture, size), (i * (size[0] + GAP), 0))
    return strip


def draw_board(surface, room, view):
    board = view.board.get_rect(center=room.center)
    surface.blit(view.board, board)
    if view.grid >= 12:  # on smaller cells a grid would be all there is to see
        for x in range(board.left + view.grid, board.right, view.grid):
            pygame.draw.line(surface, TRACK, (x, board.top), (x, board.bottom - 1))
        for y in range(board.top + view.grid, board.bottom, view.grid):
            pygame.draw.line(surface, TRACK, (board.left, y), (board.right - 1, y))
    pygame.draw.rect(surface, LINE, board.inflate(4, 4), 2)
    if view.hint:
        draw_arrow(surface, (board.left + view.paddle, board.bottom + MARGIN // 2), view.marked)
    if view.sign:
        draw_sign(surface, board, room.center, view.sign)


def draw_sign(surface, board, centre, sign):
    colour, *lines = SIGNS[sign]
    if colour != TEXT:  # the end of an episode flashes
        wash = pygame.Surface(board.size, depth=24)
        wash.fill(colour)
        wash.set_alpha(48)
        surface.blit(wash, board)
        pygame.draw.rect(surface, colour, board.inflate(8, 8), 4)
    plate = pygame.Rect(0, 0, 200, 26 * len(lines) + 22)
    plate.center = centre
    pygame.draw.rect(surface, BACK, plate, border_radius=10)
    pygame.draw.rect(surface, colour, plate, 2, border_radius=10)
    size = LARGE if len(lines) == 1 else NORMAL
    for number, line in enumerate(lines):
        write(surface, line, colour, size, center=(plate.centerx, plate.top + 24 + 26 * number))


def draw_arrow(surface, centre, action):
    """What the agent would do, in the margin under the paddle."""
    x, y = centre
    if action == STAY:
        pygame.draw.circle(surface, AGENT, centre, 5)
    else:
        way = action - STAY
        pygame.draw.polygon(
            surface, AGENT, [(x + 9 * way, y), (x - 5 * way, y - 8), (x - 5 * way, y + 8)]
        )


def draw_panel(surface, panel, view):
    who, colour = ("you play", HAND) if view.by_hand else ("agent plays", AGENT)
    pygame.draw.circle(surface, colour, (panel.left + 7, panel.top + 10), 7)
    write(surface, who, colour, LARGE - 4, midleft=(panel.left + 24, panel.top + 11))
    speed = f"{view.speed:.0f} steps/s"
    write(surface, speed, DIM, NORMAL, midright=(panel.right, panel.top + 11))
    top = panel.top + 36
    if view.q_values is not None:
        draw_bars(surface, panel, view)
        top = panel.top + BARS_TOP + 3 * BAR_PITCH + 30
    draw_tally(surface, panel, top, view)
    draw_keys(surface, panel, view)


def draw_bars(surface, panel, view):
    left, right = panel.left + BAR_LEFT, panel.left + BAR_RIGHT
    top = panel.top + BARS_TOP
    zero, half = (left + right) // 2, (right - left) // 2
    # A diverged agent can be watched, too: nan has no bar, infinity is the largest float32.
    lengths = np.nan_to_num(np.array(view.q_values, np.float32)).astype(float)
    # Returns lie in -1..1, and the track has a quarter more, so that the scale does not jump when a
    # Q-value is a little above. Those far beyond double the scale, as often as it takes.
    scale = 2.0 ** math.ceil(math.log2(max(1.0, abs(lengths).max() / ROOM)))
    unit = round(half / ROOM)  # pixels
    write(surface, "Q-values", DIM, NORMAL, midleft=(panel.left, panel.top + BARS_TOP - 16))
    for action, (name, q, length) in enumerate(zip(NAMES, view.q_values, lengths / scale)):
        lit = action == view.marked
        track = pygame.Rect(left, top + action * BAR_PITCH, 2 * half, BAR_HEIGHT)
        bar = pygame.Rect(zero, track.top, round(unit * length), BAR_HEIGHT)
        bar.normalize()
        pygame.draw.rect(surface, TRACK, track)
        pygame.draw.rect(surface, AGENT if lit else BAR, bar)
        colour = AGENT if lit else TEXT
        digits = "+.2f" if abs(q) < 100 else "+.0f" if abs(q) < 10_000 else "+.0e"
        write(surface, name, colour, NORMAL, midleft=(panel.left, track.centery))
        write(
            surface, minus(f"{q:{digits}}"), colour, NORMAL, midright=(panel.right, track.centery)
        )
    bottom = top + 3 * BAR_PITCH - 6
    pygame.draw.line(surface, DIM, (zero, top - 4), (zero, bottom))
    for x, mark in ((zero - unit, -scale), (zero, 0), (zero + unit, scale)):
        write(surface, minus(f"{mark:g}"), DIM, SMALL, midtop=(x, bottom + 4))


def draw_tally(surface, panel, top, view):
    tally = view.tally
    rate = f"{tally.caught / tally.episodes:.0%}" if tally.episodes else MINUS
    rows = (
        ("return", minus(f"{view.episode_return:+g}" if view.episode_return else "0")),
        ("score", minus(f"{tally.score:g}")),
        ("episodes", f"{tally.episodes}"),
        ("catch rate", rate),
        ("streak", f"{tally.streak}"),
        ("best streak", f"{tally.best_streak}"),
    )
    pygame.draw.line(surface, LINE, (panel.left, top), (panel.right - 1, top))
    for number, (name, value) in enumerate(rows):
        y = top + 22 + 24 * number
        write(surface, name, DIM, NORMAL, midleft=(panel.left, y))
        write(surface, value, TEXT, NORMAL + 3, midright=(panel.right, y))


def draw_keys(surface, panel, view):
    keys = [
        ("arrows", "move"),
        ("P", "pause"),
        (f"+ {MINUS}", "speed"),
        ("S", "screenshot"),
        ("Esc", "leave"),
    ]
    if view.q_values is not None:
        keys[1:1] = [("M", "give back" if view.by_hand else "take over"), ("H", "hint")]
    rows = math.ceil(len(keys) / 2)
    top = panel.bottom - 26 * rows - 22
    pygame.draw.line(surface, LINE, (panel.left, top - 12), (panel.right - 1, top - 12))
    for number, (key, deed) in enumerate(keys):
        column, row = divmod(number, rows)
        left, y = panel.left + column * panel.width // 2, top + 26 * row + 12
        cap = pygame.Rect(left, y - 10, 30 if len(key) < 4 else 58, 21)
        pygame.draw.rect(surface, TRACK, cap, border_radius=4)
        pygame.draw.rect(surface, LINE, cap, 1, border_radius=4)
        write(surface, key, TEXT, SMALL, center=cap.center)
        write(surface, deed, DIM, NORMAL, midleft=(cap.right + 8, y))
    write(surface, view.message, HAND, SMALL, bottomleft=(panel.left, panel.bottom + 4))


def minus(number):
    return number.replace("-", MINUS)


def write(surface, words, colour, height, **place):
    image = text(words, colour, height)
    surface.blit(image, image.get_rect(**place))


@lru_cache(500)
def text(words, colour, height):
    pygame.font.init()  # the fonts alone: no sound, no joysticks
    # Half of twice the size: letters as smooth and evenly spaced as so small a font can be.
    twice = pygame.font.Font(None, 2 * height).render(words, True, colour)
    return pygame.transform.smoothscale_by(twice, 0.5)
