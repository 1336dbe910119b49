"""A corridor whose best policy is stochastic: REINFORCE finds it, Q-learning cannot.

Slide "Policy based methods (digression)": "can learn stochastic policies", "better convergence".
The short corridor with switched actions (Sutton & Barto 2018, example 13.1): three cells that look
the same, -1 for each step; in the middle cell, left and right are switched. A policy is one number,
the probability of right. Its expected return is exact. REINFORCE starts at the policies of the two
epsilon-greedy players with epsilon .1. Q-learning is DQN with its default settings and no hidden
layer. Medians and quartiles over seeds.
"""

import gymnasium
import numpy as np

from dqn_symbolic.experiments import figures, learning, results

TITLE = "A stochastic policy, in the corridor of Sutton & Barto"
SEEDS = 10, 1  # in full, quick
BEST = 2 - 2**0.5  # the probability of right with the highest return, where its derivative is 0
RIGHT = 1  # of the actions; 0 is left, but in cell 1 it is the other way round


class Corridor(gymnasium.Env):
    """Cells 0, 1 and 2. It starts in cell 0; the goal is right of cell 2. It always shows [1]."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return np.ones(1, np.uint8), {}

    def step(self, action):
        step = 1 if (action == RIGHT) == (self.cell != 1) else -1
        self.cell = max(self.cell + step, 0)
        return np.ones(1, np.uint8), -1.0, self.cell == 3, False, {}


def expected_return(p):
    """-> the exact undiscounted return of the policy that goes right with probability 0 < p < 1.

    It is v0, where v0 = -1 + p v1 + (1-p) v0; v1 = -1 + p v0 + (1-p) v2; v2 = -1 + (1-p) v1.
    """
    return 2 * (p - 2) / (p * (1 - p))


def conditions(quick):
    steps, every = (2_000, 500) if quick else (40_000, 1_000)
    agent = {"hidden": (), "steps": steps, "evaluate_every": every}
    reinforce = {"agent": {**agent, "learning_rate": 0.05}, "baseline": True}
    named = {f"reinforce-from-{p}": {**reinforce, "first_right": p} for p in (0.05, 0.95)}
    for epsilon in (0.1, 0.5):
        exploring = {"epsilon_start": epsilon, "epsilon_end": epsilon, "warm_up": 500}
        shorter = {"steps": min(steps, 10_000)}  # afterwards nothing changes
        named[f"q-learning-{epsilon}"] = {"agent": {**agent, **exploring, **shorter}}
    return named


def measure(condition, seed):
    """Yields a row at each evaluation: agent_steps, right (its probability) and expected_return."""
    player = learning.player_of(Corridor(), condition, seed)
    if "first_right" in condition:  # of the policy with which REINFORCE starts
        first = condition["first_right"]
        for variable in player.forward.get_shared():
            logits = np.log([1 - first, first]) if variable.name == "bout" else 0
            variable.set_value((0 * variable.get_value() + logits).astype(np.float32))
    for agent_steps in learning.evaluations(player):
        output = player.forward(np.ones((1, 1, 1), np.uint8))[0]
        policy = output[RIGHT] if "baseline" in condition else output.argmax() == RIGHT
        right = float(player.epsilon / 2 + (1 - player.epsilon) * policy)
        J = expected_return(right)
        yield {"agent_steps": agent_steps, "right": right, "expected_return": J}


def label(condition):
    kind = condition.replace("q-learning-0", "Q-learning, epsilon ")
    return kind.replace("reinforce-from-0", "REINFORCE from ")


def table(rows):
    yield ["", "probability of right at the end", "expected return at the end"]
    for condition, *columns in results.by_condition(rows, "right", "expected_return"):
        yield [label(condition), *(results.quartiles(runs[:, -1], ".2f") for runs in columns)]
    yield ["the best policy (exact)", f"{BEST:.2f}", f"{expected_return(BEST):.2f}"]


def draw(rows):
    _, (left, right) = figures.panels(10, 4.6, 1, 2, sharey=True)
    runs = list(results.by_condition(rows, "right", "expected_return"))
    figures.curves(left, rows, {label(name): name for name, *_ in runs}, "expected_return")
    known = {"best policy": BEST, "epsilon .1, else right": 0.95, "epsilon .1, else left": 0.05}
    for (name, p), ls in zip(known.items(), ("-", "--", ":")):
        J = expected_return(p)
        left.axhline(J, color="black", lw=1, ls=ls, label=f"{name} ({J:.1f})")
    left.set(ylabel="expected return", ylim=(-90, 0))

    x = np.linspace(0.03, 0.97, 200)
    right.plot(x, list(map(expected_return, x)), color="black", lw=1)
    for (_, rights, returns), style in zip(runs, figures.STYLES):
        right.plot(rights[:, -1], returns[:, -1], **{**style, "ls": "", "alpha": 0.6})
    right.axvline(BEST, color="black", lw=1, ls=":")
    right.set(xlabel=f"probability of right (best: {BEST:.2f})", title="where each seed ended")
    return figures.legend_below(left, columns=4)
