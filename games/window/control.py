"""Who plays, and how fast. Keys and seconds go in. Views come out, with all that is to be drawn.

Nothing here knows a learner: `q_values` is any function observation -> (actions,) float32. The game
is a Gymnasium environment with discrete actions. Its metadata may contain:
"render_fps" (steps per second), "play_fps" (for a person), "action_names", "outcomes" (words for a
return of at most 0 and for a return above 0), "palette" (256 colours for the brightness that agents
see), "pixel_aspect" (a pixel's width by its height). If it draws several pictures for each step
(render_mode "rgb_array_list"), they are shown one after the other. `info["lives"]` is shown, too.
"""

import math
from collections import deque
from typing import NamedTuple

import numpy as np
import pygame

from games.window.keys import OWN_KEYS, action_names, cap, game_keys, listed
from games.window.panel import advantages, minus, signed

SPEED = 30.0  # game steps per second, where the game does not say
SLOWEST, FASTEST, FASTER = 1.0, 60.0, 1.25  # limits, and the factor of one key press
END_SECONDS = 0.5  # the final position stays for so long
REACH_SECONDS = 4  # the axis of the bars follows the Q-values of so long


class Tally(NamedTuple):
    """The finished episodes of one player. A return above 0 wins the episode."""

    win: str = ""  # the game's word for it, like "caught"; "": the game has none
    episodes: int = 0
    won: int = 0
    streak: int = 0  # won one after the other, up to now
    best_streak: int = 0
    score: float = 0.0  # sum of the episodes' returns
    best: float = -math.inf  # return

    def after(self, episode_return):
        """The tally with one more episode in it."""
        won = episode_return > 0
        streak = self.streak + 1 if won else 0
        streaks = streak, max(self.best_streak, streak)
        returns = self.score + episode_return, max(self.best, episode_return)
        return Tally(self.win, self.episodes + 1, self.won + won, *streaks, *returns)

    def __str__(self):
        if self.win:
            return f"{self.won} of {self.episodes} {self.win}, best streak {self.best_streak}"
        if not self.episodes:
            return "0 episodes"
        episodes = "1 episode" if self.episodes == 1 else f"{self.episodes} episodes"
        mean = self.score / self.episodes
        return f"{episodes}, mean return {signed(mean)}, best {signed(self.best)}"


class View(NamedTuple):
    """Everything the picture depends on."""

    sign: str  # words over the board, or ""
    verdict: int  # +1 or -1 where the end is shown in green or red
    board: pygame.Surface  # the picture of the game, as the game draws it
    aspect: float  # the width of its pixels by their height
    by_hand: bool
    speed: float  # game steps per second
    episode_return: float
    tally: Tally
    lives: int | None  # None: the game has none
    keys: tuple  # of pairs: a key, and what it does
    names: tuple  # of the actions
    q_values: tuple | None = None  # None: there is no agent
    reach: float = 0.0  # how far from their mean, lately, the farthest Q-value usually is
    seen: tuple = ()  # the frames that the agent sees, if there are several
    marked: int | None = None  # the action whose bar is lit
    hint: bool = False  # its name under the board
    message: str = ""


