"""The faults as exercises: what a student gets, and how it is graded.

`python -m tests.test_find_the_fault` grades the right mend and three wrong ones of every fault.
"""

import filecmp
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tqdm import tqdm

from dqn_symbolic.exercises.find_the_fault import PAGE, faults, main, write
from tests.grading import check
from tests.mutations import ROOT, put_in

KNOWN = faults()
NUMBERS = range(1, 21)

# Three wrong mends of each: what stands in the place of the right text.
MEAN, SUM = "(td_error**2).mean()", "(inside * (td_error - inside / 2)).sum()"
WRONG = {
    1: ("0 if truncated or", "0 if terminated or truncated or", "0 if terminated and"),
    2: [f"graph.td_error, mode, updates=graph.updates[{part}]" for part in ("1:", "-1:", "::2")],
    3: ("(steps + s.warm_up) /", "(s.warm_up - steps) /", "s.warm_up /"),
    4: ("or steps + 1 > most_steps", "or steps >= most_steps", "or steps + 2 >= most_steps"),
    5: [f" {operation}\n    h = x" for operation in ("/ 256", "* highest", "/ highest**2")],
    6: [f"self.env.reset(seed={seed})" for seed in ("self.first_seed", "0", "self.steps")],
    7: [f"target_params).{best}" for best in ("mean(axis=1)", "max(axis=0)", "max()")],
    8: [
        f"zip({copied})"
        for copied in (
            "graph.target_params, graph.target_params",
            "graph.params, graph.params",
            "graph.target_params[:1], graph.params",
        )
    ],
    9: ("(self.first_seed + 1) % 2**31", "self.steps", "(self.first_seed + self.steps) % 2**31"),
    10: (f"{MEAN} / 2", "abs(td_error).mean()", "(td_error**2).max()"),
    11: ("(inside**2).sum()", "(td_error**2 / 2).sum()", "abs(inside).sum()"),
    12: (SUM.replace("sum()", "mean() * 32"), SUM.replace(" / 2", ""), f"2 * {SUM}"),
    13: [f"highest={n}" for n in ("1", "int(space.low.max()) + 1", "int(space.high.max()) + 255")],
    14: ("max(reward, -10.0)", "max(reward, 1.0)", "max(-reward, -1.0)"),
    15: ("0 if truncated or", "0 if terminated and not truncated and", "0 if"),
    16: ("+= d[b] ** 2 * reward", "+= d[b] + reward", "= d[b] * reward"),
    17: [f"rng.integers({n}," for n in ("max(self.size - 1, 1)", "self.written", "32")],
    18: [f"network(x_tp1, {p}).max" for p in ("acting", "params[::-1]", 'copies("third.")')],
    19: ("tp1 = slot + 2", "tp1 = slot - 1", "tp1 = slot + n_step"),
    20: [f" if oldest + h {condition} else zeros" for condition in ("> begins", ">= 0", ">= slot")],
}


def test_there_are_twenty_in_the_algorithm_with_pictures():
    assert list(KNOWN) == list(NUMBERS)
    for number, fault in KNOWN.items():
        path, old, new = fault["where"]
        assert re.fullmatch(r"dqn_symbolic/(\w+|compiling/minibatch)\.py", path)
        assert Path(ROOT, path).read_text().count(old) == 1
        assert old != new
        assert f"def {fault['test']}(" in (ROOT / f"tests/{fault['file']}.py").read_text()
        assert f"(faults/{number:02}.png)" in fault["text"]
        assert (PAGE.parent / f"faults/{number:02}.png").is_file()
    assert len({fault["title"] for fault in KNOWN.values()}) == 20
    assert len(re.findall("^## ", PAGE.read_text(), re.MULTILINE)) == 20


@pytest.mark.parametrize("number", NUMBERS)
def test_the_copy_has_the_fault_and_the_task_does_not_say_where(number, tmp_path):
    fault, out = KNOWN[number], tmp_path / "copy"
    write(fault, out)
    path, old, new = fault["where"]
    copied = [file.relative_to(out) for file in out.rglob("*.py")]
    differing = [p for p in copied if not filecmp.cmp(out / p, ROOT / p, shallow=False)]
    assert differing == [Path(path)]
    assert (out / path).read_text() == (ROOT / path).read_text().replace(old, new)
    assert len(copied) > 100
    task = (out / "TASK.md").read_text()
    assert task.startswith(f"# {fault['title']}\n")
    for secret in (fault["fault"], fault["test"], Path(path).name, "<!--", old, new or old):
        assert secret not in task
    (picture,) = re.findall(r"!\[.+\]\((\S+)\)", task)
    assert filecmp.cmp(out / picture, PAGE.parent / f"faults/{number:02}.png", shallow=False)


