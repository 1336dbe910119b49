"""train: starts a run or resumes it, writes its files and prints its result."""

import time
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path

from dqn_symbolic.agent.settings import PRESETS, Settings
from dqn_symbolic.commands.front import import_compiler, say
from dqn_symbolic.commands.options import BadInput


def single_agent(task, settings, out, data=None):
    """-> a Run; data: of the checkpoint that it goes on from, or None."""
    from dqn_symbolic.runs.run import Run

    return Run(task, settings, out)


def train(
    make_task, program, window=None, quiet=False, make_run=single_agent, command="train", **given
):
    """Learns a game, writes the files, and plays if there is a screen. -> exit status

    make_task(options of the game) -> Task; make_run: as `single_agent`; command: the user's name
    for this one; given: the options that the user gave.
    """
    import_compiler()

    from dqn_symbolic.compiling.backends import advice
    from dqn_symbolic.runs.loading import restore
    from dqn_symbolic.runs.stopping import exit_status, noted_signals
    from games.window.screen import has_screen

    if window and not has_screen():
        raise BadInput("--window needs a screen, but this machine has none")
    tell = (lambda text, end=None: None) if quiet else say
    # Note signals before the folder appears: whoever sees the folder may stop the run.
    with noted_signals() as noted, locked_run(make_task, make_run, command, given) as (run, data):
        settings = run.agent.settings
        hint = advice(settings.backend, settings.threads)
        if hint:
            tell(hint)
        if run.memory_line:
            tell(run.memory_line)
        try:
            ready = checked(run.compile, tell, noted)
            if ready and data and not checked(restore, run, data):
                tell(run.not_back)
            if ready:
                run.train(noted, quiet)
            if ready or not data:  # otherwise the files are complete already
                report(run.finish(stopped=bool(noted)), run, program, command, noted, tell)
        except FloatingPointError as error:
            raise BadInput(
                f"stopped after {run.agent.steps:,} agent steps: {error};"
                f" {run.out} holds the run as last saved"
            ) from error
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
            raise BadInput(f"{problem}; {how_to_continue(run.out)}") from error
    if not noted and window is not False and has_screen():
        from dqn_symbolic.commands.watching import watch

        return watch(run.out, tell=tell)
    return exit_status(noted)


@contextmanager
def locked_run(make_task, make_run, command, given):
    """-> (a Run in a locked folder, the data of its checkpoint or None)."""
    from dqn_symbolic.runs.files import alone
    from dqn_symbolic.runs.loading import read_data

    out, resume = given.pop("out", None), given.pop("resume", None)
    if out and resume:
        raise BadInput(
            "--out starts a new run, --resume continues an old one: use only one of them"
        )
    if resume:
        with alone(resume):
            data, task, settings = checked(read_data, resume, "checkpoint")
            wrote = "gorila" if "gorila" in data else "train"
            if wrote != command:
                raise BadInput(f"{resume} holds a run of {wrote}: {wrote} --resume goes on")
            make_run = partial(make_run, data=data)
            yield resumed(resume, data, task, settings, make_task, make_run, given), data
        return
    task = checked(make_task, split(given)[1])
    settings, _ = split({"preset": task.preset, **given})
    run = checked(new_run, task, settings, make_run, out)
    with alone(run.out):
        refuse_taken(run.out)
        yield run, None


def new_run(task, settings, make_run, out):
    """-> a Run at its start. It makes its folder last, so bad input leaves nothing behind."""
    run = make_run(task, Settings(**settings), out)
    run.out = folder_for(task.game, out)
    return run


