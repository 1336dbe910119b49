"""Catch: a ball falls, a paddle moves left, stays or moves right; +1 caught, -1 missed.

The game of the lecture's last exercise ("Attempt to solve the Catch game"). It first appears in
Mnih, Heess, Graves & Kavukcuoglu 2014, "Recurrent Models of Visual Attention"; bsuite's version
(Osband et al. 2020) is `Catch(rows=10, columns=5, paddle_width=1, paddle_start="middle")`.

pygame draws the board into an 8-bit surface: one pixel for each cell, or, say, 84 x 84 pixels. The
memory of this surface *is* a NumPy array: the agent sees what pygame draws, people see it larger.
"""

from itertools import product
from typing import ClassVar, NamedTuple

import gymnasium
import numpy as np
import pygame

LEFT, STAY, RIGHT = ACTIONS = (0, 1, 2)

# What the agent sees: a brightness, 0..255.
BACKGROUND, PADDLE, BALL = 0, 192, 255

# What people see: a colour for each brightness, with this luminance.
PALETTE = [(level, level, level) for level in range(256)]
PALETTE[PADDLE] = (140, 206, 255)

MOST_CELLS = 100  # on a side of the board
MOST_PIXELS = 512  # on a side of the picture
WINDOW_PIXELS = 480  # the longer side of the board in a window
GRID = (28, 33, 43)  # the colour of the lines between cells
GRID_CELL = 12  # pixels: on smaller cells, the lines would hide the picture


class State(NamedTuple):
    """The whole state of the game. Rows count down from the top."""

    ball_row: int
    ball_column: int
    ball_drift: int  # columns a step: -1, 0 or +1
    paddle: int  # leftmost column of the paddle


