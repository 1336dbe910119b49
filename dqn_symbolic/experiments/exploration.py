"""Epsilon from 0 to 1: what is learnt, and what is earned meanwhile."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, levels
from dqn_symbolic.experiments.learning import catch, learner
from dqn_symbolic.experiments.tabular import backup, state_graph

TITLE = "Exploration and exploitation"
CLAIM = (
    'Slide "Exploration/Exploitation". Epsilon stays the same for the whole run. Learnt is what'
    " the greedy policy catches at the end, from every start; earned is the share of the episodes"
    " of the run that ended with a catch, with all the random actions that it took. The dashed"
    " line is the most that an epsilon-greedy player can catch, exactly: that of one who knows the"
    " game and its own epsilon. Board of 5 rows and 5 columns, paddle of one cell; medians and"
    " quartiles over seeds."
)
EPSILONS = (0.0, 0.05, 0.2, 0.4, 0.7, 1.0)
BOARD = {"rows": 5, "columns": 5, "paddle_width": 1}


def settings(quick):
    common = {"hidden": (32,), "warm_up": 200, "steps": 800 if quick else 4_000}
    return {
        f"epsilon-{epsilon}": {
            "game": BOARD,
            "learner": {**common, "epsilon_start": epsilon, "epsilon_end": epsilon},
        }
        for epsilon in (EPSILONS[::5] if quick else EPSILONS)
    }


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> [{"epsilon", "learnt", "earned", "most", ...}]: shares of episodes, 0..1."""
    agent, task = learner(setting, seed), catch(setting)
    while agent.steps < agent.settings.steps:
        agent.step()
    assert agent.memory.size == agent.steps  # it is all still there
    _, _, reward, _, _ = agent.memory.all()
    earned = (reward[reward != 0] > 0).mean()
    epsilon = agent.settings.epsilon_end
    learnt = scorer(task, agent)()["catch_rate"]
    shares = {"learnt": learnt, "earned": float(earned), "most": most(task.make(), epsilon)}
    return [{"epsilon": epsilon, **shares, **task.levels}]


def most(env, epsilon):
    """-> the share of episodes that the best epsilon-greedy player catches: dynamic programming."""
    graph = state_graph(env.unwrapped.starts(), env.unwrapped.successor, 3)
    v = np.zeros(len(graph.states))
    for _ in range(env.unwrapped.rows - 1):
        q = backup(graph, v, discount=1.0)
        v = (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)
    return float((v[graph.starts].mean() + 1) / 2)


def shares(rows, kind):
    """-> {epsilon: its quartiles (3,)}"""
    found = {}
    for row in rows:
        found.setdefault(row["epsilon"], []).append(row[kind])
    return {epsilon: np.percentile(values, (25, 50, 75)) for epsilon, values in found.items()}


def table(rows):
    lines = [["epsilon", "learnt", "earned", "the most to earn (exact)"]]
    learnt, earned, best = (shares(rows, kind) for kind in ("learnt", "earned", "most"))
    for epsilon in learnt:
        shown = [
            f"{median:.0%} ({low:.0%} to {high:.0%})"
            for low, median, high in (learnt[epsilon], earned[epsilon])
        ]
        lines.append([f"{epsilon:g}", *shown, f"{best[epsilon][1]:.0%}"])
    return lines


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    for kind, style in zip(("learnt", "earned"), STYLES):
        found = shares(rows, kind)
        low, median, high = np.transpose(list(found.values()))
        axes.plot(list(found), median, ms=5, label=kind, **style)
        axes.fill_between(list(found), low, high, color=style["color"], alpha=0.15, lw=0)
    best = {epsilon: median for epsilon, (_, median, _) in shares(rows, "most").items()}
    label = "the most to earn (exact)"
    axes.plot(list(best), list(best.values()), color="black", lw=1, ls="--", label=label)
    levels(axes, rows[0]["chance"], rows[0]["optimum"])
    axes.set(xlabel="epsilon", ylabel="share caught")
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
