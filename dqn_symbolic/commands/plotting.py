"""plot: the learning curves of several runs in one picture."""

from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from dqn_symbolic.commands.front import say
from dqn_symbolic.commands.watching import folder_of
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import Task
from dqn_symbolic.guard.errors import BadInput, bad_input, one_line
from dqn_symbolic.guard.files import read_text
from dqn_symbolic.runs.figures import learning_curves, save
from dqn_symbolic.runs.loading import fitting, read_progress, read_settings


def plot(door, runs, out=None, quiet=False):
    """One line for each setting: runs that differ only in the seed share it. -> exit status"""
    drawable = [run for run in runs or () if (run / "agent.npz").exists() or not run.is_dir()]
    runs = drawable or runs or [folder_of(None, None)]  # runs/* has other folders, too
    tasks, settings, rows = zip(*map(read, runs))
    game, first = tasks[0], settings[0]
    if any(other.game != game.game for other in tasks):
        raise BadInput(f"expected runs of one game, got {', '.join({t.game: 0 for t in tasks})}")
    if any(other.kwargs != game.kwargs for other in tasks):
        game = replace(game, levels={}, goal=None)  # each has its own
    names = dict.fromkeys(name for own in settings for name in own if name != "seed")
    differing = [n for n in names if any(own.get(n) != first.get(n) for own in settings)]
    lines = {}
    for own, its_rows in zip(settings, rows):
        label = one_line(", ".join(f"{n.replace('_', ' ')} {text(own.get(n))}" for n in differing))
        label = label.replace("$", r"\$")  # else matplotlib reads a formula
        lines.setdefault(label, []).append((own["seed"], its_rows))
    out = out or (runs[0] / "learning_curve.png" if len(runs) == 1 else Path("plot.png"))
    with bad_input():
        save(out, *learning_curves(game, lines))
    if not quiet:
        say(f"written: {out}")
    return 0


def read(folder):
    """-> the Task of a run, {name: value} of the game's settings and its own, its rows."""
    data, kwargs, settings = read_settings(folder / "agent.npz", "agent")
    with fitting(folder):
        game = Task(data["game"], kwargs, make=dict)  # its module is not imported
        if ":" not in game.game or game.game == "games:Catch-v0":
            with suppress(Exception):  # it may not be installed here
                game = task(game.game, **kwargs)
        rows = read_progress(read_text(folder / "progress.csv"), game)
        own = {**kwargs, **data.get("gorila", {}), **asdict(settings)}
    if not rows:
        raise BadInput(f"{folder}: this run has no evaluation yet")
    return game, own, rows


def text(value):
    """-> "64x64", "16x8x4 32x4x2" or "0.001"."""
    if isinstance(value, tuple):
        between = " " if value and isinstance(value[0], tuple) else "x"
        return between.join(map(text, value)) or "none"
    return f"{value:,}" if type(value) in (int, float) else str(value)
