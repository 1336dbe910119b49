"""The rows of `compare` that the page of the experiments is made from, and what is made from them.

dqn_symbolic/experiments/rows/NAME.csv is a copy of what `compare` writes. A picture has the CRC-32
of its rows as its text "rows", so a test sees that it is not older than they are.
"""

import csv
from functools import cache
from zlib import crc32

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dqn_symbolic.commands.options import TRAINED
from dqn_symbolic.experiments import results
from dqn_symbolic.experiments.figures import save
from dqn_symbolic.experiments.runner import ALL, drawn
from tests.benchmarks.results import ROOT, markdown

PAGE = ROOT / "dqn_symbolic" / "experiments"
ROWS, PICTURES = PAGE / "rows", PAGE / "pictures"


# -- the files ------------------------------------------------------------------------------------


def keep(folder):
    """Copies the CSV files of a finished `compare`."""
    ROWS.mkdir(exist_ok=True)
    for name in ALL:
        if (path := folder / f"{name}.csv").exists():
            path_of(name).write_bytes(path.read_bytes())


def path_of(name):
    return TRAINED / "games.csv" if name == "games" else ROWS / f"{name}.csv"


@cache
def rows(name):
    """-> the rows as `compare` made them; FileNotFoundError if they are not kept."""
    with open(path_of(name), newline="") as file:
        return [{c: typed(v) for c, v in row.items() if v} for row in csv.DictReader(file)]


def typed(text):
    for kind in int, float:
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def draw():
    """Draws the pictures whose rows have changed."""
    for name in ALL:
        path, picture = path_of(name), PICTURES / f"{name}.png"
        if path.exists() and (not picture.exists() or rows_of(picture) != mark(path)):
            save(picture, *drawn(ALL[name], rows(name)))
            text = PngInfo()
            text.add_text("rows", mark(path))
            Image.open(picture).save(picture, pnginfo=text, optimize=True)
            print(picture.relative_to(ROOT))


def mark(path):
    return f"{crc32(path.read_bytes()):08x}"


def rows_of(picture):
    """-> the mark of the rows that a picture was drawn from, or None"""
    return Image.open(picture).text.get("rows")


# -- tables ---------------------------------------------------------------------------------------


def table_of(name):
    """-> the experiment's own table, as in report.md: [[cell, ...], ...]"""
    return [[str(cell) for cell in line] for line in ALL[name].table(rows(name))]


def pong():
    headings, *lines = table_of("pong")
    return markdown(headings, lines)


def agents():
    """The agents that come with the project, by their rows of games.csv."""
    kept = sorted(path.name for path in TRAINED.iterdir() if (path / "agent.npz").exists())
    of_name = {row["condition"].lower(): row for row in rows("games")}
    lines = []
    for name in kept:
        row = of_name[name.replace("_", "")]
        digits = 0 if row["score"] > 1_000 else 1
        score = f"{row['score']:,.{digits}f} ± {row['standard_error']:,.{digits}f}"
        levels = (f"{row[level]:,.{digits}f}" for level in ("random", "human", "dqn_2015"))
        lines.append([name, score, *levels, f"{row['human_normalised']:.0f}"])
    return markdown(["agent", "score", "random play", "human", "Nature agent", "% of human"], lines)


TABLES = {make.__name__: make for make in (pong, agents)}


# -- figures in sentences -------------------------------------------------------------------------

# {figure: (the line of the experiment's table, its column)}; without the quartiles
CELLS = {
    "frames.one": ("1 frame", "DQN, last quarter"),
    "frames.best_of_one": ("1 frame", "exact optimum"),
    "frames.two": ("2 frames", "DQN, last quarter"),
    "frames.best_of_two": ("2 frames", "exact optimum"),
    "exploration.earned": ("0.05", "earned"),
    "exploration.by_chance": ("1", "earned"),
    "dynamic_programming.sweeps": ("value iteration", "after"),
    "policy_gradient.dqn": ("DQN", "agent steps to 90% caught (median)"),
    "policy_gradient.reinforce": ("REINFORCE", "agent steps to 90% caught (median)"),
    "policy_gradient.baseline": ("REINFORCE, baseline", "agent steps to 90% caught (median)"),
    "corridor.best": ("the best policy (exact)", "probability of right at the end"),
    "corridor.best_return": ("the best policy (exact)", "expected return at the end"),
    "deep_sea.four": ("4", "episodes of DQN, mean"),
    "deep_sea.six": ("6", "episodes of DQN, mean"),
    "deep_sea.found": ("6", "seeds that found it"),
    "deep_sea.eight": ("8", "episodes of DQN, mean"),
    "late_rewards.blank": ("DQN, 4 steps late, blank", "caught at the end"),
    "late_rewards.reinforce": ("REINFORCE, 4 steps late, blank", "caught at the end"),
}


