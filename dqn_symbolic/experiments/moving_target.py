"""Where does the target network matter? A search: with and without, one thing changed at a time."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments.learning import late, learning_rows

TITLE = "Moving target"
CLAIM = (
    'Slides "Moving target" and "Target network". A search for the place where it matters: on a'
    " board of 5 rows and 5 columns with a paddle of one cell, each with a copy to the target"
    " network after every update (none) and after every 50 updates. One thing is changed at a time:"
    " a longer fall (15 rows), no discount, a learning rate of .03 instead of .003, a network of"
    " two layers of 128 instead of one of 32; and all of these together. Bars are the medians, and"
    " lines the quartiles, over seeds."
)
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


def settings(quick):
    game = {"rows": 5, "columns": 5, "paddle_width": 1}
    learner = {"hidden": (32,), "learning_rate": 0.003, "warm_up": 200, "epsilon_steps": 1_000}
    length = {"steps": 800, "evaluate_every": 200} if quick else {"steps": 5_000}
    return {
        f"{name}-{sync_every}": {
            "game": {**game, **of_game},
            "learner": {**learner, **length, **of_learner, "sync_every": sync_every},
        }
        for name, (of_game, of_learner) in (list(CHANGES.items())[:1] if quick else CHANGES.items())
        for sync_every in SYNCS
    }


def seeds(quick):
    return 1 if quick else 10


def runs(rows):
    """-> {change: {sync_every: (seeds, evaluations) catch rates}}"""
    rates = {}
    for row in rows:
        change, sync_every = row["setting"].rsplit("-", 1)
        of_seeds = rates.setdefault(change, {}).setdefault(int(sync_every), {})
        of_seeds.setdefault(row["seed"], []).append(row["catch_rate"])
    return {
        change: {sync_every: np.array(list(seeds.values())) for sync_every, seeds in both.items()}
        for change, both in rates.items()
    }


def whole(runs):
    """(seeds, evaluations) -> (seeds,): the mean over the run."""
    return runs.mean(axis=1)


def table(rows):
    lines = [["", "copied after", "caught, whole run", "caught, last quarter"]]
    for change, both in runs(rows).items():
        for sync_every, rates in both.items():
            shares = [np.percentile(part(rates), (25, 50, 75)) for part in (whole, late)]
            texts = [f"{median:.0%} ({low:.0%} to {high:.0%})" for low, median, high in shares]
            lines.append([change.replace("-", " "), f"{sync_every} updates", *texts])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    by_change = runs(rows)
    at = np.arange(len(by_change))
    for axes, title, part in zip(panels, ("whole run", "last quarter"), (whole, late)):
        for sync_every, label, aside, how in (
            (1, "no target network", -0.2, {"color": "#b35900", "hatch": "//"}),
            (50, "target network, copied every 50 updates", 0.2, {"color": "#1f4e79"}),
        ):
            shares = [part(both[sync_every]) for both in by_change.values()]
            low, median, high = np.percentile(shares, (25, 50, 75), axis=1)
            error = median - low, high - median
            axes.bar(at + aside, median, 0.38, yerr=error, capsize=3, label=label, **how)
        axes.axhline(rows[0]["optimum"], color="black", lw=1, label="optimum")
        axes.axhline(rows[0]["chance"], color="black", lw=1, ls=":", label="chance")
        axes.set(title=title)
        axes.set_xticks(at, [change.replace("-", "\n") for change in by_change])
        axes.grid(alpha=0.3, axis="y")
    panels[0].set(ylabel="share of start states caught", ylim=(0, 1.06))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
