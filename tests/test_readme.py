"""What the README quotes is what stands in the code, and what it tells to type can be typed."""

import re
import shlex
from pathlib import Path

import pytest

from run_catch import parsed

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
LECTURE = (ROOT / "dqn_symbolic" / "lecture.py").read_text()


def test_quoted_code_stands_in_the_file():
    quotes = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", README, re.DOTALL)
    assert len(quotes) == README.count("```python") >= 2
    for path, code in quotes:
        assert code in (ROOT / path).read_text(), path


def test_the_slides_lines_stand_in_the_lecture():
    section = README.split('### "Q-learning in Theano?"')[1].split("### ")[0]
    lines = re.findall(r"^\| `.*` \| `(.*)` \|$", section, re.MULTILINE)
    assert len(lines) == 11
    for line in lines:
        assert line in LECTURE, line


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link


COMMANDS = re.findall(r"^python run_catch\.py *(.*?)(?: +#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_typed(command):
    if "--help" not in command:
        parsed(shlex.split(command))


def test_every_setting_that_is_named_exists():
    from dqn_symbolic.agent.settings import Settings

    named = dict(re.findall(r"--set ([a-z_]+)=(\S+)", README))
    assert len(named) >= 3
    for name, value in named.items():
        Settings(**{name: type(getattr(Settings(), name))(value)})


def test_the_number_of_faults_is_that_of_the_script():
    from tests.mutations import FAULTS

    assert f"puts {len(FAULTS)} classic faults" in README


def test_the_faults_in_the_table_are_the_scripts_and_the_tests_exist():
    from tests.mutations import FAULTS

    section = README.split("## How we know that it is right")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|`]+) \| `(\w+)` in `(\w+)` \|$", section, re.MULTILINE)
    assert len(rows) == 12
    for fault, test, file in rows:
        assert {file} == {tests for name, *_, tests in FAULTS if fault in name}, fault
        assert f"def {test}(" in (ROOT / "tests" / f"{file}.py").read_text(), test
