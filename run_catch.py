"""The front door: the lecture's DQN meets the Catch game.  python run_catch.py --help"""

import argparse
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

# One core is the quickest for matrices as small as these. Must be said before NumPy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

GAME = {
    "rows": 10,
    "columns": 10,
    "paddle_width": 3,
    "paddle_start": "anywhere",
    "drift": False,
    "pixels": None,
}
PIXEL_GAME = {"pixels": 84, "drift": True}  # the size of the Nature agent's frames


# What values that are not ours can lead to, read from a file of the right format.
MISFITS = (AttributeError, LookupError, OverflowError, TypeError, ValueError)


class BadInput(Exception):
    """What was expected and what came, in one line."""


def main(arguments):
    """-> exit status: 0 as asked, 2 bad input, 130 after Ctrl-C."""
    status = 2
    try:
        command, options = parsed(arguments)
        return command(**options)
    except BadInput as error:
        complaint = str(error)
    except OSError as error:
        complaint = f"{error.filename}: {error.strerror}"
    except MemoryError as error:
        complaint = f"too large for the memory here: {error}"
    except ModuleNotFoundError as error:
        complaint = f"{error.name} is not installed: pip install -e ."
    except KeyboardInterrupt:
        complaint, status = "interrupted", 130
    print(f"run_catch.py: {complaint}", file=sys.stderr)
    return status


# -- train -----------------------------------------------------------------------------------------


def train(out=None, resume=None, window=None, quiet=False, **options):
    """Learns Catch and writes the files; then plays, where there is a screen."""
    import_compiler()

    from dqn_symbolic.compiling.backends import advice
    from dqn_symbolic.runs.run import ctrl_c
    from games.window.screen import has_screen

    if window and not has_screen():
        raise BadInput("--window needs a screen, and there is none here")

    def say(text, end="\n"):
        if not quiet:
            print_now(text, end)

    with begun(out, resume, options) as (run, about):
        hint = advice(run.training.settings.backend)
        if hint:
            say(hint)
        try:
            with ctrl_c() as interrupted:
                ready = run.compile(say, interrupted)
                if ready and resume:
                    restore(run, about)
                if ready:
                    run.train(interrupted, quiet)
                if ready or not resume:  # otherwise the files are what they should be
                    report(run.finish(), run.out, interrupted, say)
        except FloatingPointError as error:
            raise BadInput(
                f"stopped after {run.training.steps:,} agent steps: {error};"
                f" {run.out} holds the run as last saved"
            ) from error
        except OSError as error:
            raise BadInput(f"{error.filename}: {error.strerror}; {way_on(run.out)}") from error
    if interrupted:
        return 130
    if window is not False and has_screen():
        return watch(run.out, say=say)
    return 0


@contextmanager
def begun(out, resume, options):
    """-> (a Run in a folder that it has to itself, what its checkpoint says or None)."""
    from dqn_symbolic.runs.files import alone

    if resume:
        with alone(resume):
            about = load_about(resume / "checkpoint.npz", "checkpoint")
            yield resumed(resume, about, options), about
    else:
        run = new(out, options)
        run.out.mkdir(parents=True, exist_ok=True)
        with alone(run.out):
            refuse_taken(run.out)
            yield run, None


def new(out, options):
    """-> a Run at its start."""
    settings, game = split(options)
    out = out or Path(time.strftime("runs/catch-%Y%m%d-%H%M%S"))
    return checked_run(settings, {**GAME, **game}, out)


def refuse_taken(folder):
    from dqn_symbolic.runs.run import FILES

    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise BadInput(
            f"{folder} already holds a run ({taken[0]}): --resume it, or take another --out"
        )


def resumed(folder, about, options):
    """-> a Run in `folder` with the settings it had."""
    from dqn_symbolic.agent.settings import Settings, tuples
    from games.catch import Catch

    settings, game = split(options)
    try:
        saved, saved_game = kept(about)
        steps = settings.pop("steps", saved["steps"])  # a run may be made longer
        if steps < about["counters"]["steps"]:
            reached = about["counters"]["steps"]
            raise BadInput(f"--steps {steps}: the run has had {reached} agent steps already")
        for name, value in {**settings, **game}.items():
            before = {**saved, **saved_game}[name]
            if value != tuples(before):
                raise BadInput(
                    f"--resume goes on as the run was: {name} was {before!s:.100}, not {value}"
                )
        if about["counters"]["steps"]:
            refuse_boasts(folder / "checkpoint.npz", Settings(**saved), Catch(**saved_game))
        return checked_run({**saved, "steps": steps}, saved_game, folder)
    except MISFITS as error:
        raise does_not_fit(folder / "checkpoint.npz", error) from error


