"""A symbolic graph as a picture, for the lecture's notebook."""

import matplotlib.pyplot as plt
import numpy as np

COLUMN, LEVEL = 1.3, 0.6  # inches
BOX = 0.24  # half the height of a box, in levels


def draw(output):
    """Draws how a variable is computed: the variable on top, each operation above its inputs.

    Yellow boxes are variables that nothing computes, blue boxes are operations. It is meant for
    small graphs; arrows may run behind boxes where a result is used twice.
    """
    column, level, arrows = {}, {output: 0}, []

    def add(variable):
        inputs = variable.owner.inputs if variable.owner else []
        for source in inputs:
            if source not in column:
                add(source)
            arrows.append((source, variable))
        leaves = [other for other in column if not other.owner]
        column[variable] = np.mean([column[s] for s in inputs]) if inputs else len(leaves)

    add(output)
    for source, variable in reversed(arrows):  # from the output down
        level[source] = min(level.get(source, 0), level[variable] - 1)

    width, height = 1 + max(column.values()), 1 - min(level.values())
    _, axes = plt.subplots(figsize=(COLUMN * width, LEVEL * height))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(0.5 - height, 0.5))
    axes.axis("off")
    for source, variable in arrows:
        head = column[variable], level[variable] - BOX
        tail = column[source], level[source] + BOX
        axes.annotate("", head, tail, arrowprops={"arrowstyle": "->", "color": "gray"})
    for variable in column:
        name = variable.owner.op if variable.owner else variable
        colour = "#dde8f6" if variable.owner else "#fce8c8"
        box = {"boxstyle": "round", "facecolor": colour, "edgecolor": "gray"}
        axes.text(column[variable], level[variable], name, ha="center", va="center", bbox=box)
