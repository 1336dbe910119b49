"""The picture of a view: the game, and beside it a panel with Q-values, score and keys."""

import math
from functools import lru_cache

import numpy as np
import pygame

BACK, LINE, TRACK = (17, 20, 27), (44, 50, 62), (28, 33, 43)
TEXT, DIM = (228, 233, 240), (134, 145, 163)
AGENT, HAND, BAR = (140, 206, 255), (255, 200, 124), (84, 98, 122)
GOOD, BAD = (116, 214, 152), (255, 118, 118)
VERDICTS = {0: TEXT, 1: GOOD, -1: BAD}

MARGIN, PANEL_WIDTH = 28, 292
LEAST_BOARD = 240, 480  # the smallest room for a board (width, height), for signs and panel
BOARD, MOST_BOARD = 480, 720  # a board's longer side: small pictures grow to about 480; at most
SMALL, NORMAL, LARGE = 18, 22, 30  # text heights
BARS_TOP, BAR_PITCH, LEAST_PITCH = 64, 26, 16  # from the panel's top, from bar to bar, in pixels
BARS_HEIGHT = 144  # if the bars would need more, they move closer together
BAR_LEFT, BAR_RIGHT = 52, PANEL_WIDTH - 68  # the ends of the track, from the panel's left
MOST_NAME = 100  # the longest name of an action, in pixels; a longer one is cut
TALLY_PITCH, KEY_PITCH = 22, 26
FRAME_HEIGHT, GAP = 120, 12  # of the frames that the agent sees, in pixels
ROOM = 1.25  # the track is so many times as long as the scale
MINUS = "\N{MINUS SIGN}"


