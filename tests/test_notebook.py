"""The notebook has the code of the lecture's page, is up to date, and runs."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytensor.tensor as TT
import pytest

from dqn_symbolic.exercises.lecture_picture import draw

ROOT = Path(__file__).parent.parent
LECTURE = (ROOT / "dqn_symbolic" / "lecture.py").read_text()
NOTEBOOK = (ROOT / "dqn_symbolic" / "exercises" / "lecture.ipynb").read_text()
CELLS = json.loads(NOTEBOOK)["cells"]
MAKE_AGAIN = "make the notebook again: python -m tests.lecture_notebook"


def source(cell):
    return "".join(cell["source"])


def test_the_notebook_has_the_code_of_the_page():
    page, command_line = LECTURE.split('\n\nif __name__ == "__main__":')
    assert len(command_line.splitlines()) == 3
    _, _, page = page.split('"""', 2)
    parts = [part.strip() for part in re.split(r"^# %%.*$", page, flags=re.MULTILINE)]
    assert len(parts) == 7
    codes = [source(cell) for cell in CELLS if cell["cell_type"] == "code"]
    assert [code for code in codes if code in parts] == parts, MAKE_AGAIN


def test_each_slide_is_a_cell_under_its_title():
    texts = [source(cell) for cell in CELLS]
    for title, line in [
        ("## Slide 1: forward", "forward = pytensor.function([x], q)"),
        ("## Slide 2: learn", "gp = TT.grad((q[action] - target_q) ** 2, params)"),
        ("## Slide 3: the loop", "    for _, (x, x_tp1, act, reward) in enumerate(memory):"),
    ]:
        assert line in texts[texts.index(title) + 1].splitlines()


def test_the_notebook_has_outputs_but_no_paths_times_or_addresses():
    outputs = [output for cell in CELLS for output in cell.get("outputs", [])]
    printed = "".join("".join(o["text"]) for o in outputs if o.get("name") == "stdout")
    assert printed.startswith("Add [id A]\n ├─ Squeeze{axis=1} [id B]\n")
    assert "IncSubtensor{i}" in printed
    assert sum("image/png" in output.get("data", ()) for output in outputs) == 2
    assert {output["output_type"] for output in outputs} == {"stream", "display_data"}
    assert not any(output.get("name") == "stderr" for output in outputs)
    counts = [cell["execution_count"] for cell in CELLS if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert all(not cell["metadata"] for cell in CELLS)
    texts = re.sub(r'"image/png": "[^"]*"', "", NOTEBOOK)
    assert not re.search(r"""[\s"'(=]/\w+/|[A-Z]:\\""", texts)  # a path
    assert not re.search(r"\d:\d\d|0x[0-9a-f]{6}", texts)  # a time, an address
    assert len(NOTEBOOK) < 300_000


@pytest.mark.slow
def test_a_new_notebook_is_the_same_and_runs_without_error():
    pytest.importorskip("jupytext")
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from tests import lecture_notebook

    made = lecture_notebook.notebook()
    new = [(cell.cell_type, cell.id, cell.source) for cell in made.cells]
    old = [(cell["cell_type"], cell["id"], source(cell)) for cell in CELLS]
    assert new == old, MAKE_AGAIN

    lecture_notebook.run(made)  # raises the exception of a cell
    last = made.cells[-1].outputs[0].text
    score = re.fullmatch(r"after 100,000 transitions: (\S+) a game\n", last)[1]
    assert 0.9 < float(score) <= 1
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == 2


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
    gap = [0, 0.24, 0, -0.24]  # from the top of a box to the bottom of another
    np.testing.assert_allclose(sorted(arrows), sorted(np.add(ends, gap).tolist()))
