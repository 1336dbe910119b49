"""Makes the pictures of find_the_fault.md:  python -m tests.fault_pictures [NUMBER ...]

Runs the command of each section three times with the fault and three times without it: with seeds
0, 1 and 2, or with the command's own.
"""

import csv
import re
import shlex
import sys
import textwrap
from tempfile import TemporaryDirectory

from tqdm import tqdm

from dqn_symbolic.exercises.find_the_fault import CODE, PAGE, faults
from dqn_symbolic.runs.figures import STYLES, panels, save
from tests.mutations import ROOT, copy_sources, put_in, run_python

RUNS = 3
LABELS = "without the fault", "with the fault"


def rows(folder, command, seed):
    """-> the rows of progress.csv of this command, run in the copy in a folder."""
    arguments = shlex.split(command)[1:]
    own = [] if "--seed" in arguments else ["--seed", str(seed)]
    with TemporaryDirectory() as out:
        # It may end with an error: that is what one notices.
        run_python(folder, *arguments, *own, "--no-window", "--quiet", "--out", f"{out}/run")
        with open(f"{out}/run/progress.csv") as file:
            return list(csv.DictReader(file))


def picture(fault):
    """-> a figure and its title. A column of progress.csv, with the fault and without it."""
    (command,) = re.findall(r"```\n(python .*)\n```", fault["text"])
    column = fault["column"]
    figure, axes = panels(6, 3.2)
    with TemporaryDirectory() as temporary:
        copy_sources(temporary, CODE)
        put_in(temporary, *fault["where"])
        for label, folder, style in zip(LABELS, (ROOT, temporary), STYLES):
            for seed in range(RUNS):
                found = [row for row in rows(folder, command, seed) if row[column]]
                x = [int(row["env_steps"]) for row in found]
                y = [float(row[column]) for row in found]
                line = {"color": style["color"], "marker": "o", "ms": 2.5, "lw": 1.3}
                axes.plot(x, y, label="_" * bool(seed) + label, **line)
    axes.set(
        xlabel="agent steps",
        ylabel=column.replace("held_out", "held-out").replace("_", " "),
        xlim=(0, None),
    )
    if column == "loss" or axes.get_ylim()[1] > 1_000:
        axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8)
    what = command.replace("python run_catch.py", "Catch").rpartition("--game ")[2]
    if "--seed" not in command:
        seeds = f"seeds {', '.join(map(str, range(RUNS)))}"
        what += "; " + seeds.replace(" ", "\xa0")  # on one line
    return figure, textwrap.fill(what, 60, break_on_hyphens=False)


def main(*numbers):
    known = faults()
    for number in tqdm([*map(int, numbers)] or known):
        save(PAGE.parent / f"faults/{number:02}.png", *picture(known[number]))


if __name__ == "__main__":
    main(*sys.argv[1:])