def restore(run, about):
    from dqn_symbolic.runs.checkpoints import Unreadable

    try:
        run.restore(about)
    except Unreadable as error:
        raise BadInput(error) from error
    except MISFITS as error:
        raise does_not_fit(run.out / "checkpoint.npz", error) from error


def way_on(folder):
    """What to do after a file could not be written."""
    if (folder / "checkpoint.npz").exists():
        return f"the last checkpoint is whole: once that is mended, go on with --resume {folder}"
    return "there was no checkpoint yet: once that is mended, begin again with another --out"


def does_not_fit(path, error):
    return BadInput(f"{path} does not fit this version: {error!r:.300}")


def checked_run(settings, game, out):
    """The door: whatever makes no sense is refused here."""
    from dqn_symbolic.agent.agent import Training
    from dqn_symbolic.agent.settings import Settings
    from dqn_symbolic.runs.run import Run
    from games.catch import Catch

    try:
        env = Catch(**game)
        training = Training(env, Settings(**settings))
    except (OverflowError, ValueError) as error:
        raise BadInput(f"{error!s:.300}") from error
    return Run(training, Catch(**game), env.starts(), game, env.chance, env.optimum, out)


def report(summary, out, interrupted, say):
    """The plain lines at the end of a run."""
    compiled = summary["catch_rate"] is not None  # or else there is nothing to tell or watch
    if compiled:
        caught, starts = round(summary["catch_rate"] * summary["starts"]), summary["starts"]
        solved = "solved" if summary["solved"] else "not solved"
        whole = " (no player could from more)" if summary["solved"] and caught < starts else ""
        say(
            f"{solved}: catches from {caught} of {starts} start states{whole}"
            f" after {summary['env_steps']:,} agent steps"
        )
        say(
            f"time:   {summary['train_seconds']:.1f} s of training"
            f" ({summary['updates']:,} updates), {summary['compile_seconds']:.1f} s of compiling"
        )
    say(f"files:  {out}")
    if interrupted:
        say(f"go on:  python run_catch.py --resume {out}")
    if compiled:
        say(f"watch:  python run_catch.py watch {out}")
    say("play:   python run_catch.py play")


def print_now(text, end="\n"):
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:  # nobody reads any more, but the run goes on
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


# -- compare ---------------------------------------------------------------------------------------


def compare(experiment=None, quick=False, out=None, quiet=False):
    """The lecture's experiments: rows, pictures and a report."""
    import_compiler()

    from dqn_symbolic.experiments.runner import (
        EXPERIMENTS,
        WorkerDied,
        WrongFolder,
        compare,
    )
    from dqn_symbolic.runs.run import ctrl_c
    from games.catch import Catch

    if experiment not in (None, *EXPERIMENTS):
        raise BadInput(f"EXPERIMENT is one of {', '.join(EXPERIMENTS)}; got {experiment!r}")
    names = [experiment] if experiment else list(EXPERIMENTS)
    out = out or Path("runs/compare-quick" if quick else "runs/compare")
    with ctrl_c() as interrupted:
        try:
            ready = compare(names, Catch, out, quick, interrupted, quiet)
        except WrongFolder as error:
            raise BadInput(error) from error
        except WorkerDied as error:
            raise BadInput(
                f"a process died at {error}; again, and it goes on from there"
            ) from error
    if not quiet:
        print_now(f"report: {out / 'report.md'}" if ready else "go on:  the same command again")
    return 0 if ready else 130


# -- watch, play -----------------------------------------------------------------------------------


def watch(folder=None, gif=None, say=print_now):
    """The window, the agent playing; or the same as a GIF."""
    from games.window.screen import has_screen

    if not gif and not has_screen():
        raise BadInput("watch needs a screen, and there is none here: use --gif FILE")
    if gif and gif.suffix.lower() != ".gif":
        raise BadInput(f"--gif needs a file name that ends in .gif, got {gif}")
    env, q_values = load_agent(folder or latest())

    from games.window import window

    if gif:
        window.record(env, q_values, gif)
        say(f"written: {gif}")
    else:
        tell(window.show(env, q_values), say)
    return 0


