"""A symbolic graph as a picture, for the notebooks."""

import matplotlib.pyplot as plt
import numpy as np

COLUMN, LEVEL = 1.0, 0.55  # inches
BOX = 0.26  # half the height of a box, in levels
# They change the shape or the type, not the numbers, and are not drawn.
PLUMBING = ("DimShuffle", "ExpandDims", "Squeeze", "Reshape", "ScalarFromTensor", "Cast")


def draw(output, known=()):
    """Draws how a variable is computed: the variable on top, each operation above its inputs.

    Yellow boxes are variables that nothing computes, and those of known, {variable: its name}. Blue
    boxes are operations. Arrows may run behind boxes where a result is used twice.
    """
    sources = {}  # {variable: those that it is computed from, without the plumbing between}
    column, level = {}, {output: 0}

    def through(variable):
        while variable not in known and variable.owner and op_of(variable) in PLUMBING:
            variable = variable.owner.inputs[0]
        return variable

    def add(variable):
        computed = variable.owner and variable not in known
        own = sources[variable] = [through(s) for s in variable.owner.inputs] if computed else []
        for source in own:
            if source not in column:
                add(source)
        leaves = [other for other in column if not sources[other]]
        column[variable] = np.mean([column[s] for s in own]) if own else len(leaves)

    add(output)
    arrows = [(source, variable) for variable in column for source in sources[variable]]
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
        name = op_of(variable) if sources[variable] else dict(known).get(variable, variable)
        colour = "#dde8f6" if sources[variable] else "#fce8c8"
        box = {"boxstyle": "round", "facecolor": colour, "edgecolor": "gray"}
        axes.text(column[variable], level[variable], name, ha="center", va="center", bbox=box)


def op_of(variable):
    return str(variable.owner.op).partition("{")[0]
