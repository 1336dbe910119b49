"""Catch whose reward comes late: what if nothing that is seen tells of it any more?"""

from dataclasses import replace

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import curves, levels
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.experiments.policy_gradient import Reinforce

TITLE = "Late rewards"
CLAIM = (
    'Slide "Where this doesn\'t work (straightforwardly)": long-term correlations. When the ball'
    " has landed, nothing moves for so many steps; only then the reward comes. Meanwhile the last"
    " frame stays, or the board is blank. The optimum is the same everywhere: all that matters is"
    " done before. REINFORCE is that of the policy gradient experiment, with a baseline. Board of"
    " 5 rows and 5 columns, paddle of one cell; medians and quartiles over seeds."
)


class Late(gymnasium.Wrapper):
    """Catch whose reward, and end, come `delay` steps after the ball has landed.

    Nothing moves meanwhile; with `blank` nothing is seen either.
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
    """-> the Task: that of `catch`, late."""
    task = catch(setting)
    return replace(task, make=lambda: Late(task.make(), setting["delay"], setting["blank"]))


def settings(quick):
    game = {"rows": 5, "columns": 5, "paddle_width": 1}
    steps, every = (800, 400) if quick else (4_000, 250)
    learner = {"hidden": (32,), "warm_up": 200, "steps": steps, "evaluate_every": every}
    found = {
        name: {"game": game, "learner": learner, "delay": delay, "blank": blank}
        for name, delay, blank in (
            ("seen-0", 0, False),
            ("seen-4", 4, False),
            ("blank-4", 4, True),
        )
    }
    longer = {"steps": 800 if quick else 24_000, "evaluate_every": 400 if quick else 1_000}
    reinforce = {**learner, **longer, "learning_rate": 0.005}
    found["reinforce"] = {**found["blank-4"], "learner": reinforce}
    return dict(list(found.items())[2:]) if quick else found


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> the rows of `learning_rows`; REINFORCE has the learning rate .005."""
    if "learning_rate" not in setting["learner"]:
        return learning_rows(setting, seed, late_catch)
    task = late_catch(setting)
    player = Reinforce(task.make(), Settings(**setting["learner"], seed=seed))
    score, s, found = scorer(task, player), player.settings, []
    for agent_steps in range(s.evaluate_every, s.steps + 1, s.evaluate_every):
        while player.steps < agent_steps:
            player.update(baseline=True)
        rate = score()["catch_rate"]
        found.append({"agent_steps": agent_steps, "catch_rate": rate, **task.levels})
    return found


LABELS = {
    "seen-0": "DQN, at once",
    "seen-4": "DQN, 4 steps late, last frame stays",
    "blank-4": "DQN, 4 steps late, blank",
    "reinforce": "REINFORCE, 4 steps late, blank",
}


def table(rows):
    lines = [["", "agent steps", "caught at the end"]]
    for setting, label in LABELS.items():
        last = {row["seed"]: row for row in rows if row["setting"] == setting}.values()
        if last:
            low, median, high = np.percentile([row["catch_rate"] for row in last], (25, 50, 75))
            steps = f"{next(iter(last))['agent_steps']:,}"
            lines.append([label, steps, f"{median:.0%} ({low:.0%} to {high:.0%})"])
    return lines


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    there = {row["setting"] for row in rows}
    lines = {label: setting for setting, label in LABELS.items() if setting in there}
    curves(axes, rows, lines, "agent_steps", "catch_rate")
    levels(axes, rows[0]["chance"], rows[0]["optimum"])
    axes.set(xscale="log", xlabel="agent steps")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
