"""Catch with a late reward: when it comes, the observation may no longer show the reason for it."""

from dataclasses import replace

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments.figures import curves, levels
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.experiments.reinforce import Reinforce
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.settings import Settings

TITLE = "Late rewards"
CLAIM = (
    'Slide "Where this doesn\'t work (straightforwardly)": long-term correlations. After the ball'
    " has landed, nothing moves for 4 steps, and the reward comes at the end of them. Meanwhile the"
    " last frame stays, or the board is blank. The wait does not change the optimum, because no"
    " action counts during it. REINFORCE is that of the policy gradient experiment, with a"
    " baseline. Board of 5 rows and 5 columns, paddle of one cell; medians and quartiles over"
    " seeds."
)


class Late(gymnasium.Wrapper):
    """Catch, but the reward and the end come `delay` steps after the ball has landed.

    Meanwhile nothing moves, and with `blank` the observation is 0 everywhere.
    """

    def __init__(self, env, delay, blank):
        super().__init__(env)
        self.delay, self.blank = delay, blank

    def reset(self, *, seed=None, options=None):
        self.waiting = None  # steps until the reward, once the ball has landed
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        if self.waiting is None:
            x, self.reward, landed, _, self.info = self.env.step(action)
            if not landed:
                return x, self.reward, False, False, self.info
            self.x = np.zeros_like(x) if self.blank else x
            self.waiting = self.delay
        else:
            self.waiting -= 1
        over = self.waiting == 0
        return self.x.copy(), self.reward if over else 0.0, over, False, self.info


def late_catch(setting):
    """-> the Task of `catch`, with a late reward."""
    task = catch(setting)
    return replace(task, make=lambda: Late(task.make(), setting["delay"], setting["blank"]))


def settings(quick):
    game = {"rows": 5, "columns": 5, "paddle_width": 1}
    steps, every = (800, 400) if quick else (4_000, 250)
    learner = {"hidden": (32,), "warm_up": 200, "steps": steps, "evaluate_every": every}
    named = {
        name: {"game": game, "learner": learner, "delay": delay, "blank": blank}
        for name, delay, blank in (
            ("seen-0", 0, False),
            ("seen-4", 4, False),
            ("blank-4", 4, True),
        )
    }
    longer = {"steps": 800 if quick else 24_000, "evaluate_every": 400 if quick else 1_000}
    reinforce = {**learner, **longer, "learning_rate": 0.005}
    named["reinforce"] = {**named["blank-4"], "learner": reinforce}
    return dict(list(named.items())[2:]) if quick else named


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> the rows of `learning_rows`. Only REINFORCE has a "learning_rate" in its setting."""
    if "learning_rate" not in setting["learner"]:
        return learning_rows(setting, seed, late_catch)
    task = late_catch(setting)
    s = Settings(**setting["learner"], seed=seed)
    return learning_rows(setting, seed, late_catch, Reinforce(task.make(), s, baseline=True))


LABELS = {
    "seen-0": "DQN, at once",
    "seen-4": "DQN, 4 steps late, last frame stays",
    "blank-4": "DQN, 4 steps late, blank",
    "reinforce": "REINFORCE, 4 steps late, blank",
}


def table(rows):
    lines = [["", "agent steps", "caught at the end"]]
    steps = by_setting(rows, "agent_steps")
    for setting, rates in by_setting(rows, "catch_rate").items():
        end = f"{steps[setting][0, -1]:,}"
        lines.append([LABELS[setting], end, quartiles(rates[:, -1])])
    return lines


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    labels = {LABELS[row["setting"]]: row["setting"] for row in rows}
    curves(axes, rows, labels, "agent_steps", "catch_rate")
    levels(axes, rows[0]["chance"], rows[0]["optimum"])
    axes.set(xscale="log", xlabel="agent steps")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
