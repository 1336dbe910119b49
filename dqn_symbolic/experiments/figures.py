"""What the experiments' pictures share."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dqn_symbolic.experiments.results import grouped
from dqn_symbolic.runs.files import write_whole

# Each line has its own dashes and its own marker, so that you can distinguish them in grayscale.
STYLES = (
    {"color": "#1f4e79", "ls": "-", "marker": "o"},
    {"color": "#b35900", "ls": "--", "marker": "s"},
    {"color": "#2e7d32", "ls": "-.", "marker": "^"},
    {"color": "#8a1c5c", "ls": ":", "marker": "D"},
    {"color": "#444444", "ls": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
)


def panels(width, height, *shape, **options):
    """-> a figure of so many inches, and its axes as from `Figure.subplots`, with a grid."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(*shape, **options)
    for panel in figure.axes:
        panel.grid(alpha=0.3)
    return figure, axes


def legend_below(axes, columns):
    """Draws the legend of these axes below all panels of their figure."""
    handles_and_labels = axes.get_legend_handles_labels()
    axes.figure.legend(*handles_and_labels, loc="outside lower center", ncols=columns)


def curves(axes, rows, labels, column):
    """Draws a column against agent steps for each condition of `labels`, {label: condition}.

    All seeds of a condition have rows at the same agent steps.
    """
    for (label, condition), style in zip(labels.items(), STYLES):
        values = grouped(rows, "agent_steps", column, condition=condition)
        every = max(1, len(values) // 8)
        band(axes, values, label=label, lw=1.6, markevery=every, **style)
    axes.set(xlabel="agent steps")


def band(axes, values, ms=5, **style):
    """values: {x: [y of each seed, ...]}. Draws the median as a line, the quartiles as a band."""
    low, median, high = np.percentile(list(values.values()), (25, 50, 75), axis=1)
    axes.plot(list(values), median, ms=ms, **style)
    axes.fill_between(list(values), low, high, color=style["color"], alpha=0.15, lw=0)


def bars(axes, x, values, **style):
    """values: [y of each seed, ...] for each x. Draws medians as bars, quartiles as error bars."""
    low, median, high = np.percentile(values, (25, 50, 75), axis=1)
    axes.bar(x, median, 0.38, yerr=(median - low, high - median), capsize=3, **style)
    axes.grid(False, axis="x")


def levels(axes, rows):
    """Draws blind and perfect play as lines, and names the axis of a catch rate."""
    row = next(row for row in rows if "optimum" in row)
    chance, optimum = row["chance"], row["optimum"]
    axes.axhline(optimum, color="black", lw=1, label=f"optimum ({optimum:.0%})")
    axes.axhline(chance, color="black", lw=1, ls=(0, (1, 4)), label=f"chance ({chance:.0%})")
    axes.set(ylabel="share of start states caught", ylim=(-0.03, 1.06))


def save(path, figure):
    """Writes a PNG of 256 colours: half the size, with no visible loss."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("RGB").quantize(256)
    write_whole(path, lambda file: picture.save(file, format="png", optimize=True))
