"""Find the fault:  python -m dqn_symbolic.exercises.find_the_fault 7 --out my7

Writes a copy of the code with one classic fault in it, and TASK.md: what a user notices. Mend the
copy, then type the same command with --check. --hint names the slide; the second time, the file.
Without a number: the list. The faults are some of tests/mutations.py.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dqn_symbolic.guard.files import write_text

PAGE = Path(__file__).with_suffix(".md")
CODE = "dqn_symbolic", "games", "run_catch.py"
NO_CODE = "__pycache__", "*.png", "*.gif", "*.npz", "*.ipynb", "*.md"
# A section of the page. The comment at its end is not shown.
SECTION = re.compile(
    r"^## (?P<number>\d+)\. (?P<title>.+)\n(?P<text>(?s:.+?))"
    r"<!-- (?P<fault>.+) \| (?P<slide>.+) \| (?P<test>.+) \| (?P<column>.+) -->",
    re.MULTILINE,
)


def faults():
    """-> {number: {"title", "text", "slide", "test", "column", "where", "file"}}

    text: what a user notices, in this column of progress.csv; where: path, old and new text; test:
    notices it, in this file of the tests.
    """
    from tests.mutations import FAULTS

    known = {name: {"where": where, "file": file} for name, *where, file in FAULTS}
    found = [match.groupdict() for match in SECTION.finditer(PAGE.read_text())]
    return {int(fault["number"]): fault | known[fault["fault"]] for fault in found}


def write(fault, out):
    """Writes the code with the fault, and TASK.md, to a new folder, whole or not at all."""
    from tests.mutations import copy_sources, put_in

    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent) as temporary:
        copy = Path(temporary, "copy")
        copy.mkdir()
        copy_sources(copy, CODE, NO_CODE)
        put_in(copy, *fault["where"])
        for picture in re.findall(r"\((faults/\S+)\)", fault["text"]):
            (copy / "faults").mkdir(exist_ok=True)
            shutil.copy(PAGE.parent / picture, copy / picture)
        write_text(copy / "TASK.md", f"# {fault['title']}\n{fault['text']}")
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
    parser.add_argument("number", nargs="?", type=int, help="of the fault; without it: the list")
    parser.add_argument("--out", type=Path, help="the folder of the copy (my and the number)")
    parser.add_argument("--check", action="store_true", help="has the copy been mended?")
    parser.add_argument("--hint", action="store_true", help="the slide; the second time, the file")
    options = parser.parse_args(arguments)
    try:
        known = faults()
        if options.number is None:
            return print("\n".join(f"{number:2}  {known[number]['title']}" for number in known))
        if options.number not in known:
            parser.error(f"expected 1 to {len(known)}, got {options.number}")
        fault, out = known[options.number], options.out or Path(f"my{options.number}")
        if not options.check and not options.hint:
            write(fault, out)
            return print(f"{out / 'TASK.md'} says what a user notices")
        if options.hint:
            return print(hint(fault, out))
        (out / "TASK.md").read_text()
        from tests.grading import check

        right, line = check(out, fault["test"], fault["file"])
        print(line)
        return 0 if right else 1
    except ImportError:
        parser.error("expected the folder of the repository, whose tests grade")
    except OSError as error:
        parser.error(f"{error.filename2 or error.filename}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
