"""The digression: REINFORCE, with and without a baseline, beside Q-learning.

Slides "Policy based methods (digression)": maximise J by the log trick, with noisy gradients.
REINFORCE trains the same network, with a softmax, and updates it after every 16 episodes. It has no
baseline, or the mean return of all episodes before as its baseline. DQN has its default settings.
Left: the most probable action from every start; medians and quartiles over seeds. Right: at the
parameters that REINFORCE learns without a baseline, the variance of the gradient of one batch,
divided by the squared length of the exact gradient, which comes from every state and action of the
game. Learning rate .005: with .002 both are slower, and with .01 some seeds end worse.
"""

import numpy as np

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments import figures, learning, reinforce, results, tabular

TITLE = "Policy gradient on Catch"
SEEDS = 10, 2  # in full, quick


def conditions(quick):
    noise_at = (0, 4_000) if quick else (0, 5_000, 10_000, 20_000, 40_000, 60_000)
    learner = {"steps": noise_at[-1], "evaluate_every": 1_000, "learning_rate": 0.005}
    steps, every = (6_000, 2_000) if quick else (20_000, 1_000)
    return {
        "reinforce": {"agent": learner, "noise_at": noise_at, "baseline": False},
        "reinforce-baseline": {"agent": learner, "noise_at": (), "baseline": True},
        "dqn": {"agent": {"steps": steps, "evaluate_every": every}},
    }


def measure(condition, seed):
    """Yields `learning.rows`; of REINFORCE, with J, and the gradient's noise at `noise_at`."""
    if "baseline" not in condition:
        yield from learning.rows(condition, seed)
        return
    task = learning.catch(condition)
    env, player = task.make(), learning.player_of(task.make(), condition, seed)
    score, graph = scorer(task, player), tabular.graph_of(env)
    x = tabular.observations(env, graph)
    for agent_steps in learning.evaluations(player):
        if agent_steps in condition["noise_at"]:
            for baseline in (False, True):
                noise = player.noise(graph, x, baseline)
                yield {"noise_at": agent_steps, "with_baseline": int(baseline), **noise}
        if agent_steps and agent_steps % 2_000 == 0:
            J = float(tabular.expected_return(graph, player.forward(x).astype(np.float64)))
            counts = {"agent_steps": agent_steps, "updates": player.updates}
            yield {**counts, "catch_rate": score()["catch_rate"], "J": J, **task.levels}


LABELS = {"DQN": "dqn", "REINFORCE": "reinforce", "REINFORCE, baseline": "reinforce-baseline"}


def table(rows):
    yield ["", "agent steps to 90% caught (median)", "seeds that got there", "caught at the end"]
    ends = {name: runs for name, *runs in results.by_condition(rows, "catch_rate", "agent_steps")}
    for label, condition in LABELS.items():
        runs, steps = ends[condition]
        first = np.where(runs >= 0.9, steps, np.inf).min(axis=1)
        reached = f"{np.median(first):,.0f}".replace("inf", "not reached")
        end = f"{results.quartiles(runs[:, -1])} at {steps[0, -1]:,}"
        yield [label, reached, f"{np.isfinite(first).sum()} of {len(runs)}", end]


def draw(rows):
    _, (left, right) = figures.panels(10, 4.6, 1, 2, width_ratios=(3, 2))
    figures.curves(left, rows, LABELS, "catch_rate")
    left.set(xscale="log")
    for baseline, label in enumerate(("as it is", "with the baseline J")):
        noise = results.grouped(rows, "noise_at", "noise", with_baseline=baseline)
        figures.band(right, noise, label=label, **figures.STYLES[1 + baseline])
    right.axhline(1, color="black", lw=1, ls=":", label="as large as the gradient")
    right.set(yscale="log", xlabel="agent steps", ylabel="variance / |exact gradient|²")
    right.set(title=f"noise of the gradient of {reinforce.EPISODES} episodes", ylim=(0.02, None))
    right.legend(frameon=False)
    return figures.legend_below(left, columns=5)
