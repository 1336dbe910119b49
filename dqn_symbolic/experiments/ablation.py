"""The Nature paper's ablation in miniature: replay and target network, with and without."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments.figures import bars, curves, levels
from dqn_symbolic.experiments.learning import learning_rows
from dqn_symbolic.experiments.results import by_setting, last_quarter, quartiles

TITLE = "Replay and target network, with and without"
CLAIM = (
    'Slides "Solution: replay buffer" and "Target network"; Mnih et al. 2015, Extended Data'
    " Table 3. The paddle has one cell, so one blind try in ten catches the ball. Without replay,"
    " minibatches come only from the latest 32 frames. Without a target network, the target is"
    " copied after every update. As in the paper, each combination runs at three learning rates,"
    " and its highest evaluation counts. Here the rate with the highest median over seeds counts;"
    " among equal rates, the rate that caught most over the whole run. The curves show this rate:"
    " medians and quartiles over seeds."
)

BREAKOUT = {"both": 316.8, "replay-only": 240.7, "target-only": 10.2, "neither": 3.2}
NO_REPLAY, NO_TARGET = {"memory_size": 32}, {"sync_every": 1}
CHANGES = {
    "both": {},
    "replay-only": NO_TARGET,
    "target-only": NO_REPLAY,
    "neither": {**NO_REPLAY, **NO_TARGET},
}
RATES = (0.0005, 0.002, 0.008)

measure = learning_rows


def settings(quick):
    length = {"steps": 6_000, "evaluate_every": 1_000} if quick else {"steps": 40_000}
    return {
        f"{name}-{rate}": {
            "game": {"paddle_width": 1},
            "learner": {"evaluate_every": 2_000, **length, **change, "learning_rate": rate},
        }
        for name, change in CHANGES.items()
        for rate in (RATES[1:2] if quick else RATES)
    }


def seeds(quick):
    return 2 if quick else 10


def best_runs(rows):
    """-> {combination: (name of its best setting, catch rates (seeds, evaluations))}"""
    runs = by_setting(rows, "catch_rate")

    def score(setting):
        highest, whole = runs[setting].max(axis=1), runs[setting].mean(axis=1)
        return np.median(highest), np.median(whole)

    best = {}
    for name in CHANGES:
        setting = max((s for s in runs if s.rsplit("-", 1)[0] == name), key=score)
        best[name] = setting, runs[setting]
    return best


def table(rows):
    head = ["", "highest evaluation", "whole run", "last quarter", "learning rate"]
    lines = [[*head, "Breakout (the paper)"]]
    for name, (setting, runs) in best_runs(rows).items():
        columns = map(quartiles, (runs.max(axis=1), runs.mean(axis=1), last_quarter(runs)))
        lines.append([name.replace("-", " "), *columns, setting.rsplit("-", 1)[1], BREAKOUT[name]])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    best = best_runs(rows)
    labels = {name.replace("-", " "): setting for name, (setting, _) in best.items()}
    curves(left, rows, labels, "agent_steps", "catch_rate")
    levels(left, rows[0]["chance"], rows[0]["optimum"])
    left.set(xlabel="agent steps")

    x = np.arange(len(best))
    bars(right, x - 0.2, [runs.mean(axis=1) for _, runs in best.values()], color="#1f4e79")
    paper = [BREAKOUT[name] / BREAKOUT["both"] for name in best]
    right.bar(x + 0.2, paper, 0.38, color="#d9b38c", hatch="//", edgecolor="black")
    right.set(ylabel="share of start states; share of Breakout with both", ylim=(0, 1.25))
    right.set_xticks(x, [name.replace("-", "\n") for name in best])
    right.legend(["Breakout score (the paper)", "caught, mean of the run"][::-1], frameon=False)
    right.grid(alpha=0.3, axis="y")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure
