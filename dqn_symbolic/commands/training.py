"""train: starts a run or resumes it, writes its files and prints its result."""

import shlex
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

from dqn_symbolic.agent import ELSEWHERE, Agent
from dqn_symbolic.commands.front import teller
from dqn_symbolic.environments.any_game import NAMED
from dqn_symbolic.environments.task import closed_by, scorer
from dqn_symbolic.guard.errors import BadInput, Done, GameError, bad_input, one_line
from dqn_symbolic.guard.files import alone
from dqn_symbolic.runs import loading
from dqn_symbolic.runs.machine import expect_room
from dqn_symbolic.runs.run import Run
from dqn_symbolic.runs.stopping import exit_status, noted_signals
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from dqn_symbolic.training import training
from games.window import screen


def train(door, **given):
    """Any game; run_catch.py has the same for Catch. -> exit status"""
    with asked(door, given) as (task, settings, run):
        agent = run.begin(Agent(task.make(), settings))
        for _ in run.kept(training(agent, run.scored(scorer(task, agent)), run.pause)):
            if task.solved(run.rows):
                break
    return ended(door, run, **given)


@contextmanager
def asked(door, given, command="train", own=(), where=""):
    """What the user asks for -> (Task, Settings, Run). After the block, the run writes its files.

    given: {option: value}; own: those of `command` alone; where: what going on needs, too. Ctrl-C,
    SIGTERM and SIGHUP stop the run. Bad input, and what goes wrong outside, become a BadInput.
    """
    given, going_on = door.prepared(given), f"{command}{where} --resume"
    _, quiet = given.pop("window", None), given.pop("quiet", False)
    out, resume = given.pop("out", None), given.pop("resume", None)
    if out and resume:
        raise BadInput("--out starts a new run, --resume continues one: use only one of them")
    tell = teller(quiet)
    if quiet:
        warnings.filterwarnings("ignore", ELSEWHERE)
    # Note signals before the folder appears: whoever sees the folder may stop the run.
    with noted_signals() as noted, ExitStack() as stack:
        if resume:
            stack.enter_context(alone(resume))
            task, settings, data = resumed(resume, door, given, command, own)
        else:
            task, settings, data = new(door, given)
        task = closed_by(stack, task, tell)
        run = Run(task, settings, resume or out, data, noted, tell, quiet, stack)
        try:
            if command == "train":
                expect_room(run)
            yield task, settings, run
            report(run.finish(), run, door.program, going_on)
        except GameError as error:
            if not run.compiled:
                raise
            run.finish(scored=False)
            problem = f"stopped after {run.agent.steps:,} agent steps: {error}"
            go_on = f"when this is repaired, {again(run, door.program, going_on)}"
            raise BadInput(f"{problem}; everything until then is saved: {go_on}") from error
        except FloatingPointError as error:
            saved = (run.out / "checkpoint.npz").exists()
            state = f"{run.out} holds the run as last saved" if saved else "nothing is saved yet"
            problem = f"stopped after {run.agent.steps:,} agent steps: {error}"
            raise BadInput(f"{problem}; {state}") from error
        except OSError as error:
            if not run.opened:
                raise
            saved = (run.out / "checkpoint.npz").exists()
            state = "the last checkpoint is whole" if saved else "there was no checkpoint yet"
            anew = "start again with another --out"
            go_on = again(run, door.program, going_on) if saved else anew
            problem = f"{error.filename}: {error.strerror}; {state}"
            raise BadInput(f"{problem}: when this is repaired, {go_on}") from error
        except (OverflowError, ValueError) as error:
            if run.compiled:
                raise
            raise BadInput(one_line(error)) from error


def ended(door, run, window=None, quiet=False, **given):
    """Plays in the window after a run that was not stopped, if there is one. -> exit status"""
    if run.stop or window is False:
        return exit_status(run.stop)
    if not screen.has_screen():
        run.say("no window: this machine has no screen")
        return 0
    from dqn_symbolic.commands.watching import watch  # only now: it would delay the training

    try:
        return watch(door, run.out, quiet=quiet)
    except (BadInput, GameError) as error:  # the training is done
        run.say(f"no window: {error}")
        return 0


@bad_input()
def new(door, given):
    """-> (Task, Settings, None) of a new run."""
    _, game = split(given)
    if "ALE/" in game.get("game", "") and given.get("preset", "atari") == "atari":
        game = {"frame_size": ATARI_FRAME_SIZE, **game}
    task = door.make_task(game)
    settings, _ = split({"preset": task.preset, **given})
    return task, Settings(**settings), None


