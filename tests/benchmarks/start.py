"""How long a newcomer waits:  python -m tests.benchmarks.start [ROUNDS]

`python run_catch.py`, the default game, from its launch to the first and to the second perfect
evaluation running (which ends the agent), and to its exit; cold, with an empty compile cache and
without a C++ compiler, and warm. Each in a process of its own, on one core.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# run_catch.py as it is, but for a line of JSON when its imports, its compiling and its training end
PROGRAM = """
import json, sys, time
import run_catch
from dqn_symbolic.runs.run import Run

def told(name, call):
    def tell(*arguments, **options):
        result = call(*arguments, **options)
        print("@", json.dumps([name, time.time()]), flush=True)
        return result
    return tell

Run.__init__ = told("imports", Run.__init__)
Run.compile = told("compiling", Run.compile)
Run.save_progress = told("evaluation", Run.save_progress)
Run.finish = told("finished", Run.finish)
sys.exit(run_catch.main(sys.argv[1:]))
"""


def launched(cache, folder):
    """-> {what: seconds since the launch}"""
    flags = f"base_compiledir={cache},cxx="
    environment = {**os.environ, "PYTENSOR_FLAGS": flags, "SDL_VIDEODRIVER": "dummy"}
    command = [sys.executable, "-c", PROGRAM, "--no-window", "--quiet", "--out", str(folder)]
    since = time.time()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    end = time.time() - since
    if done.returncode:
        raise SystemExit(done.stderr)
    told = [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("@")]
    found = {name: at - since for name, at in told if name != "evaluation"}
    # `finish` writes progress.csv once more
    evaluations = [at - since for name, at in told if name == "evaluation"][:-1]
    found["first perfect"], found["second running"] = evaluations[-2:]
    return {**found, "exit": end}


def main(rounds):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            cache = Path(scratch, f"cache-{number}")
            for state in found:
                found[state].append(launched(cache, Path(scratch, f"{state}-{number}")))
                print(".", end="", file=sys.stderr, flush=True)
    print("\nseconds from the launch, median of", rounds)
    for state, runs in found.items():
        columns = ("imports", "compiling", "first perfect", "second running", "exit")
        row = (f"{name} {statistics.median(run[name] for run in runs):5.2f}" for name in columns)
        print(f"{state}:  {'   '.join(row)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
