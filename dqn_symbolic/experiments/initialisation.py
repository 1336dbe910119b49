"""Exercise II: first weights, activations, optimisers, dense and convolutional networks."""

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.conv.op import windows
from dqn_symbolic.experiments.figures import STYLES
from dqn_symbolic.experiments.learning import catch, learning_rows
from dqn_symbolic.settings import Settings

TITLE = "Initialisation"
CLAIM = (
    '"Possible exercise for the afternoon sessions II": Glorot, uniform in +-1/fan_in, all'
    " singular values 1; rectifiers or tanh; dense (two layers of 64) and convolutional (16"
    " filters of 3 x 3, then 64) networks; how the optimisers help. Each cell shows the median"
    " agent steps to the second perfect evaluation in a row, in thousands, and the share of seeds"
    " that reached it. Darker is slower, `-` is never. Learning rates: SGD .3, RMSprop .03, Adam"
    " .002. Below, before the first update: the singular values of each layer's weights, median"
    " and range, and the standard deviation of the layer's outputs over units and 256 frames of"
    " random play."
)

NETWORKS = {"mlp": {"hidden": (64, 64)}, "conv": {"filters": ((16, 3, 1),), "hidden": (64,)}}
RATES = {"sgd": 0.3, "rmsprop": 0.03, "adam": 0.002}

ACTIVATIONS, INITIALISERS = ("relu", "tanh"), ("glorot", "uniform_fan_in", "orthogonal")


