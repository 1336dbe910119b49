"""The command line: the fields of dataclasses become the options of the commands.

`settings.setting` makes a field. Its type says how to read the text, its meaning is the help.
"""

import argparse
import ast
import json
from contextlib import suppress
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from dqn_symbolic.guard.errors import BadInput, bad_input
from dqn_symbolic.settings import PRESETS, checked, setting

TRAINED = Path(__file__).parent.parent / "trained"  # agents that come with the project
NAMES = tuple(sorted(path.parent.name for path in TRAINED.glob("*/agent.npz")))
WHICH = (
    "settings that go together: catch, conv or pixels for Catch; classic for games of a few"
    " numbers, such as CartPole-v1; atari for ALE/...; nature, as in the paper (the game's own)"
)


@dataclass(frozen=True)
class Preset:
    preset: str = setting(None, WHICH, tuple(PRESETS))
    network: str = setting(None, "dense layers only, or convolutions before them", ("mlp", "conv"))


@dataclass(frozen=True)
class Files:
    out: Path = setting(None, "folder for the files (runs/<game>-<time>)")
    resume: Path = setting(None, "folder of a run, which continues")
    window: bool = setting(None, "play in a window at the end (if there is a screen)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Cluster:
    address: str = setting(None, "HOST:PORT of a Ray cluster (this machine alone)")


@dataclass(frozen=True)
class Modules:
    imported: list = setting(None, "a module that registers games, or its file")


@dataclass(frozen=True)
class Trained:
    folder: Path = setting(None, "folder of a run (the latest in runs/)")
    agent: str = setting(None, "an agent that comes with the project", NAMES)


@dataclass(frozen=True)
class Watching:
    gif: Path = setting(None, "write an animation to this file and open no window")
    gif_seconds: int = setting(20, "its length, in seconds of play", most=120)


@dataclass(frozen=True)
class Picturing:
    seed: int = setting(0, "all random numbers come from it", most=2**32 - 1)  # t-SNE's most
    out: Path = setting(None, "folder for the pictures (the run's own; with --agent NAME: NAME)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Evaluating:
    episodes: int = setting(None, "episodes to play (the run's own number)", most=100_000)
    epsilon: float = setting(None, "probability of a random action (the run's own)")
    seed: int = setting(0, "the episodes and all random actions come from it", most=2**63 - 1)
    out: Path = setting(None, "folder for evaluation.json (the run's own; with --agent: none)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Plotting:
    runs: Path = setting(None, "folders of runs of one game (the latest in runs/)")
    out: Path = setting(None, "the picture, a PNG (plot.png; of one run its learning_curve.png)")
    quiet: bool = setting(False, "print nothing but errors")


@dataclass(frozen=True)
class Comparing:
    experiment: str = setting(None, "name of an experiment (all but the long games and pong)")
    quick: bool = setting(False, "a small version, about a minute for each experiment")
    out: Path = setting(None, "folder for the files (runs/compare); finished jobs in it are kept")
    quiet: bool = setting(False, "print nothing but errors")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise BadInput(f"{message:.500}")

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            problem = f"invalid choice: {value!r} (choose from {', '.join(action.choices)})"
            raise argparse.ArgumentError(action, problem + did_you_mean(value, action.choices))


def parsed(arguments, door):
    """-> (name of the command, {option: value} of the options that the user gave)"""
    commands, own = door.commands(), ("-h", "--help", "--version")
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in own):
        arguments = [next(iter(commands)), *arguments]
    parser = Parser(prog=door.program, description=door.description, allow_abbrev=False)
    version = ""
    if arguments[0] == "--version":
        from dqn_symbolic.runs.machine import machine  # only now: it takes longer than all the rest

        version = machine()["versions"]
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    options = {name: add_command(subparsers, name, *commands[name][1:]) for name in commands}
    known, unknown = parser.parse_known_args(arguments)
    given = vars(known)
    command = given.pop("command")
    if unknown:
        names = [name for action in options[command].values() for name in action.option_strings]
        hint = did_you_mean(unknown[0].partition("=")[0], names)
        raise BadInput(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    for field in options[command]:
        if field.type in (int, float) and field.name in given:
            with bad_input():
                checked(field, given[field.name])
    if given.pop("help", False):
        parser, (text, defaults) = subparsers.choices[command], door.more(command, given)
        parser.description += f"\n\n{text}"
        for field, action in options[command].items():
            default = shown(defaults.get(field.name, field.default))
            action.help += f" ({default})" if default not in ("", "None", "False") else ""
        parser.print_help()
        parser.exit()
    return command, given


def add_command(subparsers, name, summary, parts):
    """-> {field: argparse's action of its option}"""
    how = {"formatter_class": argparse.RawDescriptionHelpFormatter, "add_help": False}
    how |= {"argument_default": argparse.SUPPRESS, "allow_abbrev": False}
    parser = subparsers.add_parser(name, help=summary, description=summary, **how)
    parser.add_argument("-h", "--help", action="store_true", help=argparse.SUPPRESS)
    group, options = parser, {}
    for part in parts:
        if isinstance(part, str):
            group = parser.add_argument_group(part)
        else:
            options |= {field: add_option(group, field) for field in fields(part)}
    positional = [f"[{o.dest}]" for o in options.values() if not o.option_strings]
    parser.usage = " ".join(["%(prog)s", *positional, "[options]"])
    return options


def add_option(group, field):
    """Its name, and what argparse needs to know of its type. -> argparse's action"""
    name, meaning, choices = field.name, field.metadata["meaning"], field.metadata["choices"]
    how = HOW[field.type] | HOW.get(name, {})
    if name in ("folder", "experiment", "runs"):  # these have no --
        how = {"nargs": "*" if name == "runs" else "?", "type": how["type"], "default": None}
        return group.add_argument(name, help=meaning, **how)
    if choices:
        how = {"choices": choices, "metavar": "|".join(choices)}
    if name in AMERICAN:
        group.add_argument(AMERICAN[name], dest=name, help=argparse.SUPPRESS, **how)
    option = "--import" if name == "imported" else f"--{name.replace('_', '-')}"
    return group.add_argument(option, dest=name, help=meaning, **how)


def did_you_mean(text, names):
    near = [name for name in names if name.startswith(text)] or get_close_matches(text, names, 1)
    return f"; did you mean {' or '.join(near[:3])}?" if near else ""


def layers(text):
    """ "64,32" -> (64, 32); "16x8x4,32x4x2" -> ((16, 8, 4), (32, 4, 2)); "" -> ()"""
    try:
        parts = [tuple(map(int, part.split("x"))) for part in text.split(",") if part]
    except ValueError as error:
        message = f"expected 64,32 or 16x8x4,32x4x2, got {text!r}"
        raise argparse.ArgumentTypeError(message) from error
    return tuple(part[0] if len(part) == 1 else part for part in parts)


def shown(value, between=","):
    """-> the text that the user would give for a value; the inverse of `layers`."""
    many = isinstance(value, tuple)
    return between.join(shown(part, "x") for part in value) if many else str(value)


def path(text):
    if not text:  # Path("") would be the current folder
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return Path(text)


class Pairs(argparse.Action):
    """NAME=VALUE, any number of times -> {name: value}"""

    def __call__(self, parser, namespace, text, option=None):
        name, equals, value = text.partition("=")
        pairs = getattr(namespace, self.dest, {})
        if not (name and equals) or name in pairs:
            parser.error(f"argument {option}: expected NAME=VALUE, each NAME once, got {text!r}")
        setattr(namespace, self.dest, pairs | {name: plain(value)})


def plain(text):
    """-> its value in JSON, or in Python if JSON has it too; or else the text."""
    for read in json.loads, lambda text: json.loads(json.dumps(ast.literal_eval(text))):
        with suppress(RecursionError, SyntaxError, TypeError, ValueError):
            return read(text)
    return text


AMERICAN = {"optimiser": "--optimizer", "initialiser": "--initializer", "centred": "--centered"}
# {type, or name: what argparse needs to know of it}
HOW = {
    int: {"type": int, "metavar": "N"},
    float: {"type": float, "metavar": "X"},
    str: {"type": str, "metavar": "NAME"},
    Path: {"type": path, "metavar": "PATH"},
    bool: {"action": argparse.BooleanOptionalAction},
    tuple: {"type": layers, "metavar": "N,N"},
    list: {"action": "append", "metavar": "NAME"},
    dict: {"action": Pairs, "metavar": "NAME=VALUE"},
    "filters": {"metavar": "16x8x4,32x4x2"},
    "game": {"metavar": "ID"},
}
