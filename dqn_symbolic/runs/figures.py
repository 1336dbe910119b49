"""The picture of a run."""

from matplotlib.figure import Figure

from dqn_symbolic.runs.files import write_whole


def learning_curve(path, rows, chance, optimum):
    """progress.csv as a picture (PNG): how often the greedy policy catches, and the loss.

    rows: a list of dicts with the columns of progress.csv; chance and optimum: catch rates 0..1.
    """
    steps = [row["env_steps"] for row in rows]
    figure = Figure(figsize=(7, 5))  # fixed margins: matplotlib takes .3 s to find its own
    margins = {"left": 0.15, "right": 0.97, "bottom": 0.1, "top": 0.92, "hspace": 0.08}
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2), gridspec_kw=margins)

    above.plot(
        steps, [row["catch_rate"] for row in rows], "o-", color="#1f4e79", ms=3, label="DQN, greedy"
    )
    above.plot(steps, [row["epsilon"] for row in rows], ":", color="#777777", label="epsilon")
    above.axhline(optimum, color="#2e7d32", lw=1, ls="--", label=f"optimum ({optimum:.0%})")
    above.axhline(chance, color="#b35900", lw=1, ls="-.", label=f"chance ({chance:.0%})")
    above.set(ylabel="share of start states caught", ylim=(-0.03, 1.06))
    figure.legend(loc="upper center", ncols=4, frameon=False)

    losses = [(row["env_steps"], row["loss"]) for row in rows if row["loss"] is not None]
    below.plot(*zip(*losses) if losses else ([], []), color="#1f4e79")
    below.set(xlabel="agent steps", ylabel="mean squared TD error", yscale="log")
    for axes in (above, below):
        axes.yaxis.set_label_coords(-0.13, 0.5)
        axes.grid(alpha=0.3)
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=120))
