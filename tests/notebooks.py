"""Makes lecture.ipynb and dqn.ipynb:  python -m tests.notebooks

Each part of a page that begins with `# %% title` becomes a cell under that title, and is run.
Before it stand the slide's words, after it what the notebook shows beside the page. Needs
`pip install -e ".[notebook]"`; takes about three minutes.
"""

import base64
import io
import os
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dqn_symbolic.runs.figures import write_smaller

PACKAGE = Path(__file__).parent.parent / "dqn_symbolic"
FOLDER = PACKAGE / "exercises"  # of the notebooks

# {notebook: (its page, its title)}
NOTEBOOKS = {
    "lecture": (PACKAGE / "lecture.py", "The lecture's three code slides: Q-learning in Theano?"),
    "dqn": (FOLDER / "dqn.py", "From the online rule to DQN, one change at a time"),
}

# {title of a cell: the slide's words}
SLIDES = {
    "slide 1: forward": "Q-learning in Theano? (theano pseudocode)",
    "slide 2: learn": "Regress Q to $\\hat{Q}$ using SGD",
    "slide 3: the loop": "Think of Q-values as the length of the path in the graph. Use dynamic "
    "programming (Bellman equation)",
    "the online rule": "But Learning can be tricky",
    "correlated samples and the replay buffer": "Correlated samples break learning. Solution: "
    "replay buffer",
    "high variance and minibatches": "Reinforcement Learning is inherently *sequential*. Replay "
    "Buffer gives elegant solution to employ *minibatches*. Minibatches means *reduced variance* "
    "in the gradients",
    "the moving target and the target network": "$\\hat{Q}$ changes as fast as Q: fix $\\hat{Q}$ "
    "(target network) and update it periodically",
    "RMSprop": "SGD can be slow .. rely on RMSprop (or any new optimizer)",
    "pixels: convolutions, and four frames at a time": "Convolutional models are more efficient "
    "than MLPs. DQN receives 4 frames of the game at a time (grayscale)",
}

CURVES = """\
import matplotlib.pyplot as plt


def show(*names):
    plt.figure(figsize=(6, 3.5))
    chance = curves[names[0]][0]["chance"]
    for number, (name, rows) in enumerate(curves.items()):
        if rows[0]["chance"] == chance:  # else it is another game
            steps = [row["agent_steps"] for row in rows]
            caught = [row["catch_rate"] for row in rows]
            style = {"color": f"C{number}", "label": name, "marker": "o"}
            plt.plot(steps, caught, **(style if name in names else {"color": "lightgray"}))
    plt.axhline(chance, color="gray", linestyle="--", label="a player who does not look")
    plt.gca().xaxis.set_major_formatter("{x:,.0f}")
    plt.gca().yaxis.set_major_formatter("{x:.0%}")
    plt.xlim(0, 15_500)
    plt.ylim(-0.05, 1.05)
    plt.xlabel("agent steps")
    plt.ylabel("balls caught")
    plt.legend(loc="upper left", bbox_to_anchor=(1.01, 1))"""
CURVES_ALT = "The share of balls caught against agent steps, for {}, beside those before in gray."

