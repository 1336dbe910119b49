"""What the experiments' pictures share."""

from dqn_symbolic.experiments.results import grouped
from dqn_symbolic.runs.figures import STYLES, band, bands, legend_below, levels, panels, save  # noqa: F401


def curves(axes, rows, labels, column):
    """Draws a column against agent steps, the same for all seeds; labels: {label: condition}."""
    bands(axes, {k: grouped(rows, "agent_steps", column, condition=c) for k, c in labels.items()})
    axes.set(xlabel="agent steps")
    if column == "catch_rate":
        catches(axes, rows)


def catches(axes, rows):
    """Draws blind and perfect play as lines, and names the axis of a catch rate."""
    row = next(row for row in rows if "optimum" in row)
    for name, ls in ("optimum", "-"), ("chance", (0, (1, 4))):
        axes.axhline(row[name], color="black", lw=1, ls=ls, label=f"{name} ({row[name]:.0%})")
    axes.set(ylabel="share of start states caught", ylim=(-0.03, 1.06))
    axes.yaxis.set_major_formatter("{x:.0%}")
