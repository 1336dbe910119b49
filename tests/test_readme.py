"""The pages agree with the code: quotations, links, commands and the number of faults."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

import run_catch
from dqn_symbolic import __main__
from dqn_symbolic.agent.settings import PRESETS, Settings
from dqn_symbolic.commands.options import parsed

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *ROOT.glob("dqn_symbolic/**/*.md"), *ROOT.glob("tests/**/*.md")]
README = (ROOT / "README.md").read_text()
TESTS = (ROOT / "tests" / "README.md").read_text()
LECTURE = (ROOT / "dqn_symbolic" / "lecture.py").read_text()


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 180
    assert len(README.split()) <= 1_700


def test_quoted_code_is_in_its_file():
    quotes = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", README, re.DOTALL)
    assert len(quotes) == README.count("```python") >= 2
    for path, code in quotes:
        assert code in (ROOT / path).read_text(), path


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
        assert (page.parent / link).exists(), link


COMMAND_LINES = {"run_catch.py": run_catch, "-m dqn_symbolic": __main__}
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
    module = COMMAND_LINES[program]
    if "--help" in arguments:
        with pytest.raises(SystemExit) as end:
            parsed(arguments, module.PROGRAM, module.__doc__, module.COMMANDS)
        assert end.value.code == 0
        return
    function, given = parsed(arguments, module.PROGRAM, module.__doc__, module.COMMANDS)
    command = next((word for word in arguments if word in module.COMMANDS), "train")
    assert function is module.COMMANDS[command][0]
    names = {field.name for field in fields(Settings)} & set(given)
    preset = PRESETS["atari"] if "ALE/" in str(given.get("game")) else {}
    settings = Settings(**preset | {name: given[name] for name in names})
    assert all(getattr(settings, name) == given[name] for name in names)


def test_every_exercise_has_its_command_and_its_picture():
    folder = ROOT / "dqn_symbolic" / "exercises"
    exercises = {path.stem for path in folder.glob("*.py") if "\n    run(main" in path.read_text()}
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


def test_the_table_of_faults_matches_the_script_and_the_tests():
    from tests.mutations import FAULTS

    rows = re.findall(r"^\| ([^|`]+) \| `(\w+)` in `(\w+)` \|$", TESTS, re.MULTILINE)
    assert len(rows) == 12
    for fault, test, file in rows:
        assert {file} == {tests for name, *_, tests in FAULTS if fault in name}, fault
        assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(), test
