"""The results of several seeds: grouped, and as text."""

import numpy as np


def grouped(rows, key, column, **where):
    """-> {row[key]: [row[column], ...]} of the rows that have this column and these values."""
    groups = {}
    for row in rows:
        if column in row and all(row[name] == value for name, value in where.items()):
            groups.setdefault(row[key], []).append(row[column])
    return groups


def by_condition(rows, *columns):
    """Yields (condition, and for each of these columns its (seeds, rows of each seed) array)."""
    for name in grouped(rows, "condition", columns[0]):
        seeds = [grouped(rows, "seed", column, condition=name) for column in columns]
        yield name, *(np.array(list(of_seed.values())) for of_seed in seeds)


def by_name_and_number(rows, column):
    """-> {name: {number: (seeds, rows of each seed) array}} of conditions "NAME-NUMBER"."""
    names = {}
    for condition, runs in by_condition(rows, column):
        name, number = condition.rsplit("-", 1)
        names.setdefault(name, {})[float(number)] = runs
    return names


def quartiles(values, form=".0%"):
    """-> "median (first quartile to third)" """
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:{form}} ({low:{form}} to {high:{form}})"


def last_quarter(runs):
    """(seeds, evaluations) -> (seeds,): the mean over the last quarter of a run."""
    return runs[:, -max(1, runs.shape[1] // 4) :].mean(axis=1)
