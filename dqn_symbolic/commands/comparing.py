"""compare: runs the lecture's experiments and writes their tables and pictures."""

from pathlib import Path

from dqn_symbolic.commands.front import import_compiler, import_ray, say
from dqn_symbolic.commands.options import BadInput
from dqn_symbolic.commands.training import checked


def compare(experiment=None, quick=False, address=None, out=None, quiet=False):
    """Runs the jobs whose results are not in `out` yet. -> exit status"""
    import_compiler()

    from dqn_symbolic.environments.any_game import task
    from dqn_symbolic.experiments.runner import (
        ALL,
        EXPERIMENTS,
        LONG,
        WorkerDied,
        WrongFolder,
        compare,
    )
    from dqn_symbolic.runs.stopping import exit_status, noted_signals

    if experiment not in (None, *ALL):
        raise BadInput(f"EXPERIMENT is one of {', '.join(ALL)}; got {experiment!r}")
    if experiment in LONG:
        checked(task, LONG[experiment].GAME)  # raises BadInput if the game is not installed
    names = [experiment] if experiment else list(EXPERIMENTS)
    out = out or Path("runs/compare-quick" if quick else "runs/compare")
    in_parallel, failures = None, (WorkerDied,)
    if address:
        cluster = import_ray()
        checked(cluster.expect_cluster, address)
        cluster.connect(address)
        in_parallel, failures = cluster.in_cluster, (WorkerDied, cluster.ray.exceptions.RayError)
    with noted_signals() as noted:
        try:
            ready = compare(names, out, quick, noted, quiet, in_parallel)
        except WrongFolder as error:
            raise BadInput(error) from error
        except failures as error:
            message = " ".join(str(error).split())
            raise BadInput(f"{message:.500}; repeat the command to continue from there") from error
    if not quiet:
        say(f"report: {out / 'report.md'}" if ready else "go on:  the same command again")
    return exit_status(noted)
