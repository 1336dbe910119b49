"""Makes lecture.ipynb:  python -m tests.lecture_notebook

Each part of lecture.py that begins with `# %% title` becomes a cell under that title, and is run.
SHOWN holds what the notebook adds. Needs `pip install -e '.[notebook]'`; takes about a minute.
"""

from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PACKAGE = Path(__file__).parent.parent / "dqn_symbolic"
NOTEBOOK, LECTURE = PACKAGE / "exercises/lecture.ipynb", PACKAGE / "lecture.py"

TITLE = "# The lecture's three code slides: Q-learning in Theano?"
MADE = (
    "This notebook is made from [lecture.py](../lecture.py). To change it, change lecture.py and "
    "type `python -m tests.lecture_notebook`."
)

# {title of a cell: the cells after it, as pairs of text and code}
SHOWN = {
    "slide 1: forward": [
        (
            "`q` is not a number but a graph of operations. PyTensor prints each operation above "
            "its inputs, and gives each node an id:",
            "pytensor.dprint(q);",
        ),
        (
            "The same graph as a picture. The input `x`, the parameters and the 0 of `relu` are "
            "yellow, the operations are blue. `Dot` multiplies matrices: before it, `ExpandDims` "
            "makes the vector a matrix of one column; after it, `Squeeze` makes it a vector again.",
            "from dqn_symbolic.exercises.lecture_picture import draw\n\ndraw(q)",
        ),
    ],
    "slide 2: learn": [
        (
            "`gp` holds four graphs: the gradients of the squared error with respect to `W`, `b`, "
            "`Wout` and `bout`. They share most of their nodes. `···` means that the node above it "
            "has been printed before, with the same id:",
            "pytensor.dprint(gp);",
        ),
    ],
    "does it learn?": [
        (
            "A game is one ball: +1 if the player catches it, -1 if not. Learning from 100,000 "
            "transitions takes about half a minute.",
            """\
import matplotlib.pyplot as plt

transitions, scores = zip(*learning_curve())
plt.plot(transitions, scores, "o-")
plt.axhline(-0.4, color="gray", linestyle="--")
plt.text(transitions[-1], -0.38, "a player who does not look", ha="right", va="bottom")
plt.xlabel("transitions")
plt.ylabel("mean reward of a greedy game")
print(f"after {transitions[-1]:,} transitions: {scores[-1]:+.3f} a game")""",
        ),
    ],
}


def notebook():
    """-> lecture.py as a notebook that has not run: without its docstring and its command line."""
    _, docstring, program = LECTURE.read_text().split('"""', 2)
    program = program.split('\n\nif __name__ == "__main__":')[0]
    introduction = docstring.partition("\n\n")[2].strip()
    cells = [new_markdown_cell(f"{TITLE}\n\n{introduction}\n\n{MADE}")]
    for cell in jupytext.reads(program, fmt="py:percent").cells:
        title = cell.metadata.get("title")
        if title:
            cells.append(new_markdown_cell(f"## {title[0].upper()}{title[1:]}"))
        cells.append(new_code_cell(cell.source.strip()))
        for text, code in SHOWN.get(title, []):
            cells += [new_markdown_cell(text), new_code_cell(code)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # nbformat's own ids are random
    return new_notebook(cells=cells)


def run(made):
    """Runs the cells in a fresh kernel and keeps their outputs; an error in a cell is raised."""
    folder = {"metadata": {"path": NOTEBOOK.parent}}  # where Jupyter runs it, too
    quiet = {"record_timing": False, "coalesce_streams": True}  # the same bytes every time
    NotebookClient(made, kernel_name="python3", timeout=600, resources=folder, **quiet).execute()
    # No version of Python.
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}


if __name__ == "__main__":
    made = notebook()
    run(made)
    jupytext.write(made, NOTEBOOK, fmt="ipynb")