def draw(view):
    """The picture of a view: a new 24-bit surface, its size set by board, panel and `seen`."""
    width = max(view.board.get_width(), LEAST_BOARD[0])
    height = max(view.board.get_height(), LEAST_BOARD[1], panel_height(view))
    whole = pygame.Rect(0, 0, width + PANEL_WIDTH + 3 * MARGIN, height + 2 * MARGIN)
    if view.seen:
        whole.height += view.seen.get_height() + 2 * MARGIN
    surface = pygame.Surface(whole.size, depth=24)
    surface.fill(BACK)
    if view.seen:
        seen = view.seen.get_rect(left=MARGIN, bottom=whole.bottom - MARGIN)
        surface.blit(view.seen, seen)
        words = "what the agent sees, the newest frame last"
        write(surface, words, DIM, NORMAL, midleft=(MARGIN, seen.top - MARGIN // 2))
    draw_board(surface, pygame.Rect(MARGIN, MARGIN, width, height), view)
    draw_panel(surface, pygame.Rect(width + 2 * MARGIN, MARGIN, PANEL_WIDTH, height), view)
    return surface


def panel_height(view):
    tally, keys = TALLY_PITCH * len(tally_rows(view)), KEY_PITCH * math.ceil(len(view.keys) / 2)
    return tally_top(view) + tally + keys + 50


def tally_top(view):
    if view.q_values is None:
        return 36
    return BARS_TOP + len(view.q_values) * bar_pitch(view) + 30


def bar_pitch(view):
    """Pixels from bar to bar: fewer where there are many actions."""
    return min(BAR_PITCH, max(LEAST_PITCH, BARS_HEIGHT // len(view.q_values)))


def enlarged(pixels, aspect=1):
    """A game's picture (height, width, 3) uint8 -> a surface of its size in the window.

    aspect: the width of a pixel by its height.
    """
    height, width = pixels.shape[:2]
    width *= aspect
    longer = max(height, width)
    factor = MOST_BOARD / longer if longer > MOST_BOARD else max(1, round(BOARD / longer))
    return resized(pixels, (max(1, round(width * factor)), max(1, round(height * factor))))


def resized(pixels, size):
    height, width = pixels.shape[:2]
    picture = pygame.image.frombuffer(pixels.tobytes(), (width, height), "RGB")
    scale = pygame.transform.smoothscale if size[0] < width else pygame.transform.scale
    return scale(picture, size)


def side_by_side(frames):
    """frames (n, height, width, 3) uint8, the newest last -> a surface with all of them."""
    n, height, width, _ = frames.shape
    most = LEAST_BOARD[0] + MARGIN + PANEL_WIDTH  # the narrowest window
    factor = min(FRAME_HEIGHT / height, (most - (n - 1) * GAP) / (n * width))
    size = max(1, int(width * factor)), max(1, int(height * factor))
    strip = pygame.Surface((n * size[0] + (n - 1) * GAP, size[1]), depth=24)
    strip.fill(BACK)
    for i, frame in enumerate(frames):
        strip.blit(resized(frame, size), (i * (size[0] + GAP), 0))
    return strip


def draw_board(surface, room, view):
    board = view.board.get_rect(center=room.center)
    surface.blit(view.board, board)
    pygame.draw.rect(surface, LINE, board.inflate(4, 4), 2)
    if view.hint:
        under = max(board.bottom, room.centery + 40) + MARGIN // 2  # and not under a sign
        name = cut(view.names[view.marked], NORMAL, room.width)
        write(surface, name, AGENT, NORMAL, center=(room.centerx, under))
    if view.sign:
        draw_sign(surface, board, room.center, view)


def draw_sign(surface, board, centre, view):
    colour = VERDICTS[view.verdict]
    if view.verdict:  # the end of an episode flashes
        wash = pygame.Surface(board.size, depth=24)
        wash.fill(colour)
        wash.set_alpha(48)
        surface.blit(wash, board)
        pygame.draw.rect(surface, colour, board.inflate(8, 8), 4)
    lines = view.sign.split("\n")
    size = LARGE if len(lines) == 1 else NORMAL
    width = max(text(line, colour, size).get_width() for line in lines)
    plate = pygame.Rect(0, 0, max(200, width + 32), 26 * len(lines) + 22)
    plate.center = centre
    pygame.draw.rect(surface, BACK, plate, border_radius=10)
    pygame.draw.rect(surface, colour, plate, 2, border_radius=10)
    for number, line in enumerate(lines):
        middle = (plate.centerx, plate.top + 24 + 26 * number)
        write(surface, line, colour, size, center=middle)


def draw_panel(surface, panel, view):
    who, colour = ("you play", HAND) if view.by_hand else ("agent plays", AGENT)
    pygame.draw.circle(surface, colour, (panel.left + 7, panel.top + 10), 7)
    write(surface, who, colour, LARGE - 4, midleft=(panel.left + 24, panel.top + 11))
    speed = f"{view.speed:.0f} steps/s"
    write(surface, speed, DIM, NORMAL, midright=(panel.right, panel.top + 11))
    if view.q_values is not None:
        draw_bars(surface, panel, view)
    draw_tally(surface, panel, panel.top + tally_top(view), view)
    draw_keys(surface, panel, view)


def draw_bars(surface, panel, view):
    pitch = bar_pitch(view)
    size = NORMAL if pitch >= NORMAL else SMALL
    names = [cut(name, size, MOST_NAME) for name in view.names]
    widest = max(text(name, TEXT, size).get_width() for name in names)
    left, right = panel.left + max(BAR_LEFT, widest + 12), panel.left + BAR_RIGHT
    top = panel.top + BARS_TOP
    zero, half = (left + right) // 2, (right - left) // 2
    # A diverged agent can be watched, too: nan has no bar, infinity is the largest float32.
    lengths = np.nan_to_num(np.array(view.q_values, np.float32)).astype(float)
    # The track is a quarter longer than the scale, so the scale stays when a Q-value is a little
    # above 1. For larger Q-values, the scale doubles until they fit.
    scale = 2.0 ** math.ceil(math.log2(max(1.0, abs(lengths).max() / ROOM)))
    unit = round(half / ROOM)  # pixels
    write(surface, "Q-values", DIM, NORMAL, midleft=(panel.left, panel.top + BARS_TOP - 16))
    for action, (name, q, length) in enumerate(zip(names, view.q_values, lengths / scale)):
        lit = action == view.marked
        track = pygame.Rect(left, top + action * pitch, 2 * half, min(14, pitch - 4))
        bar = pygame.Rect(zero, track.top, round(unit * length), track.height)
        bar.normalize()
        pygame.draw.rect(surface, TRACK, track)
        pygame.draw.rect(surface, AGENT if lit else BAR, bar)
        colour = AGENT if lit else TEXT
        digits = "+.2f" if abs(q) < 100 else "+.0f" if abs(q) < 10_000 else "+.0e"
        value = minus(f"{q:{digits}}")
        write(surface, name, colour, size, midleft=(panel.left, track.centery))
        write(surface, value, colour, size, midright=(panel.right, track.centery))
    bottom = top + len(names) * pitch - 6
    pygame.draw.line(surface, DIM, (zero, top - 4), (zero, bottom))
    for x, mark in ((zero - unit, -scale), (zero, 0), (zero + unit, scale)):
        write(surface, minus(f"{mark:g}"), DIM, SMALL, midtop=(x, bottom + 4))


def tally_rows(view):
    """-> (name, number) of each row, in words."""
    tally = view.tally
    played = bool(tally.episodes)
    rows = [
        ("return", signed(view.episode_return)),
        ("mean return", signed(tally.score / tally.episodes) if played else MINUS),
        ("best return", signed(tally.best) if played else MINUS),
        ("episodes", f"{tally.episodes}"),
    ]
    if view.lives:
        rows.append(("lives", f"{view.lives}"))
    if tally.win:
        rows += [
            (tally.win, f"{tally.won / tally.episodes:.0%}" if played else MINUS),
            ("streak", f"{tally.streak}"),
            ("best streak", f"{tally.best_streak}"),
        ]
    return rows


def draw_tally(surface, panel, top, view):
    pygame.draw.line(surface, LINE, (panel.left, top), (panel.right - 1, top))
    for number, (name, value) in enumerate(tally_rows(view)):
        y = top + 20 + TALLY_PITCH * number
        write(surface, name, DIM, NORMAL, midleft=(panel.left, y))
        write(surface, minus(value), TEXT, NORMAL + 3, midright=(panel.right, y))


def draw_keys(surface, panel, view):
    height = math.ceil(len(view.keys) / 2)  # keys in a column
    top = panel.bottom - KEY_PITCH * height - 22
    pygame.draw.line(surface, LINE, (panel.left, top - 12), (panel.right - 1, top - 12))
    for number, (key, use) in enumerate(view.keys):
        column, row = divmod(number, height)
        left, y = panel.left + column * panel.width // 2, top + KEY_PITCH * row + 12
        cap = pygame.Rect(left, y - 10, 30 if len(key) < 4 else 58, 21)
        pygame.draw.rect(surface, TRACK, cap, border_radius=4)
        pygame.draw.rect(surface, LINE, cap, 1, border_radius=4)
        write(surface, minus(cut(key, SMALL, cap.width - 4)), TEXT, SMALL, center=cap.center)
        use = cut(use, NORMAL, left + panel.width // 2 - cap.right - 12)
        write(surface, use, DIM, NORMAL, midleft=(cap.right + 8, y))
    write(surface, view.message, HAND, SMALL, bottomleft=(panel.left, panel.bottom + 4))


def signed(number):
    """A return in few digits: +0.25, +12.3, -1234, 0."""
    if number == 0:
        return "0"
    return f"{number:+.3g}" if abs(number) < 999.5 else f"{number:+.0f}"


def minus(number):
    return number.replace("-", MINUS)


def cut(words, height, width):
    """The words, or their beginning and ... where they are wider than `width` pixels."""
    if text(words, TEXT, height).get_width() <= width:
        return words
    while text(words + "...", TEXT, height).get_width() > width:
        words = words[:-1]
    return words + "..."


def write(surface, words, colour, height, **anchor):
    image = text(words, colour, height)
    surface.blit(image, image.get_rect(**anchor))


@lru_cache(500)
def text(words, colour, height):
    pygame.font.init()  # the fonts alone: no sound, no joysticks
    # Half of twice the size: letters as smooth and evenly spaced as so small a font can be.
    twice = pygame.font.Font(None, 2 * height).render(words, True, colour)
    return pygame.transform.smoothscale_by(twice, 0.5)
