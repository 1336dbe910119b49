"""Pictures: the learning curves of runs, and what all pictures share."""

import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator, LogFormatter, LogLocator, MaxNLocator, ScalarFormatter
from PIL import Image

from dqn_symbolic.guard.files import write_whole
from dqn_symbolic.settings import expect

# Each line has its own dashes and its own marker, so that you can distinguish them in grayscale.
STYLES: list[dict] = [
    {"color": "#1f4e79", "ls": "-", "marker": "o"},
    {"color": "#b35900", "ls": "--", "marker": "s"},
    {"color": "#2e7d32", "ls": "-.", "marker": "^"},
    {"color": "#8a1c5c", "ls": ":", "marker": "D"},
    {"color": "#444444", "ls": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
]
STYLES += [{**style, "mfc": "white"} for style in STYLES]


def learning_curves(task, lines):
    """-> (figure of score, value, loss; title); lines: {label: [(seed, rows of progress.csv)]}."""
    shape = {"sharex": True, "height_ratios": (3, 2, 2)}
    figure, (above, middle, below) = panels(7, 7 + 0.2 * len(lines), 3, **shape)
    labels, title = {}, task.game
    for label, runs in lines.items():
        seeds, rows = zip(*runs)
        seeds = f"seed{'s' * (len(runs) > 1)} {', '.join(map(str, sorted(seeds)))}"
        labels[f"{label}: {seeds}" if label else seeds] = rows
        if len(runs) > 1:
            title = f"{task.game}: median and quartiles of the seeds"
    for axes, column in zip(figure.axes, (task.score_name, "held_out_value", "loss")):
        bands(axes, {label: by_steps(runs, column) for label, runs in labels.items()}, ms=4)
    levels(above, task.levels or ({} if task.goal is None else {"solved": task.goal}))
    above.set(ylabel=task.score_name.replace("_", " "))
    middle.set(ylabel="held-out value")
    below.set(xlabel="agent steps", ylabel="squared TD error", yscale="log")
    least, most = below.get_ylim()
    below.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 50 * least else (1,)))
    below.minorticks_off()
    figure.align_ylabels()
    return legend_below(above, 1 if len(lines) > 1 else 4), title


def by_steps(runs, column):
    """-> {agent steps: [value of each run, ...]} of the runs that have this column."""
    found = [[row for row in rows if row.get(column) is not None] for rows in runs]
    curves = [[(row["env_steps"], row[column]) for row in rows] for rows in found]
    steps = sorted({step for curve in curves for step, _ in curve})
    values = [np.interp(steps, *zip(*curve)) for curve in curves if curve]
    return dict(zip(steps, np.transpose(values)))


def bands(axes, lines, **style):
    """Draws {label: values as for `band`}, each in a style of its own. ValueError: too many."""
    expect("plot", len(lines) <= len(STYLES), f"at most {len(STYLES)} lines", len(lines))
    for (label, values), own in zip(lines.items(), STYLES):
        if values:
            every = max(1, len(values) // 8)
            band(axes, values, label=label, lw=1.6, markevery=every, **style, **own)


def panels(width, height, *shape, **options):
    """-> a figure of so many inches, and its axes as from `Figure.subplots`, with a grid."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(*shape, **options)
    for panel in figure.axes:
        panel.grid(alpha=0.3)
    return figure, axes


def levels(axes, scores):
    """Draws the scores of other players, {name: score}, as lines."""
    for (name, score), dashes in zip(scores.items(), ("-", (0, (5, 2)), (0, (1, 2)))):
        name = {"random": "random play", "dqn_2015": "Nature agent"}.get(name, name)
        axes.axhline(score, color="black", lw=0.9, ls=dashes, label=f"{name} ({score:,.4g})")


def legend_below(axes, columns):
    """Draws the legend of these axes below all panels of their figure. -> the figure"""
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return axes.figure


def band(axes, values, ms=5, **style):
    """values: {x: [y of each seed, ...]}. Draws the median as a line, the quartiles as a band."""
    low, median, high = np.percentile(list(values.values()), (25, 50, 75), axis=1)
    axes.plot(list(values), median, ms=ms, **style)
    axes.fill_between(list(values), low, high, color=style["color"], alpha=0.15, lw=0)


def save(path, figure, title):
    """Writes a PNG of 256 colours: half the size, with no visible loss. Ticks are few and plain."""
    figure.suptitle(title, fontsize=10, weight="bold")
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if type(axis.get_major_locator()) is AutoLocator:
            axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
        if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter):
            axis.set_major_formatter("{x:,.10g}")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    write_whole(path, lambda file: write_smaller(drawn, file))


def write_smaller(png, file):
    Image.open(png).convert("RGB").quantize(256).save(file, format="png", optimize=True)