# {title of a cell: what follows it, as (text, code, alternative text of the picture)}
SHOWN = {
    "slide 1: forward": [
        (
            "`q` is not a number but a graph of operations. In the picture each operation stands "
            "above its inputs. The input `x`, the parameters and the 0 of `relu` are yellow, the "
            "operations are blue. Operations that only change a shape or a type are not drawn. "
            "(`pytensor.dprint(q)` prints every one.)",
            "from dqn_symbolic.exercises.graph_picture import draw\n\ndraw(q)",
            "The graph of q: Dot of W and x, plus b, the maximum of it and 0, Dot with Wout, plus "
            "bout.",
        )
    ],
    "slide 2: learn": [
        (
            "`gp` holds four graphs: the gradients of the squared error with respect to `W`, `b`, "
            "`Wout` and `bout`. PyTensor writes them down by the chain rule. The last one is a "
            "vector of zeros (`Second`), with 2 (q - target_q) added at the place of the action "
            "(`IncSubtensor`):",
            'draw(gp[3], {q: "q"})',
            "The graph of the gradient with respect to bout, from q, action and target_q up.",
        ),
        (
            "The gradient with respect to `Wout` is the same vector times the hidden layer:",
            'draw(gp[2], {gp[3]: "gp[3]"})',
            "The graph of the gradient with respect to Wout: Dot of gp[3] and the hidden layer.",
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
plt.gca().xaxis.set_major_formatter("{x:,.0f}")
plt.xlabel("transitions")
plt.ylabel("mean reward of a greedy game")
print(f"after {transitions[-1]:,} transitions: {scores[-1]:+.3f} a game")""",
            "The mean reward of a greedy game rises from -0.4 to nearly 1 in 100,000 transitions.",
        )
    ],
    "a learning curve": [("A picture for the curves:", CURVES, "")],
    "the online rule": [
        (
            "The TD error, whose square is the slide's loss, for a minibatch (here of one "
            "transition). `Eq` is 1 "
            "for the action that was taken and 0 for the others, so the sum is `q[action]`:",
            """\
import gymnasium

from dqn_symbolic import Agent, Settings
from dqn_symbolic.exercises.graph_picture import draw

graph = Agent(gymnasium.make("games:Catch-v0"), Settings(**online)).graph
draw(graph.td_error, {graph.q: "q", graph.target_q: "target_q"})""",
            "The graph of the TD error: target_q minus the sum of q times (action equals 0, 1, 2).",
        ),
        (
            "**Seen:** it learns, slowly, and forgets again between evaluations.",
            'show("online")',
            CURVES_ALT.format("the online rule"),
        ),
    ],
    "correlated samples and the replay buffer": [
        (
            "Nothing changes in the graph. The memory is plain Python: above, eight transitions "
            "in the order of the game; below, eight that the replay memory draws.",
            """\
import numpy as np

agent = learning.trained({"agent": replay | {"steps": 3_000}}, seed=0)
rng = np.random.default_rng(0)
in_order = agent.memory.transitions(np.arange(100, 108))[0]
drawn = agent.memory.sample(8, rng)[0]
_, panels = plt.subplots(2, 8, figsize=(9, 2.5))
for axes, x in zip(panels.flat, [*in_order, *drawn]):
    axes.imshow(x[..., 0], cmap="gray")
    axes.axis("off")""",
            "Eight boards of Catch in which one ball falls, and below eight boards of as many "
            "different games.",
        ),
        (
            "**Seen:** with one transition for each update, replay alone is no better here. It "
            "makes minibatches possible.",
            'show("replay")',
            CURVES_ALT.format("replay"),
        ),
    ],
    "high variance and minibatches": [
        (
            "New in the graph is the mean over the minibatch, of B transitions:",
            """\
loss = graph.loss(graph.td_error)
draw(loss, {graph.td_error: "td_error", loss.owner.inputs[1]: "B"})""",
            "The graph of the loss: the sum of td_error to the power of 2, divided by B.",
        ),
        (
            "**Seen:** at the same rate, learning is as slow as before, but falls back less. At "
            "ten times the rate, at which the online rule learns nothing, 4,000 agent steps are "
            "enough.",
            'show("minibatches", "ten times the rate")',
            CURVES_ALT.format("minibatches at two learning rates"),
        ),
        (
            "**Seen:** with a paddle of one cell, minibatches of the latest 32 frames, which "
            "follow each other in the game, learn half as fast as minibatches of a large memory, "
            "and do not come to catch every ball.",
            'show("narrow paddle", "narrow paddle, latest 32 frames")',
            CURVES_ALT.format("a narrow paddle with and without a large memory"),
        ),
    ],
    "the moving target and the target network": [
        (
            "`target_q` is a network of the same form. Its parameters are others, and no gradient "
            "goes to them; every 100 updates, `sync` copies the parameters of `q`.",
            "draw(graph.target_q)",
            "The graph of target_q: reward plus discount times the maximum of the network of x_tp1 "
            "with the parameters target.W1, target.b1, target.Wout and target.bout.",
        ),
        (
            "**Seen:** at a learning rate of 1, the moving target runs away: after 25 updates the "
            "loss is infinite, which counts as 0% from there on. The target network holds it.",
            'show("moving target, rate 1", "target network, rate 1")',
            CURVES_ALT.format("a target network at a learning rate of 1"),
        ),
    ],
    "RMSprop": [
        (
            "The new value of one parameter. `g` and `g2` are running means of its gradient and of "
            "the gradient's square:",
            """\
graph = Agent(gymnasium.make("games:Catch-v0"), Settings(**rmsprop)).graph
new = {variable.name: value for variable, value in graph.updates}
means = {new["bout.g"]: "g", new["bout.g2"]: "g2"}
draw(new["bout"], {graph.gradients[-1]: "gradient", **means})""",
            "The graph of the new bout: bout minus 0.03 times the gradient, divided by the root of "
            "g2 minus g squared plus 0.01.",
        ),
        (
            "**Seen:** another rule needs another learning rate. On so small a task it is no "
            "faster than SGD at its best rate.",
            'show("target network, rate 1", "RMSprop")',
            CURVES_ALT.format("SGD and RMSprop"),
        ),
    ],
    "pixels: convolutions, and four frames at a time": [
        (
            "What the network is given: the last four frames of 42 x 42 pixels, the newest on the "
            "right.",
            """\
condition = {"agent": pixels | {"steps": 100}, "game": {"pixels": 42}}
agent = learning.trained(condition, seed=0)
x = agent.memory.transitions(np.array([50]))[0][0]
_, panels = plt.subplots(1, 4, figsize=(8, 2.2))
for axes, frame in zip(panels, np.moveaxis(x, 2, 0)):
    axes.imshow(frame, cmap="gray")
    axes.axis("off")""",
            "Four frames in which a ball falls and the paddle moves.",
        ),
        (
            "New in the graph are two convolutions below the dense layers:",
            "draw(agent.graph.q)",
            "The graph of q: two convolutions, each with a bias and a maximum with 0, then two "
            "dense layers.",
        ),
        (
            "**Seen:** it learns from four frames of 1,764 pixels instead of 100 cells, at a tenth "
            "of the learning rate.",
            'show("RMSprop", "pixels")',
            CURVES_ALT.format("RMSprop on cells and on pixels"),
        ),
    ],
}


def notebook(name):
    """-> a page as a notebook that has not run: without its docstring and its command line."""
    page, title = NOTEBOOKS[name]
    _, docstring, program = page.read_text().split('"""', 2)
    program = program.split('\n\nif __name__ == "__main__":')[0]
    introduction = docstring.partition("\n\n")[2].strip()
    relative = os.path.relpath(page, FOLDER)
    made = f"Made from [{page.name}]({relative}) by `python -m tests.notebooks`."
    cells = [new_markdown_cell(f"# {title}\n\n{introduction}\n\n{made}")]
    for cell in jupytext.reads(program, fmt="py:percent").cells:
        title = cell.metadata.get("title")
        if title:
            words = f"\n\n> {SLIDES[title]}" if title in SLIDES else ""
            cells.append(new_markdown_cell(f"## {title[0].upper()}{title[1:]}{words}"))
        cells.append(new_code_cell(cell.source.strip()))
        for text, code, _ in SHOWN.get(title, []):
            cells += [new_markdown_cell(text), new_code_cell(code)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # nbformat's own ids are random
    return new_notebook(cells=cells)


def run(made):
    """Runs the cells in a fresh kernel and keeps their outputs; an error in a cell is raised."""
    folder = {"metadata": {"path": FOLDER}}  # where Jupyter runs it, too
    quiet = {"record_timing": False, "coalesce_streams": True}  # the same bytes every time
    NotebookClient(made, kernel_name="python3", timeout=600, resources=folder, **quiet).execute()
    alternatives = {code: alt for shown in SHOWN.values() for _, code, alt in shown}
    for cell in made.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", ()):
                output.data = {"image/png": smaller(output.data["image/png"])}
                output.metadata = {"image/png": {"alt": alternatives[cell.source]}}
    # No version of Python.
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}


def smaller(png):
    """A PNG of 256 colours, as base64 text: half the size, with no visible loss."""
    file = io.BytesIO()
    write_smaller(io.BytesIO(base64.b64decode(png)), file)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for name in NOTEBOOKS:
        made = notebook(name)
        run(made)
        jupytext.write(made, FOLDER / f"{name}.ipynb", fmt="ipynb")
