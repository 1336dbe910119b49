"""How many frames make a state? With a drifting ball, one does not."""

from collections import defaultdict
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from dqn_symbolic.experiments.figures import STYLES, curves, levels
from dqn_symbolic.experiments.learning import catch, late, learning_rows

TITLE = "Why four frames"
CLAIM = (
    'Slide "Other details": the agent receives 4 frames at a time. The ball drifts, and one'
    " frame does not show its direction. On a large board the paddle can follow the ball, so the"
    " direction does not matter. Here the board is 4 rows high (with --quick 3) and 5 columns"
    " wide, with a paddle of one cell: three moves. The optimum for each number of frames is exact"
    " (a mixed-integer programme over all deterministic policies, solved to the end). So is the"
    " optimum of a player who knows the whole state. Medians and quartiles over seeds."
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
    """The highest mean return over all starts of a player who sees only the last `history` frames.

    The game is deterministic, and each frame shows the time in the episode (in Catch: the row of
    the ball). So no player sees the same frames twice in an episode, and the mean return is linear
    in the player's choice at each sight (the frames that it sees). Hence no randomised player is
    better than the best deterministic player. A mixed-integer programme finds this player: a share
    of the starts flows through each position (state, sight) and leaves it by an action, which is
    the same for all positions with the same sight. Raises RuntimeError if it finds no solution.
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
    most = defaultdict(float, {index[p]: part for p, part in arriving.items()})
    ways = []  # (position, action, the next position or None, reward)
    for i, (state, seen) in enumerate(positions):  # the loop appends to positions
        reached = set()
        for action in range(int(env.action_space.n)):
            state_tp1, reward, over = env.successor(state, action)
            j = None
            if not over:
                position = state_tp1, (*seen[1:], frame(state_tp1))
                if position not in index:
                    index[position] = len(positions)
                    positions.append(position)
                j = index[position]
                if j not in reached:  # at a wall, two actions lead to one position
                    most[j] += most[i]
                reached.add(j)
            ways.append((i, action, j, reward))

    sights = {seen: n for n, seen in enumerate(dict.fromkeys(seen for _, seen in positions))}
    flows, actions = len(ways), int(env.action_space.n)
    choices = len(sights) * actions
    conserved, as_chosen, one_action = [], [], []  # (row, column, value) of each matrix
    for flow, (i, action, j, _) in enumerate(ways):
        conserved.append((i, flow, 1))
        if j is not None:
            conserved.append((j, flow, -1))
        choice = flows + sights[positions[i][1]] * actions + action
        as_chosen += [(flow, flow, 1), (flow, choice, -most[i])]
    for sight in range(len(sights)):
        one_action += [(sight, flows + sight * actions + action, 1) for action in range(actions)]

    def matrix(entries, height):
        row, column, value = zip(*entries)
        return coo_array((value, (row, column)), shape=(height, flows + choices)).tocsr()

    begins = [arriving.get(position, 0) for position in positions]
    solution = milp(
        [-reward for *_, reward in ways] + [0] * choices,
        integrality=[0] * flows + [1] * choices,
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(matrix(conserved, len(positions)), begins, begins),
            LinearConstraint(matrix(as_chosen, flows), -np.inf, 0),
            LinearConstraint(matrix(one_action, len(sights)), 1, 1),
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
    for setting, optimum in optima(rows).items():
        seeds = {}
        for row in rows:
            if row["setting"] == setting and "catch_rate" in row:
                seeds.setdefault(row["seed"], []).append(row["catch_rate"])
        rates = np.array(list(seeds.values()))
        quartiles = [np.percentile(part, (25, 50, 75)) for part in (rates.max(axis=1), late(rates))]
        lines.append(
            [frames(setting), f"{optimum:.1%}"]
            + [f"{median:.1%} ({low:.1%} to {high:.1%})" for low, median, high in quartiles]
        )
    known = next(row["optimum"] for row in rows if "optimum" in row)
    return [*lines, ["the whole state", f"{known:.1%}", "", ""]]


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    evaluated = [row for row in rows if "catch_rate" in row]
    lines = {f"DQN, {frames(setting)}": setting for setting in optima(rows)}
    curves(axes, evaluated, lines, "agent_steps", "catch_rate")
    levels(axes, evaluated[0]["chance"], evaluated[0]["optimum"])
    axes.lines[-2].set_label(f"optimum, state known ({evaluated[0]['optimum']:.0%})")
    first, last = evaluated[0]["agent_steps"], max(row["agent_steps"] for row in evaluated)
    for i, ((setting, optimum), style) in enumerate(zip(optima(rows).items(), STYLES)):
        label = f"optimum, {frames(setting)} ({optimum:.0%})"
        # Later lines are thinner: if two lie on each other, you see both.
        axes.axhline(optimum, color=style["color"], lw=3.5 - 1.2 * i, ls=style["ls"], label=label)
    axes.set(xlabel="agent steps", xlim=(first, last))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
