"""The digression: REINFORCE, with and without a baseline, beside Q-learning."""

from itertools import chain

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, band, curves, levels
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.experiments.reinforce import EPISODES, Reinforce
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.experiments.tabular import expected_return, state_graph
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

TITLE = "Policy gradient"
CLAIM = (
    'Slides "Policy based methods (digression)": maximise J by the log trick, with noisy'
    " gradients. REINFORCE trains the same network, with a softmax, and updates it after"
    " every 16 episodes. It has no baseline, or the mean return of all episodes before as its"
    " baseline. DQN has its default settings. Left: the most probable action from every start;"
    " medians and quartiles over seeds. Right: the variance of the gradient of one batch, divided"
    " by the squared length of the exact gradient, which comes from every state and action of the"
    " game. Learning rate .005, the best of .0005, .002 and .005 for both."
)

RATES = {"reinforce": 0.005, "reinforce-baseline": 0.005}


def settings(quick):
    steps, every = (4_000, 2_000) if quick else (60_000, 2_000)
    named = {
        name: {
            "game": {},
            "learner": {"steps": steps, "evaluate_every": every, "learning_rate": rate},
            "baseline": name.endswith("baseline"),
            "noise_at": [0, steps] if quick else [0, 5_000, 10_000, 20_000, 40_000, 60_000],
        }
        for name, rate in RATES.items()
    }
    steps, every = (6_000, 2_000) if quick else (20_000, 1_000)
    named["dqn"] = {"game": {}, "learner": {"steps": steps, "evaluate_every": every}}
    return named


def seeds(quick):
    return 2 if quick else 10


def measure(setting, seed):
    """-> rows at evaluations (as `learning_rows`, and J); at `noise_at`, the gradient's noise."""
    if "baseline" not in setting:
        return learning_rows(setting, seed)
    every, learner = 1_000, setting["learner"]  # of which evaluations and noises are multiples
    s, task = Settings(**{**learner, "evaluate_every": every}, seed=seed), catch(setting)
    player = Reinforce(task.make(), s, setting["baseline"])
    env, score = task.make(), scorer(task, player)
    graph = state_graph(env.starts(), env.successor, player.actions)
    x = np.stack([env.reset(options={"state": state})[0] for state in graph.states])[..., None]
    rows = []
    for n, _ in enumerate(chain([0], training(player))):
        agent_steps = n * every
        if agent_steps in setting["noise_at"]:
            for baseline in (False, True):
                noise = player.noise(graph, x, baseline)
                rows.append({"noise_at": agent_steps, "with_baseline": int(baseline), **noise})
        if n and agent_steps % learner["evaluate_every"] == 0:
            J = float(expected_return(graph, player.forward(x).astype(np.float64)))
            counts = {"agent_steps": agent_steps, "updates": player.updates}
            rows.append({**counts, "catch_rate": score()["catch_rate"], "J": J, **task.levels})
    return rows


LABELS = {"dqn": "DQN", "reinforce": "REINFORCE", "reinforce-baseline": "REINFORCE, baseline"}


def table(rows):
    lines = [
        ["", "agent steps to 90% caught (median)", "seeds that got there", "caught at the end"]
    ]
    for setting, label in LABELS.items():
        runs, steps = (by_setting(rows, name)[setting] for name in ("catch_rate", "agent_steps"))
        steps = steps[0]  # the same for all seeds
        first = [steps[np.argmax(run >= 0.9)] if run.max() >= 0.9 else np.inf for run in runs]
        median = np.median(first)
        reached = f"{median:,.0f}" if median < np.inf else "not reached"
        seeds_reached = f"{np.isfinite(first).sum()} of {len(runs)}"
        end = f"{quartiles(runs[:, -1])} at {steps[-1]:,}"
        lines.append([label, reached, seeds_reached, end])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    evaluated = [row for row in rows if "catch_rate" in row]
    labels = {label: setting for setting, label in LABELS.items()}
    curves(left, evaluated, labels, "agent_steps", "catch_rate")
    levels(left, evaluated[0]["chance"], evaluated[0]["optimum"])
    left.set(xscale="log", xlabel="agent steps")
    for (baseline, label), style in zip(((0, "no baseline"), (1, "baseline J")), STYLES[1:]):
        noise = {}
        for row in rows:
            if row.get("with_baseline") == baseline:
                noise.setdefault(row["noise_at"], []).append(row["noise"])
        band(right, noise, label=label, **style)
    right.axhline(1, color="black", lw=1, ls=":")
    right.set(yscale="log", xlabel="agent steps", ylabel="variance / |exact gradient|²")
    right.set(title=f"noise of the gradient of {EPISODES} episodes")
    right.locator_params(axis="x", nbins=4)
    right.grid(alpha=0.3)
    right.legend(frameon=False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure
