"""The picture of a view: the game, and a panel with Q-values, score and keys; in canvas units."""

import math

import numpy as np
import pygame

from games.window.canvas import Canvas, fitting

BACK, LINE, TRACK = (17, 20, 27), (44, 50, 62), (28, 33, 43)
TEXT, DIM = (228, 233, 240), (134, 145, 163)
AGENT, HAND, BAR = (140, 206, 255), (255, 200, 124), (84, 98, 122)
GOOD, BAD = (116, 214, 152), (255, 118, 118)
VERDICTS = {0: TEXT, 1: GOOD, -1: BAD}

MARGIN, PANEL_WIDTH = 28, 292
LEAST_BOARD = 240, 480  # the smallest room for a board (width, height), for signs and panel
BOARD, MOST_BOARD = 480, 720  # a board's longer side: small pictures grow to about 480; at most
SMALL, NORMAL, LARGE, LONG_SIGN = 18, 22, 30, 20  # text heights; a sign of so many letters
BARS_TOP, BAR_PITCH = 64, 22  # from the panel's top, from bar to bar
BAR_LEFT, BAR_RIGHT = 52, PANEL_WIDTH - 68  # the ends of the track, from the panel's left
MOST_NAME = 100  # the longest name of an action; a longer one is squeezed
TALLY_PITCH, KEY_PITCH = 22, 26
GAP = 0.1  # between two frames that the agent sees, by the distance from one to the next
MINUS = "\N{MINUS SIGN}"


