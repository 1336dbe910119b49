"""A corridor whose best policy is stochastic: REINFORCE finds it, Q-learning cannot."""

from functools import partial

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.experiments.figures import STYLES, curves
from dqn_symbolic.experiments.policy_gradient import Reinforce
from dqn_symbolic.experiments.tabular import state_graph

TITLE = "A stochastic policy"
CLAIM = (
    'Slide "Policy based methods (digression)": "can learn stochastic policies", "better'
    ' convergence". The short corridor with switched actions (Sutton & Barto 2018, example 13.1):'
    " three cells that look the same, -1 for each step; in the middle cell, left and right are"
    " switched. A policy is one number, the probability of right. Its return is exact (a system of"
    " linear equations), so nothing is measured by playing. REINFORCE starts where the two"
    " epsilon-greedy players with epsilon .1 are. Q-learning is DQN with its default settings and"
    " no hidden layer. Medians and quartiles over seeds."
)
BEST = 2 - 2**0.5  # the probability of right with the highest return, where its derivative is 0
LEFT, RIGHT = 0, 1


class Corridor(gymnasium.Env):
    """Cells 0, 1 and 2, from 0 on; right of cell 2 is the goal. The observation is always [1].

    Action: 0 left, 1 right; in cell 1 it is the other way round. Reward: -1 a step.
    """

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(0, 1, (1,), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(2)

    def successor(self, cell, action):
        """The rules: -> (next cell, reward, terminated)."""
        step = 1 if (action == RIGHT) == (cell != 1) else -1
        cell = max(cell + step, 0)
        return cell, -1.0, cell == 3

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return np.ones(1, np.uint8), {}

    def step(self, action):
        self.cell, reward, terminated = self.successor(self.cell, action)
        return np.ones(1, np.uint8), reward, terminated, False, {}


def expected_return(right):
    """Of the policy that goes right with that probability, 0 < right < 1: undiscounted, exact."""
    graph = state_graph([0], Corridor().successor, 2)
    cells = len(graph.states)
    moves = np.zeros((cells, cells + 1))  # the last column: to the goal
    for action, probability in ((LEFT, 1 - right), (RIGHT, right)):
        moves[np.arange(cells), graph.following[:, action]] += probability
    # v = -1 + moves v
    return float(np.linalg.solve(np.eye(cells) - moves[:, :-1], -np.ones(cells))[0])


def settings(quick):
    steps, every = (2_000, 500) if quick else (40_000, 1_000)
    learner = {"hidden": (), "steps": steps, "evaluate_every": every}
    found = {
        f"reinforce-from-{right}": {
            "learner": {**learner, "learning_rate": 0.05},
            "first_right": right,
        }
        for right in (0.05, 0.95)
    }
    for epsilon in (0.1, 0.5):
        exploring = {"epsilon_start": epsilon, "epsilon_end": epsilon, "warm_up": 500}
        shorter = {"steps": min(steps, 10_000)}  # nothing changes any more
        found[f"q-learning-{epsilon}"] = {"learner": {**learner, **exploring, **shorter}}
    return found


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> a row at each evaluation: agent_steps, right (its probability) and expected_return."""
    s = Settings(**setting["learner"], seed=seed)
    if "first_right" in setting:
        player = Reinforce(Corridor(), s)
        start_with(player, setting["first_right"])
        learn = partial(player.update, baseline=True)
    else:
        player = Agent(Corridor(), s).compile()
        learn = player.step
    found = []
    for agent_steps in range(0, s.steps + 1, s.evaluate_every):
        while player.steps < agent_steps:
            learn()
        right = probability_of_right(player)
        J = expected_return(right)
        found.append({"agent_steps": agent_steps, "right": right, "expected_return": J})
    return found


def start_with(player, right):
    """REINFORCE's first policy goes right with that probability."""
    for variable in player.forward.get_shared():
        variable.set_value(0 * variable.get_value())
        if variable.name == "bout":
            variable.set_value(np.log([1 - right, right]).astype(np.float32))


def probability_of_right(player):
    output = player.forward(np.ones((1, 1, 1), np.uint8))[0]
    if isinstance(player, Reinforce):
        return float(output[RIGHT])
    epsilon = player.epsilon
    return float(epsilon / 2 + (1 - epsilon) * (output.argmax() == RIGHT))


def label(setting):
    name, number = setting.rsplit("-", 1)
    number = number.removeprefix("0")
    if name == "q-learning":
        return f"Q-learning, epsilon {number}"
    return f"REINFORCE, first {number}"


def table(rows):
    lines = [["", "probability of right at the end", "expected return at the end"]]
    ends = {}
    for row in rows:
        ends.setdefault(row["setting"], {})[row["seed"]] = row["right"], row["expected_return"]
    for setting, found in ends.items():
        right, J = np.percentile(list(found.values()), (25, 50, 75), axis=0).T
        shown = [f"{median:.2f} ({low:.2f} to {high:.2f})" for low, median, high in (right, J)]
        lines.append([label(setting), *shown])
    best = f"{expected_return(BEST):.2f}"
    return [*lines, ["the best policy (exact)", f"{BEST:.2f}", best]]


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = list(dict.fromkeys(row["setting"] for row in rows))
    curves(left, rows, {label(name): name for name in names}, "agent_steps", "expected_return")
    best, of_right, of_left = map(expected_return, (BEST, 0.95, 0.05))
    left.axhline(best, color="black", lw=1, label=f"best policy ({best:.1f})")
    for ls, value, way in (("--", of_right, "right"), (":", of_left, "left")):
        name = f"epsilon .1, else {way} ({value:.1f})"
        left.axhline(value, color="black", lw=1, ls=ls, label=name)
    left.set(xlabel="agent steps", ylabel="expected return", ylim=(-90, 0))

    p = np.linspace(0.03, 0.97, 200)
    right.plot(p, [expected_return(one) for one in p], color="black", lw=1)
    for setting, style in zip(names, STYLES):
        last = {row["seed"]: row for row in rows if row["setting"] == setting}.values()
        ends = [row["right"] for row in last], [row["expected_return"] for row in last]
        right.plot(*ends, color=style["color"], marker=style["marker"], ls="", alpha=0.6)
    right.axvline(BEST, color="black", lw=1, ls=":")
    right.set(xlabel=f"probability of right (best: {BEST:.2f})", title="where each seed ended")
    right.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
