"""The exact Q*, and the errors of the table and the network while they learn.

Slides "Primer Dynamic Programming", "Bellman's Principle of Optimality", "Q-learning": the same
equation, solved by sweeps over all states, by a table from experience, and by a network. The error
is the root mean squared difference from Q* over every state and action of the game. At the left end
of the curves, the table is 0 and the network has its first weights. Medians and quartiles of seeds.
"""

from itertools import chain, islice

import numpy as np

from dqn_symbolic.experiments import figures, learning, results, tabular
from dqn_symbolic.settings import Settings

TITLE = "Dynamic programming on Catch"
SEEDS = 10, 2  # in full, quick


def conditions(quick):
    length = {"steps": 6_000 if quick else 40_000, "evaluate_every": 500 if quick else 1_000}
    return {
        "value-iteration": {"game": {}},
        "table": {**length, "learning_rate": 0.5, "epsilon": 0.5},
        "network": {"agent": length},
        "network-always-exploring": {"agent": {**length, "epsilon_end": 0.5}},
    }


def measure(condition, seed):
    """Yields rows with sweeps or agent_steps, and errors of Q."""
    env = learning.catch(condition).make()
    graph = tabular.graph_of(env)
    discount = Settings(**condition.get("agent", {})).discount
    tables = [np.zeros(graph.reward.shape), *tabular.sweeps(graph, discount)]
    exact, counted = tables.pop(), "agent_steps"
    if "agent" in condition:
        x = tabular.observations(env, graph)
        agent = learning.player_of(env, condition, seed)
        curve = ((agent_steps, agent.forward(x)) for agent_steps in learning.evaluations(agent))
    elif "epsilon" in condition:
        how = condition["learning_rate"], condition["epsilon"], np.random.default_rng(seed)
        learnt = chain(tables[:1], tabular.q_learning(graph, discount, *how))
        curve = islice(enumerate(learnt), 0, condition["steps"] + 1, condition["evaluate_every"])
    else:
        curve, counted = enumerate(tables), "sweeps"
    for count, q in curve:
        yield {counted: count, **errors(q, exact)}


def errors(q, exact):
    """-> the root mean squared error, the largest error, the share of states with a best action."""
    error = q - exact
    chosen = np.take_along_axis(exact, q.argmax(axis=1)[:, None], axis=1)[:, 0]
    return {
        "rmse": float(np.sqrt((error**2).mean())),
        "most": float(np.abs(error).max()),
        "best_action": float((chosen == exact.max(axis=1)).mean()),
    }


def table(rows):
    yield ["", "after", "root mean squared error", "largest error", "states with a best action"]
    exact_after = min(row["sweeps"] for row in rows if "sweeps" in row and row["most"] == 0)
    steps = dict(results.by_condition(rows, "agent_steps"))
    for condition, *runs in results.by_condition(rows, "rmse", "most", "best_action"):
        rmse, most, best = (np.median(column[:, -1]) for column in runs)
        learnt = condition in steps
        after = f"{steps[condition][0, -1]:,} agent steps" if learnt else f"{exact_after} sweeps"
        yield [condition.replace("-", " "), after, f"{rmse:.4f}", f"{most:.4f}", f"{best:.1%}"]


def draw(rows):
    figure, axes = figures.panels(7, 4.4)
    names = results.grouped(rows, "condition", "agent_steps")
    figures.curves(axes, rows, {name.replace("-", " "): name for name in names}, "rmse")
    axes.set(ylabel="root mean squared error of Q", ylim=(0, None))
    axes.legend(frameon=False)
    return figure
