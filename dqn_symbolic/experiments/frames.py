"""How many frames make a state? With a drifting ball, one frame is not enough.

Slide "Other details": the agent receives 4 frames at a time. The ball drifts, and one frame does
not show its direction. On a large board the paddle can follow the ball, so the direction does not
matter. Here the board is 4 rows high (with --quick 3) and 5 columns wide, with a paddle of one
cell: three moves. The optimum for each number of frames is exact (a mixed-integer programme over
all deterministic policies). The optimum of a player who knows the whole state is exact, too.
"""

from functools import cache

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, eye_array, kron

from dqn_symbolic.experiments import figures, learning, results, tabular

TITLE = "Why four frames, on a small Catch with drift"
SEEDS = 10, 2  # in full, quick
LABELS = {"frames-1": "1 frame", "frames-2": "2 frames", "frames-4": "4 frames"}


def conditions(quick):
    game = {"rows": 3 if quick else 4, "columns": 5, "paddle_width": 1, "drift": True}
    length = {"steps": 6_000 if quick else 40_000, "evaluate_every": 1_000 if quick else 2_000}
    agents = {history: {"history": history, **length} for history in (1, 2, 4)}
    return {f"frames-{n}": {"game": game, "agent": agent} for n, agent in agents.items()}


def measure(condition, seed):
    """Yields `learning.rows`, and for the first seed a row with the exact optimum."""
    yield from learning.rows(condition, seed)
    if seed == 0:  # all seeds have the same optimum
        history = condition["agent"]["history"]
        mean_return = best_return(learning.catch(condition).make(), history)  # of -1 and +1
        yield {"optimum_seen": round((mean_return + 1) / 2, 9)}


def best_return(env, history):
    """-> the highest mean return over all starts for a player who sees the last `history` frames.

    A view is the frames that the player sees at a time. The game is deterministic, and each frame
    shows the time in the episode (in Catch: the row of the ball). So no view comes twice in an
    episode, and the mean return is linear in the player's choice at each view. Hence the best
    deterministic player is as good as any randomised player.

    A mixed-integer programme finds this player. A position is a state with its view. A share of the
    starts flows into each position and leaves it by an action, which must be the same in all
    positions with the same view. Every deterministic player is a solution, so there is a best one.
    """

    @cache
    def frame(state):
        return env.reset(options={"state": state})[0].tobytes()

    def successor(position, action):
        state, view = position
        state_tp1, reward, over = env.successor(state, action)
        return None if over else (state_tp1, (*view[1:], frame(state_tp1))), reward, over

    starts = [(state, (None,) * (history - 1) + (frame(state),)) for state in env.starts()]
    graph = tabular.state_graph(starts, successor, int(env.action_space.n))
    positions, actions = graph.reward.shape
    views = {view: n for n, view in enumerate(dict.fromkeys(view for _, view in graph.states))}
    # The variables, 0 to 1: a flow for each position and action, a choice for each view and action.
    flows, choices = positions * actions, len(views) * actions
    begins = np.bincount(graph.starts, minlength=positions) / len(starts)
    sees = eye_array(len(views), format="csr")[[views[view] for _, view in graph.states]]
    arrives = eye_array(positions + 1, format="csr")[graph.following.ravel()].T[:-1]
    all_actions = np.ones((1, actions))
    # What flows into a position leaves it by the chosen action, of which there is one for a view.
    constraints = [
        [kron(eye_array(positions), all_actions) - arrives, None],
        [eye_array(flows), -kron(sees, eye_array(actions))],
        [None, kron(eye_array(len(views)), all_actions)],
    ]
    least = np.concatenate([begins, np.full(flows, -np.inf), np.ones(len(views))])
    largest = np.concatenate([begins, np.zeros(flows), np.ones(len(views))])
    return -milp(
        np.concatenate([-graph.reward.ravel(), np.zeros(choices)]),
        integrality=np.repeat([0, 1], [flows, choices]),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(block_array(constraints), least, largest),
        options={"mip_rel_gap": 0},
    ).fun


def table(rows):
    yield ["", "exact optimum", "DQN, highest evaluation", "DQN, last quarter"]
    for condition, optimum, runs in results.by_condition(rows, "optimum_seen", "catch_rate"):
        shares = runs.max(axis=1), results.last_quarter(runs)
        texts = (results.quartiles(values, ".1%") for values in shares)
        yield [LABELS[condition], f"{optimum[0, 0]:.1%}", *texts]
    yield ["the whole state", f"{rows[0]['optimum']:.1%}", "", ""]


def draw(rows):
    _, axes = figures.panels(7, 4.8)
    labels = {f"DQN, {label}": condition for condition, label in LABELS.items()}
    figures.curves(axes, rows, labels, "catch_rate")
    optima = results.grouped(rows, "condition", "optimum_seen")
    for i, ((condition, (optimum,)), style) in enumerate(zip(optima.items(), figures.STYLES)):
        label = f"optimum, {LABELS[condition]} ({optimum:.0%})"
        # Later lines are thinner: where one covers another, you still see both.
        axes.axhline(optimum, color=style["color"], lw=3.5 - 1.2 * i, ls=style["ls"], label=label)
    axes.margins(x=0)
    return figures.legend_below(axes, columns=3)
