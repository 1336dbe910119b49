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
    " frame does not show whereto. On a board with room to follow the ball nobody needs to know;"
    " so here it is 4 rows high (with --quick 3) and 5 columns wide, with a paddle of one cell:"
    " three moves. The optimum of players who see so many frames is exact (a mixed-integer"
    " programme over all their deterministic policies, solved to the end); so is that of a"
    " player who knows the whole state. Medians and quartiles over seeds."
)


def settings(quick):
    rows, steps, every = (3, 6_000, 1_000) if quick else (4, 40_000, 2_000)
    game = {"rows": rows, "columns": 5, "paddle_width": 1, "drift": True}
    return {
        f"frames-{history}": {
            "game": game,
            "learner": {"history": history, "steps": steps, "evaluate_every": every},
        }
        for history in (1, 2, 4)
    }


def seeds(quick):
    return 2 if quick else 10


def rows(setting, seed):
    """-> those of `learning_rows`, with the exact optimum for so many frames; the first seed's."""
    found = learning_rows(setting, seed)
    if seed == 0:  # the others have the same
        history = setting["learner"]["history"]
        found.append({"optimum_seen": share(best_return(catch(setting).make(), history))})
    return found


def share(mean_return):
    """Returns of -1 and +1 -> the share of +1."""
    return round((mean_return + 1) / 2, 9)


def best_return(env, history):
    """The highest mean return over all starts of a player who sees the last `history` frames only.

    The game is deterministic, and a frame tells how far the episode is (as Catch's do: the row of
    the ball), so that no player sees the same twice in an episode. Then the mean return is linear
    in what the player does at each sight, and no randomised player is better than the best
    deterministic one. That one is found by a mixed-integer programme: a share of the starts flows
    through each position (state, what is seen) and out by the action, one for all positions that
    look the same. Raises RuntimeError if it cannot be solved.
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
    for i, (state, seen) in enumerate(positions):  # which grows meanwhile
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
                if j not in reached:  # a wall: two actions, one place
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
    found = milp(
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
    if not found.success:
        raise RuntimeError(f"the optimum for {history} frames was not found: {found.message}")
    return -found.fun


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
        found = np.array(list(seeds.values()))
        shown = [np.percentile(part, (25, 50, 75)) for part in (found.max(axis=1), late(found))]
        lines.append(
            [frames(setting), f"{optimum:.1%}"]
            + [f"{median:.1%} ({low:.1%} to {high:.1%})" for low, median, high in shown]
        )
    known = next(row["optimum"] for row in rows if "optimum" in row)
    return [*lines, ["the whole state", f"{known:.1%}", "", ""]]


def draw(rows):
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.subplots()
    found = [row for row in rows if "catch_rate" in row]
    lines = {f"DQN, {frames(setting)}": setting for setting in optima(rows)}
    curves(axes, found, lines, "agent_steps", "catch_rate")
    levels(axes, found[0]["chance"], found[0]["optimum"])
    axes.lines[-2].set_label(f"optimum, state known ({found[0]['optimum']:.0%})")
    first, last = found[0]["agent_steps"], max(row["agent_steps"] for row in found)
    for i, ((setting, optimum), style) in enumerate(zip(optima(rows).items(), STYLES)):
        label = f"optimum, {frames(setting)} ({optimum:.0%})"
        # where two lie on one another, both are to be seen
        axes.axhline(optimum, color=style["color"], lw=3.5 - 1.2 * i, ls=style["ls"], label=label)
    axes.set(xlabel="agent steps", xlim=(first, last))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
