"""Who plays, and how fast: keys and seconds go in, views (what there is to show) come out.

Nothing here knows a learner: `q_values` is any function observation -> (3,) float32, the Q-values
of left, stay and right. The observation is the game's, (height, width) uint8, or several of them
(height, width, frames) where the game is wrapped so.
"""

from typing import NamedTuple

import numpy as np
import pygame

from games.catch import LEFT, RIGHT, STAY
from games.window.panel import side_by_side

AGENT_SPEED, HAND_SPEED = 8.0, 5.0  # game steps per second, to begin with
SLOWEST, FASTEST, FASTER = 1.0, 60.0, 1.25  # limits, and the factor of one key press
END_STEPS, END_SECONDS = 4, 0.8  # the final position stands for 4 steps, at most 0.8 seconds

DIRECTIONS = {
    pygame.K_LEFT: LEFT,
    pygame.K_a: LEFT,
    pygame.K_RIGHT: RIGHT,
    pygame.K_d: RIGHT,
}
PAUSE_KEYS = (pygame.K_p, pygame.K_SPACE)
FASTER_KEYS = (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS)
SLOWER_KEYS = (pygame.K_MINUS, pygame.K_KP_MINUS)


class Tally(NamedTuple):
    """The finished episodes, whoever played them."""

    episodes: int = 0
    caught: int = 0
    streak: int = 0  # caught one after the other, up to now
    best_streak: int = 0
    score: float = 0.0  # sum of the episodes' returns

    def after(self, episode_return):
        """The tally with one more episode in it."""
        caught = episode_return > 0
        streak = self.streak + 1 if caught else 0
        return Tally(
            self.episodes + 1,
            self.caught + caught,
            streak,
            max(self.best_streak, streak),
            self.score + episode_return,
        )


class View(NamedTuple):
    """Everything the picture depends on."""

    board: pygame.Surface  # in colour and scaled up
    grid: int  # pixels from line to line; 0 for none
    paddle: int  # its centre, in pixels from the board's left edge
    by_hand: bool
    speed: float  # game steps per second
    sign: str  # "start", "paused", "caught", "missed" or ""
    episode_return: float
    tally: Tally
    q_values: tuple | None = None  # None: there is no agent
    seen: pygame.Surface | None = None  # the frames that the agent sees, if there are several
    marked: int | None = None  # the action whose bar is lit
    hint: bool = False  # an arrow at the paddle
    message: str = ""


class Game:
    """A game in progress, played by the agent or by hand. It knows neither window nor clock."""

    def __init__(self, env, q_values=None):
        self.env, self.agent, self.q_values, self.seen = env, q_values, None, None
        self.by_hand = self.waiting = q_values is None  # a person alone starts when ready
        self.paused = self.hint = False
        self.speeds = {False: AGENT_SPEED, True: HAND_SPEED}  # by hand?
        self.held = set()  # direction keys that are down
        self.tapped = None  # the last direction pressed since the last step
        self.progress = 0.0  # steps that are due
        self.tally = Tally()
        self.start()

    def press(self, key):
        """A key goes down; `key` is pygame's K_... number."""
        if key in DIRECTIONS:
            self.held.add(key)
            self.tapped = DIRECTIONS[key]
            self.waiting = False
        elif key in PAUSE_KEYS and not self.waiting:
            self.paused = not self.paused
            self.tapped = None  # what was tapped in the pause was not meant for the game
        elif key in FASTER_KEYS:
            self.speeds[self.by_hand] = min(self.speeds[self.by_hand] * FASTER, FASTEST)
        elif key in SLOWER_KEYS:
            self.speeds[self.by_hand] = max(self.speeds[self.by_hand] / FASTER, SLOWEST)
        elif key == pygame.K_m and self.agent is not None:
            self.by_hand = not self.by_hand
        elif key == pygame.K_h and self.agent is not None:
            self.hint = not self.hint

    def release(self, key):
        self.held.discard(key)

    def advance(self, seconds):
        """Lets time pass: at most one step, so that a stalled computer never plays blindly."""
        if self.waiting or self.paused:
            return
        speed = self.speeds[self.by_hand]
        self.progress += seconds * speed
        due = min(END_STEPS, END_SECONDS * speed) if self.over else 1
        if self.progress >= due:
            self.progress = (self.progress - due) % 1
            self.step()

    def step(self):
        """One step of the episode; after its end, the start of the next one."""
        if self.over:
            self.start()
            return
        action = self.hand() if self.by_hand else int(np.argmax(self.q_values))
        observation, reward, self.over, _, _ = self.env.step(action)
        self.episode_return += reward
        if self.over:
            self.tally = self.tally.after(self.episode_return)
        self.look(observation)

    def start(self):
        observation, _ = self.env.reset()
        self.episode_return, self.over = 0.0, False
        self.look(observation)

    def look(self, observation):
        self.tapped = None
        self.board = self.env.unwrapped.picture()
        # A finished episode has no Q-values: the last ones stay on show.
        if self.agent is not None and not self.over:
            self.q_values = tuple(float(q) for q in self.agent(observation))
        if self.agent is not None and observation.shape[2:] > (1,):
            self.seen = side_by_side(observation)

    def hand(self):
        """The person's action now: both directions held is stay, else the last one pressed."""
        held = {DIRECTIONS[key] for key in self.held}
        if len(held) == 2:
            return STAY
        if self.tapped is not None:
            return self.tapped
        return held.pop() if held else STAY

    def view(self):
        env = self.env.unwrapped
        cell = self.board.get_width() // env.columns
        if self.waiting or self.paused:
            sign = "start" if self.waiting else "paused"
        else:
            sign = ("caught" if self.episode_return > 0 else "missed") if self.over else ""
        advised = self.agent is not None and (self.hint or not self.by_hand)
        return View(
            board=self.board,
            grid=cell if env.surface.get_width() == env.columns else 0,
            paddle=(2 * env.state.paddle + env.paddle_width) * cell // 2,
            by_hand=self.by_hand,
            speed=self.speeds[self.by_hand],
            sign=sign,
            episode_return=self.episode_return,
            tally=self.tally,
            q_values=self.q_values,
            seen=self.seen,
            marked=int(np.argmax(self.q_values)) if advised else None,
            hint=self.hint,
        )
