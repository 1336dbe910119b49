"""Each file of rows says how it was made, and the runner runs all benchmarks. Nothing is timed."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks import results

FILES = sorted(results.FOLDER.glob("**/*.json"))


def name_of(path):
    return str(path.relative_to(results.ROOT))


def read(path):
    return results.read(path.stem, path.parent.relative_to(results.FOLDER))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_says_how_its_rows_were_made(path):
    made = read(path)
    assert list(made) == [
        *("command", "date", "commit", "processor", "cores", "avx512", "versions", "rows")
    ]
    assert f"python -m tests.benchmarks.{path.stem}" in made["command"]
    assert date.fromisoformat(made["date"]) >= date(2026, 1, 1)
    assert re.fullmatch(r"[0-9a-f]{7,}( and changes)?", made["commit"])
    assert made["processor"]
    assert made["cores"] >= 1
    assert {"Python", "PyTensor", "numba", "NumPy", "BLAS"} <= set(made["versions"])
    assert made["rows"]
    for row in made["rows"]:
        assert all(value is None or isinstance(value, (str, int, float)) for value in row.values())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_lies_in_its_place(path):
    place = path.parent.relative_to(results.FOLDER).name
    if path.stem in results.BY_PROCESSOR:
        assert place == results.kind(read(path))
    else:
        assert place == ("gpu" if path.stem == "gpu" else "")


def test_the_page_is_of_one_machine():
    made = [read(path) for path in results.FOLDER.glob("*.json")]
    assert len({(one["processor"], one["cores"], one["avx512"]) for one in made}) == 1


def test_every_benchmark_has_its_name_in_the_list():
    modules = Path(runner.__file__).parent.glob("*.py")
    kept = {path.stem: re.findall(r'\bkeep\(\s*"(\w+)"', path.read_text()) for path in modules}
    assert {name: [name] for name in runner.MINUTES} == {n: k for n, k in kept.items() if k}
    assert {path.stem for path in FILES} <= set(runner.MINUTES)
    assert sum(runner.SHORT.values()) <= 40


def test_kept_rows_are_read_again(tmp_path, monkeypatch, capsys):
    rows = [{"side": "ours", "us": 1234.5678, "n": 20_000, "ms": None}, {"mb": 0.25}]
    results.keep("peers", rows, folder=tmp_path)
    shown = ["", "| side | us | n | ms |", "|---|---|---|---|", "| ours | 1,235 | 20,000 | - |"]
    assert capsys.readouterr().out.splitlines() == [*shown, "", "| mb |", "|---|", "| 0.25 |"]
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert results.read("peers")["rows"] == [{**rows[0], "us": 1234.6}, rows[1]]
    results.keep("conv", rows, folder=tmp_path)
    (path,) = tmp_path.glob("*/conv.json")
    assert path.parent.name in results.KINDS


def test_three_digits():
    numbers = 0.0, 0.126, 1.0, 9.99, 9.996, 12.34, 99.94, 99.96, 1234.5, 1234, "text", None
    shown = "0.00 0.13 1.00 9.99 10.0 12.3 99.9 100 1,234 1,234 text -"
    assert [results.number(value) for value in numbers] == shown.split()


def test_the_runner_leaves_out_what_needs_more(monkeypatch, capsys):
    started = []

    def run(command, cwd):
        started.append(command[-1])
        return subprocess.CompletedProcess(command, int(command[-1].endswith("learn")))

    monkeypatch.setattr(runner, "find_spec", lambda module: module != "ray")
    monkeypatch.setattr(runner.subprocess, "run", run)
    monkeypatch.setattr(runner.pages, "write", lambda: started.append("pages"))
    assert runner.main(["learn", "messages", "seeds"]) == 1
    assert started == ["tests.benchmarks.learn", "tests.benchmarks.seeds", "pages"]
    assert capsys.readouterr().err.splitlines() == [
        'not installed, so left out: ray  (pip install -e ".[bench,ray]")',
        "[1/3] learn: about 1 min",
        "[1/3] learn: failed; its old file stays",
        "[2/3] messages: left out, because it needs ray",
        f"[3/3] seeds: about {runner.MINUTES['seeds']} min",
    ]
    assert runner.main(["speed"]) == 2
