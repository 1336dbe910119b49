"""Where does the target network matter? A search, which changes one thing at a time.

Slides "Moving target" and "Target network". A search for games and settings where the target
network matters. The board has 5 rows and 5 columns, the paddle one cell. Each agent runs twice:
without a target network (copied after every update), and with a copy after every 50 updates. One
thing changes at a time: a longer fall (15 rows), no discount, a learning rate of .03 instead of
.003, two layers of 128 units instead of one of 32; then all of these together. Bars are medians
over seeds, error bars are quartiles.
"""

import numpy as np

from dqn_symbolic.experiments.figures import bars, legend_below, levels, panels
from dqn_symbolic.experiments.learning import SMALL_BOARD, learning_rows
from dqn_symbolic.experiments.results import by_name_and_number, last_quarter, quartiles

TITLE = "Moving target"
SEEDS, QUICK_SEEDS = 10, 1
CHANGES = {
    "base": ({}, {}),
    "longer-fall": ({"rows": 15}, {}),
    "no-discount": ({}, {"discount": 1.0}),
    "higher-rate": ({}, {"learning_rate": 0.03}),
    "larger-network": ({}, {"hidden": (128, 128)}),
    "all": ({"rows": 15}, {"discount": 1.0, "learning_rate": 0.03, "hidden": (128, 128)}),
}
SYNCS = (1, 50)

measure = learning_rows


def conditions(quick):
    agent = {"hidden": (32,), "learning_rate": 0.003, "warm_up": 200, "epsilon_steps": 1_000}
    length = {"steps": 800, "evaluate_every": 200} if quick else {"steps": 5_000}
    return {
        f"{name}-{sync_every}": {
            "game": {**SMALL_BOARD, **of_game},
            "agent": {**agent, **length, **of_agent, "sync_every": sync_every},
        }
        for name, (of_game, of_agent) in (list(CHANGES.items())[:1] if quick else CHANGES.items())
        for sync_every in SYNCS
    }


def table(rows):
    yield ["", "copied after", "caught, whole run", "caught, last quarter"]
    for change, by_sync in by_name_and_number(rows, "catch_rate", int).items():
        for sync_every, runs in by_sync.items():
            shares = quartiles(runs.mean(axis=1)), quartiles(last_quarter(runs))
            yield [change.replace("-", " "), f"{sync_every} updates", *shares]


def draw(rows):
    figure, (left, right) = panels(10, 4.2, 1, 2, sharey=True)
    changes = by_name_and_number(rows, "catch_rate", int)
    at = np.arange(len(changes))
    for sync_every, label, aside, style in (
        (1, "no target network", -0.2, {"color": "#b35900", "hatch": "//"}),
        (50, "target network, copied every 50 updates", 0.2, {"color": "#1f4e79"}),
    ):
        runs = [by_sync[sync_every] for by_sync in changes.values()]
        bars(left, at + aside, [run.mean(axis=1) for run in runs], label=label, **style)
        bars(right, at + aside, list(map(last_quarter, runs)), **style)
    for axes, title in ((left, "whole run"), (right, "last quarter")):
        levels(axes, rows)
        axes.set(title=title, ylim=(0, 1.06))
        axes.set_xticks(at, [change.replace("-", "\n") for change in changes])
    right.set(ylabel="")
    legend_below(left, columns=4)
    return figure
