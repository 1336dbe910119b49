"""Find the fault:  python -m dqn_symbolic.exercises.find_the_fault 7 --out my7

Writes a copy of the code with one classic fault in it, and TASK.md: what a user notices. Mend the
copy, then type the same command with --check. --hint names the slide; the second time, the file.
Without a number: the list. The faults are some of tests/mutations.py.
"""

import argparse
import csv
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dqn_symbolic.guard.files import write_text

PAGE = Path(__file__).with_suffix(".md")
CODE = "dqn_symbolic", "games", "run_catch.py"
NO_CODE = "__pycache__", "*.gif", "*.npz", "*.ipynb", "*.md", "answers.csv"
THEN = """
progress.csv in the folder of a run has this column. Mend the code here. Then type, in the folder
of the repository, the command that made this copy, with --check, or with --hint.
"""


def faults():
    """-> {number: {"title", "text", "slide", "test", "column", "where", "file"}}

    text: what a user notices, in this column of progress.csv; where: path, old and new text; test:
    notices it, in this file of the tests.
    """
    from tests.mutations import FAULTS

    known = {name: {"where": where, "file": file} for name, *where, file in FAULTS}
    _, *told = re.split(r"^## \d+\. (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    with open(PAGE.parent / "faults" / "answers.csv", newline="") as file:
        answers = zip(csv.DictReader(file), told[::2], told[1::2])
        found = [{"title": title, "text": text} | answer for answer, title, text in answers]
    return {n: fault | known[fault["fault"]] for n, fault in enumerate(found, 1)}


def write(fault, out):
    """Writes the code with the fault, and TASK.md, to a new folder, whole or not at all."""
    from tests.mutations import copy_sources, put_in

    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent) as temporary:
        copy = Path(temporary, "copy")
        copy_sources(copy, CODE, NO_CODE)
        put_in(copy, *fault["where"])
        text = fault["text"].replace("(faults/", "(dqn_symbolic/exercises/faults/")
        write_text(copy / "TASK.md", f"# {fault['title']}\n{text}{THEN}")
        copy.rename(out)


def hint(fault, out):
    """-> the slide; the second time, the file. TASK.md keeps what was said."""
    text = (out / "TASK.md").read_text()
    hints = f'Hint: the slide "{fault["slide"]}"', f"Hint: {fault['where'][0]}"
    said = next((line for line in hints if line not in text), hints[-1])
    write_text(out / "TASK.md", text if said in text else f"{text}\n{said}\n")
    return said


def main(arguments=None):
    parser = argparse.ArgumentParser("python -m dqn_symbolic.exercises.find_the_fault")
    parser.print_usage = lambda file: None  # an error is one line
    parser.add_argument("number", nargs="?", type=int, help="of the fault; without it: the list")
    parser.add_argument("--out", type=Path, help="the folder of the copy (my and the number)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="has the copy been mended?")
    how.add_argument("--hint", action="store_true", help="the slide; the second time, the file")
    options = parser.parse_args(arguments)
    try:
        known = faults()
    except ImportError:
        parser.error("expected the folder of the repository, whose tests grade")
    if options.number is None and not (options.out or options.check or options.hint):
        return print("\n".join(f"{number:2}  {known[number]['title']}" for number in known))
    if options.number not in known:
        parser.error(f"expected the number of a fault, 1 to {len(known)}, got {options.number}")
    fault, out = known[options.number], options.out or Path(f"my{options.number}")
    try:
        if not options.check and not options.hint:
            write(fault, out)
            return print(f"{out / 'TASK.md'} says what a user notices")
        if not (out / "TASK.md").read_text().startswith(f"# {fault['title']}\n"):
            parser.error(f"{out}: expected the folder of fault {options.number}")
    except OSError as error:
        parser.error(f"{out}: {error.strerror}")
    if options.hint:
        return print(hint(fault, out))
    from tests.grading import check

    right, line = check(out, fault["test"], fault["file"])
    print(line)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
