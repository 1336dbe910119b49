"""The command line: the fields of dataclasses become the options of the commands.

`settings.setting` makes a field. Its type says how to read the text, its meaning is the help.
"""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from dqn_symbolic.runs.errors import BadInput
from dqn_symbolic.settings import PRESETS, setting

TRAINED = Path(__file__).parent.parent / "trained"  # agents that come with the project
NAMES = tuple(sorted(path.parent.name for path in TRAINED.glob("*/agent.npz")))


@dataclass(frozen=True)
class Preset:
    preset: str = setting(None, "settings that go together", tuple(PRESETS))
    network: str = setting(None, "dense layers only, or convolutions before them", ("mlp", "conv"))


@dataclass(frozen=True)
class Files:
    out: Path = setting(None, "folder for the files (runs/<game>-<time>)")
    resume: Path = setting(None, "folder of a run, which continues")
    window: bool = setting(None, "play in a window at the end (if there is a screen)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Cluster:
    address: str = setting(None, "HOST:PORT of a Ray cluster (Ray is started on this machine)")


@dataclass(frozen=True)
class Modules:
    imported: list = setting(None, "a module that registers games")


@dataclass(frozen=True)
class Trained:
    folder: Path = setting(None, "folder of a run (the latest in runs/)")
    agent: str = setting(None, "an agent that comes with the project", NAMES)


@dataclass(frozen=True)
class Watching:
    gif: Path = setting(None, "write an animation to this file and open no window")


@dataclass(frozen=True)
class Evaluating:
    episodes: int = setting(None, "episodes to play (the run's own number)")
    epsilon: float = setting(None, "probability of a random action (the run's own)")
    seed: int = setting(0, "the episodes and all random actions come from it")
    out: Path = setting(None, "folder for evaluation.json (the run's own)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Plotting:
    runs: Path = setting(None, "folders of runs of one game")
    out: Path = setting(None, "the picture, a PNG (plot.png; of one run its learning_curve.png)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Comparing:
    experiment: str = setting(None, "name of an experiment (all)")
    quick: bool = setting(False, "a small version, about a minute for each experiment")
    address: str = setting(None, "HOST:PORT of a Ray cluster for the jobs (processes here)")
    out: Path = setting(None, "folder for the files (runs/compare); finished jobs in it are kept")
    quiet: bool = setting(False, "print nothing but errors")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise BadInput(message)


def parsed(arguments, program, description, commands):
    """-> (name of the command, {option: value} of the options that the user gave).

    commands: {name: (help, dataclasses whose fields are its options)}; the first is the default.
    """
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = [next(iter(commands)), *arguments]
    parser = Parser(prog=program, description=description)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, (summary, classes) in commands.items():
        command = subparsers.add_parser(
            name, help=summary, description=summary, argument_default=argparse.SUPPRESS
        )
        for options in classes:
            group = command.add_argument_group(options.__name__.lower())
            for field in fields(options):
                add_option(group, field)
    given = vars(parser.parse_args(arguments))
    return given.pop("command"), given


def add_option(group, field):
    """Its name, and what argparse needs to know of its type."""
    name, meaning, choices = field.name, field.metadata["meaning"], field.metadata["choices"]
    if name in ("folder", "experiment", "runs"):  # these have no --
        nargs = "+" if name == "runs" else "?"
        group.add_argument(name, nargs=nargs, type=field.type, default=None, help=meaning)
        return
    if field.default not in (None, False, ()):
        shown = "x".join(map(str, field.default)) if field.type is tuple else field.default
        meaning += f" ({shown})"
    if choices:
        how = {"choices": choices, "metavar": "|".join(choices)}
    else:
        how = HOW.get(field.type) or {"type": field.type, "metavar": METAVARS[field.type]}
    option = "--import" if name == "imported" else f"--{name.replace('_', '-')}"
    group.add_argument(option, dest=name, help=meaning, **how)


def layers(text):
    """ "64,32" -> (64, 32); "16x8x4,32x4x2" -> ((16, 8, 4), (32, 4, 2)); "" -> ()"""
    try:
        parts = [
            tuple(int(number) for number in part.split("x")) for part in text.split(",") if part
        ]
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected 64,32 or 16x8x4,32x4x2, got {text!r}"
        ) from error
    return tuple(part[0] if len(part) == 1 else part for part in parts)


METAVARS = {int: "N", float: "X", str: "NAME", Path: "PATH"}
HOW = {
    bool: {"action": argparse.BooleanOptionalAction},
    list: {"action": "append", "metavar": "NAME"},
    tuple: {"type": layers, "metavar": "N,N"},
}