def split(given):
    """The options that the user gave -> (settings of the agent, options of the game)."""
    given = dict(given)
    preset, network = given.pop("preset", None), given.pop("network", None)
    names = {field.name for field in fields(Settings)}
    settings = dict(PRESETS[preset]) if preset else {}
    if network == "mlp":
        settings["filters"] = ()
    elif network == "conv" and not settings.get("filters"):
        settings["filters"] = PRESETS["conv"]["filters"]
    settings.update((name, value) for name, value in given.items() if name in names)
    if network and (network == "conv") != bool(settings["filters"]):
        raise BadInput(f"--network {network} does not go with these --filters: use one of them")
    return settings, {name: value for name, value in given.items() if name not in names}


@bad_input()
def resumed(folder, door, given, command, own=()):
    """-> (Task, Settings, data of the checkpoint). Of the settings, only `steps` may differ."""
    path = folder / "checkpoint.npz"
    data, task, settings = loading.read_data(path, "checkpoint")
    wrote = "gorila" if "gorila" in data else "train"
    if wrote != command:
        raise BadInput(f"{folder} holds a run of {wrote}: {wrote} --resume goes on")
    expect_kept(dict(own), data.get("gorila", {}))
    steps, network = given.pop("steps", settings.steps), given.get("network")
    asked, game = split(given)
    if network and "filters" not in given:
        expect_kept({"network": network}, {"network": "conv" if settings.filters else "mlp"})
        asked.pop("filters", None)
    expect_kept(asked | {"steps": settings.steps}, asdict(settings))  # a preset's do not count
    if game:
        other = door.make_task({"game": task.game, **game} if door.modules else game)
        named = game.keys() | game.get("game_option", {}).keys()
        own = {name: value for name, value in other.kwargs.items() if name in named}
        expect_kept({"game": other.game, **own}, {"game": task.game, **task.kwargs})
    settings = replace(settings, steps=steps)
    with loading.fitting(path):
        state = data["agent"]
        reached = loading.expect_count("steps", state["counters"]["steps"]) if state else 0
        ended = data["run"].get("ended", True)  # older files do not say
    if steps < reached:
        raise BadInput(f"--steps {steps}: the run has already taken {reached} agent steps")
    if reached:
        loading.empty_weights(path, task, settings)
        if ended and (how := loading.how_it_ended(folder, reached, settings)):
            raise Done(f"{folder} has ended after {reached:,} agent steps: {how}")
    return task, settings, data


def expect_kept(asked, old):
    """Raises BadInput if a setting that the user gave is not the resumed run's."""
    for name, value in asked.items():
        if value != old.get(name):
            differs = f"{name} was {old.get(name)!s:.100}, not {value}"
            raise BadInput(f"--resume keeps a run's settings: {differs}")


def again(run, program, command):
    """-> a command line for a run: "train --resume", "gorila --resume" or "watch"."""
    here = str(Path().resolve())
    named = (n if place == here else f"{place}/{n}" for n, place in dict(NAMED).items())
    imports = "".join(f" --import {shlex.quote(name)}" for name in named)
    return f"{program} {command} {shlex.quote(run.out.as_posix())}{imports}"


def report(summary, run, program, going_on):
    """Prints the lines at the end of a run."""
    task = run.task
    if summary and summary["mean_return"] is not None:
        unsolved = "played" if task.goal is None else "not solved"
        solved = "solved" if summary["solved"] else unsolved
        levels = ", ".join(f"{label} {value:.4g}" for label, value in task.levels.items())
        score = f"{task.score_name.replace('_', ' ')} {summary[task.score_name]:.4g}"
        score += f" ({levels})" if levels else ""
        run.say(f"{solved}: {score} after {summary['env_steps']:,} agent steps")
    if run.compiled:
        trained = f"{summary['train_seconds']:.1f} s of training ({summary['updates']:,} updates)"
        run.say(f"time:   {trained}, {summary['compile_seconds']:.1f} s of compiling")
    run.say(f"files:  {run.out}")
    if run.stop:
        run.say(f"go on:  {again(run, program, going_on)}")
    if run.compiled:
        run.say(f"watch:  {again(run, program, 'watch')}")
