"""Runs the command that the command line names. An error becomes one line and an exit status."""

import atexit
import os
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from typing import NamedTuple

from dqn_symbolic.commands import options
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.guard.errors import BadInput, Done, GameError, bad_input
from dqn_symbolic.runs.stopping import end_at_second_signal
from dqn_symbolic.settings import PRESETS, Settings

TRAIN = "Learn the game, write the files, and play in a window if there is a screen."
GORILA = "The same, by several agents that share one set of parameters, on Ray."
EVALUATE = "Score the best agent of a run over new episodes."
WATCH = "Watch an agent play, and take over from it."
PICTURE = "Draw what the network of an agent sees: its Q-values, and its last hidden layer."
PLOT = "Draw the learning curves of runs in one picture."
COMPARE = "Run the lecture's claims as experiments, with several seeds."


class Door(NamedTuple):
    """What the two front doors differ in."""

    program: str  # its name for the user, "python run_catch.py"
    description: str
    make_task: Callable  # {option of the game: value} -> Task
    game: tuple  # classes that list the game's options
    modules: tuple = ()  # the same for modules that register games
    train: Callable | None = None  # instead of commands/training.py
    prepared: Callable = dict  # {option: value} of a run -> the same, with what follows from them

    def commands(self):
        """-> {command: (its module in this folder, its help, what lists its options, with titles)}.

        The function has the command's name. The first command is the default.
        """
        game, trained = ("the game", *self.game, *self.modules), options.Trained
        cluster = "Gorila", options.Cluster, GorilaSettings
        run = "the agent and its training", options.Preset, Settings, "the run", options.Files
        return {
            "train": ("training", TRAIN, (*game, *run)),
            "gorila": ("gorila", GORILA, (*game, *cluster, *run)),
            "evaluate": ("evaluating", EVALUATE, (trained, options.Evaluating, *self.modules)),
            "watch": ("watching", WATCH, (trained, options.Watching, *self.modules)),
            "picture": ("picture", PICTURE, (trained, options.Picturing, *self.modules)),
            "play": ("playing", "Play the game yourself.", game),
            "plot": ("plotting", PLOT, (options.Plotting,)),
            "compare": ("comparing", COMPARE, (options.Comparing, options.Cluster)),
        }

    def more(self, command, given):
        """-> (what --help of a command says besides, {setting: its default for the game})"""
        if command == "compare":
            known = imported("comparing").runner.ALL.items()
            return "\n".join(f"  {name:20} {experiment.TITLE}" for name, experiment in known), {}
        if Settings not in self.commands()[command][2]:
            return "", {}
        if "imported" in given:
            import_modules(given.pop("imported"))
        given = self.prepared(given)
        preset = given.get("preset", "catch")
        if "game" in given and "preset" not in given:
            game = {f.name: given[f.name] for c in self.game for f in fields(c) if f.name in given}
            with bad_input():
                preset = self.make_task(game).preset
        other = "" if "game" in given or not self.modules else "; --game ID --help shows a game's"
        return f"The defaults are those of the preset {preset}{other}.", PRESETS[preset]


def main(arguments, door):
    """-> exit status: 0 success, 2 bad input, 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP."""
    status = 2
    try:
        name, given = options.parsed(arguments, door)
        if "imported" in given:
            import_modules(given.pop("imported"))
        function = getattr(imported(door.commands()[name][0]), name)
        if name == "train":
            function = door.train or function
        return function(door, **given)
    except Done as done:
        if not given.get("quiet"):
            say(str(done))
        return 0
    except (BadInput, FloatingPointError, GameError) as error:
        message = str(error)
        game_error = error if isinstance(error, GameError) else error.__cause__
        if isinstance(game_error, GameError):
            print(game_error.args[1], end="", file=sys.stderr)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    except MemoryError as error:
        message = f"too large for the memory here: {error}"
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install -e ." if error.name else str(error)
        if str(error.name).startswith("games."):
            theirs = vars(sys.modules["games"])  # a folder, or a file
            where, *_ = theirs.get("__path__", [theirs.get("__file__")])
            message = f"{where} hides our package games: rename it"
    except KeyboardInterrupt:
        message, status = "interrupted", 130
    print(f"{door.program.split()[-1]}: {message}", file=sys.stderr)
    return status


@bad_input()
def import_modules(texts):
    """Imports modules of the user, which register games. -> their names"""
    import games  # noqa: F401  ours, before a folder of the user with this name
    from dqn_symbolic.environments.any_game import imported as import_named

    return [import_named(text) for text in texts]


def imported(module):
    """Imports a command. If PyTensor's cache is not writable, says how to choose another folder."""
    try:
        return import_module(f"dqn_symbolic.commands.{module}")
    except OSError as error:
        remedy = "a writable folder for the compiled code: PYTENSOR_FLAGS=base_compiledir=DIR"
        raise BadInput(f"{error.filename}: {error.strerror}; choose {remedy}") from error


def run(main):
    """Runs main(arguments) -> exit status, and ends the process with this status."""
    if sys.stderr is None:  # pythonw has no console
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os.environ["MPLBACKEND"] = "agg"  # for files; a notebook's own may not be installed
    warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"
    end_at_second_signal()
    # Another Ctrl-C must not change the exit status. At its very end, Python forgets our handlers.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    status = main(sys.argv[1:])
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(status)


def teller(quiet):
    """-> `say`, or a function that says nothing."""
    return (lambda text, end=None: None) if quiet else say


def say(text, end="\n"):
    """Prints at once. If standard output is closed, the run goes on and prints no more."""
    try:
        print(text, end=end, flush=True)
    except UnicodeEncodeError:  # a terminal that knows ASCII only
        print(ascii(text), end=end, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
