"""Epsilon from 0 to 1: how much the agent learns, and how much it earns meanwhile.

Slide "Laundry list of differences for RL": exploration/exploitation. Epsilon stays the same for the
whole run. "Learnt" is the share of all starts from which the greedy policy catches the ball at the
end. "Earned" is the share of the run's episodes that ended with a catch, random actions included.
The dashed line is exact: the largest share that an epsilon-greedy player can catch if it knows the
game and its own epsilon.
Board of 5 rows and 5 columns, paddle of one cell; medians and quartiles over seeds.
"""

import numpy as np

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments import figures, learning, results, tabular

TITLE = "Exploration and exploitation on Catch"
SEEDS = 10, 1  # in full, quick
EPSILONS = (0.0, 0.05, 0.2, 0.4, 0.7, 1.0)


def conditions(quick):
    common = {"hidden": (32,), "warm_up": 200, "steps": 800 if quick else 4_000}
    epsilons = EPSILONS[::5] if quick else EPSILONS
    agents = {e: {**common, "epsilon_start": e, "epsilon_end": e} for e in epsilons}
    return {f"epsilon-{e}": learning.SMALL_BOARD | {"agent": agent} for e, agent in agents.items()}


def measure(condition, seed):
    """Yields {"epsilon", "learnt", "earned", "most", ...}: shares of episodes, 0..1."""
    agent, task = learning.trained(condition, seed), learning.catch(condition)
    assert agent.memory.size == agent.steps  # the memory holds the whole run
    _, _, reward, _, _ = agent.memory.transitions(np.arange(agent.memory.size))
    earned = (reward[reward != 0] > 0).mean()
    epsilon = agent.settings.epsilon_end
    learnt = scorer(task, agent)()["catch_rate"]
    shares = {"learnt": learnt, "earned": float(earned), "most": most(task.make(), epsilon)}
    yield {"epsilon": epsilon, **shares, **task.levels}


def most(env, epsilon):
    """-> the share of starts that the best epsilon-greedy player catches (exact)."""

    def value(q):
        return (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)

    graph = tabular.graph_of(env)
    *_, q = tabular.sweeps(graph, 1.0, value)
    return float((value(q)[graph.starts].mean() + 1) / 2)


def table(rows):
    yield ["epsilon", "learnt", "earned", "the most to earn (exact)"]
    columns = "epsilon", "learnt", "earned", "most"
    for _, epsilon, learnt, earned, best in results.by_condition(rows, *columns):
        yield [f"{epsilon[0, 0]:g}", *map(results.quartiles, (learnt, earned)), f"{best[0, 0]:.0%}"]


def draw(rows):
    _, axes = figures.panels(7, 4.8)
    for column, style in zip(("learnt", "earned"), figures.STYLES):
        figures.band(axes, results.grouped(rows, "epsilon", column), label=column, **style)
    best = {"color": "black", "ls": "--", "lw": 1, "label": "the most to earn (exact)"}
    figures.band(axes, results.grouped(rows, "epsilon", "most"), **best)  # all seeds have the same
    figures.catches(axes, rows)
    axes.set(xlabel="epsilon", ylabel="share caught")
    return figures.legend_below(axes, columns=3)
