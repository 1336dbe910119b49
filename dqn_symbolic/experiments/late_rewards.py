"""Catch with a late reward: when it comes, the observation may no longer show the reason for it.

Slide "Where this doesn't work (straightforwardly)": long-term correlations. After the ball has
landed, nothing moves for 4 steps, and the reward comes at the end of them. Meanwhile the last frame
stays, or the board is blank. The wait does not change the optimum, because no action counts during
it. REINFORCE is that of the policy gradient experiment, with a baseline. Board of 5 rows and 5
columns, paddle of one cell; medians and quartiles over seeds.
"""

from dataclasses import replace

import gymnasium
import numpy as np

from dqn_symbolic.experiments.figures import curves, legend_below, levels, panels
from dqn_symbolic.experiments.learning import SMALL_BOARD, catch, learning_rows
from dqn_symbolic.experiments.reinforce import Reinforce
from dqn_symbolic.experiments.results import by_condition, quartiles
from dqn_symbolic.settings import Settings

TITLE = "Late rewards"
SEEDS, QUICK_SEEDS = 10, 1


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


def late_catch(condition):
    """-> the Task of `catch`, with a late reward."""
    task = catch(condition)
    return replace(task, make=lambda: Late(task.make(), condition["delay"], condition["blank"]))


def conditions(quick):
    steps, every = (800, 400) if quick else (4_000, 250)
    agent = {"hidden": (32,), "warm_up": 200, "steps": steps, "evaluate_every": every}
    longer = {"steps": 800 if quick else 24_000, "evaluate_every": 400 if quick else 1_000}
    reinforce = {**agent, **longer, "learning_rate": 0.005}
    named = {
        name: {"game": SMALL_BOARD, "agent": agent, "delay": delay, "blank": blank}
        for name, agent, delay, blank in (
            ("seen-0", agent, 0, False),
            ("seen-4", agent, 4, False),
            ("blank-4", agent, 4, True),
            ("reinforce", reinforce, 4, True),
        )
    }
    return {name: named[name] for name in ("blank-4", "reinforce")} if quick else named


def measure(condition, seed):
    """-> the rows of `learning_rows`. Only REINFORCE has a "learning_rate" in its condition."""
    if "learning_rate" not in condition["agent"]:
        return learning_rows(condition, seed, late_catch)
    task = late_catch(condition)
    s = Settings(**condition["agent"], seed=seed)
    return learning_rows(condition, seed, late_catch, Reinforce(task.make(), s, baseline=True))


LABELS = {
    "seen-0": "DQN, at once",
    "seen-4": "DQN, 4 steps late, last frame stays",
    "blank-4": "DQN, 4 steps late, blank",
    "reinforce": "REINFORCE, 4 steps late, blank",
}


def table(rows):
    yield ["", "agent steps", "caught at the end"]
    steps = by_condition(rows, "agent_steps")
    for condition, rates in by_condition(rows, "catch_rate").items():
        end = f"{steps[condition][0, -1]:,}"
        yield [LABELS[condition], end, quartiles(rates[:, -1])]


def draw(rows):
    figure, axes = panels(7, 4.8)
    labels = {LABELS[row["condition"]]: row["condition"] for row in rows}
    curves(axes, rows, labels, "catch_rate")
    levels(axes, rows)
    axes.set(xscale="log")
    legend_below(axes, columns=2)
    return figure
