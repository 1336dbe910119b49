"""Exercise II: first weights, activations, optimisers, dense and convolutional networks.

"Possible exercise for the afternoon sessions II": Glorot, uniform in +-1/fan_in, all singular
values 1; rectifiers or tanh; dense (two layers of 64) and convolutional (16 filters of 3 x 3, then
64) networks; how the optimisers help. Each cell shows the median agent steps to the second perfect
evaluation in a row, in thousands, and the share of seeds that reached it. Darker is slower, `-` is
never. Learning rates: SGD .3, RMSprop .03, Adam .002. Below, before the first update: the singular
values of each layer's weights, median and range, and the standard deviation of the layer's outputs
over units and 256 frames of random play.
"""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic import networks
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.experiments.figures import STYLES, band
from dqn_symbolic.experiments.learning import catch, learning_rows, player_of
from dqn_symbolic.experiments.results import by_condition, grouped
from dqn_symbolic.q_learning import compiled

TITLE = "Initialisation"
SEEDS, QUICK_SEEDS = 10, 1
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
        named[name_of(*parts)] = {"agent": agent}
    return named


def name_of(*parts):
    """-> the name of a condition."""
    return "-".join(parts).replace("_", "-")


def measure(condition, seed):
    """Yields a row with the result: solved (0, 1), agent_steps, catch_rate; and `layer_rows`."""
    perfect = 0  # evaluations in a row
    for row in learning_rows(condition, seed):
        perfect = perfect + 1 if row["catch_rate"] >= row["optimum"] else 0
        if perfect == 2:
            break
    end = {column: row[column] for column in ("agent_steps", "catch_rate")}
    yield {"solved": int(perfect == 2), **end}
    yield from layer_rows(condition, seed)


def layer_rows(condition, seed):
    """Yields a row for each layer with its first weights: singular values, spread of outputs."""
    agent = player_of(catch(condition).make(), condition, seed)
    env, rng, frames = agent.env, np.random.default_rng(seed), []
    while len(frames) < 256:
        x, _ = env.reset(seed=len(frames))
        over = False
        while not over:
            frames.append(x)
            x, _, over, _, _ = env.step(rng.integers(agent.action_count))
    outputs = layer_outputs(agent, np.stack(frames[:256]))
    weights = [value for name, value in agent.weights().items() if name[0] in "KW"]
    for layer, (W, h) in enumerate(zip(weights, outputs), 1):
        singular = np.linalg.svd(W.reshape(-1, W.shape[-1]), compute_uv=False)
        least, median, most = (float(f(singular)) for f in (np.min, np.median, np.max))
        values = {"singular_least": least, "singular_median": median, "singular_most": most}
        yield {"layer": layer, **values, "output_std": float(h.std())}


def layer_outputs(agent, x):
    """x (B, *obs) -> [the outputs of each layer (B, ...), ...]; the last is Q."""
    network, outputs = networks.of(agent.settings, agent.env.observation_space), []

    def activation(z):
        outputs.append(network.keywords["activation"](z))
        return outputs[-1]

    q = network(agent.graph.x, agent.graph.params, activation=activation)
    return compiled([agent.graph.x], [*outputs, q], mode(agent.settings.backend))(x)


def cells(rows):
    """-> {line: {column: (median steps or inf, text of the cell)}}, the cells of the table."""
    steps, solved = by_condition(rows, "agent_steps"), by_condition(rows, "solved")
    lines = {}
    for *line, optimiser, initialiser in product(NETWORKS, ACTIVATIONS, RATES, INITIALISERS):
        condition = name_of(*line, initialiser, optimiser)
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
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    above, below = figure.subfigures(2, height_ratios=(5, 4))
    draw_cells(above.subplots(), cells(rows))
    draw_layers(*below.subplots(1, 2), rows)
    return figure


def draw_cells(axes, lines):
    steps = np.array([[median for median, _ in of_line.values()] for of_line in lines.values()])
    slowest = max(steps[steps < np.inf], default=1)
    image = np.minimum(steps, 1.25 * slowest)
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.25 * slowest, aspect="auto")
    for y, of_line in enumerate(lines.values()):
        for x, (_, text) in enumerate(of_line.values()):
            colour = "white" if image[y, x] > 0.7 * slowest else "black"
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_yticks(range(len(lines)), lines)
    names = [column.replace(", ", "\n").replace(" ", "\n", 1) for column in of_line]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_title("median agent steps until solved, and the share of seeds solved", fontsize=10)


def draw_layers(left, right, rows):
    """Draws singular values and outputs with the first weights, for the dense ReLU network."""
    columns = "singular_least", "singular_median", "singular_most"
    for initialiser, style, aside in zip(INITIALISERS, STYLES, (-0.12, 0, 0.12)):
        condition = name_of("mlp", "relu", initialiser, "adam")  # the first weights of all three
        values = [by_condition(rows, column)[condition] for column in columns]
        least, median, most = np.median(values, axis=1)  # over seeds; (layers,)
        numbers = np.arange(1, len(median) + 1)
        marks = {**style, "ls": "", "ms": 5, "capsize": 3}
        left.errorbar(numbers + aside, median, (median - least, most - median), **marks)
        outputs = grouped(rows, "layer", "output_std", condition=condition)
        band(right, outputs, label=initialiser.replace("_", " "), **style)
    for axes, name in ((left, "singular values"), (right, "standard deviation of outputs")):
        axes.set(yscale="log", xlabel="layer (mlp, relu)", ylabel=name)
        axes.set_xticks(numbers, [*map(str, numbers[:-1]), f"{numbers[-1]} (Q)"])
        axes.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=8)
