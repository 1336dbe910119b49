"""All benchmarks, and the tables of the pages:  python -m tests.benchmarks [NAME ...]

Each runs in a process of its own, prints its rows, and keeps them in results/NAME.json. Then the
tables of the pages are made from these files. Without names, it runs all that take minutes: about
half an hour on two quiet cores. The long ones run by name. `python -m tests.pages` makes only the
tables.
"""

import subprocess
import sys
from importlib.util import find_spec

from tests import pages
from tests.benchmarks.results import ROOT

# Minutes on two quiet cores, with all peers.
SHORT = {
    **{"start": 1, "seeds": 12, "peers": 2, "step": 2, "pong": 5, "learn": 1, "growth": 1},
    **{"conv": 5, "replay": 1, "linkers": 2, "messages": 2, "gorila_model": 3},
    "exercises": 2,
}
LONG = {"checkpoint": 4, "long_run": 20, "gorila": 10, "gorila_check": 8, "gpu": 2}
MINUTES = SHORT | LONG
NEEDS = {
    **dict.fromkeys(("pong", "checkpoint", "long_run"), ("ale_py",)),
    **dict.fromkeys(("messages", "gorila_check"), ("ray", "ale_py")),
    "gpu": ("jax",),
    "exercises": ("sklearn",),
}
PEERS = {"jax": "jax", "torch": "torch", "stable_baselines3": "stable-baselines3", "ray": "ray"}


def missing(name):
    """-> the modules that a benchmark needs and that are not installed."""
    return [module for module in NEEDS.get(name, ()) if not find_spec(module)]


def say(text):
    print(text, file=sys.stderr, flush=True)


def main(names):
    """-> exit status"""
    if unknown := set(names) - set(MINUTES):
        say(f"{', '.join(sorted(unknown))}: expected names of {', '.join(MINUTES)}")
        return 2
    names = names or list(SHORT)
    absent = [package for module, package in PEERS.items() if not find_spec(module)]
    if absent:
        say(f'not installed, so left out: {", ".join(absent)}  (pip install -e ".[bench,ray]")')
    failed = []
    for i, name in enumerate(names, 1):
        begin = f"[{i}/{len(names)}] {name}:"
        if lacks := missing(name):
            say(f"{begin} left out, because it needs {' and '.join(lacks)}")
            continue
        say(f"{begin} about {MINUTES[name]} min")
        command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
        if subprocess.run(command, cwd=ROOT).returncode:
            say(f"{begin} failed; its old file stays")
            failed.append(name)
    pages.write()
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
