"""The picture of a run."""

from matplotlib.figure import Figure

from dqn_symbolic.runs.files import write_whole


def learning_curve(path, rows, task):
    """progress.csv as a picture (PNG): how well the agent plays, and the loss.

    rows: a list of dicts with the columns of progress.csv; task: the run's `Task`.
    """
    steps = [row["env_steps"] for row in rows]
    figure = Figure(figsize=(7, 5))  # fixed margins: matplotlib takes .3 s to find its own
    margins = {"left": 0.15, "right": 0.97, "bottom": 0.1, "top": 0.92, "hspace": 0.08}
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2), gridspec_kw=margins)

    scores = [row[task.score_name] for row in rows]
    above.plot(steps, scores, "o-", color="#1f4e79", ms=3, label="DQN")
    levels = task.levels or ({} if task.goal is None else {"solved": task.goal})
    styles = [("#2e7d32", "--"), ("#b35900", "-."), ("#6a1b9a", ":")]
    for (label, value), (colour, dashes) in zip(levels.items(), styles):
        above.axhline(value, color=colour, lw=1, ls=dashes, label=f"{label} ({value:.4g})")
    above.set(ylabel=task.score_name.replace("_", " "))
    above.legend(frameon=False, fontsize=9)

    losses = [(row["env_steps"], row["loss"]) for row in rows if row["loss"] is not None]
    below.plot(*zip(*losses) if losses else ([], []), color="#1f4e79", label="loss")
    below.set(xlabel="agent steps", ylabel="mean squared TD error", yscale="log")
    for axes in (above, below):
        axes.yaxis.set_label_coords(-0.13, 0.5)
        axes.grid(alpha=0.3)
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=120))