def play(**game):
    """The window, for a person."""
    from games.catch import Catch
    from games.window import window
    from games.window.screen import has_screen

    if not has_screen():
        raise BadInput("play needs a screen, and there is none here")
    try:
        env = Catch(**game)
    except ValueError as error:
        raise BadInput(error) from error
    tell(window.show(env), print_now)
    return 0


def load_agent(folder):
    """-> (game, q_values): the trained agent of a run and the game that it learnt."""
    import_compiler()

    from numpy.random import default_rng

    from dqn_symbolic.agent.agent import as_seen, first_params, trained
    from dqn_symbolic.agent.settings import Settings
    from dqn_symbolic.runs import checkpoints
    from games.catch import Catch

    path = folder / "agent.npz"
    about = load_about(path, "agent")
    try:
        settings, game = kept(about)
        settings, game = Settings(**settings), Catch(**game)
        refuse_boasts(path, settings, game)
        weights = first_params(default_rng(0), as_seen(game, settings), settings)  # their places
        checkpoints.fill(path, weights)
        env, forward = trained(game, settings, weights)
    except checkpoints.Unreadable as error:
        raise BadInput(error) from error
    except MISFITS as error:
        raise does_not_fit(path, error) from error
    env.reset()
    return env, lambda x: forward(x[None])[0]


def latest():
    """-> the folder of the newest run in runs/."""
    agents = sorted(Path("runs").glob("*/agent.npz"), key=lambda path: path.stat().st_mtime)
    if not agents:
        raise BadInput("there is no run in runs/ yet: train first, or name the run's folder")
    return agents[-1].parent


def tell(tally, say):
    say(f"{tally.caught} of {tally.episodes} caught, best streak {tally.best_streak}")


# -- what came through the door --------------------------------------------------------------------


def load_about(path, kind):
    """-> what a file that a run has written says of itself."""
    from dqn_symbolic.runs import checkpoints

    try:
        return checkpoints.load_about(path, kind)
    except checkpoints.Unreadable as error:
        raise BadInput(error) from error


def kept(about):
    """-> (settings of the learner, settings of the game), each of the type that it has here."""
    from dqn_symbolic.agent.settings import Settings

    settings = dict(about["settings"])
    game = settings.pop("game")
    types = {field.name: list if field.type is tuple else field.type for field in fields(Settings)}
    for name, value in settings.items():
        if type(value) is not types[name]:
            raise TypeError(f"{name}: expected {types[name].__name__}, got {value!r}")
    if game.keys() != GAME.keys():
        raise KeyError(f"expected the game's {', '.join(GAME)}, got {', '.join(game)}")
    return settings, game


def refuse_boasts(path, settings, game):
    """Before room is made for a network: its weights must be in the file, not deflated."""
    import numpy as np

    from dqn_symbolic.symbols.networks import conv_params

    def no_room(rng, shape):
        return np.broadcast_to(np.float32(0), shape)

    seen = (*game.observation_space.shape, settings.history)
    actions = int(game.action_space.n)
    params = conv_params(None, seen, settings.filters, settings.hidden, actions, no_room)
    if sum(value.nbytes for value in params.values()) > path.stat().st_size:
        raise ValueError(f"too large a network for the file: {settings.hidden}, {settings.filters}")


def import_compiler():
    """PyTensor wants its cache at once, and says no more than that it cannot write there."""
    try:
        import dqn_symbolic.compiling.backends  # noqa: F401
    except OSError as error:
        raise BadInput(
            f"{error.filename}: {error.strerror}; for the compiled code take a folder that can be"
            " written, by PYTENSOR_FLAGS=base_compiledir=DIR"
        ) from error


def split(options):
    """The options that were given -> (settings of the learner, settings of the game)."""
    from dqn_symbolic.agent.settings import PRESETS, Settings

    pixels = options.pop("pixels", False)
    network = options.pop("network", "conv" if pixels else "mlp")
    game = dict(PIXEL_GAME) if pixels else {}
    settings = dict(PRESETS["pixels" if pixels else network])
    if network == "mlp":
        settings.pop("filters", None)

    types = {field.name: field.type for field in fields(Settings)}
    game.update((name, value) for name, value in options.items() if name in GAME)
    settings.update((name, value) for name, value in options.items() if name in types)
    for text in options.get("set", []):
        name, _, value = text.partition("=")
        if name in options:
            raise BadInput(f"{name} is given twice: --{name} {options[name]} and --set {text}")
        if name not in types:
            raise BadInput(f"--set NAME=VALUE: NAME is one of {', '.join(types)}; got {name!r}")
        try:
            settings[name] = layers(value) if types[name] is tuple else types[name](value)
        except ValueError as error:
            wanted = "1,2 or 1x2x3,4x5x6" if types[name] is tuple else types[name].__name__
            raise BadInput(f"--set {name} needs {wanted}, got {value!r}") from error
    return settings, game


