"""The notebook has the code of the lecture's page, is up to date, and runs."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytensor.tensor as TT
import pytest

from dqn_symbolic.exercises.graph_picture import draw

ROOT = Path(__file__).parent.parent
EXERCISES = ROOT / "dqn_symbolic" / "exercises"
PAGES = {"lecture": ROOT / "dqn_symbolic" / "lecture.py", "dqn": EXERCISES / "dqn.py"}
TEXTS = {name: (EXERCISES / f"{name}.ipynb").read_text() for name in PAGES}
CELLS = {name: json.loads(text)["cells"] for name, text in TEXTS.items()}
PICTURES = {"lecture": 4, "dqn": 14}
MAKE_AGAIN = "make the notebooks again: python -m tests.notebooks"
both = pytest.mark.parametrize("name", PAGES)


def source(cell):
    return "".join(cell["source"])


def parts_of(page):
    """-> the cells of a page, without its docstring and its command line"""
    _, _, program = page.read_text().split('"""', 2)
    program = program.split('\n\nif __name__ == "__main__":')[0]
    return [part.strip() for part in re.split(r"^# %%.*$", program, flags=re.MULTILINE)]


@both
def test_a_notebook_has_the_code_of_its_page(name):
    parts = parts_of(PAGES[name])
    assert len(parts) == {"lecture": 7, "dqn": 8}[name]
    codes = [source(cell) for cell in CELLS[name] if cell["cell_type"] == "code"]
    assert [code for code in codes if code in parts] == parts, MAKE_AGAIN


@pytest.mark.parametrize(
    ("name", "title", "words", "line"),
    [
        ("lecture", "Slide 1: forward", "Q-learning in Theano?", "forward = pytensor.function([x]"),
        ("lecture", "Slide 2: learn", "using SGD", "gp = TT.grad((q[action] - target_q) ** 2"),
        ("lecture", "Slide 3: the loop", "Bellman", "    for _, (x, x_tp1, act, reward) in enum"),
        (
            "dqn",
            "Correlated samples",
            "Solution: replay buffer",
            'replay = online | {"memory_size"',
        ),
        ("dqn", "High variance", "*reduced variance*", 'minibatches = replay | {"batch_size": 32'),
        ("dqn", "The moving target", "update it periodically", 'target = moving | {"sync_every"'),
        ("dqn", "RMSprop", "SGD can be slow", 'rmsprop = target | {"optimiser": "rmsprop"'),
        ("dqn", "Pixels", "4 frames of the game at a time", "pixels = rmsprop | "),
    ],
)
def test_each_slide_is_a_cell_under_its_title_and_words(name, title, words, line):
    texts = [source(cell) for cell in CELLS[name]]
    (place,) = [n for n, text in enumerate(texts) if text.startswith(f"## {title}")]
    assert words in texts[place].partition("\n\n> ")[2]
    assert any(code.startswith(line) for code in texts[place + 1].splitlines())


def test_one_change_at_a_time():
    curves = {}
    made = {"learn": lambda name, settings, **game: curves.update({name: (settings, game)})}
    for part in parts_of(PAGES["dqn"])[2:]:
        exec(part, made)
    online, replay, small, fast, narrow, latest, moving, target, rmsprop, pixels = curves.values()

    def changed(a, b):
        a, b = (settings | game for settings, game in (a, b))
        return {key for key in a | b if a.get(key) != b.get(key)}

    assert changed(online, replay) == {"memory_size"}
    assert changed(replay, small) == {"batch_size"}
    assert changed(small, fast) == changed(fast, moving) == {"learning_rate"}
    assert changed(fast, narrow) == {"paddle_width"}
    assert changed(narrow, latest) == {"memory_size"}
    assert changed(moving, target) == {"sync_every"}
    assert changed(target, rmsprop) == {"optimiser", "learning_rate"}
    network = {"filters", "history", "pixels"}
    assert changed(rmsprop, pixels) - {"steps", "evaluate_every"} == {"learning_rate", *network}


@both
def test_a_notebook_has_outputs_but_no_paths_times_or_addresses(name):
    outputs = [output for cell in CELLS[name] for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", ())]
    assert len(pictures) == PICTURES[name]
    assert all(len(output["metadata"]["image/png"]["alt"]) > 40 for output in pictures)
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert not any(output.get("name") == "stderr" for output in outputs)
    counts = [cell["execution_count"] for cell in CELLS[name] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert all(not cell["metadata"] for cell in CELLS[name])
    texts = re.sub(r'"image/png": "[^"]*"', "", TEXTS[name])
    assert not re.search(r"""[\s"'(=]/\w+/|[A-Z]:\\""", texts)  # a path
    assert not re.search(r"\d:\d\d|0x[0-9a-f]{6}", texts)  # a time, an address
    assert len(TEXTS[name]) < 300_000


@pytest.mark.slow
@both
def test_a_new_notebook_is_the_same_and_runs_without_error(name):
    pytest.importorskip("jupytext")
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from tests import notebooks

    made = notebooks.notebook(name)
    new = [(cell.cell_type, cell.id, cell.source) for cell in made.cells]
    old = [(cell["cell_type"], cell["id"], source(cell)) for cell in CELLS[name]]
    assert new == old, MAKE_AGAIN

    notebooks.run(made)  # raises the exception of a cell
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == PICTURES[name]
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    if name == "lecture":
        score = re.fullmatch(r"after 100,000 transitions: (\S+) a game\n", printed)[1]
        assert 0.9 < float(score) <= 1
    else:
        caught = {k: int(v) for k, v in re.findall(r"^(.+): (\d+)% caught", printed, re.MULTILINE)}
        assert min(caught[name] for name in ("target network, rate 1", "RMSprop", "pixels")) > 95
        assert caught["narrow paddle"] > caught["narrow paddle, latest 32 frames"]
        assert caught["moving target, rate 1"] == 0


@pytest.fixture
def texts():
    plt.switch_backend("agg")
    yield lambda: plt.gcf().axes[0].texts
    plt.close()


def test_the_picture_has_a_box_for_each_node_and_an_arrow_for_each_input(texts):
    x, w = TT.scalar("x"), TT.scalar("w")
    draw(TT.exp(x * w) + x - 2)
    boxes = {text.get_text(): text.get_position() for text in texts() if text.get_text()}
    below = {"Exp": (0.5, -2), "Mul": (0.5, -3), "x": (0, -4), "w": (1, -4)}
    assert boxes == {"Sub": (1.125, 0), "Add": (0.25, -1), "2": (2, -1), **below}

    arrows = [(*arrow.xyann, *arrow.xy) for arrow in texts() if not arrow.get_text()]
    joined = ["x Mul", "w Mul", "Mul Exp", "Exp Add", "x Add", "Add Sub", "2 Sub"]
    ends = [boxes[source] + boxes[operation] for source, operation in map(str.split, joined)]
    gap = [0, 0.26, 0, -0.26]  # from the top of a box to the bottom of another
    np.testing.assert_allclose(sorted(arrows), sorted(np.add(ends, gap).tolist()))


def test_the_picture_leaves_out_what_is_known_and_what_only_changes_a_shape_or_a_type(texts):
    x, w = TT.matrix("x"), TT.vector("w")
    h = TT.exp(x)
    draw((h.astype("float32") * w).sum(axis=1).reshape((2, 3)) + 1, {h: "h"})
    boxes = {text.get_text(): text.get_position()[1] for text in texts() if text.get_text()}
    assert boxes == {"Add": 0, "Sum": -1, "1": -1, "Mul": -2, "h": -3, "w": -3}
