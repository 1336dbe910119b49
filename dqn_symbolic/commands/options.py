"""The command line: each command's options are made from the fields of dataclasses.

A field is made by `settings.setting`: its type says how its text is read, its meaning is the help.
"""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from dqn_symbolic.agent.settings import PRESETS, setting

AGENTS = Path(__file__).parent.parent / "agents"  # that come with the project
KEPT = tuple(sorted(path.parent.name for path in AGENTS.glob("*/agent.npz")))


class BadInput(Exception):
    """Invalid input of the user's; the message is one line: what was expected, and what came."""


@dataclass(frozen=True)
class Preset:
    preset: str = setting(None, "settings that go together", tuple(PRESETS))
    network: str = setting(None, "dense layers only, or convolutions before them", ("mlp", "conv"))


@dataclass(frozen=True)
class Files:
    out: Path = setting(None, "folder for the files (runs/<game>-<time>)")
    resume: Path = setting(None, "folder of a run that goes on")
    window: bool = setting(None, "play in a window at the end (where there is a screen)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Modules:
    imported: list = setting(None, "module that registers games", option="import")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise BadInput(message)


def parsed(arguments, program, about, commands):
    """-> (function, {option: value}: those that were given).

    commands: {name: (function, dataclasses whose fields are its options)}; the first is the
    default. The first line of a function's docstring is its help.
    """
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = [next(iter(commands)), *arguments]
    parser = Parser(prog=program, description=about)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (function, *classes) in commands.items():
        words = function.__doc__.splitlines()[0]
        command = subparsers.add_parser(
            name, help=words, description=words, argument_default=argparse.SUPPRESS
        )
        command.set_defaults(command=function)
        for one in classes:
            group = command.add_argument_group(one.__name__.lower())
            for field in fields(one):
                add_option(group, field)
    given = vars(parser.parse_args(arguments))
    return given.pop("command"), given


def add_option(group, field):
    meaning, choices = field.metadata["meaning"], field.metadata["choices"]
    if field.name in ("folder", "experiment"):  # the only one without --
        group.add_argument(field.name, nargs="?", type=field.type, default=None, help=meaning)
        return
    default = field.default
    if default is not None and default is not False and default != ():
        meaning += f" ({'x'.join(map(str, default)) if field.type is tuple else default})"
    how = {"help": meaning, "dest": field.name}
    if field.type is bool:
        how["action"] = argparse.BooleanOptionalAction
    elif field.type is list:
        how |= {"action": "append", "metavar": "NAME"}
    elif choices:
        how |= {"choices": choices, "metavar": "|".join(choices)}
    else:
        how |= {
            "type": layers if field.type is tuple else field.type,
            "metavar": METAVARS[field.type],
        }
    group.add_argument(f"--{(field.metadata['option'] or field.name).replace('_', '-')}", **how)


METAVARS = {int: "N", float: "X", str: "NAME", Path: "DIR", tuple: "N,N"}


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


@dataclass(frozen=True)
class Watching:
    folder: Path = setting(None, "folder of the agent's run (the latest in runs/)")
    agent: str = setting(None, "an agent that comes with the project", KEPT)
    gif: Path = setting(None, "write an animation to this file and open no window")


@dataclass(frozen=True)
class Evaluating:
    folder: Path = setting(None, "folder of the agent's run (the latest in runs/)")
    agent: str = setting(None, "an agent that comes with the project", KEPT)
    episodes: int = setting(None, "episodes to play (the run's own number)")
    epsilon: float = setting(None, "probability of a random action (the run's own)")
    seed: int = setting(0, "the episodes and all random actions come from it")
    out: Path = setting(None, "folder for evaluation.json (the run's own)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Comparing:
    experiment: str = setting(None, "one of the room's experiments (all)")
    quick: bool = setting(False, "a small version, in about a minute each")
    out: Path = setting(None, "folder for the files (runs/compare); it goes on there")
    quiet: bool = setting(False, "print nothing but errors")
