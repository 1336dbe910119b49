"""Find the fault:  python -m dqn_symbolic.exercises.find_the_fault 7 --out my7

Writes a copy of the code with one classic fault in it, and TASK.md: what a user notices. Mend the
copy, then type the same command with --check. --hint names the slide; the second time, the file.
Without a number: the list. The faults are some of tests/mutations.py, and the tests grade.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dqn_symbolic.guard.files import write_text

try:
    from tests import mutations
except ImportError:
    sys.exit("find_the_fault: expected the folder of the repository, which has the tests")

PAGE = Path(__file__).with_suffix(".md")
SOURCES = "dqn_symbolic", "games", "run_catch.py"
NO_CODE = "__pycache__", "*.png", "*.gif", "*.npz", "*.ipynb", "*.md"
# A section of the page; the comment at its end is not shown.
SECTION = re.compile(
    r"^## (?P<number>\d+)\. (?P<title>.+)\n(?P<text>(?s:.+?))"
    r"<!-- (?P<fault>.+) \| (?P<slide>.+) \| (?P<test>.+) \| (?P<column>.+) -->",
    re.MULTILINE,
)
MOST_SECONDS = 60  # of a check: a mend may have made an endless loop


def faults():
    """-> {number: {"title", "text", "fault", "slide", "test", "column", "where", "tests"}}

    text: what a user notices; where: path, old and new text; test: notices it, in the file `tests`.
    """
    entries = {name: {"where": where, "tests": tests} for name, *where, tests in mutations.FAULTS}
    found = [match.groupdict() for match in SECTION.finditer(PAGE.read_text())]
    return {int(fault["number"]): fault | entries[fault["fault"]] for fault in found}


def picture_of(number):
    return PAGE.with_suffix("") / f"{number:02}.png"


def write(fault, out):
    """Writes the code with the fault, and TASK.md, to a new folder, whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = picture_of(int(fault["number"]))
    with TemporaryDirectory(dir=out.parent) as temporary:
        copy = Path(temporary, "copy")
        copy.mkdir()
        mutations.copy_sources(copy, SOURCES, NO_CODE)
        mutations.put_in(copy, *fault["where"])
        shutil.copy(picture, copy)
        text = re.sub(r"\(\S+\.png\)", f"({picture.name})", fault["text"])
        write_text(copy / "TASK.md", f"# {fault['title']}\n{text}")
        copy.rename(out)


def check(fault, out):
    """-> whether the copy is right, and a line that says so.

    Runs the test that notices the fault, then the others of its file, and those of every other file
    that has changed, up to the first that fails.
    """
    first = f"tests/{fault['tests']}.py::{fault['test']}"
    tests = [first, f"tests/{fault['tests']}.py"]
    with TemporaryDirectory() as copy:
        mutations.copy_sources(copy)
        for path in sorted(path.relative_to(out) for path in out.rglob("*.py")):
            mended, own = (out / path).read_bytes(), f"tests/test_{path.stem}.py"
            if path.parts[0] in SOURCES and mended != Path(copy, path).read_bytes():
                Path(copy, path).write_bytes(mended)
                tests += [own] if Path(copy, own).exists() else []
        # Learning Catch takes too long.
        chosen = "-k", f"{fault['test']} or not solves_catch"
        run = mutations.run_tests(copy, *dict.fromkeys(tests), *chosen, timeout=MOST_SECONDS)
    if run.returncode == 0:
        return True, f"right: {run.stdout.strip().splitlines()[-1]}"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+?)(?:\[\S*)?(?: - (.+))?$", run.stdout, re.MULTILINE)
    if failed and failed[1] == first:
        return False, "not yet: the test that notices it fails"
    broken = failed[0] if failed else (run.stderr or run.stdout).strip()[-200:]
    return False, f"not yet, and this is broken now: {broken}"


def hint(fault, out):
    """-> the slide; the second time, the file. TASK.md keeps what was said."""
    task, path = out / "TASK.md", fault["where"][0]
    text, hints = task.read_text(), (f'the slide: "{fault["slide"]}"', f"the file: {path}")
    said = next((line for line in hints if line not in text), hints[-1])
    write_text(task, text if said in text else f"{text}\nHint: {said}\n")
    return said


def main(arguments=None):
    parser = argparse.ArgumentParser("python -m dqn_symbolic.exercises.find_the_fault")
    parser.add_argument("number", nargs="?", type=int, help="of the fault; without it: the list")
    parser.add_argument("--out", type=Path, help="the folder of the copy (my and the number)")
    parser.add_argument("--check", action="store_true", help="has the copy been mended?")
    parser.add_argument("--hint", action="store_true", help="the slide; the second time, the file")
    options, known = parser.parse_args(arguments), faults()
    if options.number is None:
        return print("\n".join(f"{number:2}  {known[number]['title']}" for number in known))
    if options.number not in known:
        parser.error(f"expected 1 to {len(known)}, got {options.number}")
    fault, out = known[options.number], options.out or Path(f"my{options.number}")
    try:
        if not options.check and not options.hint:
            write(fault, out)
            print(f"{out / 'TASK.md'} says what a user notices. The fault is in {out}.")
        elif not (out / "TASK.md").is_file():
            parser.error(f"{out}: expected the folder of fault {options.number}")
        elif options.hint:
            print(hint(fault, out))
        else:
            right, line = check(fault, out)
            print(line)
            return 0 if right else 1
    except OSError as error:
        parser.error(f"{error.filename2 or error.filename}: {error.strerror}")
    except subprocess.TimeoutExpired:
        print(f"not yet: the tests do not end within {MOST_SECONDS} seconds")
        return 1


if __name__ == "__main__":
    sys.exit(main())
