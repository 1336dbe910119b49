"""How many frames make a state? With a drifting ball, one frame is not enough."""

from collections import defaultdict
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from dqn_symbolic.experiments.figures import STYLES, curves, levels
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.experiments.results import by_setting, last_quarter, quartiles

TITLE = "Why four frames"
CLAIM = (
    'Slide "Other details": the agent receives 4 frames at a time. The ball drifts, and one'
    " frame does not show its direction. On a large board the paddle can follow the ball, so the"
    " direction does not matter. Here the board is 4 rows high (with --quick 3) and 5 columns"
    " wide, with a paddle of one cell: three moves. The optimum for each number of frames is exact"
    " (a mixed-integer programme over all deterministic policies). The optimum of a player who"
    " knows the whole state is exact, too. Medians and quartiles over seeds."
)


def settings(quick):
    height, steps, every = (3, 6_000, 1_000) if quick else (4, 40_000, 2_000)
    game = {"rows": height, "columns": 5, "paddle_width": 1, "drift": True}
    return {
        f"frames-{history}": {
            "game": game,
            "learner": {"history": history, "steps": steps, "evaluate_every": every},
        }
        for history in (1, 2, 4)
    }


def seeds(quick):
    return 2 if quick else 10


def measure(setting, seed):
    """-> `learning_rows`, and for the first seed a row with the exact optimum."""
    rows = learning_rows(setting, seed)
    if seed == 0:  # all seeds have the same optimum
        history = setting["learner"]["history"]
        rows.append({"optimum_seen": share(best_return(catch(setting).make(), history))})
    return rows


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

    starts = [(state, (None,) * (history - 1) + (frame(state),)) for state in env.starts()]
    arriving = defaultdict(float)  # of all starts, the share that begins in a position
    for position in starts:
        arriving[position] += 1 / len(starts)
    positions = list(arriving)
    index = {position: i for i, position in enumerate(positions)}
    most = defaultdict(float, {index[p]: share for p, share in arriving.items()})  # upper bounds
    moves = []  # (position, action, next position or None, reward)
    for i, (state, view) in enumerate(positions):  # the loop appends to positions
        reached = set()
        for action in range(int(env.action_space.n)):
            state_tp1, reward, over = env.successor(state, action)
            j = None
            if not over:
                position = state_tp1, (*view[1:], frame(state_tp1))
                if position not in index:
                    index[position] = len(positions)
                    positions.append(position)
                j = index[position]
                if j not in reached:  # at a wall, two actions lead to one position
                    most[j] += most[i]
                reached.add(j)
            moves.append((i, action, j, reward))

    views = {view: n for n, view in enumerate(dict.fromkeys(view for _, view in positions))}
    flows, actions = len(moves), int(env.action_space.n)
    choices = len(views) * actions
    conserved, as_chosen, one_action = [], [], []  # (row, column, value) of each matrix
    for flow, (i, action, j, _) in enumerate(moves):
        conserved.append((i, flow, 1))
        if j is not None:
            conserved.append((j, flow, -1))
        choice = flows + views[positions[i][1]] * actions + action
        as_chosen += [(flow, flow, 1), (flow, choice, -most[i])]
    for view in range(len(views)):
        one_action += [(view, flows + view * actions + action, 1) for action in range(actions)]

    def matrix(entries, height):
        row, column, value = zip(*entries)
        return coo_array((value, (row, column)), shape=(height, flows + choices)).tocsr()

    begins = [arriving.get(position, 0) for position in positions]
    solution = milp(
        [-reward for *_, reward in moves] + [0] * choices,
        integrality=[0] * flows + [1] * choices,
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(matrix(conserved, len(positions)), begins, begins),
            LinearConstraint(matrix(as_chosen, flows), -np.inf, 0),
            LinearConstraint(matrix(one_action, len(views)), 1, 1),
        ],
        options={"mip_rel_gap": 0},
    )
    if not solution.success:
        raise RuntimeError(f"no optimum for {history} frames: {solution.message}")
    return -solution.fun


def optima(rows):
    return {row["setting"]: row["optimum_seen"] for row in rows if "optimum_seen" in row}


def frames(setting):
    history = int(setting.removeprefix("frames-"))
    return f"{history} frame{'s' if history > 1 else ''}"


def table(rows):
    lines = [["", "exact optimum", "DQN, highest evaluation", "DQN, last quarter"]]
    rates = by_setting(rows, "catch_rate")
    for setting, optimum in optima(rows).items():
        highest, end = rates[setting].max(axis=1), last_quarter(rates[setting])
        shares = quartiles(highest, ".1%"), quartiles(end, ".1%")
        lines.append([frames(setting), f"{optimum:.1%}", *shares])
    known = next(row["optimum"] for row in rows if "optimum" in row)
    return [*lines, ["the whole state", f"{known:.1%}", "", ""]]


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    evaluated = [row for row in rows if "catch_rate" in row]
    labels = {f"DQN, {frames(setting)}": setting for setting in optima(rows)}
    curves(axes, evaluated, labels, "agent_steps", "catch_rate")
    levels(axes, evaluated[0]["chance"], evaluated[0]["optimum"])
    axes.lines[-2].set_label(f"optimum, state known ({evaluated[0]['optimum']:.0%})")
    first, last = evaluated[0]["agent_steps"], max(row["agent_steps"] for row in evaluated)
    for i, ((setting, optimum), style) in enumerate(zip(optima(rows).items(), STYLES)):
        label = f"optimum, {frames(setting)} ({optimum:.0%})"
        # Later lines are thinner: where one covers another, you still see both.
        axes.axhline(optimum, color=style["color"], lw=3.5 - 1.2 * i, ls=style["ls"], label=label)
    axes.set(xlabel="agent steps", xlim=(first, last))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
