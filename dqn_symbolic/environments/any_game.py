"""Any Gymnasium id as a Task, and the modules of the user, which register games."""

import csv
import importlib
import inspect
import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import gymnasium
from gymnasium.envs import registration

from dqn_symbolic.environments.task import Task, close
from dqn_symbolic.guard.errors import one_line, raised
from dqn_symbolic.guard.game import GYMNASIUM, Guarded

NAMED = []  # the imported ones: a process that plays the game elsewhere needs them, too
FROZEN = [Path(f"<frozen importlib._bootstrap{end}>") for end in ("", "_external")]
IMPORTERS = Path(__file__), Path(importlib.__file__), *FROZEN


def task(game: str, **kwargs) -> Task:
    """-> the Task of a Gymnasium id, such as "CartPole-v1" or "games:Catch-v0".

    kwargs: keyword arguments of the game. The goal is the `reward_threshold` of the id; Catch and
    Atari have their own scoring. Raises a ValueError of one line for a game that Gymnasium cannot
    make or the agent cannot learn, GameError for a mistake of the game, and a ModuleNotFoundError
    of one line for a game of ALE if ALE is missing.
    """
    try:
        game = full_id(game)
    except gymnasium.error.Error as error:
        raise ValueError(f"{game}: {one_line(error)}") from error
    for name in {"render_mode", "id", "env_id", "disable_env_checker"} & kwargs.keys():
        raise ValueError(f"{game}: {name} is no option of the game")
    if game.startswith("ALE/"):
        return atari(game, kwargs)
    checked = False  # whether the keyword arguments are right

    def make(**rendering):
        try:
            with warnings.catch_warnings():  # say, that an id is old: in colour, and not of ours
                warnings.filterwarnings("ignore", module="gymnasium")
                return gymnasium.make(game, disable_env_checker=True, **rendering, **kwargs)
        except BaseException as error:
            raise cannot_be_made(game, error, {} if checked else kwargs) from error

    made, checked = make(), True
    try:
        env = Guarded(made)
        if game == "games:Catch-v0":
            fields = catch_scoring(made.unwrapped)
        else:
            preset = "classic" if len(env.shape) == 1 else "catch"
            goal = made.spec.reward_threshold
            fields = {"goal": goal if isinstance(goal, int | float) else None, "preset": preset}
    finally:
        close(made, game)
    return Task(game, kwargs, make, env.observation_space, int(env.action_space.n), **fields)


def catch_scoring(game):
    """-> {field of Task: value}: an evaluation plays one greedy episode from every start."""
    starts = game.starts()
    caught = round(game.optimum * len(starts))
    return {
        "starts": starts,
        "goal": (2 * caught - len(starts)) / len(starts),
        "measures": lambda returns: {"catch_rate": float((returns > 0).mean())},
        "score_name": "catch_rate",
        "levels": {"optimum": game.optimum, "chance": game.chance},
    }


def atari(game, kwargs):
    """-> the Task of "ALE/...". ALE is optional, so only this file and `atari` import it."""
    try:
        from dqn_symbolic.environments.atari import atari_task

        return atari_task(with_version(game), **kwargs)
    except ModuleNotFoundError as error:
        message = f'{game} needs {error.name}, which is not installed: pip install -e ".[atari]"'
        raise ModuleNotFoundError(message) from error
    except Exception as error:
        raise cannot_be_made(game, error, kwargs) from error


def full_id(game):
    """-> the id with its version. Imports no module but our `games`: a file may name any."""
    if game in ("Catch", "Catch-v0"):
        return "games:Catch-v0"
    module, _, name = game.rpartition(":")
    if module not in ("", "games", *sys.modules):
        problem = f"{game}: its module is not imported"
        raise ValueError(f"{problem}: python -m dqn_symbolic has --import {module}")
    if name.startswith("ALE/"):
        return name
    spec = gymnasium.registry.get(name)
    if spec is None or "ale_py" in str(spec.entry_point):
        expect_not_atari(name)
    return f"{module}:{with_version(name)}" if module else with_version(name)


def with_version(name):
    """-> the id with its highest version if it has none."""
    namespace, base, version = registration.parse_env_id(name)
    if version is None and name not in gymnasium.registry:
        version = registration.find_highest_version(namespace, base)
    return registration.get_env_id(namespace, base, version)


def expect_not_atari(name):
    """Raises ValueError for another name of a game of ALE, such as "PongNoFrameskip-v4"."""
    with suppress(ImportError):
        import ale_py  # noqa: F401  it registers its games
    ids = [known for known in gymnasium.registry if known.startswith("ALE/")]
    known = {base.lower(): base for base in [*paper_scores(), *(i[4:-3] for i in ids)]}
    base = re.sub("(NoFrameskip|Deterministic)?(-ram)?(-v[0-9]+)?$", "", name.rpartition("/")[2])
    if base.lower() in known:
        raise ValueError(f"{name}: did you mean ALE/{known[base.lower()]}-v5?")


def cannot_be_made(game, error, kwargs):
    """-> what to raise for an error of a constructor: about the id and kwargs, or the game's."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    error = error.__cause__ or error if isinstance(error, TypeError) else error
    unknown = re.search("unexpected keyword argument '(.*)'", str(error))
    if unknown and unknown[1] in kwargs:
        return ValueError(f"{game} has no option {unknown[1]}{options_of(game)}")
    ale = [Path(m.__file__).parent for m in [sys.modules.get("ale_py")] if m]
    about_kwargs = (TypeError, ValueError) if kwargs else ()
    if isinstance(error, (gymnasium.error.Error, *about_kwargs)):
        return ValueError(f"{game}: {one_line(error)}")
    mistake = raised(f"{game}: its constructor", error, (GYMNASIUM, Path(__file__).parent, *ale))
    return mistake if mistake.args[1] else ValueError(str(mistake))


def options_of(game):
    """-> text: the names of a game's keyword arguments, where they are known."""
    if game.startswith("ALE/"):
        from dqn_symbolic.environments.atari import Atari as creator
    else:
        creator = gymnasium.spec(game.rpartition(":")[2]).entry_point
        creator = creator if callable(creator) else registration.load_env_creator(creator)
    parameters = inspect.signature(creator).parameters.values()
    named = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    names = [name for name in named if name not in ("game", "render_mode")]
    return f"; it has {', '.join(names)}" if names else ""


def paper_scores():
    """-> {game: {"random", "human", "dqn_2015": score}}: the 49 games of the Nature paper."""
    players = "random", "human", "dqn_2015"
    with open(Path(__file__).with_name("nature_scores.csv"), newline="") as file:
        return {row["game"]: {p: float(row[p]) for p in players} for row in csv.DictReader(file)}


def imported(text: str, folder: str = "") -> str:
    """Imports a module by its name or its file, "my_game" or "my_game.py". -> its name

    folder: where it may be, the current one if "". Raises ValueError if there is no such module,
    GameError if its import fails.
    """
    path = Path(folder, text)
    module = path.stem if text.endswith(".py") or "/" in text else text
    if not module or module.startswith("."):
        raise ValueError(f"a module of yours: expected its name or file, got {text!r}")
    here = str(path.parent.resolve())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        file = getattr(importlib.import_module(module), "__file__", None)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"{text}: no such module is installed, or in {here}") from error
        raise raised(f"{text}: its import", error, IMPORTERS) from error
    if path.suffix == ".py" and (not file or Path(file).resolve() != path.resolve()):
        raise ValueError(f"{text}: Python has another module {module}, {file}: rename yours")
    NAMED.append((module, here))
    return module
