"""gorila: a run as `train` makes it, by several agents on Ray."""

from dataclasses import fields, replace
from functools import partial

from dqn_symbolic.commands.front import import_compiler, import_ray
from dqn_symbolic.commands.training import checked, expect_kept, train
from dqn_symbolic.gorila.settings import GorilaSettings


def gorila(make_task, program, address=None, **given):
    """Learns a game, writes the files of `train`, and plays if there is a screen. -> exit status"""
    import_compiler()
    cluster = import_ray()
    if address:
        checked(cluster.expect_cluster, address)
    asked = {field.name: given.pop(field.name) for field in fields(GorilaSettings)
             if field.name in given}  # fmt: skip
    make_run = partial(gorila_run, asked=asked, address=address)
    try:
        return train(make_task, program, make_run=make_run, command="gorila", **given)
    finally:
        cluster.ray.shutdown()


def gorila_run(task, settings, out, data=None, asked=(), address=None):
    """-> a GorilaRun; asked: {option of GorilaSettings: value}."""
    from dqn_symbolic.gorila.on_ray import OnRay
    from dqn_symbolic.gorila.run import GorilaRun
    from dqn_symbolic.runs.loading import BAD_VALUES, does_not_fit
    from dqn_symbolic.runs.machine import expect_memory

    if data:
        try:
            gorila = GorilaSettings(**data["gorila"])
        except BAD_VALUES as error:
            raise does_not_fit(out / "checkpoint.npz", error) from error
        expect_kept(asked, data["gorila"])
    else:
        gorila = GorilaSettings(**asked)
    run = GorilaRun(task, OnRay(task, settings, gorila, address), out)
    if address is None:  # all memories are on this machine
        frames = run.agent.env.frame_space
        of_all = replace(settings, memory_size=settings.memory_size * gorila.bundles)
        run.memory_line = expect_memory(frames, of_all)
    return run
