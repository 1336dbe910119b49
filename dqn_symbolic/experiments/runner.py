"""Runs experiments: their jobs in processes, what is done kept in a folder; tables and pictures.

A job is (experiment, setting, seed). Its rows depend on nothing else: neither on the number of
processes nor on the order.
"""

import csv
import io
import json
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from dqn_symbolic.experiments import (
    ablation,
    dynamic_programming,
    four_frames,
    initialisation,
    minibatches,
    policy_gradient,
    stages,
)
from dqn_symbolic.experiments.figures import save
from dqn_symbolic.runs.files import write_whole

# In the lecture's order.
EXPERIMENTS = {
    "stages": stages,
    "ablation": ablation,
    "minibatches": minibatches,
    "frames": four_frames,
    "initialisation": initialisation,
    "dynamic-programming": dynamic_programming,
    "policy-gradient": policy_gradient,
}


class WorkerDied(Exception):
    """At which job."""


class WrongFolder(Exception):
    """What is in it that cannot be gone on with."""


def jobs(name, quick):
    """-> [(experiment, setting's name, setting, seed), ...]"""
    experiment = EXPERIMENTS[name]
    return [
        (name, setting_name, setting, seed)
        for setting_name, setting in plain(experiment.settings(quick)).items()
        for seed in range(experiment.seeds(quick))
    ]


def plain(data):
    """Data as it comes back from a file: tuples are lists."""
    return json.loads(json.dumps(data))


def compare(names, Game, out, quick, interrupted, quiet=False, processes=None):
    """Does the jobs that are not done yet, then writes tables, pictures and the report.

    interrupted: a list; once something is in it, nothing more is begun.
    -> whether it got to the end.
    Raises WrongFolder if `out` holds other settings' rows, WorkerDied if a process ended early.
    """
    for name in EXPERIMENTS:  # all that are in the folder, for they share its report
        kept(out, name, quick)
    todo = []
    for name in names:
        done = kept(out, name, quick)
        todo += [job for job in jobs(name, quick) if place(out, *job) not in done]
        (out / name).mkdir(parents=True, exist_ok=True)
    total = sum(len(jobs(name, quick)) for name in names)
    with tqdm(
        total=total, initial=total - len(todo), unit=" jobs", disable=quiet or None, smoothing=0
    ) as bar:
        for job, rows, seconds in in_processes(todo, Game, processes or cores(), interrupted):
            _, _, setting, seed = job
            about = {"setting": setting, "seed": seed, "seconds": round(seconds, 3), "rows": rows}
            write_text(place(out, *job), json.dumps(about))
            bar.set_postfix_str(" ".join(job[:2]))
            bar.update()
    if interrupted:
        return False
    report(out, quick)
    return True


# -- the jobs in processes -------------------------------------------------------------------------


def in_processes(todo, Game, processes, interrupted):
    """Yields (job, rows, seconds) as they come, till all are done or `interrupted` says no."""
    todo, workers, busy = list(reversed(todo)), [], {}
    try:
        for _ in range(min(processes, len(todo))):
            worker, connection = start(Game)
            workers.append(worker)
            busy[connection] = None  # no job yet: it says when it is ready
        while busy and not interrupted:
            for connection in wait(list(busy), timeout=0.2):
                job = busy.pop(connection)
                try:
                    done = connection.recv()
                    if todo:
                        busy[connection] = todo.pop()
                        connection.send(busy[connection])
                except (EOFError, OSError) as error:
                    name, setting_name, _, seed = busy.get(connection) or job or todo[-1]
                    raise WorkerDied(f"{name}, {setting_name}, seed {seed}") from error
                if job:
                    yield job, *done
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def start(Game):
    """-> (a process of one thread that does jobs, the connection to it)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=serve, args=(theirs, Game), daemon=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    # Ctrl-C goes to the whole group of processes, but is this one's to deal with.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker.start()
    finally:
        signal.signal(signal.SIGINT, before)
    theirs.close()  # so that the end of the worker is the end of the connection
    return worker, ours


def serve(connection, Game):
    """A worker's life: a job comes in, its rows and seconds go out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection.send("ready")
    while True:
        try:
            name, _, setting, seed = connection.recv()
        except EOFError:  # nobody is there any more
            return
        since = time.perf_counter()
        rows = EXPERIMENTS[name].rows(Game, setting, seed)
        connection.send((rows, time.perf_counter() - since))


def cores():
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# -- the folder ------------------------------------------------------------------------------------


def place(out, name, setting_name, _, seed):
    return out / name / f"{setting_name}-{seed}.json"


def kept(out, name, quick):
    """-> {path: what a finished job has left}. Raises WrongFolder if it is not of these jobs."""
    expected = {place(out, *job): job for job in jobs(name, quick)}
    found = {}
    for path in sorted((out / name).glob("*.json")):
        try:
            about = json.loads(path.read_text())
            same = path in expected and expected[path][2:] == (about["setting"], about["seed"])
            found[path] = {"seconds": float(about["seconds"]), "rows": list(about["rows"])}
        except (KeyError, TypeError, ValueError) as error:
            raise WrongFolder(f"{path} is damaged: delete it, and its job is done again") from error
        if not same:
            size = "--quick" if quick else "full"
            raise WrongFolder(
                f"{out} holds rows of other settings than the {size} ones"
                f" ({name}/{path.name}): take another --out"
            )
    return found


def rows_of(out, name, quick):
    """-> (rows in the order of the jobs, seconds of all jobs together), or None if some miss."""
    done, rows, seconds = kept(out, name, quick), [], 0.0
    for job in jobs(name, quick):
        path = place(out, *job)
        if path not in done:
            return None
        rows += [{"setting": job[1], "seed": job[3], **row} for row in done[path]["rows"]]
        seconds += done[path]["seconds"]
    return rows, seconds


def report(out, quick):
    """Writes <experiment>.csv and .png for all that are complete, and report.md over them."""
    parts = ["# The lecture as experiments\n"]
    for name, experiment in EXPERIMENTS.items():
        complete = rows_of(out, name, quick)
        if complete is None:
            continue
        rows, seconds = complete
        write_text(out / f"{name}.csv", csv_text(rows))
        save(out / f"{name}.png", experiment.draw(rows))
        command = f"python run_catch.py compare {name}{' --quick' if quick else ''} --out {out}"
        parts.append(
            f"## {experiment.TITLE}\n\n{experiment.CLAIM}\n\n![{experiment.TITLE}]({name}.png)\n\n"
            f"{markdown(experiment.table(rows))}\n\n"
            f"Seeds: {experiment.seeds(quick)}; one process would take {seconds:,.0f} s.\n\n"
            f"```\n{command}\n```\n"
        )
    write_text(out / "report.md", "\n".join(parts))


def csv_text(rows):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def markdown(table):
    head, *body = table
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write_text(path, text):
    write_whole(Path(path), lambda file: file.write(text.encode()))
