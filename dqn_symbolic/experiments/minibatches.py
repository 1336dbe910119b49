"""How noisy is a gradient? Its variance against the size of the batch, at fixed parameters."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent.learner import graph_of
from dqn_symbolic.experiments.figures import STYLES
from dqn_symbolic.experiments.learning import flat, learner
from dqn_symbolic.symbols.q_learning import halves

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
    """-> a row for each batch size and each way to draw: the variance of the gradient.

    variance: E |g - E g|**2 / |E g|**2, where E g is the gradient over the whole memory.
    """
    agent = learner(setting, seed)
    for _ in range(agent.settings.steps):
        agent.step()
    gradient = gradient_of(agent)
    rng = np.random.default_rng(seed)
    everything = agent.memory.all()
    mean = gradient(*everything)
    rows = []
    for batch_size in setting["batches"]:
        for kind, draw in (("uniform", uniform), ("consecutive", consecutive)):
            total = 0.0
            for _ in range(setting["draws"]):
                chosen = draw(rng, len(everything[0]), batch_size)
                total += float(
                    np.sum((gradient(*(part[chosen] for part in everything)) - mean) ** 2)
                )
            variance = total / setting["draws"] / float(np.sum(mean**2))
            rows.append({"batch_size": batch_size, "drawn": kind, "variance": variance})
    return rows


def gradient_of(agent):
    """-> gradient(x, action, reward, discount, x_tp1) -> (parameters,) float64, of the loss.

    It uses the agent's graph. Both networks have the agent's present weights.
    """
    agent.first_params = agent.weights()
    gradient, _ = halves(graph_of(agent), agent.mode)
    return lambda *batch: flat(gradient(*batch)[1:])


def uniform(rng, transitions, batch_size):
    return rng.integers(transitions, size=batch_size)


def consecutive(rng, transitions, batch_size):
    return rng.integers(transitions - batch_size + 1) + np.arange(batch_size)


def medians(rows):
    """-> {(setting, drawn): {batch size: (first quartile, median, third quartile)}}"""
    lines = {}
    for row in rows:
        line = lines.setdefault((row["setting"], row["drawn"]), {})
        line.setdefault(row["batch_size"], []).append(row["variance"])
    return {
        key: {size: np.percentile(values, (25, 50, 75)) for size, values in line.items()}
        for key, line in lines.items()
    }


def table(rows):
    lines = medians(rows)
    sizes = list(next(iter(lines.values())))
    head = [["agent steps", "drawn", *(f"B = {size}" for size in sizes)]]
    return head + [
        [setting.removeprefix("after-"), drawn, *(f"{line[size][1]:.3g}" for size in sizes)]
        for (setting, drawn), line in lines.items()
    ]


def draw(rows):
    lines = medians(rows)
    names = list(dict.fromkeys(setting for setting, _ in lines))
    figure = Figure(figsize=(5 * max(2, len(names)), 4.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names):
        for (setting, drawn), style in zip(lines, 2 * STYLES[:2]):
            if setting == name:
                sizes = list(lines[setting, drawn])
                low, median, high = np.transpose(list(lines[setting, drawn].values()))
                axes.plot(sizes, median, label=drawn, ms=5, **style)
                axes.fill_between(sizes, low, high, color=style["color"], alpha=0.15, lw=0)
        first = next(iter(lines[name, "uniform"].values()))[1]
        line = [first * sizes[0] / size for size in sizes]
        axes.plot(sizes, line, color="black", lw=1, ls=":", label="1/B")
        steps = int(name.removeprefix("after-"))
        axes.set(xscale="log", yscale="log", title=f"parameters after {steps:,} agent steps")
        axes.set(xlabel="batch size B, transitions")
        axes.set_xticks(sizes, sizes)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.axes[0].set(ylabel="variance of the gradient / |its mean|²")
    return figure
