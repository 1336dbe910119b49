"""The numbers and pictures of exercises I and III:  python -m tests.benchmarks.exercises

Runs each page with seed 0, from an empty compile cache. Keeps the numbers that it prints, its
processor seconds, and its picture.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.results import ROOT, keep

FOLDER = ROOT / "dqn_symbolic" / "exercises"
NAMES = [path.stem for path in FOLDER.glob("*.py") if "run(main, __doc__)" in path.read_text()]
# "PCA, up to 324 numbers   0.00   71.55", or "test error 4.2% of 500 digits"
LINE = re.compile(r"(\S+(?: \S+)*?)((?:\s+[\d.,]+%?)+)(?: of [\d,]+ digits)?")


def processor_seconds():
    """-> those of all processes that this one has started."""
    return sum(os.times()[2:4])


def main():
    rows = []
    for name in sorted(NAMES):
        print(name, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            environment = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={scratch}/cache,cxx="}
            command = [sys.executable, "-m", f"dqn_symbolic.exercises.{name}", "--out", scratch]
            begin = processor_seconds()
            options = {"cwd": ROOT, "env": environment, "stdout": subprocess.PIPE, "text": True}
            *lines, path = subprocess.run(command, check=True, **options).stdout.splitlines()
            rows.append({"exercise": name, "s": processor_seconds() - begin})
            shutil.copy(path, FOLDER / "pictures" / Path(path).name)
        for found in filter(None, map(LINE.fullmatch, lines)):
            values = " ".join(found[2].split())
            rows.append({"exercise": name, "what": found[1], "values": values})
    keep("exercises", rows)


if __name__ == "__main__":
    main()
