"""The Nature paper's ablation in miniature: replay and target network, with and without.

Slides "Solution: replay buffer" and "Target network"; Mnih et al. 2015, Extended Data Table 3. The
paddle has one cell, so one blind try in ten catches the ball. Without replay, minibatches come only
from the latest 32 frames. Without a target network, the target is copied after every update. As in
the paper, each combination runs at three learning rates, and its highest evaluation counts. Here
the rate with the highest median over seeds counts; among equal rates, the rate that caught most
over the whole run. The curves show this rate: medians and quartiles over seeds.
"""

import numpy as np

from dqn_symbolic.experiments import figures, learning, results

TITLE = "Replay and target network, with and without"
SEEDS = 10, 2  # in full, quick

BREAKOUT = {"both": 316.8, "replay-only": 240.7, "target-only": 10.2, "neither": 3.2}
NO_REPLAY, NO_TARGET = {"memory_size": 32}, {"sync_every": 1}
CHANGES = {
    "both": {},
    "replay-only": NO_TARGET,
    "target-only": NO_REPLAY,
    "neither": {**NO_REPLAY, **NO_TARGET},
}
RATES = (0.0005, 0.002, 0.008)

measure = learning.rows


def conditions(quick):
    steps, every = (6_000, 1_000) if quick else (40_000, 2_000)
    game, length = {"paddle_width": 1}, {"steps": steps, "evaluate_every": every}
    return {
        f"{name}-{rate}": {"game": game, "agent": {**length, **change, "learning_rate": rate}}
        for name, change in CHANGES.items()
        for rate in (RATES[1:2] if quick else RATES)
    }


def table(rows):
    head = ["", "highest evaluation", "whole run", "last quarter", "learning rate"]
    yield [*head, "Breakout (the paper)"]
    for name, (rate, runs) in results.best_rates(rows, np.max, np.mean).items():
        shares = runs.max(axis=1), runs.mean(axis=1), results.last_quarter(runs)
        yield [name.replace("-", " "), *map(results.quartiles, shares), rate, BREAKOUT[name]]


def draw(rows):
    _, (left, right) = figures.panels(10, 4.6, 1, 2, width_ratios=(3, 2))
    best = results.best_rates(rows, np.max, np.mean)
    labels = {name.replace("-", " "): f"{name}-{rate}" for name, (rate, _) in best.items()}
    figures.curves(left, rows, labels, "catch_rate")

    x = np.arange(len(best))
    caught = [runs.mean(axis=1) for _, runs in best.values()]
    low, median, high = np.percentile(caught, (25, 50, 75), axis=1)
    right.bar(x - 0.2, median, 0.38, yerr=(median - low, high - median), capsize=3, color="#1f4e79")
    paper = [BREAKOUT[name] / BREAKOUT["both"] for name in best]
    right.bar(x + 0.2, paper, 0.38, color="#d9b38c", hatch="//", edgecolor="black")
    right.grid(False, axis="x")
    right.set(ylabel="share of start states; share of Breakout with both", ylim=(0, 1.25))
    right.set_xticks(x, [name.replace("-", "\n") for name in best])
    right.legend(["Breakout score (the paper)", "caught, mean of the run"][::-1], frameon=False)
    return figures.legend_below(left, columns=6)