def folder_for(game, out):
    """Makes the folder and returns it; without `out`, a new folder in runs/."""
    if out:
        out.mkdir(parents=True, exist_ok=True)
        return out
    name = game.rpartition(":")[2].rpartition("/")[2].rpartition("-v")[0].lower() or "game"
    stem, number = f"runs/{name}-{time.strftime('%Y%m%d-%H%M%S')}", 1
    while True:  # two runs may start in the same second
        folder = Path(stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


def refuse_taken(folder):
    from dqn_symbolic.runs import pieces
    from dqn_symbolic.runs.run import FILES

    taken = [name for name in (*FILES, pieces.FOLDER) if (folder / name).exists()]
    if taken:
        raise BadInput(
            f"{folder} already holds a run ({taken[0]}): --resume it, or take another --out"
        )


def split(given):
    """The options that the user gave -> (settings of the learner, options of the game)."""
    given = dict(given)
    preset, network = given.pop("preset", None), given.pop("network", None)
    names = {field.name for field in fields(Settings)}
    settings = dict(PRESETS[preset]) if preset else {}
    if network == "mlp":
        settings["filters"] = ()
    elif network == "conv" and not settings.get("filters"):
        settings["filters"] = PRESETS["conv"]["filters"]
    settings.update((name, value) for name, value in given.items() if name in names)
    return settings, {name: value for name, value in given.items() if name not in names}


def resumed(folder, data, task, settings, make_task, make_run, given):
    """-> a Run in `folder` with its old settings. Only `steps` may differ."""
    from dataclasses import asdict, replace

    from dqn_symbolic.runs.loading import empty_weights, steps_of

    old, steps = asdict(settings), given.pop("steps", settings.steps)
    asked, game = split(given)
    if "network" in given and "filters" not in given:
        if bool(old["filters"]) != (given["network"] == "conv"):
            kind = "conv" if old["filters"] else "mlp"
            raise BadInput(
                f"--resume keeps a run's settings: network was {kind}, not {given['network']}"
            )
        asked.pop("filters", None)
    if game:
        asked_task = checked(make_task, game)
        old |= {"game": task.game, **task.settings}
        asked |= {"game": asked_task.game}
        asked |= {n: v for n, v in asked_task.settings.items() if n in game}
    expect_kept(asked, old)
    reached = checked(steps_of, folder, data)
    if steps < reached:
        raise BadInput(f"--steps {steps}: the run has already taken {reached} agent steps")
    if reached:
        checked(empty_weights, folder / "checkpoint.npz", task, settings)
    return checked(make_run, task, replace(settings, steps=steps), folder)


def expect_kept(asked, old):
    """Raises BadInput if a setting that the user gave is not the resumed run's."""
    for name, value in asked.items():
        if value != old.get(name):
            raise BadInput(
                f"--resume keeps a run's settings: {name} was {old.get(name)!s:.100}, not {value}"
            )


def checked(call, *arguments):
    """call(*arguments); an error about bad values becomes a BadInput."""
    try:
        return call(*arguments)
    except (OverflowError, ValueError) as error:
        raise BadInput(f"{' '.join(str(error).split()):.1000}") from error


def how_to_continue(folder):
    """-> advice for the user after a file could not be written."""
    if (folder / "checkpoint.npz").exists():
        return f"the last checkpoint is whole: when this is repaired, go on with --resume {folder}"
    return "there was no checkpoint yet: when this is repaired, start again with another --out"


def report(summary, run, program, command, stopped, tell):
    """Prints the lines at the end of a run."""
    task = run.task
    if summary["mean_return"] is not None:
        solved = "solved" if summary["solved"] else "not solved"
        if task.goal is None:
            solved = "played"
        levels = ", ".join(f"{label} {value:.4g}" for label, value in task.levels.items())
        score = f"{task.score_name.replace('_', ' ')} {summary[task.score_name]:.4g}"
        score += f" ({levels})" if levels else ""
        tell(f"{solved}: {score} after {summary['env_steps']:,} agent steps")
    if run.compiled:
        tell(
            f"time:   {summary['train_seconds']:.1f} s of training"
            f" ({summary['updates']:,} updates), {summary['compile_seconds']:.1f} s of compiling"
        )
    tell(f"files:  {run.out}")
    if stopped:
        tell(f"go on:  {program} {command} --resume {run.out}")
    if run.compiled:
        tell(f"watch:  {program} watch {run.out}")