def layers(text):
    """ "64,32" -> (64, 32); "16x8x4,32x4x2" -> ((16, 8, 4), (32, 4, 2)); "" -> ()"""
    parts = [tuple(int(number) for number in part.split("x")) for part in text.split(",") if part]
    return tuple(part[0] if len(part) == 1 else part for part in parts)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise BadInput(message)


def parsed(arguments):
    """-> (command, the options that were given)."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["train", *arguments]

    board = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    game = board.add_argument_group("the game")
    game.add_argument("--rows", type=int, metavar="N", help="height of the board in cells (10)")
    game.add_argument("--columns", type=int, metavar="N", help="width of the board in cells (10)")
    game.add_argument("--paddle-width", type=int, metavar="N", help="in cells (3)")
    game.add_argument(
        "--paddle-start", choices=("anywhere", "middle"), help="where the paddle starts (anywhere)"
    )
    game.add_argument(
        "--drift",
        action=argparse.BooleanOptionalAction,
        help="the ball moves sideways too, and bounces off the walls",
    )

    parser = Parser(
        prog="run_catch.py",
        description="The lecture's DQN learns the game of Catch, and you can play it.",
        epilog="Without a COMMAND it trains. Options of each: run_catch.py COMMAND --help",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    learn = commands.add_parser(
        "train", parents=[board], argument_default=argparse.SUPPRESS, help="learn Catch (default)"
    )
    learn.set_defaults(command=train)
    learn.add_argument("--seed", type=int, metavar="N", help="of every random stream (0)")
    learn.add_argument("--steps", type=int, metavar="N", help="most agent steps")
    learn.add_argument(
        "--checkpoint-every", type=int, metavar="N", help="agent steps between checkpoints (1000)"
    )
    learn.add_argument("--network", choices=("mlp", "conv"), help="dense or convolutional (mlp)")
    learn.add_argument(
        "--pixels",
        action="store_true",
        help="the game in 84 x 84 pixels: the ball drifts, the network sees 4 frames (conv)",
    )
    learn.add_argument("--backend", metavar="NAME", help="numba (default), c or jax")
    learn.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="any setting of dqn_symbolic/agent/settings.py",
    )
    place = learn.add_mutually_exclusive_group()
    place.add_argument(
        "--out", type=Path, metavar="DIR", help="for the files (runs/catch-<timestamp>)"
    )
    place.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR")
    learn.add_argument(
        "--window",
        action=argparse.BooleanOptionalAction,
        help="play at the end (if there is a screen)",
    )
    learn.add_argument("--quiet", action="store_true", help="print nothing but errors")

    look = commands.add_parser("watch", help="watch an agent play, and take over from it")
    look.set_defaults(command=watch)
    look.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="its run (the latest in runs/)"
    )
    look.add_argument("--gif", type=Path, metavar="FILE", help="write an animation, open no window")

    lecture = commands.add_parser(
        "compare",
        argument_default=argparse.SUPPRESS,
        help="the lecture's claims as experiments, over seeds",
    )
    lecture.set_defaults(command=compare)
    lecture.add_argument(
        "experiment",
        nargs="?",
        metavar="EXPERIMENT",
        help="stages, ablation, minibatches, frames, initialisation, dynamic-programming or"
        " policy-gradient (all)",
    )
    lecture.add_argument("--quick", action="store_true", help="a small version, in a minute each")
    lecture.add_argument(
        "--out", type=Path, metavar="DIR", help="for the files (runs/compare); goes on there"
    )
    lecture.add_argument("--quiet", action="store_true", help="print nothing but errors")

    commands.add_parser("play", parents=[board], help="play Catch yourself").set_defaults(
        command=play
    )

    options = vars(parser.parse_args(arguments))
    return options.pop("command"), options


if __name__ == "__main__":
    status = main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # another Ctrl-C must not change the exit status
    sys.exit(status)