def draw(view, size=None):
    """The picture of a view: a new 24-bit surface, as large as `size` (pixels), or at scale 1."""
    board = pygame.Rect((0, 0), board_size(view))
    tally, keys = TALLY_PITCH * len(tally_rows(view)), KEY_PITCH * math.ceil(len(view.keys) / 2)
    height = max(board.height, LEAST_BOARD[1], tally_top(view) + tally + keys + 50)
    room = pygame.Rect(MARGIN, MARGIN, max(board.width, LEAST_BOARD[0]), height)
    panel = pygame.Rect(room.right + MARGIN, MARGIN, PANEL_WIDTH, height)
    board.center = room.center
    frames = frames_below(room, view.seen)
    whole = panel.right + MARGIN, round((frames or [room])[0].bottom) + MARGIN

    surface = pygame.Surface(size or whole, depth=24)
    surface.fill(BACK)
    scale = fitting(whole, surface.get_size())
    middle = pygame.Rect(0, 0, *(round(scale * length) for length in whole))
    middle.center = surface.get_rect().center
    canvas = Canvas(surface.subsurface(middle.clip(surface.get_rect())), scale)
    draw_board(canvas, room, board, view)
    draw_panel(canvas, panel, view)
    for picture, frame in zip(view.seen, frames):
        canvas.picture(picture, frame)
    if frames:
        words = "what the agent sees, the newest frame last"
        canvas.write(words, DIM, NORMAL, midleft=(room.left, frames[0].top - MARGIN // 2))
    return surface


def board_size(view):
    """-> (width, height) of the board, which shows a small picture enlarged by a whole factor."""
    width, height = view.board.get_size()
    width *= view.aspect
    longer = max(width, height)
    factor = MOST_BOARD / longer if longer > MOST_BOARD else max(1, round(BOARD / longer))
    return max(1, round(width * factor)), max(1, round(height * factor))


def frames_below(room, seen):
    """-> the place of each frame that the agent sees, from the left end of the room to its right"""
    pitch = room.width / (len(seen) - GAP)
    width, top = pitch * (1 - GAP), room.bottom + 2 * MARGIN
    return [
        pygame.FRect(room.left + i * pitch, top, width, width * frame.height / frame.width)
        for i, frame in enumerate(seen)
    ]


def tally_top(view):
    return 36 if view.q_values is None else BARS_TOP + len(view.q_values) * BAR_PITCH + 30


def draw_board(canvas, room, board, view):
    colour = VERDICTS[view.verdict]
    canvas.picture(view.board, board)
    canvas.rect(LINE, board.inflate(4, 4), border=2)
    if view.verdict:
        canvas.rect(colour, board.inflate(8, 8), border=4)
    if view.hint:
        place = room.centerx, max(board.bottom, room.centery + 40) + MARGIN // 2  # below a sign
        canvas.write(view.names[view.marked], AGENT, NORMAL, room.width, center=place)
    if view.sign:
        size = LARGE if len(view.sign) < LONG_SIGN else NORMAL
        plate = pygame.Rect(0, 0, max(200, canvas.width(view.sign, size) + 32), 48)
        plate.center = room.center
        canvas.rect(BACK, plate, radius=10)
        canvas.rect(colour, plate, border=2, radius=10)
        canvas.write(view.sign, colour, size, center=plate.center)


def draw_panel(canvas, panel, view):
    who, colour = ("you play", HAND) if view.by_hand else ("agent plays", AGENT)
    canvas.rect(colour, (panel.left, panel.top + 3, 14, 14), radius=7)
    canvas.write(who, colour, LARGE - 4, midleft=(panel.left + 24, panel.top + 11))
    canvas.write(f"{view.speed:.0f} steps/s", DIM, NORMAL, midright=(panel.right, panel.top + 11))
    if view.q_values is not None:
        draw_bars(canvas, panel, view)
    draw_tally(canvas, panel, panel.top + tally_top(view), view)
    if view.keys:
        draw_keys(canvas, panel, view)


def draw_bars(canvas, panel, view):
    """A bar is an action's Q-value minus their mean, so that small differences can be seen.

    The axis is twice as long as what is usual, and changes seldom. A longer bar has a light tip.
    """
    widest = min(MOST_NAME, max(canvas.width(name, NORMAL) for name in view.names))
    left, right = panel.left + max(BAR_LEFT, math.ceil(widest) + 12), panel.left + BAR_RIGHT
    top, middle = panel.top + BARS_TOP, (left + right) / 2
    end = round_number(2 * view.reach)
    lengths = advantages(view.q_values) / end
    mean = f"mean {q_value(np.mean(view.q_values), end)}"
    canvas.write("Q-values", DIM, NORMAL, midleft=(panel.left, top - 16))
    canvas.write(mean, DIM, NORMAL, midright=(panel.right, top - 16))
    for action, (name, q) in enumerate(zip(view.names, view.q_values)):
        colour, filling = (AGENT, AGENT) if action == view.marked else (TEXT, BAR)
        track = pygame.Rect(left, top + action * BAR_PITCH, right - left, 14)
        canvas.rect(TRACK, track)
        length = (right - middle) * min(max(lengths[action], -1), 1)
        canvas.rect(filling, (middle + min(length, 0), track.top, abs(length), track.height))
        if abs(lengths[action]) > 1:
            canvas.rect(TEXT, (middle + length - 2, track.top, 4, track.height))
        canvas.write(name, colour, NORMAL, MOST_NAME, midleft=(panel.left, track.centery))
        canvas.write(q_value(q, end), colour, NORMAL, midright=(panel.right, track.centery))
    bottom = top + len(view.names) * BAR_PITCH - 6
    canvas.rect(DIM, (middle, top - 4, 1, bottom - top + 4))
    for x, mark in ((left, f"-{end:g}"), (middle, "mean"), (right, f"+{end:g}")):
        canvas.write(minus(mark), DIM, SMALL, midtop=(x, bottom + 4))


def advantages(q_values):
    # A diverged agent can be watched, too: nan counts as 0, infinity as the largest float32.
    finite = np.nan_to_num(np.array(q_values, np.float32)).astype(float)
    return finite - finite.mean()


def round_number(least):
    """-> the first of 1e-6, 2e-6, 5e-6, 1e-5 ... that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def q_value(q, end):
    """The digits that differ where bars differ, on an axis with this end; at most seven letters."""
    if not abs(q) < 10_000:
        return minus(f"{q:+.0e}")
    decimals = min(2 - math.floor(math.log10(end)), 5 - len(f"{abs(q):.0f}"))
    return minus(f"{q:+.{max(0, decimals)}f}")


def tally_rows(view):
    """-> (name, number) of each row."""
    tally = view.tally
    mean = best = won = "-"  # until an episode has ended
    if tally.episodes:
        mean, best = signed(tally.score / tally.episodes), signed(tally.best)
        won = f"{tally.won / tally.episodes:.0%}"
    rows = [("return", signed(view.episode_return)), ("mean return", mean), ("best return", best)]
    rows.append(("episodes", tally.episodes))
    if view.lives:
        rows.append(("lives", view.lives))
    if tally.win:
        rows += [(tally.win, won), ("streak", tally.streak), ("best streak", tally.best_streak)]
    return rows


def draw_tally(canvas, panel, top, view):
    canvas.rect(LINE, (panel.left, top, panel.width, 1))
    for number, (name, value) in enumerate(tally_rows(view)):
        y = top + 20 + TALLY_PITCH * number
        canvas.write(name, DIM, NORMAL, midleft=(panel.left, y))
        canvas.write(minus(f"{value}"), TEXT, NORMAL + 3, midright=(panel.right, y))


def draw_keys(canvas, panel, view):
    height = math.ceil(len(view.keys) / 2)  # keys in a column
    top = panel.bottom - KEY_PITCH * height - 22
    canvas.rect(LINE, (panel.left, top - 12, panel.width, 1))
    for number, (key, use) in enumerate(view.keys):
        column, row = divmod(number, height)
        left, y = panel.left + column * panel.width // 2, top + KEY_PITCH * row + 12
        cap = pygame.Rect(left, y - 10, 30 if len(key) < 4 else 58, 21)
        canvas.rect(TRACK, cap, radius=4)
        canvas.rect(LINE, cap, border=1, radius=4)
        canvas.write(minus(key), TEXT, SMALL, cap.width - 4, center=cap.center)
        most = left + panel.width // 2 - cap.right - 12
        canvas.write(use, DIM, NORMAL, most, midleft=(cap.right + 8, y))
    canvas.write(view.message, HAND, SMALL, panel.width, bottomleft=(panel.left, panel.bottom + 4))


def signed(number):
    """A return in few digits: +0.25, +12.3, -1234, 0."""
    digits = ".3g" if abs(number) < 999.5 else ".0f"
    return f"{number:+{digits}}" if number else "0"


def minus(number):
    return number.replace("-", MINUS)
