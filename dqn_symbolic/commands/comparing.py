"""compare: runs the lecture's experiments and writes their tables and pictures."""

from contextlib import ExitStack
from pathlib import Path

from dqn_symbolic.commands.front import say
from dqn_symbolic.commands.gorila import with_ray
from dqn_symbolic.commands.options import did_you_mean
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.experiments import games, runner
from dqn_symbolic.experiments.jobs import in_processes
from dqn_symbolic.guard.errors import BadInput, bad_input
from dqn_symbolic.runs.stopping import exit_status, noted_signals


def compare(door, experiment=None, quick=False, out=None, quiet=False, address=None):
    """Runs the jobs whose results are not in `out` yet, here or on a cluster. -> exit status"""
    if experiment not in (None, *runner.ALL):
        known, hint = ", ".join(runner.ALL), did_you_mean(experiment, runner.ALL)
        raise BadInput(f"EXPERIMENT is one of {known}; got {experiment!r}{hint}")
    with bad_input():
        if experiment in runner.LONG:
            task(games.GAME)  # it may not be installed
        mode("numba")  # which may not be able to compile here
    names = [experiment] if experiment else list(runner.EXPERIMENTS)
    out = out or Path("runs/compare-quick" if quick else "runs/compare")
    do, on_ray = in_processes, with_ray(address) if address else None
    with noted_signals() as noted, ExitStack() as stack:
        if on_ray:
            on_ray.connect(stack, address)
            do = on_ray.in_cluster
        ready = runner.compare(names, out, quick, noted, quiet, do)
    if not quiet:
        say(f"report: {out / 'report.md'}" if ready else "go on:  the same command again")
    return exit_status(noted)
