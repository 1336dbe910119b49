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

from dqn_symbolic.experiments import figures, learning, results

TITLE = "Late rewards on a small Catch"
SEEDS = 10, 1  # in full, quick


class Late(gymnasium.Wrapper):
    """Catch that ends `delay` steps after the ball has landed; blank: the observation is 0 then."""

    def __init__(self, env, delay, blank):
        super().__init__(env)
        self.delay, self.blank = delay, blank

    def reset(self, *, seed=None, options=None):
        self.landed, self.waiting = False, self.delay
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        if self.landed:
            self.waiting -= 1  # nothing moves
        else:
            self.x, self.reward, self.landed, _, self.info = self.env.step(action)
            if self.landed and self.blank:
                self.x = np.zeros_like(self.x)
        over = self.landed and self.waiting == 0
        return self.x.copy(), self.reward if over else 0.0, over, False, self.info


def measure(condition, seed):
    """Yields `learning.rows` of Catch with a late reward."""
    task, how = learning.catch(condition), (condition["delay"], condition["blank"])
    return learning.rows(condition, seed, replace(task, make=lambda: Late(task.make(), *how)))


PLAYERS = {  # condition: (in pictures, steps until the reward, whether the board is blank)
    "seen-0": ("DQN, at once", 0, False),
    "seen-4": ("DQN, 4 steps late, last frame stays", 4, False),
    "blank-4": ("DQN, 4 steps late, blank", 4, True),
    "reinforce": ("REINFORCE, 4 steps late, blank", 4, True),
}


def conditions(quick):
    steps, every = (800, 400) if quick else (4_000, 250)
    agent = {"hidden": (32,), "warm_up": 200, "steps": steps, "evaluate_every": every}
    common, players = learning.SMALL_BOARD | {"agent": agent}, list(PLAYERS.items())[2 * quick :]
    named = {n: {**common, "delay": delay, "blank": blank} for n, (_, delay, blank) in players}
    longer = {} if quick else {"steps": 24_000, "evaluate_every": 1_000}
    agent = {**agent, **longer, "learning_rate": 0.005}
    named["reinforce"] |= {"agent": agent, "baseline": True}
    return named


def table(rows):
    yield ["", "agent steps", "caught at the end"]
    for condition, steps, rates in results.by_condition(rows, "agent_steps", "catch_rate"):
        yield [PLAYERS[condition][0], f"{steps[0, -1]:,}", results.quartiles(rates[:, -1])]


def draw(rows):
    _, axes = figures.panels(7, 4.8)
    labels = {PLAYERS[name][0]: name for name in results.grouped(rows, "condition", "catch_rate")}
    figures.curves(axes, rows, labels, "catch_rate")
    axes.set(xscale="log")
    return figures.legend_below(axes, columns=2)
