"""Makes the tables, figures and pictures of the pages:  python -m tests.pages [FOLDER]

They are made from rows that are kept beside the pages: of the benchmarks
(tests/benchmarks/results), of the experiments (dqn_symbolic/experiments/rows) and of the agents
(dqn_symbolic/trained/games.csv). FOLDER is the --out of `run_catch.py compare`: its rows are kept
first.

In a page, a table stands between two lines, and a figure in a sentence before its name:

    <!-- table: NAME -->
    | ... |
    <!-- end -->

    Catch runs at 10,161<!-- step.rate --> agent steps a second.
"""

import re
import sys
from pathlib import Path

from dqn_symbolic.guard.files import write_text
from tests import experiment_rows
from tests.benchmarks import tables
from tests.benchmarks.results import ROOT

TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
FIGURE = re.compile(r"[^\s<>]+(<!-- (\w+\.\w+) -->)")
TABLES = tables.TABLES | experiment_rows.TABLES
FIGURES = tables.FIGURES | experiment_rows.FIGURES
EVERY = [ROOT / "README.md", *ROOT.glob("dqn_symbolic/**/*.md"), *ROOT.glob("tests/**/*.md")]


def pages():
    """-> the pages that have a table or a figure."""
    return [page for page in EVERY if TABLE.search(t := page.read_text()) or FIGURE.search(t)]


def write():
    """Makes all of them, and says which pages were changed."""
    for page in pages():
        if (new := made(old := page.read_text())) != old:
            write_text(page, new)
            print(f"{page.relative_to(ROOT)}: new figures")


def made(page):
    """-> the text of a page with the tables and figures of now. KeyError: an unknown name"""
    page = TABLE.sub(lambda found: f"{found[1]}{table(found[2])}\n{found[3]}", page)
    return FIGURE.sub(lambda found: figure(found[2]) + found[1], page)


def table(name):
    make = TABLES[name]
    try:
        return make()
    except FileNotFoundError as missing:
        return f"Not measured yet: `{command(Path(missing.filename))}`."


def figure(name):
    make = FIGURES[name]
    try:
        return make()
    except FileNotFoundError:
        return "?"


def command(path):
    """-> the command that measures the rows of this file."""
    if path.suffix == ".csv":
        return f"python run_catch.py compare {path.stem}"
    return f"python -m tests.benchmarks {path.stem}"


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        experiment_rows.keep(folder)
    experiment_rows.draw()
    write()
