"""Exercise II: initial weights, activations, optimisers, dense and convolutional networks.

"Possible exercise for the afternoon sessions II": Glorot, uniform in +-1/fan_in, all singular
values 1; rectifiers or tanh; dense (two layers of 64) and convolutional (16 filters of 3 x 3, then
64) networks; how the optimisers help. Each cell shows the median agent steps to the second perfect
evaluation in a row, in thousands, and the share of seeds that reached it. Darker is slower, `-` is
never. Learning rates: SGD .3, RMSprop .03, Adam .002.
"""

from itertools import product

import numpy as np

from dqn_symbolic.experiments import figures, learning, results

TITLE = "Initial weights, on Catch"
SEEDS = 10, 1  # in full, quick
NETWORKS = {"mlp": {"hidden": (64, 64)}, "conv": {"filters": ((16, 3, 1),), "hidden": (64,)}}
RATES = {"sgd": 0.3, "rmsprop": 0.03, "adam": 0.002}
ACTIVATIONS, INITIALISERS = ("relu", "tanh"), ("glorot", "uniform_fan_in", "orthogonal")


def conditions(quick):
    length = {"steps": 8_000 if quick else 30_000, "evaluate_every": 500}
    networks, optimisers = (["mlp"], ["adam"]) if quick else (NETWORKS, RATES)
    named = {}
    for parts in product(networks, ACTIVATIONS, INITIALISERS, optimisers):
        network, activation, initialiser, optimiser = parts
        agent = NETWORKS[network] | {"activation": activation, "initialiser": initialiser}
        agent |= {"optimiser": optimiser, "learning_rate": RATES[optimiser], **length}
        named["-".join(parts).replace("_", "-")] = {"agent": agent}
    return named


def measure(condition, seed):
    """Yields a row with the result: solved (0, 1), agent_steps, catch_rate."""
    perfect = 0  # evaluations in a row
    for row in learning.rows(condition, seed):
        perfect = perfect + 1 if row["catch_rate"] >= row["optimum"] else 0
        if perfect == 2:
            break
    yield {"solved": int(perfect == 2), **{c: row[c] for c in ("agent_steps", "catch_rate")}}


def cells(rows):
    """-> {line: {column: (median steps or inf, text of the cell)}}, the cells of the table."""
    steps, solved = (dict(results.by_condition(rows, c)) for c in ("agent_steps", "solved"))
    lines = {}
    for *line, optimiser, initialiser in product(NETWORKS, ACTIVATIONS, RATES, INITIALISERS):
        condition = "-".join((*line, initialiser, optimiser)).replace("_", "-")
        if condition in solved:
            median = np.median(np.where(solved[condition], steps[condition], np.inf))
            column = f"{optimiser}, {initialiser.replace('_', ' ')}"
            text = f"{median / 1000:.1f}k\n{solved[condition].mean():.0%}".replace("infk", "-")
            lines.setdefault(" ".join(line), {})[column] = median, text
    return lines


def table(rows):
    lines = cells(rows)
    yield ["", *next(iter(lines.values()))]
    for line, of_line in lines.items():
        yield [line, *(text.replace("\n", ", ") for _, text in of_line.values())]


def draw(rows):
    lines, (figure, axes) = cells(rows), figures.panels(10, 3.6)
    steps = np.array([[median for median, _ in of_line.values()] for of_line in lines.values()])
    slowest = max(steps[steps < np.inf], default=1)
    image = np.minimum(steps, 1.25 * slowest)
    axes.grid(False)
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.25 * slowest, aspect="auto")
    for y, of_line in enumerate(lines.values()):
        for x, (_, text) in enumerate(of_line.values()):
            colour = "white" if image[y, x] > 0.7 * slowest else "black"
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_yticks(range(len(lines)), lines)
    names = [column.replace(", ", "\n").replace(" ", "\n", 1) for column in of_line]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_title("median agent steps until solved, and the share of seeds solved", fontsize=10)
    return figure
