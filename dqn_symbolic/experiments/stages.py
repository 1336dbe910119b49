"""Online Q-learning, and the lecture's additions to it, added in turn.

Slides "Q-learning in Theano?" to "Other details": correlated samples break learning, so replay
them; minibatches reduce the variance; the target moves, so fix it; SGD can be slow, so use RMSprop.
Each stage changes one setting of the stage before. Its learning rate is the rate of its grid that
caught most over the whole run (median). A run that diverges catches 0% from then on. The right
picture shows the last quarter of the run.
"""

import numpy as np

from dqn_symbolic.experiments import figures, learning, results

TITLE = "The stages on Catch"
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

measure = learning.rows


def conditions(quick):
    named, agent = {}, {**ONLINE, "steps": 6_000 if quick else 20_000, "evaluate_every": 1_000}
    for stage, change in CHANGES.items():
        agent = {**agent, **change}
        rates = RMSPROP_RATES if stage == "rmsprop" else SGD_RATES
        for rate in rates[1:4:2] if quick else rates:
            named[f"{stage}-{rate}"] = {"agent": {**agent, "learning_rate": rate}}
    return named


def best_rates(rows):
    """-> {stage: (the rate that caught most over the whole run, its (seeds, evaluations) array)}"""
    stages = results.by_name_and_number(rows, "catch_rate")

    def caught(rate_and_runs):
        return np.median(rate_and_runs[1].mean(axis=1))

    return {stage: max(rates.items(), key=caught) for stage, rates in stages.items()}


def table(rows):
    yield ["stage", "learning rate", "caught, whole run", "caught, last quarter"]
    for stage, (rate, runs) in best_rates(rows).items():
        whole, end = np.median(runs.mean(axis=1)), results.quartiles(results.last_quarter(runs))
        yield [stage, f"{rate:g}", f"{whole:.0%}", end]


def draw(rows):
    _, (left, right) = figures.panels(10, 4.6, 1, 2, sharey=True)
    best = best_rates(rows)
    names = {stage: ("" if stage == "online" else "+ ") + stage for stage in best}
    labels = {names[stage]: f"{stage}-{rate}" for stage, (rate, _) in best.items()}
    figures.curves(left, rows, labels, "catch_rate")
    left.set(title="each stage at its best learning rate")
    stages = results.by_name_and_number(rows, "catch_rate")
    for (stage, rates), style in zip(stages.items(), figures.STYLES):
        ends = {rate: results.last_quarter(rates[rate]) for rate in sorted(rates)}
        figures.band(right, ends, label=names[stage], lw=1.6, **style)
    figures.catches(right, rows)
    right.set(xscale="log", xlabel="learning rate", ylabel="", title="the last quarter of the run")
    return figures.legend_below(left, columns=4)
