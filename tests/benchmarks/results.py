"""What the benchmarks have measured, a JSON file each:  tests/benchmarks/results/NAME.json

    command, date, commit          how, when and of which code the rows were made
    processor, cores, avx512       where
    versions                       of Python, PyTensor, numba, NumPy, its BLAS and the timed peers
    rows                           a list of flat dicts; a name ends in its unit: us, ms, s, mb, gb

Figures that depend on AVX-512 have a file for each kind of processor, in results/avx512 and in
results/avx2. A processor with AVX-512 does without it if you ask numba, OpenBLAS and XLA (torch
does not listen):

    NUMBA_CPU_NAME=haswell OPENBLAS_CORETYPE=Haswell python -m tests.benchmarks learn growth conv

Those of a GPU are in results/gpu.
"""

import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import llvmlite.binding
import numpy as np

from dqn_symbolic.guard.files import write_text
from dqn_symbolic.runs.machine import machine

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "results"
PICTURES = Path(__file__).parent / "pictures"
BY_PROCESSOR = "learn", "growth", "conv"  # the benchmarks whose figures depend on AVX-512
KINDS = {"avx512": "AVX-512", "avx2": "AVX2"}
CHOSEN_CPU = os.environ.get("NUMBA_CPU_NAME")


# -- the files ------------------------------------------------------------------------------------


def keep(name, rows, peers=(), place=None, folder=FOLDER):
    """Prints the rows as Markdown tables, and writes them with the facts.

    peers: the modules that were timed where they are installed. place: a folder in results/, if it
    is not the usual one.
    """
    show(rows)
    made = facts(peers)
    if place is None:
        place = kind(made) if name in BY_PROCESSOR else ""
    (folder / place).mkdir(parents=True, exist_ok=True)
    rows = [{key: rounded(value) for key, value in row.items()} for row in rows]
    text = json.dumps({**made, "rows": []}, indent=1)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    write_text(folder / place / f"{name}.json", text.replace("[]", f"[\n{lines}\n ]") + "\n")


def read(name, place=""):
    """-> the file as a dict. Raises FileNotFoundError if it was not measured."""
    return json.loads((FOLDER / place / f"{name}.json").read_text())


def facts(peers):
    """-> {"command", "date", ..., "versions"}, as above."""
    processor, _, cores = machine()["machine"].rpartition(", ")
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {"Python": platform.python_version()}
    versions |= {package: version(package) for package in ("PyTensor", "numba", "NumPy")}
    versions["BLAS"] = f"{blas['name']} {blas['version']}"
    installed = [peer for peer in peers if find_spec(peer)]
    versions |= {peer: version(peer) for peer in (peer.replace("_", "-") for peer in installed)}
    return {
        "command": command(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "processor": processor,
        "cores": int(cores.split()[0]),
        "avx512": has_avx512(),
        "versions": versions,
    }


def has_avx512():
    """Whether the processor has it, and numba may use it."""
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512f")) and not CHOSEN_CPU


def kind(made):
    return "avx512" if made["avx512"] else "avx2"


def command():
    """-> what was typed; a chosen processor is a part of it."""
    names = "NUMBA_CPU_NAME", "OPENBLAS_CORETYPE"
    chosen = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    module = f"tests.benchmarks.{Path(sys.argv[0]).stem}"
    return " ".join([*chosen, "python -m", module, *sys.argv[1:]])


def commit():
    """-> the short hash of the commit, "and changes" if a module is not as it was committed."""

    def git(*arguments):
        call = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return call.stdout.strip()

    changed = git("status", "--porcelain", "--", "*.py")
    return git("rev-parse", "--short", "HEAD") + (" and changes" if changed else "")


# -- rows -----------------------------------------------------------------------------------------


def beside_ours(times, unit="us", **same):
    """{side: time}, ours first -> rows, with "to_ours": the time as a multiple of ours."""
    ours = next(iter(times.values()))
    return [{**same, "side": n, unit: t, "to_ours": t / ours} for n, t in times.items()]


def chosen(rows, **where):
    """-> the rows that have these values."""
    return [row for row in rows if all(row.get(key) == value for key, value in where.items())]


def in_a_process(function, *arguments):
    """-> function(*arguments), in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def one_thread():
    """XLA uses all cores, unless this is set before its first call."""
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = flags + " --xla_cpu_max_isa=AVX2" * bool(CHOSEN_CPU)


# -- Markdown -------------------------------------------------------------------------------------


def show(rows):
    """Prints a table of the rows; where other columns begin, another table begins."""
    for i, row in enumerate(rows):
        if not i or list(row) != list(rows[i - 1]):
            print(f"\n{markdown([*row], [row])}", flush=True)
        else:
            print(line(row.values()), flush=True)


def markdown(headings, rows):
    """-> the text of a table; rows: lists or dicts of values"""
    cells = [row.values() if isinstance(row, dict) else row for row in rows]
    return "\n".join([line(headings), "|" + "---|" * len(headings), *map(line, cells)])


def line(values):
    return f"| {' | '.join(map(number, values))} |"


def number(value):
    """-> text, with three digits and thousands separators."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return f"{value:,}" if type(value) is int else str(value)
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:,.{digits}f}"


def rounded(value):
    """A float of NumPy or Python with five digits, and an int as Python has it."""
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.5g}")
    return int(value) if isinstance(value, np.integer) else value
