"""The results of several seeds: grouped by setting, and as text."""

import numpy as np


def by_setting(rows, column):
    """-> {setting: (seeds, rows of each seed) array} of the rows that have this column."""
    runs = {}
    for row in rows:
        if column in row:
            runs.setdefault(row["setting"], {}).setdefault(row["seed"], []).append(row[column])
    return {setting: np.array(list(of_seeds.values())) for setting, of_seeds in runs.items()}


def by_name_and_number(rows, column, number):
    """-> {name: {number: (seeds, rows of each seed) array}} of settings called "NAME-NUMBER".

    number: int or float, which reads it.
    """
    names = {}
    for setting, runs in by_setting(rows, column).items():
        name, text = setting.rsplit("-", 1)
        names.setdefault(name, {})[number(text)] = runs
    return names


def quartiles(values, form=".0%"):
    """-> "median (first quartile to third)" """
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:{form}} ({low:{form}} to {high:{form}})"


def last_quarter(runs):
    """(seeds, evaluations) -> (seeds,): the mean over the last quarter of a run."""
    return runs[:, -max(1, runs.shape[1] // 4) :].mean(axis=1)
