"""How noisy is a gradient? Its variance against the size of the batch, at fixed parameters."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.experiments.figures import STYLES, band
from dqn_symbolic.experiments.learning import flat, learner
from dqn_symbolic.q_learning import halves
from dqn_symbolic.training import training

TITLE = "Minibatches mean reduced variance"
CLAIM = (
    'Slides "High variance and minibatches" and "Correlated samples break learning". The'
    " parameters come from an agent after the given agent steps, and stay fixed. The variance of"
    " the gradient of the mean squared TD error is summed over all parameters and divided by the"
    " squared length of the mean gradient. `uniform` batches are drawn from the replay memory with"
    " replacement. `consecutive` batches are transitions of the same memory in the order of play."
    " Independent samples give 1/B, the dotted line."
)

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def settings(quick):
    when = (2_500,) if quick else (2_500, 20_000)
    return {
        f"after-{steps}": {
            "game": {},
            "learner": {"steps": steps},
            "batches": BATCHES[::4] if quick else BATCHES,
            "draws": 200 if quick else 1_000,
        }
        for steps in when
    }


def seeds(quick):
    return 2 if quick else 10


def measure(setting, seed):
    """-> a row for each batch size and each kind of batch: the variance of the gradient.

    variance: E |g - E g|**2 / |E g|**2, where E g is the gradient over the whole memory.
    """
    agent = learner(setting, seed)
    for _ in training(agent):
        pass
    gradient = gradient_of(agent)
    rng = np.random.default_rng(seed)
    transitions = agent.memory.transitions(np.arange(agent.memory.size))
    mean = gradient(*transitions)
    rows = []
    for batch_size in setting["batches"]:
        for kind, draw in (("uniform", uniform), ("consecutive", consecutive)):
            total = 0.0
            for _ in range(setting["draws"]):
                chosen = draw(rng, len(transitions[0]), batch_size)
                batch = [array[chosen] for array in transitions]
                total += float(np.sum((gradient(*batch) - mean) ** 2))
            variance = total / setting["draws"] / float(np.sum(mean**2))
            rows.append({"batch_size": batch_size, "drawn": kind, "variance": variance})
    return rows


def gradient_of(agent):
    """-> gradient(x, action, reward, discount, x_tp1) -> (parameters,) float64, of the loss.

    It uses the agent's graph. Both networks have the agent's present weights.
    """
    agent.sync()
    gradient, _ = halves(agent.graph, mode(agent.settings.backend))
    return lambda *batch: flat(gradient(*batch)[1:])


def uniform(rng, transitions, batch_size):
    return rng.integers(transitions, size=batch_size)


def consecutive(rng, transitions, batch_size):
    return rng.integers(transitions - batch_size + 1) + np.arange(batch_size)


def variances(rows):
    """-> {setting: {kind of batch: {batch size: [variance of each seed, ...]}}}"""
    settings = {}
    for row in rows:
        by_size = settings.setdefault(row["setting"], {}).setdefault(row["drawn"], {})
        by_size.setdefault(row["batch_size"], []).append(row["variance"])
    return settings


def table(rows):
    lines = []
    for setting, kinds in variances(rows).items():
        for kind, by_size in kinds.items():
            medians = [f"{np.median(values):.3g}" for values in by_size.values()]
            lines.append([setting.removeprefix("after-"), kind, *medians])
    return [["agent steps", "drawn", *(f"B = {size}" for size in by_size)], *lines]


def draw(rows):
    settings = variances(rows)
    figure = Figure(figsize=(5 * max(2, len(settings)), 4.4), layout="constrained")
    panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
    for axes, (setting, kinds) in zip(panels, settings.items()):
        for (kind, by_size), style in zip(kinds.items(), STYLES):
            band(axes, by_size, label=kind, **style)
        sizes = list(kinds["uniform"])
        first = np.median(kinds["uniform"][sizes[0]])
        line = [first * sizes[0] / size for size in sizes]
        axes.plot(sizes, line, color="black", lw=1, ls=":", label="1/B")
        steps = int(setting.removeprefix("after-"))
        axes.set(xscale="log", yscale="log", title=f"parameters after {steps:,} agent steps")
        axes.set(xlabel="batch size B, transitions")
        axes.set_xticks(sizes, sizes)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.axes[0].set(ylabel="variance of the gradient / |its mean|²")
    return figure
