"""The digression: REINFORCE, with and without a baseline, beside Q-learning.

Slides "Policy based methods (digression)": maximise J by the log trick, with noisy gradients.
REINFORCE trains the same network, with a softmax, and updates it after every 16 episodes. It has no
baseline, or the mean return of all episodes before as its baseline. DQN has its default settings.
Left: the most probable action from every start; medians and quartiles over seeds. Right: the
variance of the gradient of one batch, divided by the squared length of the exact gradient, which
comes from every state and action of the game. Learning rate .005, the best of .0005, .002 and .005
for both.
"""

import numpy as np

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, band, curves, legend_below, panels
from dqn_symbolic.experiments.learning import catch, evaluations, learning_rows, player_of
from dqn_symbolic.experiments.reinforce import EPISODES
from dqn_symbolic.experiments.results import by_condition, grouped, quartiles
from dqn_symbolic.experiments.tabular import expected_return, graph_of, observations

TITLE = "Policy gradient"
SEEDS = 10, 2  # in full, quick

EVALUATE_EVERY = 2_000  # agent steps; the noise is measured at multiples of 1,000


def conditions(quick):
    noise_at = (0, 4_000) if quick else (0, 5_000, 10_000, 20_000, 40_000, 60_000)
    learner = {"steps": noise_at[-1], "evaluate_every": 1_000, "learning_rate": 0.005}
    steps, every = (6_000, 2_000) if quick else (20_000, 1_000)
    return {
        "reinforce": {"agent": learner, "noise_at": noise_at, "baseline": False},
        "reinforce-baseline": {"agent": learner, "noise_at": noise_at, "baseline": True},
        "dqn": {"agent": {"steps": steps, "evaluate_every": every}},
    }


def measure(condition, seed):
    """Yields rows at evaluations (`learning_rows` and J); at `noise_at`, the gradient's noise."""
    if "baseline" not in condition:
        yield from learning_rows(condition, seed)
        return
    task = catch(condition)
    env, player = task.make(), player_of(task.make(), condition, seed)
    score, graph = scorer(task, player), graph_of(env)
    x = observations(env, graph)
    for agent_steps in evaluations(player):
        if agent_steps in condition["noise_at"]:
            for baseline in (False, True):
                noise = player.noise(graph, x, baseline)
                yield {"noise_at": agent_steps, "with_baseline": int(baseline), **noise}
        if agent_steps and agent_steps % EVALUATE_EVERY == 0:
            J = float(expected_return(graph, player.forward(x).astype(np.float64)))
            counts = {"agent_steps": agent_steps, "updates": player.updates}
            yield {**counts, "catch_rate": score()["catch_rate"], "J": J, **task.levels}


LABELS = {"DQN": "dqn", "REINFORCE": "reinforce", "REINFORCE, baseline": "reinforce-baseline"}


def table(rows):
    yield ["", "agent steps to 90% caught (median)", "seeds that got there", "caught at the end"]
    all_runs, all_steps = by_condition(rows, "catch_rate"), by_condition(rows, "agent_steps")
    for label, condition in LABELS.items():
        runs, steps = all_runs[condition], all_steps[condition]
        first = np.where(runs >= 0.9, steps, np.inf).min(axis=1)
        reached = f"{np.median(first):,.0f}".replace("inf", "not reached")
        seeds_reached = f"{np.isfinite(first).sum()} of {len(runs)}"
        yield [label, reached, seeds_reached, f"{quartiles(runs[:, -1])} at {steps[0, -1]:,}"]


def draw(rows):
    _, (left, right) = panels(10, 4.6, 1, 2, width_ratios=(3, 2))
    curves(left, rows, LABELS, "catch_rate")
    left.set(xscale="log")
    for (baseline, label), style in zip(((0, "no baseline"), (1, "baseline J")), STYLES[1:]):
        noise = grouped(rows, "noise_at", "noise", with_baseline=baseline)
        band(right, noise, label=label, **style)
    right.axhline(1, color="black", lw=1, ls=":")
    right.set(yscale="log", xlabel="agent steps", ylabel="variance / |exact gradient|²")
    right.set(title=f"noise of the gradient of {EPISODES} episodes")
    right.locator_params(axis="x", nbins=4)
    right.legend(frameon=False)
    return legend_below(left, columns=5)
