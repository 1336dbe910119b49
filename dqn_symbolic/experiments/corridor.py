"""A corridor whose best policy is stochastic: REINFORCE finds it, Q-learning cannot."""

from itertools import chain

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent import Agent
from dqn_symbolic.experiments.figures import STYLES, curves
from dqn_symbolic.experiments.reinforce import Reinforce
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.experiments.tabular import state_graph
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

TITLE = "A stochastic policy"
CLAIM = (
    'Slide "Policy based methods (digression)": "can learn stochastic policies", "better'
    ' convergence". The short corridor with switched actions (Sutton & Barto 2018, example 13.1):'
    " three cells that look the same, -1 for each step; in the middle cell, left and right are"
    " switched. A policy is one number, the probability of right. Its expected return is exact, the"
    " solution of linear equations. REINFORCE starts at the policies of the two epsilon-greedy"
    " players with epsilon .1. Q-learning is DQN with its default settings and no hidden layer."
    " Medians and quartiles over seeds."
)
BEST = 2 - 2**0.5  # the probability of right with the highest return, where its derivative is 0
LEFT, RIGHT = 0, 1


class Corridor(gymnasium.Env):
    """Cells 0, 1 and 2. It starts in cell 0; the goal is right of cell 2. It always shows [1].

    Actions: 0 left, 1 right, but in cell 1 the other way round. Reward: -1 for each step.
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
    """-> the exact undiscounted return of the policy with 0 < `right` < 1, its probability."""
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
    reinforce = {"learner": {**learner, "learning_rate": 0.05}}
    named = {f"reinforce-from-{p}": {**reinforce, "first_right": p} for p in (0.05, 0.95)}
    for epsilon in (0.1, 0.5):
        exploring = {"epsilon_start": epsilon, "epsilon_end": epsilon, "warm_up": 500}
        shorter = {"steps": min(steps, 10_000)}  # afterwards nothing changes
        named[f"q-learning-{epsilon}"] = {"learner": {**learner, **exploring, **shorter}}
    return named


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> a row at each evaluation: agent_steps, right (its probability) and expected_return."""
    s = Settings(**setting["learner"], seed=seed)
    if "first_right" in setting:
        player = Reinforce(Corridor(), s, baseline=True)
        start_with(player, setting["first_right"])
    else:
        player = Agent(Corridor(), s)
    rows = []
    for n, _ in enumerate(chain([0], training(player))):
        right = probability_of_right(player)
        J = expected_return(right)
        agent_steps = n * s.evaluate_every
        rows.append({"agent_steps": agent_steps, "right": right, "expected_return": J})
    return rows


def start_with(player, right):
    """Gives REINFORCE a first policy that goes right with probability `right`."""
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
    kind = "Q-learning, epsilon" if name == "q-learning" else "REINFORCE, first"
    return f"{kind} {number.removeprefix('0')}"


def ends(rows):
    """-> {setting: ((seeds,) probabilities of right, (seeds,) expected returns)} at the end."""
    rights, returns = by_setting(rows, "right"), by_setting(rows, "expected_return")
    return {setting: (rights[setting][:, -1], returns[setting][:, -1]) for setting in rights}


def table(rows):
    lines = [["", "probability of right at the end", "expected return at the end"]]
    for setting, (right, J) in ends(rows).items():
        lines.append([label(setting), quartiles(right, ".2f"), quartiles(J, ".2f")])
    return [*lines, ["the best policy (exact)", f"{BEST:.2f}", f"{expected_return(BEST):.2f}"]]


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    labels = {label(setting): setting for setting in ends(rows)}
    curves(left, rows, labels, "agent_steps", "expected_return")
    for p, name, ls in (
        (BEST, "best policy", "-"),
        (0.95, "epsilon .1, else right", "--"),
        (0.05, "epsilon .1, else left", ":"),
    ):
        J = expected_return(p)
        left.axhline(J, color="black", lw=1, ls=ls, label=f"{name} ({J:.1f})")
    left.set(xlabel="agent steps", ylabel="expected return", ylim=(-90, 0))

    x = np.linspace(0.03, 0.97, 200)
    right.plot(x, list(map(expected_return, x)), color="black", lw=1)
    for end, style in zip(ends(rows).values(), STYLES):
        right.plot(*end, color=style["color"], marker=style["marker"], ls="", alpha=0.6)
    right.axvline(BEST, color="black", lw=1, ls=":")
    right.set(xlabel=f"probability of right (best: {BEST:.2f})", title="where each seed ended")
    right.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
