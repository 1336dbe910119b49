"""Atari 2600 games as the Nature agent sees them, on the Arcade Learning Environment (ALE).

Mnih et al. 2015, Methods: the emulator holds each action for 4 frames. The agent sees the maximum
of the last two, as luminance, in 84 x 84 pixels (`frame_size`). A game begins with up to 30 frames
without an action. After five minutes it is cut.
"""

from functools import partial

import ale_py
import cv2
import gymnasium
import numpy as np

from dqn_symbolic.environments.any_game import paper_scores
from dqn_symbolic.environments.task import Task
from dqn_symbolic.settings import expect

FRAMES_A_SECOND = 60
FIVE_MINUTES = 5 * 60 * FRAMES_A_SECOND  # in frames
ACTION_REPEAT = 4  # frames
MOST_NO_OPS = 30  # frames
NO_OP = 0
LARGEST = 160  # pixels: the width of a screen
SOURCE = (
    "human: a professional tester, five minutes a game; dqn_2015: the Nature agent"
    " (Mnih et al. 2015, Extended Data Table 2)"
)

ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
cv2.setNumThreads(1)  # starting a second thread would take longer than such a small picture


class Atari(gymnasium.Env):
    """A game of ALE, such as "ALE/Pong-v5", with its smallest set of actions, or all 18.

    Observation: (frame_size, frame_size) uint8. Reward: the points of this step, not clipped.
    `info` has "lives" and "life_lost": whether this step lost a life. Chance: by `reset(seed)`.

    sticky: the probability, at each frame, that the emulator repeats its last action (Machado et
    al. 2018: .25); mode, difficulty: the switches of the console, as numbers of ALE, or None.
    Raises ValueError for a game that ALE does not know.
    """

    def __init__(
        self,
        game,
        sticky=0.0,
        frame_size=84,
        action_repeat=ACTION_REPEAT,
        mode=None,
        difficulty=None,
        full_action_space=False,
        render_mode=None,
    ):
        probability = isinstance(sticky, float | int) and 0 <= sticky < 1
        expect("sticky", probability, "a probability below 1", sticky)
        size = type(frame_size) is int and 1 <= frame_size <= LARGEST
        expect("frame_size", size, f"1 to {LARGEST} pixels", frame_size)
        frames = type(action_repeat) is int and 1 <= action_repeat <= FRAMES_A_SECOND
        expect("action_repeat", frames, f"1 to {FRAMES_A_SECOND}", action_repeat)
        all_18 = full_action_space
        expect("full_action_space", type(all_18) is bool, "True or False", all_18)
        switches = {"mode": mode, "difficulty": difficulty, "full_action_space": full_action_space}
        own = {"sticky": sticky, "frame_size": frame_size, "action_repeat": action_repeat}
        self.spec = gymnasium.envs.registration.EnvSpec(game, kwargs=own | switches)
        self.sticky, self.action_repeat, self.render_mode = sticky, action_repeat, render_mode
        self.size = frame_size, frame_size
        exact = {"frameskip": 1, "repeat_action_probability": 0.0}
        self.env = gymnasium.make(game, **exact, **switches).unwrapped
        self.env.reset()
        self.ale, self.get_action_meanings = self.env.ale, self.env.get_action_meanings
        self.actions = self.ale.getLegalActionSet() if all_18 else self.ale.getMinimalActionSet()
        self.action_space = gymnasium.spaces.Discrete(len(self.actions))
        self.observation_space = gymnasium.spaces.Box(0, 255, self.size, np.uint8)
        self.metadata = {
            "render_modes": ["rgb_array", "rgb_array_list"],
            "render_fps": FRAMES_A_SECOND / action_repeat,
            "pixel_aspect": 12 / 7,  # a pixel's width by its height, on a television
        }
        # Every episode starts from this state. After a reset alone, four of 49 games still depend
        # on the game before. Loading the game again would take 20 times as long. (Until the next
        # frame, ALE shows the picture of the reset, one frame older.)
        self.ale.act(NO_OP)
        self.start = self.ale.cloneState()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.ale.reset_game()
        self.ale.restoreState(self.start)
        self.frames, self.held = 1, NO_OP
        for _ in range(self.np_random.integers(MOST_NO_OPS)):
            self.ale.act(NO_OP)
            self.frames += 1
        self.screens = [self.ale.getScreenRGB()]
        return seen(self.screens[-1], self.size), {"lives": self.ale.lives(), "life_lost": False}

    def step(self, action):
        score, lives, screens = 0.0, self.ale.lives(), self.screens[-1:]
        for left in reversed(range(self.action_repeat)):
            if not (self.sticky and self.np_random.random() < self.sticky):
                self.held = action
            score += self.ale.act(self.actions[self.held])
            self.frames += 1
            over = self.ale.game_over()
            if left < 2 or over or self.render_mode:
                screens.append(self.ale.getScreenRGB())
            if over:
                break
        self.screens = screens[1:]
        info = {"lives": self.ale.lives(), "life_lost": self.ale.lives() < lives}
        frame = seen(np.maximum(*screens[-2:]), self.size)
        return frame, score, over, not over and self.frames >= FIVE_MINUTES, info

    def render(self):
        """-> the screen (210, 160, 3) uint8; with "rgb_array_list", all screens of the step."""
        return self.screens if self.render_mode == "rgb_array_list" else self.screens[-1]

    def get_keys_to_action(self):
        """-> ALE's own keys: W, A, S, D, space. Without up and down, W is also D, and S also A."""
        keys, also = self.env.get_keys_to_action(), {"d": "w", "a": "s"}
        if any({"w", "s"} & set(pressed) for pressed in keys):
            return keys
        return {tuple(also.get(k, k) for k in pressed): a for pressed, a in keys.items()} | keys


def seen(screen, size):
    """screen (210, 160, 3) uint8 -> `size` uint8: luminance, averaged over areas."""
    return cv2.resize(cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)


def atari_task(game: str, **kwargs) -> Task:
    """-> the Task of a game of ALE (kwargs, errors: `Atari`); levels: the Nature paper's, if any"""

    def human_normalised(returns):
        above_random = float(np.mean(returns)) - levels["random"]
        return {"human_normalised": 100 * above_random / (levels["human"] - levels["random"])}

    make = partial(Atari, game, **kwargs)
    env = make()
    frames, actions = env.observation_space, int(env.action_space.n)
    levels = paper_scores().get(game.removeprefix("ALE/").rpartition("-")[0])
    more: dict = {"render_mode": "rgb_array_list", "by_hand": {"action_repeat": 1}}
    if levels:
        more |= {"levels": levels, "levels_from": SOURCE, "measures": human_normalised}
    return Task(game, kwargs, make, frames, actions, preset="atari", **more)
