"""Grades a mended copy: `dqn_symbolic.exercises.find_the_fault N --check`."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from dqn_symbolic.exercises.find_the_fault import CODE
from tests.mutations import copy_sources, run_tests

MOST_SECONDS = 120  # a mend may have made an endless loop
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[\S*)?( - .+)?$", re.MULTILINE)
# In a module that a test imports: where, and what.
ERROR = re.compile(
    r'^(?:E +File "\S+/|)(\w+\.py)(?:", line |:)(\d+).*\n(?:.*\n){0,3}?E +(\w+: .+)$', re.MULTILINE
)


def check(out, test, file):
    """-> whether the code in the folder `out` is right, and a line that says so.

    Runs `test`, which notices the fault, then the others of its file, and those of every other file
    that is not as it was, up to the first that fails.
    """
    first, tests = f"tests/{file}.py::{test}", [f"tests/{file}.py"]
    with TemporaryDirectory() as copy:
        copy_sources(copy, without=("__pycache__", "*.png", "*.gif", "*.npz"))
        for path in sorted(path.relative_to(copy) for path in Path(copy).rglob("*.py")):
            if path.parts[0] in CODE and not Path(out, path).is_file():
                return False, f"not yet: {path} is missing"
        for path in sorted(path.relative_to(out) for path in out.rglob("*.py")):
            mended, own = Path(out, path).read_bytes(), f"tests/test_{path.stem}.py"
            if not Path(copy, path).exists() or mended != Path(copy, path).read_bytes():
                Path(copy, path).parent.mkdir(parents=True, exist_ok=True)
                Path(copy, path).write_bytes(mended)
                tests += [own] if Path(copy, own).is_file() else []
        chosen = "-k", f"{test} or not solves_catch"  # learning Catch takes too long
        try:
            run = run_tests(copy, first, *dict.fromkeys(tests), *chosen, timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            return False, f"not yet: the tests do not end within {MOST_SECONDS} seconds"
    if run.returncode == 0:
        return True, f"right: {run.stdout.strip().splitlines()[-1]}"
    failed = FAILED.search(run.stdout)
    if not failed or "::" not in failed[1]:
        errors = [f"{path}, line {n}: {what}" for path, n, what in ERROR.findall(run.stdout)]
        errors = errors or [(run.stderr or run.stdout).strip()[-200:]]
        return False, f"not yet: the tests do not run: {errors[-1]}"
    name, why = failed[1], failed[2] or ""
    if name == first:
        return False, f"not yet: the test that notices it fails{why.rstrip(':')}"
    return False, f"not yet: it is no longer noticed, but this is broken: {name}{why}"