class Game:
    """A game in progress, played by the agent or by hand. It knows neither window nor clock."""

    def __init__(self, env, q_values=None):
        self.env, self.agent, self.q_values, self.seen = env, q_values, None, ()
        facts = {**env.unwrapped.metadata, **env.metadata}
        self.names = action_names(env, facts)
        self.keys = game_keys(env, self.names)
        taken = frozenset().union(*self.keys)  # the game's keys go before the window's
        self.own = {name: [k for k in keys if k not in taken] for name, keys in OWN_KEYS.items()}
        self.listed = listed(self.keys, self.names)
        self.outcomes = facts.get("outcomes") or ("", "")
        self.aspect = facts.get("pixel_aspect", 1)
        self.palette = np.array(facts.get("palette", range(256)), np.uint8)
        self.by_hand = self.waiting = q_values is None  # a person alone starts when ready
        self.paused = self.hint = False
        speed = float(facts.get("render_fps") or SPEED)
        self.speeds = {False: speed, True: float(facts.get("play_fps") or speed)}  # by hand?
        self.fastest = max(FASTEST, *self.speeds.values())
        self.held = {}  # the game's keys that are down, in the order in which they were pressed
        self.tapped = None  # the last key pressed since the last step
        self.progress = 0.0  # steps that are due
        self.reaches = deque(maxlen=math.ceil(REACH_SECONDS * speed))
        self.tallies = dict.fromkeys((False, True), Tally(self.outcomes[1]))  # by hand?
        self.start()

    def press(self, key):
        """A key goes down; `key` is pygame's K_... number."""
        if any(key in combination for combination in self.keys):
            self.held[key] = True
            self.tapped, self.waiting = key, False
        elif key in self.own["pause"] and not self.waiting:
            self.paused = not self.paused
            self.tapped = None  # a key tapped during the pause was not meant for the game
        elif key in self.own["faster"]:
            self.speeds[self.by_hand] = min(self.speeds[self.by_hand] * FASTER, self.fastest)
        elif key in self.own["slower"]:
            self.speeds[self.by_hand] = max(self.speeds[self.by_hand] / FASTER, SLOWEST)
        elif key in self.own["take over"] and self.agent is not None:
            self.by_hand = not self.by_hand
        elif key in self.own["hint"] and self.agent is not None:
            self.hint = not self.hint

    def release(self, key):
        self.held.pop(key, None)

    def advance(self, seconds):
        """Lets time pass: at most one step, so that a stalled computer never plays blindly."""
        if self.waiting or self.paused:
            return
        speed = self.speeds[self.by_hand]
        self.progress += seconds * speed
        due = END_SECONDS * speed if self.over else 1
        if self.by_hand and not self.over and self.hand() is None:
            self.progress = min(self.progress, due)  # the step comes as soon as a key does
        elif self.progress >= due:
            self.progress = (self.progress - due) % 1
            self.step()

    def step(self):
        """One step of the episode; after its end, the start of the next one."""
        if self.over:
            return self.start()
        self.helped |= self.by_hand  # a person plays a part of this episode
        action = self.hand() if self.by_hand else int(np.argmax(self.q_values))
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.over = bool(terminated or truncated)
        self.episode_return += float(reward)
        if self.over:
            self.tallies[self.helped] = self.tallies[self.helped].after(self.episode_return)
        self.look(observation, info)

    def start(self):
        observation, info = self.env.reset()
        self.episode_return, self.over, self.helped = 0.0, False, False
        self.look(observation, info)

    def look(self, observation, info):
        self.tapped = self.boards = None  # the boards are drawn when they are asked for
        self.lives = info.get("lives")
        if self.agent is None:
            return
        if not self.over:  # a finished episode has no Q-values: the last ones stay on show
            self.q_values = tuple(map(float, self.agent(observation)))
            self.reaches.append(abs(advantages(self.q_values)).max())
        self.seen = frames_of(observation, self.palette)

    def hand(self):
        """The person's action now; None where the game waits for a key.

        The held keys count together, and so does a key that was tapped since the last step. The
        last key counts alone if the game does not know them together, or if they cancel a tap out.
        """
        idle = self.keys.get(frozenset())
        tapped = [] if self.tapped is None or self.tapped in self.held else [self.tapped]
        down = [*self.held, *tapped]
        action = self.keys.get(frozenset(down))
        if action is None or (tapped and action == idle):
            action = self.keys.get(frozenset(down[-1:]), idle)
        return action

    def board(self, newest):
        """-> the newest picture, or, if a step has several, the picture whose turn it is."""
        if self.boards is None:
            self.boards = surfaces_of(self.env.render())
        last = len(self.boards) - 1
        now = last if newest or self.over else min(int(self.progress * len(self.boards)), last)
        return self.boards[now]

    def view(self, newest=False):
        advised = self.agent is not None and (self.hint or not self.by_hand)
        same = "aspect", "by_hand", "episode_return", "lives", "names", "q_values", "seen", "hint"
        return View(
            *self.sign(),
            **{name: getattr(self, name) for name in same},
            board=self.board(newest),
            speed=self.speeds[self.by_hand],
            tally=self.tallies[self.by_hand],
            keys=self.key_list(),
            reach=float(np.median(self.reaches or 0)),
            marked=int(np.argmax(self.q_values)) if advised else None,
        )

    def sign(self):
        """-> (words over the board, +1 or -1 where they are good or bad)."""
        if self.waiting:
            key, use = self.listed[0]
            key = {"arrows": "an arrow key"}.get(key, "a number key" if use == "act" else "a key")
            return f"press {key} to start", 0
        if self.paused or not self.over:
            return "paused" if self.paused else "", 0
        won, lost = self.episode_return > 0, self.episode_return < 0
        if any(self.outcomes):
            return self.outcomes[won], 1 if won else -1
        return f"return {minus(signed(self.episode_return))}", won - lost

    def key_list(self):
        """-> ((key, what it does), ...) for the panel."""
        own = {command: cap(keys[0]) for command, keys in self.own.items()}
        if self.agent is None:
            del own["take over"], own["hint"]
        elif self.by_hand:
            own = {"give back": own.pop("take over"), **own}
        own["speed"] = f"{own.pop('faster')} {own.pop('slower')}"
        return *self.listed, *((key, command) for command, key in own.items()), ("Esc", "leave")


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
    pictures = stack.ndim == 3 or (stack.ndim == 4 and stack.shape[2] in (1, 3, 4))
    if not pictures or stack.dtype != np.uint8 or stack.shape[-1] == 1:
        return ()
    frames = np.moveaxis(stack, -1, 0)
    return tuple(map(surface_of, frames if stack.ndim == 4 else palette[frames]))
