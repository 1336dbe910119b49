"""Seconds until Catch is solved, from the launch:  python -m tests.benchmarks.start [ROUNDS]

Launches `python run_catch.py` and times its imports, its compiling, the two consecutive perfect
evaluations that end the training, and its exit. "cold" has an empty compile cache, "warm" a filled
one. There is no C++ compiler. Every run is a process on one core. Medians of ROUNDS launches.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.results import ROOT, keep

EVENTS = "imports", "compiling", "first_perfect", "second_perfect", "exit"

# run_catch.py, which also prints a line of JSON with the time of each event.
PROGRAM = """
import json, sys, time
import run_catch
from dqn_symbolic.runs.run import Run

def with_time(event, call):
    def timed(*arguments, **options):
        result = call(*arguments, **options)
        print("@", json.dumps([event, time.time()]), flush=True)
        return result
    return timed

Run.__init__ = with_time("imports", Run.__init__)
Run.begin = with_time("compiling", Run.begin)
Run.save_progress = with_time("evaluation", Run.save_progress)
Run.finish = with_time("finished", Run.finish)
sys.exit(run_catch.main(sys.argv[1:]))
"""


def launched(cache, folder):
    """-> {event: seconds since the launch}"""
    flags = f"base_compiledir={cache},cxx="
    environment = {**os.environ, "PYTENSOR_FLAGS": flags, "SDL_VIDEODRIVER": "dummy"}
    command = [sys.executable, "-c", PROGRAM, "--no-window", "--quiet", "--out", str(folder)]
    since = time.time()
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    end = time.time() - since
    if process.returncode:
        raise SystemExit(process.stderr)
    events = [json.loads(line[2:]) for line in process.stdout.splitlines() if line.startswith("@")]
    seconds = {event: at - since for event, at in events if event != "evaluation"}
    # `finish` writes progress.csv again, so the last of these events is no evaluation.
    evaluations = [at - since for event, at in events if event == "evaluation"][:-1]
    seconds["first_perfect"], seconds["second_perfect"] = evaluations[-2:]
    return {**seconds, "exit": end}


def main(rounds=5):
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    runs = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(int(rounds)):
            cache = Path(scratch, f"cache-{number}")
            for state in runs:
                runs[state].append(launched(cache, Path(scratch, f"{state}-{number}")))
                print(".", end="", file=sys.stderr, flush=True)
    rows = []
    for state, launches in runs.items():
        seconds = {f"{e}_s": statistics.median(run[e] for run in launches) for e in EVENTS}
        rows.append({"compile_cache": state, **seconds})
    keep("start", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
