"""The exact Q*, and the errors of the table and the network while they learn."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments.figures import curves
from dqn_symbolic.experiments.learning import catch, learner
from dqn_symbolic.experiments.results import by_setting
from dqn_symbolic.experiments.tabular import q_learning, state_graph, value_iteration
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

TITLE = "Dynamic programming"
CLAIM = (
    'Slides "Primer Dynamic Programming", "Bellman\'s Principle of Optimality", "Q-learning":'
    " the same equation, solved by sweeps over all states, by a table from experience, and by a"
    " network. The error is the root mean squared difference from Q* over every state and action"
    " of the game. At the left end of the curves, Q is 0 everywhere. Medians and quartiles over"
    " seeds. Below, the errors of the network on the board: for each position of the ball, the"
    " mean absolute difference over all positions of the paddle and all actions; the median over"
    " seeds."
)


def settings(quick):
    steps = 6_000 if quick else 40_000
    common = {"game": {}, "evaluate_every": 500 if quick else 1_000}
    learner = {"steps": steps, "evaluate_every": common["evaluate_every"]}
    return {
        "value-iteration": common,
        "table": {**common, "steps": steps, "learning_rate": 0.5, "epsilon": 0.5},
        "network": {**common, "learner": learner},
        "network-always-exploring": {**common, "learner": {**learner, "epsilon_end": 0.5}},
    }


def seeds(quick):
    return 2 if quick else 10


def measure(setting, seed):
    """-> rows with sweeps or agent_steps, and the errors of Q; for a network, also its error map.

    A row of the error map has the ball's position and `off`, the mean |Q - Q*| there.
    """
    env = catch(setting).make()
    graph = state_graph(env.starts(), env.successor, int(env.action_space.n))
    discount = Settings(**setting.get("learner", {})).discount
    sweeps = list(value_iteration(graph, discount))
    exact = sweeps[-1]
    if "learner" in setting:
        return network_rows(setting, seed, graph, exact)
    if "epsilon" not in setting:
        tables = enumerate([0 * exact, *sweeps[:-1]])
        return [{"sweeps": sweeps, **errors(q, exact)} for sweeps, q in tables]
    rate_and_epsilon = setting["learning_rate"], setting["epsilon"]
    rows = [{"agent_steps": 0, **errors(0 * exact, exact)}]
    table = q_learning(graph, discount, *rate_and_epsilon, np.random.default_rng(seed))
    for agent_steps in range(1, setting["steps"] + 1):
        q = next(table)
        if agent_steps % setting["evaluate_every"] == 0:
            rows.append({"agent_steps": agent_steps, **errors(q, exact)})
    return rows


def network_rows(setting, seed, graph, exact):
    agent = learner(setting, seed)
    env = catch(setting).make()
    x = np.stack([env.reset(options={"state": state})[0] for state in graph.states])[..., None]
    rows = [{"agent_steps": 0, **errors(agent.forward(x), exact)}]
    for row in training(agent):
        q = agent.forward(x)
        rows.append({"agent_steps": row["env_steps"], **errors(q, exact)})
    errors_of_ball = {}
    for state, error in zip(graph.states, np.abs(q - exact)):
        errors_of_ball.setdefault((state.ball_row, state.ball_column), []).append(error)
    error_map = [
        {"ball_row": row, "ball_column": column, "off": float(np.mean(errors))}
        for (row, column), errors in sorted(errors_of_ball.items())
    ]
    return rows + error_map


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
    lines = [["", "after", "root mean squared error", "largest error", "states with a best action"]]
    for setting in dict.fromkeys(row["setting"] for row in rows):
        sweeps = setting == "value-iteration"
        unit = "sweeps" if sweeps else "agent_steps"
        count = by_setting(rows, unit)[setting][0, -1]
        if sweeps:  # the first sweep that is exact
            count = min(row["sweeps"] for row in rows if "sweeps" in row and row["most"] == 0)
        rmse, most, best = (
            np.median(by_setting(rows, column)[setting][:, -1])
            for column in ("rmse", "most", "best_action")
        )
        after = f"{count:,} {unit.replace('_', ' ')}"
        lines.append(
            [setting.replace("-", " "), after, f"{rmse:.4f}", f"{most:.4f}", f"{best:.1%}"]
        )
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 7), layout="constrained")
    above, below = figure.subfigures(2, height_ratios=(4, 5))
    axes = above.subplots()
    networks = ["network", "network-always-exploring"]
    labels = {name.replace("-", " "): name for name in ["table", *networks]}
    measured = [row for row in rows if "agent_steps" in row]
    curves(axes, measured, labels, "agent_steps", "rmse")
    axes.set(xlabel="agent steps", ylabel="root mean squared error of Q", ylim=(0, None))
    axes.legend(frameon=False)

    boards = {name: board(rows, name) for name in networks}
    highest = max(values.max() for values in boards.values())
    for axes, (name, values) in zip(below.subplots(1, 2), boards.items()):
        image = axes.imshow(values, cmap="gray_r", vmin=0, vmax=highest)
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            colour = "white" if value > 0.55 * highest else "black"
            text = f"{value:.2f}".removeprefix("0")
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
        axes.set(
            title=name.replace("-", " "), xlabel="column of the ball", ylabel="row of the ball"
        )
    below.colorbar(image, ax=below.axes, label="mean |Q - Q*|")
    return figure


def board(rows, setting):
    """-> (height, width) of the board: the median over seeds of `off`."""
    values = {}
    for row in rows:
        if row["setting"] == setting and "off" in row:
            values.setdefault((row["ball_row"], row["ball_column"]), []).append(row["off"])
    height, width = (1 + max(numbers) for numbers in zip(*values))
    return np.array([[np.median(values[r, c]) for c in range(width)] for r in range(height)])
