"""Parts of all experiments' pictures."""

import io

import numpy as np
from PIL import Image

from dqn_symbolic.runs.files import write_whole

# Each line has its own dashes and its own marker, so that you can distinguish them in grayscale.
STYLES = (
    {"color": "#1f4e79", "ls": "-", "marker": "o"},
    {"color": "#b35900", "ls": "--", "marker": "s"},
    {"color": "#2e7d32", "ls": "-.", "marker": "^"},
    {"color": "#8a1c5c", "ls": ":", "marker": "D"},
    {"color": "#444444", "ls": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
)


def curves(axes, rows, lines, x, y):
    """Draws column y against column x: the median over seeds, and the quartiles as a band.

    lines: {label: setting}; rows: dicts with "setting", "seed", x and y, every seed of a setting
    has the same x.
    """
    for (label, setting), style in zip(lines.items(), STYLES):
        values = {}  # x -> [y of each seed, ...]
        for row in rows:
            if row["setting"] == setting:
                values.setdefault(row[x], []).append(row[y])
        low, median, high = np.percentile(list(values.values()), (25, 50, 75), axis=1)
        every = max(1, len(values) // 8)
        axes.plot(list(values), median, ms=5, lw=1.6, markevery=every, label=label, **style)
        axes.fill_between(list(values), low, high, color=style["color"], alpha=0.15, lw=0)
    axes.grid(alpha=0.3)


def levels(axes, chance, optimum):
    """Draws blind and perfect play as lines, and the axis of a catch rate."""
    axes.axhline(optimum, color="black", lw=1, label=f"optimum ({optimum:.0%})")
    axes.axhline(chance, color="black", lw=1, ls=(0, (1, 4)), label=f"chance ({chance:.0%})")
    axes.set(ylabel="share of start states caught", ylim=(-0.03, 1.06))


def save(path, figure):
    """Writes a PNG of 256 colours: half the size, with no visible loss."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    picture = Image.open(drawn).convert("RGB").quantize(256)
    write_whole(path, lambda file: picture.save(file, format="png", optimize=True))