def cell(figure):
    name = figure.partition(".")[0].replace("_", "-")
    headings, *lines = table_of(name)
    line, column = CELLS[figure]
    (text,) = [found[headings.index(column)] for found in lines if found[0] == line]
    return text.removeprefix("over ").split()[0]


def first_at(name, condition, share):
    """-> the agent steps after which the median of the seeds catches this share."""
    caught = results.grouped(rows(name), "agent_steps", "catch_rate", condition=condition)
    return next(steps for steps, rates in caught.items() if np.median(rates) >= share)


def fastest(stage):
    """-> the highest learning rate of a stage that ends with nine of ten start states caught."""
    rates = results.by_name_and_number(rows("stages"), "catch_rate")[stage]
    return max(r for r, runs in rates.items() if np.median(results.last_quarter(runs)) >= 0.9)


def slower(line, other):
    """-> the largest ratio of median agent steps between the conditions of `initialisation` that
    have these parts of their names, such as "-tanh-" and "-relu-", and are alike otherwise."""
    runs = results.by_condition(rows("initialisation"), "solved", "agent_steps")
    medians = {name: np.median(np.where(solved, steps, np.inf)) for name, solved, steps in runs}
    ratios = [
        median / medians[name.replace(line, other)]
        for name, median in medians.items()
        if line in name
    ]
    return f"{max(ratio for ratio in ratios if np.isfinite(ratio)):.1f}"


def noise():
    """-> the medians over the seeds of the noise of REINFORCE's gradient without a baseline."""
    found = results.grouped(rows("policy-gradient"), "noise_at", "noise", with_baseline=0)
    return [np.median(values) for values in found.values()]


FIGURES = {name: (lambda name=name: cell(name)) for name in CELLS} | {
    "stages.minibatches": lambda: f"{fastest('minibatches'):g}",
    "stages.target": lambda: f"{fastest('target'):g}",
    "initialisation.fan_in": lambda: slower("uniform-fan-in", "glorot"),
    "initialisation.tanh": lambda: slower("-tanh-", "-relu-"),
    "policy_gradient.least_noise": lambda: f"{min(noise()):.0f}",
    "policy_gradient.most_noise": lambda: f"{max(noise()):.0f}",
    "late_rewards.at_once": lambda: f"{first_at('late-rewards', 'seen-0', 0.9):,}",
    "late_rewards.late": lambda: f"{first_at('late-rewards', 'seen-4', 0.9):,}",
    "games.run": lambda: str(len(rows("games"))),
    "games.above_random": lambda: above("random play"),
    "games.as_human": lambda: above("75% of human"),
    "games.below_random": lambda: str(sum(map(below_random, rows("games")))),
    "games.above_nature": lambda: str(sum(map(above_nature, rows("games")))),
    "games.median": lambda: f"{np.median([r['human_normalised'] for r in rows('games')]):.0f}%",
    "games.nature_as_human": lambda: str(sum(level > 75 for level in natures())),
    "games.nature_median": lambda: f"{np.median(natures()):.0f}%",
}


def below_random(row):
    return row["score"] < row["random"] - 3 * row["standard_error"]


def above_nature(row):
    return row["score"] > row["dqn_2015"] + 3 * row["standard_error"]


def natures():
    """-> the human-normalised scores of the Nature agent in these games"""
    return [ALL["games"].nature(row) for row in rows("games")]


def above(what):
    """-> how many games are above it: "... above random play by three standard errors: 7 of 9"."""
    (text,) = [line[0] for line in table_of("games") if f"above {what}" in line[0]]
    return text.rpartition(": ")[2].partition(" of ")[0]
