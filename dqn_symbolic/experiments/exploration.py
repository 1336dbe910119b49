"""Epsilon from 0 to 1: how much the agent learns, and how much it earns meanwhile."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, band, levels
from dqn_symbolic.experiments.learning import catch, learner
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.experiments.tabular import backup, state_graph
from dqn_symbolic.training import training

TITLE = "Exploration and exploitation"
CLAIM = (
    'Slide "Exploration/Exploitation". Epsilon stays the same for the whole run. "Learnt" is the'
    ' share of all starts from which the greedy policy catches the ball at the end. "Earned" is'
    " the share of the run's episodes that ended with a catch, random actions included. The dashed"
    " line is exact: the largest share that an epsilon-greedy player can catch if it knows the game"
    " and its own epsilon. Board of 5 rows and 5 columns, paddle of one cell; medians and quartiles"
    " over seeds."
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
    for _ in training(agent):
        pass
    assert agent.memory.size == agent.steps  # the memory holds the whole run
    _, _, reward, _, _ = agent.memory.transitions(np.arange(agent.memory.size))
    earned = (reward[reward != 0] > 0).mean()
    epsilon = agent.settings.epsilon_end
    learnt = scorer(task, agent)()["catch_rate"]
    shares = {"learnt": learnt, "earned": float(earned), "most": most(task.make(), epsilon)}
    return [{"epsilon": epsilon, **shares, **task.levels}]


def most(env, epsilon):
    """-> the share of starts that the best epsilon-greedy player catches (exact)."""
    graph = state_graph(env.unwrapped.starts(), env.unwrapped.successor, 3)
    v = np.zeros(len(graph.states))
    for _ in range(env.unwrapped.rows - 1):
        q = backup(graph, v, discount=1.0)
        v = (1 - epsilon) * q.max(axis=1) + epsilon * q.mean(axis=1)
    return float((v[graph.starts].mean() + 1) / 2)


def by_epsilon(rows, column):
    """-> {epsilon: (seeds,) array of the column}"""
    runs = by_setting(rows, column)
    return {float(name.removeprefix("epsilon-")): values[:, 0] for name, values in runs.items()}


def table(rows):
    lines = [["epsilon", "learnt", "earned", "the most to earn (exact)"]]
    learnt, earned, best = (by_epsilon(rows, column) for column in ("learnt", "earned", "most"))
    for epsilon in learnt:
        shares = quartiles(learnt[epsilon]), quartiles(earned[epsilon])
        lines.append([f"{epsilon:g}", *shares, f"{best[epsilon][0]:.0%}"])
    return lines


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    for column, style in zip(("learnt", "earned"), STYLES):
        band(axes, by_epsilon(rows, column), label=column, **style)
    best = by_epsilon(rows, "most")  # all seeds have the same
    label = "the most to earn (exact)"
    axes.plot(list(best), [most[0] for most in best.values()], "k--", lw=1, label=label)
    levels(axes, rows[0]["chance"], rows[0]["optimum"])
    axes.set(xlabel="epsilon", ylabel="share caught")
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
