"""Runs the jobs of experiments in processes, keeps their results, makes tables and pictures.

A job's rows depend on nothing but the job: not on the number of processes or the jobs' order.
"""

import csv
import io
import json
import shlex
import time
from functools import partial
from importlib import import_module
from zlib import crc32

from tqdm import tqdm

from dqn_symbolic.compiling.threads import cores
from dqn_symbolic.experiments.figures import save
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.guard.files import read_text, write_text
from dqn_symbolic.runs.loading import expect_count, expect_number

# In the lecture's order, by their files: "late-rewards" is late_rewards.py.
NAMES = """
stages minibatches frames exploration initialisation
dynamic-programming policy-gradient corridor deep-sea late-rewards pong games
"""
ALL = {n: import_module(f"{__package__}.{n.replace('-', '_')}") for n in NAMES.split()}
LONG = {name: ALL[name] for name in ("pong", "games")}  # `compare` runs them only by name
EXPERIMENTS = {name: experiment for name, experiment in ALL.items() if name not in LONG}


def jobs(name, quick):
    """-> [(experiment, condition's name, condition, seed), ...]"""
    experiment = ALL[name]
    conditions = json.loads(json.dumps(experiment.conditions(quick)))  # no tuples, as in a file
    seeds = range(experiment.SEEDS[quick])
    return [(name, *named, seed) for named in conditions.items() for seed in seeds]


def compare(names, out, quick, stop, quiet, do):
    """Does the jobs that are not done yet, then writes tables, pictures and the report.

    stop: a list; as soon as it is not empty, the jobs end; do: `in_processes`, or the same on a
    cluster. -> whether all jobs are done. Raises BadInput if `out` holds other settings' rows, or
    if a process ended early.
    """
    # Of every experiment in the folder, because they share one report.
    done = {path for name in ALL for path in finished(out, name, quick)}
    every = [job for name in names for job in jobs(name, quick)]
    todo = [job for job in every if path_of(out, *job) not in done]
    for name in names:
        (out / name).mkdir(parents=True, exist_ok=True)
    shown = {"unit": " jobs", "disable": quiet or None, "smoothing": 0, "dynamic_ncols": True}
    with tqdm(total=len(every), initial=len(every) - len(todo), **shown) as bar:
        at_work = partial(work, out.absolute())  # on a cluster, the current folder is another
        for job, (rows, seconds) in do(todo, at_work, cores(), stop, bar.refresh):
            _, _, condition, seed = job
            result = {"seconds": round(seconds, 3), "rows": rows, "checksum": checksum(rows)}
            text = json.dumps({"condition": condition, "seed": seed, **result})
            write_text(path_of(out, *job), text)
            bar.set_postfix_str(" ".join(job[:2]))
            bar.update()
    if stop:
        return False
    report(out, quick)
    return True


def work(out, job):
    """One job, in any process. -> (rows, seconds)"""
    name, _, condition, seed = job
    since = time.perf_counter()
    folder = [path_of(out, *job).with_suffix("")] if name == "games" else []  # it keeps its runs
    rows = list(ALL[name].measure(condition, seed, *folder))
    return rows, time.perf_counter() - since


# -- the folder ------------------------------------------------------------------------------------


def path_of(out, name, condition_name, _, seed):
    return out / name / f"{condition_name}-{seed}.json"


def finished(out, name, quick):
    """-> {path: results of a finished job}. Raises BadInput if one is damaged or foreign."""
    expected = {path_of(out, *job): job for job in jobs(name, quick)}
    results = {}
    for path in sorted((out / name).glob("*.json")):
        try:
            data = json.loads(read_text(path))
            same = path in expected and expected[path][2:] == (data.get("condition"), data["seed"])
            seconds, rows = expect_count("seconds", data["seconds"]), data["rows"]
            if data["checksum"] != checksum(rows):
                raise ValueError("other rows than were written")
            for column, value in (cell for row in rows for cell in row.items()):
                if not f"{column}{value}".isprintable():
                    raise ValueError("not a row")
                if not isinstance(value, str | bool | None):
                    expect_number(column, value)
            results[path] = {"seconds": seconds, "rows": rows}
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise BadInput(f"{path} is damaged: delete it, and its job is done again") from error
        if not same:
            size = "--quick" if quick else "full"
            found = f"{out} holds rows of other settings than the {size} ones ({name}/{path.name})"
            raise BadInput(f"{found}: take another --out")
    return results


def checksum(rows):
    return crc32(json.dumps(rows).encode())


def rows_of(out, name, quick):
    """-> (rows in the order of the jobs, seconds of all jobs); rows is None if jobs are missing."""
    done, rows, seconds = finished(out, name, quick), [], 0.0
    for job in jobs(name, quick):
        path = path_of(out, *job)
        if path not in done:
            return None, seconds
        rows += [{"condition": job[1], "seed": job[3], **row} for row in done[path]["rows"]]
        seconds += done[path]["seconds"]
    return rows, seconds


def report(out, quick):
    """Writes <experiment>.csv and .png for each complete experiment, and report.md."""
    parts = ["# The lecture as experiments\n"]
    for name, experiment in ALL.items():
        rows, seconds = rows_of(out, name, quick)
        if rows is None:
            continue
        try:
            picture, table = drawn(experiment, rows), markdown(experiment.table(rows))
        except Exception as error:  # rows of something else can fail in any way
            problem = f"{out / name} holds rows of something else ({type(error).__name__})"
            raise BadInput(f"{problem}: delete them, and their jobs are done again") from error
        write_text(out / f"{name}.csv", csv_text(rows))
        save(out / f"{name}.png", *picture)
        chosen = f"{name} --quick" if quick else name
        command = f"python run_catch.py compare {chosen} --out {shlex.quote(str(out))}"
        claim = " ".join((experiment.__doc__ or "").partition("\n\n")[2].split())  # -OO: none
        parts.append(
            f"## {experiment.TITLE}\n\n{claim}\n\n![{experiment.TITLE}]({name}.png)\n\n{table}\n\n"
            f"Seeds: {experiment.SEEDS[quick]}; one process would take {seconds:,.0f} s.\n\n"
            f"```\n{command}\n```\n"
        )
    write_text(out / "report.md", "\n".join(parts))


def drawn(experiment, rows):
    """-> (its picture, a title with the game and the number of seeds)"""
    figure, seeds = experiment.draw(rows), len({row["seed"] for row in rows})
    spread = "medians and quartiles of " * any(axes.collections for axes in figure.axes)
    return figure, f"{experiment.TITLE}: {spread}{seeds} seed{'s' * (seeds > 1)}"


def csv_text(rows):
    columns, text = dict.fromkeys(name for row in rows for name in row), io.StringIO(newline="")
    cells = [[row.get(name) for name in columns] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([columns, *cells])
    return text.getvalue()


def markdown(table):
    head, *body = table
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
