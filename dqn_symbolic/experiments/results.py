"""The results of several seeds: grouped by setting, and as text."""

import numpy as np


def by_setting(rows, column):
    """-> {setting: (seeds, rows of each seed) array} of the rows that have this column."""
    runs = {}
    for row in rows:
        if column in row:
            runs.setdefault(row["setting"], {}).setdefault(row["seed"], []).append(row[column])
    return {setting: np.array(list(of_seeds.values())) for setting, of_seeds in runs.items()}


def quartiles(values, form=".0%"):
    """-> "median (first quartile to third)" """
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:{form}} ({low:{form}} to {high:{form}})"


def last_quarter(runs):
    """(seeds, evaluations) -> (seeds,): the mean over the last quarter of a run."""
    return runs[:, -max(1, runs.shape[1] // 4) :].mean(axis=1)
