"""Online Q-learning, and the lecture's additions to it, added in turn."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.experiments.figures import STYLES, band, curves, levels
from dqn_symbolic.experiments.learning import learning_rows
from dqn_symbolic.experiments.results import by_name_and_number, last_quarter, quartiles

TITLE = "The stages"
CLAIM = (
    'Slides "Q-learning in Theano?" to "Other details": correlated samples break learning, so'
    " replay them; minibatches reduce the variance; the target moves, so fix it; SGD can be"
    " slow, so use RMSprop. Each stage changes one setting of the stage before. Its learning rate"
    " is the rate of its grid that caught most over the whole run (median over seeds). The curves"
    " show medians and quartiles over the seeds. The last column and the right picture show the"
    " last quarter of the run."
)

ONLINE = {"memory_size": 1, "batch_size": 1, "sync_every": 1, "optimiser": "sgd"}
CHANGES = {
    "online": {},
    "replay": {"memory_size": 10_000},
    "minibatches": {"batch_size": 32},
    "target": {"sync_every": 100},
    "rmsprop": {"optimiser": "rmsprop"},
}
SGD_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
RMSPROP_RATES = (0.003, 0.01, 0.03, 0.1, 0.3)

measure = learning_rows


def settings(quick):
    named, learner = {}, ONLINE
    for stage, change in CHANGES.items():
        learner = {**learner, **change}
        rates = RMSPROP_RATES if stage == "rmsprop" else SGD_RATES
        for rate in rates[1:4:2] if quick else rates:
            length = {"steps": 6_000 if quick else 20_000, "evaluate_every": 1_000}
            named[f"{stage}-{rate}"] = {
                "game": {},
                "learner": {**learner, **length, "learning_rate": rate},
            }
    return named


def seeds(quick):
    return 2 if quick else 10


def by_rate(rows):
    """-> {stage: {rate: (seeds, evaluations) catch rates}}"""
    return by_name_and_number(rows, "catch_rate", float)


def best_rate(rates):
    return max(rates, key=lambda rate: np.median(rates[rate].mean(axis=1)))


def table(rows):
    lines = [["stage", "learning rate", "caught, whole run", "caught, last quarter", "rates tried"]]
    for stage, rates in by_rate(rows).items():
        rate = best_rate(rates)
        whole, end = np.median(rates[rate].mean(axis=1)), quartiles(last_quarter(rates[rate]))
        tried = ", ".join(f"{rate:g}" for rate in rates)
        lines.append([stage, f"{rate:g}", f"{whole:.0%}", end, tried])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    stages = by_rate(rows)
    names = {stage: ("" if stage == "online" else "+ ") + stage for stage in stages}
    best = {names[stage]: f"{stage}-{best_rate(rates)}" for stage, rates in stages.items()}
    curves(left, rows, best, "agent_steps", "catch_rate")
    levels(left, rows[0]["chance"], rows[0]["optimum"])
    left.set(xlabel="agent steps", title="each stage at its best learning rate")
    for (stage, rates), style in zip(stages.items(), STYLES):
        ends = {rate: last_quarter(rates[rate]) for rate in sorted(rates)}
        band(right, ends, label=names[stage], lw=1.6, **style)
    levels(right, rows[0]["chance"], rows[0]["optimum"])
    right.set(xscale="log", xlabel="learning rate", ylabel="", title="the last quarter of the run")
    right.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
