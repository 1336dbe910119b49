"""The pages agree with the code: quotations, links, commands and the number of faults."""

import re
import shlex
import sys
from dataclasses import fields
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import run_catch
from dqn_symbolic import Agent, __main__
from dqn_symbolic.commands.options import parsed
from dqn_symbolic.settings import PRESETS, Settings
from tests.pages import EVERY as PAGES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dqn_symbolic"
README = (ROOT / "README.md").read_text()
TESTS = (ROOT / "tests" / "README.md").read_text()
LECTURE = (ROOT / "dqn_symbolic" / "lecture.py").read_text()


def test_the_readme_is_short():
    assert len(README.splitlines()) < 180
    assert len(README.split()) <= 1_700


def test_quoted_code_is_in_its_file():
    quotes = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", README, re.DOTALL)
    assert len(quotes) == README.count("```python") - 2 >= 2
    for path, code in quotes:
        assert code in (ROOT / path).read_text(), path


def test_from_python(tmp_path, monkeypatch, capsys):
    """The section's code runs as it stands, and has at most 15 lines."""
    (code,) = re.findall(r"## From Python\n\n```python\n(.*?)```", README, re.DOTALL)
    assert len(code.splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    exec(
        code.replace("steps=20_000, evaluate_every=5_000", "steps=2_500, evaluate_every=1_000"), {}
    )
    *rows, returns, action = capsys.readouterr().out.splitlines()
    assert [row.split(",")[0] for row in rows] == ["{'env_steps': 1000", "{'env_steps': 2000"]
    assert len(returns.strip("[]").split()) == 10
    assert action in "01"


@pytest.mark.usefixtures("uncompiled")
def test_your_own_game(tmp_path, monkeypatch, capsys):
    """A class, its id, and the commands: at most 15 lines, which run as they stand but shorter."""
    section = README.partition("## Your own game\n")[2].partition("\n## ")[0]
    module, commands = re.findall(r"```(?:python)?\n(.*?)```", section, re.DOTALL)
    (sentence,) = re.findall(r"From Python: `(.*?)`", section)
    assert len([*module.splitlines(), *commands.splitlines(), sentence]) <= 15
    (tmp_path / "my_game.py").write_text(module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    train, watch = (shlex.split(line)[3:] for line in commands.splitlines())
    small = ["--steps", "60", "--warm-up", "40", "--evaluate-every", "30", "--batch-size", "4"]
    assert __main__.main([*train, *small, "--evaluation-episodes", "2", "--no-window"]) == 0
    assert __main__.main(watch) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("no window: this machine has no")
    agent = eval(sentence, {"Agent": Agent, "Settings": Settings, "gymnasium": gymnasium})
    assert agent.env.unwrapped.gravity == 3.7


HEART = "agent evaluation exploration frames initialisers lecture losses memory networks optimisers"
HEART = {*HEART.split(), "q_learning", "settings", "training"}


def lines_of(names):
    return sum(len((PACKAGE / f"{name}.py").read_text().splitlines()) for name in names)


def test_the_files_at_the_top_are_the_algorithm_and_few_lines():
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"} == HEART
    assert lines_of(HEART) <= 1_300
    assert f"are the algorithm, {lines_of(HEART):,} lines together" in README
    path = ("lecture", "q_learning", "memory", "agent")
    assert f"read `{'`, `'.join(path[:-1])}` and `{path[-1]}`: {lines_of(path)} lines" in README
    assert len((ROOT / "run_catch.py").read_text().splitlines()) < 100


def test_the_quoted_lines_are_in_the_lecture():
    section = README.split('### "Q-learning in Theano?"')[1].split("### ")[0]
    lines = re.findall(r"^\| `.*` \| `(.*)` \|$", section, re.MULTILINE)
    assert len(lines) == 11
    for line in lines:
        assert line in LECTURE, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_existing_files(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert links
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


DOORS = {"run_catch.py": run_catch.DOOR, "-m dqn_symbolic": __main__.DOOR}
COMMANDS = [
    command
    for page in PAGES
    for command in re.findall(
        r"^python (run_catch\.py|-m dqn_symbolic)(?: +([^#\n]*?))?(?: +#.*)?$",
        page.read_text(),
        re.MULTILINE,
    )
]


@pytest.mark.parametrize(("program", "arguments"), sorted(set(COMMANDS)))
def test_commands_in_the_pages_are_valid(program, arguments):
    arguments = shlex.split(arguments.replace(" N", " 3"))
    door = DOORS[program]
    if "--help" in arguments:
        with pytest.raises(SystemExit) as end:
            parsed(arguments, door)
        assert end.value.code == 0
        return
    name, given = parsed(arguments, door)
    assert name == next((word for word in arguments if word in door.commands()), "train")
    names = {field.name for field in fields(Settings)} & set(given)
    preset = PRESETS["atari"] if "ALE/" in str(given.get("game")) else {}
    settings = Settings(**preset | {name: given[name] for name in names})
    assert all(getattr(settings, name) == given[name] for name in names)


def test_every_exercise_has_its_command_and_its_picture():
    folder = ROOT / "dqn_symbolic" / "exercises"
    exercises = {
        path.stem for path in folder.glob("*.py") if "run(main, __doc__)" in path.read_text()
    }
    page = (folder / "README.md").read_text()
    commands = re.findall(r"^python -m dqn_symbolic\.exercises\.(\w+)", page, re.MULTILINE)
    assert len(exercises) == 6
    assert set(commands) == exercises
    assert {path.stem for path in (folder / "pictures").iterdir()} == exercises


def test_the_pages_contain_commands():
    assert len(set(COMMANDS)) > 15


def test_the_pages_state_the_right_number_of_faults():
    from tests.mutations import FAULTS

    assert f"puts {len(FAULTS)} classic faults" in TESTS
    assert f"{len(FAULTS)} classic faults" in README


def test_every_fault_has_its_place():
    from tests.mutations import FAULTS

    found = {fault: (ROOT / path).read_text().count(old) for fault, path, old, *_ in FAULTS}
    assert {fault: n for fault, n in found.items() if n != 1} == {}


def test_the_table_of_faults_matches_the_script_and_the_tests():
    from tests.mutations import FAULTS

    rows = re.findall(r"^\| ([^|`]+) \| `(\w+)` \|$", TESTS, re.MULTILINE)
    told = [(fault, test) for faults, test in rows for fault in faults.split("; ")]
    assert len(told) == 12
    for fault, test in told:
        (file,) = {tests for name, *_, tests in FAULTS if fault in name}
        assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(), test


def test_the_example_for_pytensor_users():
    """The page is short, and its code runs as it stands."""
    page = (PACKAGE / "compiling" / "README.md").read_text()
    assert len(page.splitlines()) <= 60
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made = {}
    exec(code, made)
    x = np.random.default_rng(0).random((2, 84, 84, 4)).astype(np.float32)
    y, gradient = made["f"](x)
    assert y.shape == (2, 20, 20, 32)
    assert y[1, 3, 5, 7] == pytest.approx(x[1, 12:20, 20:28].sum(), rel=1e-5)
    windows = x[:, 1:78:4, 2:79:4, 3]  # of the kernel's place (1, 2, 3)
    assert gradient[1, 2, 3, 0] == pytest.approx(windows.sum(), rel=1e-4)