class Catch(gymnasium.Env):
    """Catch as a Gymnasium environment.

    Observation: (rows, columns) uint8, the drawn board (`BACKGROUND`, `PADDLE`, `BALL`), one pixel
    a cell; or (pixels, pixels), the same drawn larger, if `pixels` is given.
    Action: 0 left, 1 stay, 2 right; the paddle stops at the walls.
    Reward: 0 while the ball falls; on the bottom row +1 if the paddle is under it, else -1, and the
    episode terminates. An episode lasts rows - 1 steps.
    `info["state"]` is the whole `State`; `reset(options={"state": state})` starts from that state.

    Settings: `drift` lets the ball move -1, 0 or +1 columns a step (random at reset) and bounce off
    the walls; `paddle_start` is "anywhere" (random at reset) or "middle". Raises ValueError for a
    board that is too small or too large.
    """

    metadata: ClassVar = {
        "render_modes": ["rgb_array"],
        "render_fps": 8,
        # Gymnasium has no names for these; games/window reads them.
        "play_fps": 5,  # steps per second for a person
        "action_names": ("left", "stay", "right"),
        "outcomes": ("missed", "caught"),
        "palette": PALETTE,
    }

    def __init__(
        self,
        rows=10,
        columns=10,
        paddle_width=3,
        drift=False,
        paddle_start="anywhere",
        pixels=None,
        render_mode=None,
    ):
        if not (2 <= rows <= MOST_CELLS and 1 <= columns <= MOST_CELLS):
            sizes = f"2 to {MOST_CELLS} rows and 1 to {MOST_CELLS} columns"
            raise ValueError(f"the board has {sizes}, got {rows} x {columns}")
        if not 1 <= paddle_width <= columns:
            raise ValueError(f"the paddle must be 1 to {columns} columns wide, got {paddle_width}")
        if drift not in (False, True):
            raise ValueError(f"drift is False or True, got {drift!r}")
        if paddle_start not in ("anywhere", "middle"):
            raise ValueError(f"a paddle starts 'anywhere' or in the 'middle', got {paddle_start!r}")
        if pixels is not None and not max(rows, columns) <= pixels <= MOST_PIXELS:
            sizes = f"{max(rows, columns)} (one a cell) to {MOST_PIXELS} pixels a side"
            raise ValueError(f"the picture has {sizes}, got {pixels}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is None or 'rgb_array', got {render_mode!r}")
        self.rows, self.columns, self.paddle_width = rows, columns, paddle_width
        self.last_paddle = columns - paddle_width  # the rightmost position of the paddle
        self.drifts = (-1, 0, 1) if drift else (0,)
        middle = (self.last_paddle + 1) // 2
        paddles = (middle,) if paddle_start == "middle" else range(self.last_paddle + 1)
        self.draws = range(self.columns), self.drifts, paddles  # what `reset` draws from
        self.render_mode = render_mode
        height, width = (pixels, pixels) if pixels else (rows, columns)
        # Where the cells begin and end, in pixels.
        self._tops = [row * height // rows for row in range(rows + 1)]
        self._lefts = [column * width // columns for column in range(columns + 1)]
        self.observation_space = gymnasium.spaces.Box(0, 255, (height, width), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))
        self.state = None
        self._pixels = np.zeros((height, width), np.uint8)
        self.surface = pygame.image.frombuffer(self._pixels, (width, height), "P")
        self.surface.set_palette(PALETTE)

    def starts(self):
        """Every state an episode can start in; `reset` draws one of them uniformly."""
        return [State(0, *drawn) for drawn in product(*self.draws)]

    def successor(self, state, action):
        """The rules of the game, without chance: -> (next state, reward, terminated)."""
        row, column, drift, paddle = state
        row += 1
        column += drift
        if not 0 <= column < self.columns:
            # The wall's face is half a cell away, so the ball turns round in its cell. Two
            # different balls never become the same, so every column stays equally likely.
            column -= drift
            drift = -drift
        paddle = min(max(paddle + action - STAY, 0), self.last_paddle)
        state = State(row, column, drift, paddle)
        if row < self.rows - 1:
            return state, 0.0, False
        caught = paddle <= column < paddle + self.paddle_width
        return state, 1.0 if caught else -1.0, True

    @property
    def chance(self):
        """The share of starts from which a player who does not look at the ball catches it."""
        return self.paddle_width / self.columns

    @property
    def optimum(self):
        """The share of starts from which the ball can be caught: all, but for very wide boards."""
        steps = self.rows - 1
        _, column, drift, paddle = np.transpose(self.starts())
        # The walls are mirrors: in the mirrored board behind them, the ball falls straight on.
        column = (column + steps * drift) % (2 * self.columns)
        lands_in = np.minimum(column, 2 * self.columns - 1 - column)
        reachable = (paddle - steps <= lands_in) & (lands_in < paddle + self.paddle_width + steps)
        return float(reachable.mean())

    def reset(self, *, seed=None, options=None):
        """Starts an episode, from `options["state"]` if given (which draws nothing at random)."""
        super().reset(seed=seed)
        if options and "state" in options:
            row, column, drift, paddle = state = State(*map(int, options["state"]))
            on_board = 0 <= column < self.columns and 0 <= paddle <= self.last_paddle
            if not (on_board and 0 <= row < self.rows - 1 and drift in self.drifts):
                raise ValueError(f"no episode can go on from {state} on this board")
        else:
            state = State(0, *(parts[self.np_random.integers(len(parts))] for parts in self.draws))
        self.state = state
        return self._seen()

    def step(self, action):
        if self.state is None or self.state.ball_row == self.rows - 1:
            raise gymnasium.error.ResetNeeded("no episode is running: call reset() first")
        if action not in ACTIONS:
            raise ValueError(f"the action must be 0, 1 or 2, got {action!r}")
        self.state, reward, terminated = self.successor(self.state, int(action))
        observation, info = self._seen()
        return observation, reward, terminated, False, info

    def get_keys_to_action(self):
        """-> {keys held together: action}. In the window the arrows do the same."""
        return {(): STAY, ("a",): LEFT, ("d",): RIGHT, ("a", "d"): STAY}

    def _seen(self):
        """Draws the state; -> (observation, info). The observation is a copy."""
        row, column, _, paddle = self.state
        self.surface.fill(BACKGROUND)
        self.surface.fill(PADDLE, self._cells(self.rows - 1, paddle, self.paddle_width))
        self.surface.fill(BALL, self._cells(row, column, 1))
        return self._pixels.copy(), {"state": self.state}

    def _cells(self, row, column, width):
        """-> (left, top, width, height) in pixels of some cells side by side."""
        left, top = self._lefts[column], self._tops[row]
        return left, top, self._lefts[column + width] - left, self._tops[row + 1] - top

    def render(self):
        """-> (height, width, 3) uint8, if the render mode is "rgb_array": in colour, scaled up."""
        if self.render_mode is None:
            return None
        cell = WINDOW_PIXELS // max(self.rows, self.columns)
        scaled = pygame.transform.scale(self.surface, (self.columns * cell, self.rows * cell))
        picture = np.array(PALETTE, np.uint8)[pygame.surfarray.array2d(scaled).T]
        if self.surface.get_width() == self.columns and cell >= GRID_CELL:  # drawn in cells
            picture[cell::cell] = picture[:, cell::cell] = GRID
        return picture