def test_the_hints_are_the_slide_and_then_the_file(tmp_path, capsys):
    out = tmp_path / "my7"
    assert not main(["7", "--out", str(out)])
    assert capsys.readouterr().out == f"{out / 'TASK.md'} says what a user notices\n"
    said = []
    for _ in range(3):
        assert not main(["7", "--out", str(out), "--hint"])
        said += capsys.readouterr().out.splitlines()
    assert said[0] == 'Hint: the slide "Bellman\'s Principle of Optimality"'
    assert said[1:] == 2 * ["Hint: dqn_symbolic/q_learning.py"]
    assert (out / "TASK.md").read_text().splitlines()[-3:] == [said[0], "", said[1]]
    with pytest.raises(SystemExit):
        main(["8", "--out", str(out), "--hint"])
    assert capsys.readouterr().err.endswith(f"{out}: expected the folder of fault 8\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["21"], "expected the number of a fault, 1 to 20, got 21"),
        (["--check"], "expected the number of a fault, 1 to 20, got None"),
        (["7", "--check", "--hint"], "argument --hint: not allowed with argument --check"),
        (["x"], "argument number: invalid int value: 'x'"),
        (["7", "--check"], "my7: No such file or directory"),
        (["7", "--out", "taken"], "taken: Directory not empty"),
        (["7", "--out", "file"], "file: Not a directory"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f": error: {message}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_without_the_tests_it_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tests.mutations", None)
    with pytest.raises(SystemExit) as exit:
        main(["7"])
    assert exit.value.code == 2
    assert "expected the folder of the repository, whose tests grade" in capsys.readouterr().err


@pytest.mark.slow
def test_a_grade_is_one_line(tmp_path):
    fault, out = KNOWN[10], tmp_path / "copy"
    write(fault, out)
    path, old, new = fault["where"]
    how = out, fault["test"], fault["file"]
    right, line = check(*how)
    assert not right
    assert line.startswith("not yet: the test that notices it fails - ")
    put_in(out, path, new, "(td_error**2).mean()(")
    right, line = check(*how)
    assert not right
    assert re.match(r"not yet: the tests do not run: losses.py, line \d+: SyntaxError: ", line)
    put_in(out, path, "(td_error**2).mean()(", old)
    right, line = check(*how)
    assert right
    assert re.fullmatch(r"right: \d+ passed.*", line)
    put_in(out, "dqn_symbolic/exploration.py", "rng.choice(np.flatnonzero(ties))", "best")
    right, line = check(*how)
    assert not right
    assert line.startswith("not yet: it is no longer noticed, but this is broken: tests/test_exp")
    (out / "dqn_symbolic/losses.py").rename(out / "dqn_symbolic/loss.py")
    assert check(*how) == (False, "not yet: dqn_symbolic/losses.py is missing")


def graded(number, out):
    """Yields whether the copy is right: with the fault, with three wrong mends, and mended."""
    fault, path = KNOWN[number], KNOWN[number]["where"][0]
    write(fault, out)
    _, old, new = fault["where"]
    right = Path(ROOT, path).read_text()
    for text in (new, *WRONG[number], old):
        (out / path).write_text(right.replace(old, text))
        yield check(out, fault["test"], fault["file"])[0]


@pytest.mark.slow
@pytest.mark.parametrize("number", [4, 8, 10, 16, 19])
def test_the_right_mend_is_right_and_three_wrong_ones_are_not(number, tmp_path):
    assert list(graded(number, tmp_path / "copy")) == [False, False, False, False, True]


if __name__ == "__main__":  # all of them: a quarter of an hour
    for number in tqdm(NUMBERS):
        with TemporaryDirectory() as folder:
            grades = list(graded(number, Path(folder, "copy")))
        tqdm.write(f"{number:2} {grades}")


@pytest.mark.parametrize("right", [True, False])
def test_the_exit_status_is_the_grade(right, tmp_path, monkeypatch, capsys):
    where = ["7", "--out", str(tmp_path / "my7")]
    assert not main(where)
    monkeypatch.setattr("tests.grading.check", lambda *_: (right, "the grade"))
    assert main([*where, "--check"]) == 1 - right
    assert capsys.readouterr().out.endswith("the grade\n")


def test_tests_that_do_not_end_are_not_right(tmp_path, monkeypatch):
    def endless(*_, **__):
        raise subprocess.TimeoutExpired("pytest", 1)

    fault, out = KNOWN[7], tmp_path / "copy"
    write(fault, out)
    monkeypatch.setattr("tests.grading.run_tests", endless)
    assert check(out, fault["test"], fault["file"])[0] is False
