"""Online Q-learning, and the lecture's additions to it, added in turn.

Slides "Q-learning in Theano?" to "Other details": correlated samples break learning, so replay
them; minibatches reduce the variance; the target moves, so fix it; SGD can be slow, so use RMSprop.
Each stage changes one setting of the stage before. Its learning rate is the rate of its grid that
caught most over the whole run (median over seeds). The curves show medians and quartiles over the
seeds. The last column and the right picture show the last quarter of the run.
"""

import numpy as np

from dqn_symbolic.experiments.figures import STYLES, band, curves, legend_below, levels, panels
from dqn_symbolic.experiments.learning import learning_rows
from dqn_symbolic.experiments.results import by_name_and_number, last_quarter, quartiles

TITLE = "The stages"
SEEDS = 10, 2  # in full, quick

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


def conditions(quick):
    named, agent = {}, {**ONLINE, "steps": 6_000 if quick else 20_000, "evaluate_every": 1_000}
    for stage, change in CHANGES.items():
        agent = {**agent, **change}
        rates = RMSPROP_RATES if stage == "rmsprop" else SGD_RATES
        for rate in rates[1:4:2] if quick else rates:
            named[f"{stage}-{rate}"] = {"agent": {**agent, "learning_rate": rate}}
    return named


def best_rate(rates):
    """rates: {rate: (seeds, evaluations) catch rates}."""
    return max(rates, key=lambda rate: np.median(rates[rate].mean(axis=1)))


def table(rows):
    yield ["stage", "learning rate", "caught, whole run", "caught, last quarter", "rates tried"]
    for stage, rates in by_name_and_number(rows, "catch_rate", float).items():
        rate = best_rate(rates)
        whole, end = np.median(rates[rate].mean(axis=1)), quartiles(last_quarter(rates[rate]))
        yield [stage, f"{rate:g}", f"{whole:.0%}", end, ", ".join(f"{r:g}" for r in rates)]


def draw(rows):
    _, (left, right) = panels(10, 4.6, 1, 2, sharey=True)
    stages = by_name_and_number(rows, "catch_rate", float)
    names = {stage: ("" if stage == "online" else "+ ") + stage for stage in stages}
    best = {names[stage]: f"{stage}-{best_rate(rates)}" for stage, rates in stages.items()}
    curves(left, rows, best, "catch_rate")
    left.set(title="each stage at its best learning rate")
    for (stage, rates), style in zip(stages.items(), STYLES):
        ends = {rate: last_quarter(rates[rate]) for rate in sorted(rates)}
        band(right, ends, label=names[stage], lw=1.6, **style)
    levels(right, rows)
    right.set(xscale="log", xlabel="learning rate", ylabel="", title="the last quarter of the run")
    return legend_below(left, columns=4)
