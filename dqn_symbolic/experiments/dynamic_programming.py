"""The exact Q*, and the errors of the table and the network while they learn.

Slides "Primer Dynamic Programming", "Bellman's Principle of Optimality", "Q-learning": the same
equation, solved by sweeps over all states, by a table from experience, and by a network. The error
is the root mean squared difference from Q* over every state and action of the game. At the left end
of the curves, Q is 0 everywhere. Medians and quartiles over seeds. Below, the errors of the network
on the board: for each position of the ball, the mean absolute difference over all positions of the
paddle and all actions; the median over seeds.
"""

from itertools import chain, islice

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments import figures, learning, results, tabular
from dqn_symbolic.settings import Settings

TITLE = "Dynamic programming"
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
    """Yields rows with sweeps or agent_steps, and errors of Q; a network also has an error map."""
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
    if "agent" in condition:  # the error map
        balls = [{"at": s[:2], "off": e} for s, e in zip(graph.states, np.abs(q - exact))]
        for (row, column), off in sorted(results.grouped(balls, "at", "off").items()):
            yield {"ball_row": row, "ball_column": column, "off": float(np.mean(off))}


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
    figure = Figure(figsize=(10, 7), layout="constrained")
    above, below = figure.subfigures(2, height_ratios=(4, 5))
    axes = above.subplots()
    off, columns = results.by_condition(rows, "off"), results.grouped(rows, "ball_column", "off")
    boards = {name: np.median(runs, axis=0).reshape(-1, len(columns)) for name, runs in off}
    labels = {name.replace("-", " "): name for name in ["table", *boards]}
    figures.curves(axes, rows, labels, "rmse")
    axes.grid(alpha=0.3)
    axes.set(ylabel="root mean squared error of Q", ylim=(0, None))
    axes.legend(frameon=False)

    highest = max(values.max() for values in boards.values())
    for axes, (name, values) in zip(below.subplots(1, 2), boards.items()):
        image = axes.imshow(values, cmap="gray_r", vmin=0, vmax=highest)
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if value > 0.55 * highest else "black"
            text = f"{value:.2f}".removeprefix("0")
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
        axes.set(xlabel="column of the ball", ylabel="row of the ball")
        axes.set(title=name.replace("-", " "))
    below.colorbar(image, ax=below.axes, label="mean |Q - Q*|")
    return figure