def settings(quick):
    steps, every = (8_000, 500) if quick else (30_000, 500)
    return {
        f"{network}-{activation}-{initialiser.replace('_', '-')}-{optimiser}": {
            "game": {},
            "until_solved": True,
            "learner": {
                **NETWORKS[network],
                "activation": activation,
                "initialiser": initialiser,
                "optimiser": optimiser,
                "learning_rate": RATES[optimiser],
                "steps": steps,
                "evaluate_every": every,
            },
        }
        for network, activation, initialiser, optimiser in product(
            ["mlp"] if quick else NETWORKS, ACTIVATIONS, INITIALISERS, ["adam"] if quick else RATES
        )
    }


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> a row with the result: solved (0, 1), agent_steps, catch_rate; and `layer_rows`."""
    curve = learning_rows(setting, seed)
    solved = len(curve) > 1 and all(row["catch_rate"] >= row["optimum"] for row in curve[-2:])
    result = {
        "solved": int(solved),
        "agent_steps": curve[-1]["agent_steps"],
        "catch_rate": curve[-1]["catch_rate"],
    }
    return [result, *layer_rows(setting, seed)]


def layer_rows(setting, seed):
    """-> a row for each layer with its first weights: singular values, spread of its outputs."""
    s = Settings(**setting["learner"], seed=seed)
    agent = Agent(catch(setting).make(), s)
    env, rng, frames, first_params = agent.env, np.random.default_rng(seed), [], agent.weights()
    while len(frames) < 256:
        x, _ = env.reset(seed=len(frames))
        over = False
        while not over:
            frames.append(x)
            x, _, over, _, _ = env.step(rng.integers(agent.action_count))
    outputs = layer_outputs(np.stack(frames[:256]) / 255, first_params, s)
    weights = [value for name, value in first_params.items() if name[0] in "KW"]
    rows = []
    for layer, (W, h) in enumerate(zip(weights, outputs), 1):
        singular = np.linalg.svd(W.reshape(-1, W.shape[-1]), compute_uv=False)
        least, median, most = (float(f(singular)) for f in (np.min, np.median, np.max))
        values = {"singular_least": least, "singular_median": median, "singular_most": most}
        rows.append({"layer": layer, **values, "output_std": float(h.std())})
    return rows


def layer_outputs(x, params, settings):
    """x (B, height, width, frames), 0..1 -> [the outputs of each layer, ...]; the last is Q."""
    activation = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}[settings.activation]
    *values, Wout, bout = params.values()
    outputs, h = [], x
    for layer, (W, b) in enumerate(zip(values[::2], values[1::2])):
        if layer < len(settings.filters):
            view = windows(h, W.shape[:2], settings.filters[layer][2])
            z = np.tensordot(view, W, axes=((4, 5, 3), (0, 1, 2)))
        else:
            z = h.reshape(len(h), -1) @ W
        h = activation(z + b)
        outputs.append(h)
    return [*outputs, h.reshape(len(h), -1) @ Wout + bout]


def cells(rows):
    """-> {(network, activation, initialiser, optimiser): (median steps or inf, share solved)}"""
    steps_of = {}
    for row in rows:
        if "solved" in row:
            steps = row["agent_steps"] if row["solved"] else np.inf
            steps_of.setdefault(parts(row["setting"]), []).append(steps)
    return {
        key: (float(np.median(steps)), float(np.isfinite(steps).mean()))
        for key, steps in steps_of.items()
    }


def parts(setting):
    """ "mlp-relu-uniform-fan-in-adam" -> ("mlp", "relu", "uniform fan in", "adam")"""
    network, activation, *initialiser, optimiser = setting.split("-")
    return network, activation, " ".join(initialiser), optimiser


def lines_and_columns(results):
    """-> the lines (network, activation) and columns (optimiser, initialiser) of the table."""
    lines = list(dict.fromkeys((network, activation) for network, activation, _, _ in results))
    columns = dict.fromkeys((optimiser, initialiser) for *_, initialiser, optimiser in results)
    order = list(RATES)
    return lines, sorted(columns, key=lambda column: order.index(column[0]))


def cell(results, line, column):
    network, activation = line
    optimiser, initialiser = column
    return results[network, activation, initialiser, optimiser]


def texts(steps, share):
    """-> the two texts of a cell."""
    return f"{steps / 1000:.1f}k" if steps < np.inf else "-", f"{share:.0%}"


def table(rows):
    results = cells(rows)
    lines, columns = lines_and_columns(results)
    head = [["", *(f"{optimiser}, {initialiser}" for optimiser, initialiser in columns)]]
    return head + [
        [" ".join(line), *(", ".join(texts(*cell(results, line, column))) for column in columns)]
        for line in lines
    ]


def draw(rows):
    results = cells(rows)
    lines, columns = lines_and_columns(results)
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    above, below = figure.subfigures(2, height_ratios=(5, 4))
    axes = above.subplots()
    slowest = max((steps for steps, _ in results.values() if steps < np.inf), default=1)
    image = np.array(
        [
            [min(cell(results, line, column)[0], 1.25 * slowest) for column in columns]
            for line in lines
        ]
    )
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1.25 * slowest, aspect="auto")
    for y, line in enumerate(lines):
        for x, column in enumerate(columns):
            colour = "white" if image[y, x] > 0.7 * slowest else "black"
            text = "\n".join(texts(*cell(results, line, column)))
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_yticks(range(len(lines)), [" ".join(line) for line in lines])
    names = [
        f"{optimiser}\n{initialiser.replace(' ', chr(10), 1)}" for optimiser, initialiser in columns
    ]
    axes.set_xticks(range(len(columns)), names, fontsize=8)
    axes.set_title("median agent steps until solved, and the share of seeds solved", fontsize=10)
    draw_layers(below, [row for row in rows if "layer" in row])
    return figure


def draw_layers(figure, rows):
    """Draws singular values and outputs with the first weights, for the dense ReLU network."""
    left, right = figure.subplots(1, 2)
    initialisers = list(dict.fromkeys(parts(row["setting"])[2] for row in rows))
    for i, (initialiser, style) in enumerate(zip(initialisers, STYLES)):
        layers = {}
        for row in rows:
            if parts(row["setting"])[:3] == ("mlp", "relu", initialiser):
                layers.setdefault(row["layer"], []).append(row)

        def median(column, layers=layers):
            return np.array(
                [np.median([row[column] for row in layer]) for layer in layers.values()]
            )

        numbers = np.array(list(layers))
        values = median("singular_median")
        error = values - median("singular_least"), median("singular_most") - values
        style = {**style, "ms": 5}
        left.errorbar(numbers + 0.12 * (i - 1), values, error, capsize=3, **{**style, "ls": ""})
        right.plot(numbers, median("output_std"), label=initialiser, **style)
    for axes, name in ((left, "singular values"), (right, "standard deviation of outputs")):
        axes.set(yscale="log", xlabel="layer (mlp, relu)", ylabel=name)
        axes.set_xticks(numbers, [*map(str, numbers[:-1]), f"{numbers[-1]} (Q)"])
        axes.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=8)
