"""How many frames make a state? With a drifting ball, one frame is not enough.

Slide "Other details": the agent receives 4 frames at a time. The ball drifts, and one frame does
not show its direction. On a large board the paddle can follow the ball, so the direction does not
matter. Here the board is 4 rows high (with --quick 3) and 5 columns wide, with a paddle of one
cell: three moves. The optimum for each number of frames is exact (a mixed-integer programme over
all deterministic policies). The optimum of a player who knows the whole state is exact, too.
Medians and quartiles over seeds.
"""

from functools import cache

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from dqn_symbolic.experiments.figures import STYLES, curves, legend_below, levels, panels
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.experiments.results import by_condition, last_quarter, quartiles
from dqn_symbolic.experiments.tabular import state_graph

TITLE = "Why four frames"
SEEDS, QUICK_SEEDS = 10, 2


def conditions(quick):
    height, steps, every = (3, 6_000, 1_000) if quick else (4, 40_000, 2_000)
    game = {"rows": height, "columns": 5, "paddle_width": 1, "drift": True}
    return {
        f"frames-{history}": {
            "game": game,
            "agent": {"history": history, "steps": steps, "evaluate_every": every},
        }
        for history in (1, 2, 4)
    }


def measure(condition, seed):
    """Yields `learning_rows`, and for the first seed a row with the exact optimum."""
    yield from learning_rows(condition, seed)
    if seed == 0:  # all seeds have the same optimum
        history = condition["agent"]["history"]
        yield {"optimum_seen": share(best_return(catch(condition).make(), history))}


def share(mean_return):
    """Returns of -1 and +1 -> the share of +1."""
    return round((mean_return + 1) / 2, 9)


def best_return(env, history):
    """-> the highest mean return over all starts for a player who sees the last `history` frames.

    A view is the frames that the player sees at a time. The game is deterministic, and each frame
    shows the time in the episode (in Catch: the row of the ball). So no view comes twice in an
    episode, and the mean return is linear in the player's choice at each view. Hence the best
    deterministic player is as good as any randomised player.

    A mixed-integer programme finds this player. A position is a state with its view. A share of the
    starts flows into each position and leaves it by an action, which must be the same in all
    positions with the same view. Raises RuntimeError if there is no solution.
    """

    @cache
    def frame(state):
        return env.reset(options={"state": state})[0].tobytes()

    def successor(position, action):
        state, view = position
        state_tp1, reward, over = env.successor(state, action)
        return None if over else (state_tp1, (*view[1:], frame(state_tp1))), reward, over

    starts = [(state, (None,) * (history - 1) + (frame(state),)) for state in env.starts()]
    graph = state_graph(starts, successor, int(env.action_space.n))
    positions, actions = graph.reward.shape
    begins = np.bincount(graph.starts, minlength=positions) / len(starts)
    most = begins.copy()  # upper bounds of the shares that flow into each position
    for position, following in enumerate(graph.following):
        for after in set(following) - {positions}:  # at a wall, two actions lead to one position
            most[after] += most[position]

    # The variables: a flow for each position and action, then a choice for each view and action.
    views = {view: n for n, view in enumerate(dict.fromkeys(view for _, view in graph.states))}
    flows, choices = positions * actions, len(views) * actions
    flow, choice = np.arange(flows), flows + np.arange(choices)
    before, after = np.repeat(np.arange(positions), actions), graph.following.ravel()
    goes_on = after < positions
    view_of = np.array([views[view] for _, view in graph.states])
    choice_of = choice.reshape(-1, actions)[view_of].ravel()  # of each flow

    def matrix(height, row, column, value=1):
        """A number in each of these rows and columns; it has a column for each variable."""
        values = np.full(len(row), value, float)
        return coo_array((values, (row, column)), shape=(height, flows + choices)).tocsr()

    leaves = matrix(positions, before, flow)
    arrives = matrix(positions, after[goes_on], flow[goes_on])
    bound = matrix(flows, flow, choice_of, most[before])
    one_action = matrix(len(views), np.repeat(np.arange(len(views)), actions), choice)
    solution = milp(
        np.concatenate([-graph.reward.ravel(), np.zeros(choices)]),
        integrality=np.repeat([0, 1], [flows, choices]),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(leaves - arrives, begins, begins),
            LinearConstraint(matrix(flows, flow, flow) - bound, -np.inf, 0),
            LinearConstraint(one_action, 1, 1),
        ],
        options={"mip_rel_gap": 0},
    )
    if not solution.success:
        raise RuntimeError(f"no optimum for {history} frames: {solution.message}")
    return -solution.fun


def optima(rows):
    return {row["condition"]: row["optimum_seen"] for row in rows if "optimum_seen" in row}


def frames(condition):
    history = int(condition.removeprefix("frames-"))
    return f"{history} frame{'s' if history > 1 else ''}"


def table(rows):
    yield ["", "exact optimum", "DQN, highest evaluation", "DQN, last quarter"]
    rates = by_condition(rows, "catch_rate")
    for condition, optimum in optima(rows).items():
        highest, end = rates[condition].max(axis=1), last_quarter(rates[condition])
        shares = quartiles(highest, ".1%"), quartiles(end, ".1%")
        yield [frames(condition), f"{optimum:.1%}", *shares]
    known = next(row["optimum"] for row in rows if "optimum" in row)
    yield ["the whole state", f"{known:.1%}", "", ""]


def draw(rows):
    figure, axes = panels(7, 4.8)
    evaluated = [row for row in rows if "catch_rate" in row]
    labels = {f"DQN, {frames(condition)}": condition for condition in optima(rows)}
    curves(axes, evaluated, labels, "catch_rate")
    levels(axes, evaluated)
    axes.lines[-2].set_label(f"optimum, state known ({evaluated[0]['optimum']:.0%})")
    first, last = evaluated[0]["agent_steps"], max(row["agent_steps"] for row in evaluated)
    for i, ((condition, optimum), style) in enumerate(zip(optima(rows).items(), STYLES)):
        label = f"optimum, {frames(condition)} ({optimum:.0%})"
        # Later lines are thinner: where one covers another, you still see both.
        axes.axhline(optimum, color=style["color"], lw=3.5 - 1.2 * i, ls=style["ls"], label=label)
    axes.set(xlim=(first, last))
    legend_below(axes, columns=3)
    return figure
