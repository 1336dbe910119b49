"""Reads the files of a run and checks everything in them before it is used.

A file may be damaged, of another version, or made to harm. Each function raises `Unreadable`, whose
message is one line.
"""

import csv
import json
import re
from collections import namedtuple
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from dqn_symbolic import networks
from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import Task
from dqn_symbolic.frames import stacked
from dqn_symbolic.guard.errors import bad_input, one_line
from dqn_symbolic.guard.files import read_text
from dqn_symbolic.guard.game import Guarded
from dqn_symbolic.q_learning import forward_alone
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.checkpoints import Unreadable
from dqn_symbolic.settings import Settings, expect

LARGEST = 1e100
# A trained agent that only acts: forward(x) -> q; weights: {name: array}.
Player = namedtuple("Player", "task settings forward weights")


def load(path, env=None) -> Agent:
    """-> the agent of agent.npz, which acts, is scored, and can be trained further.

    path: the file, or the folder of a run; env: the game, if it has no Gymnasium id. The counters
    and the memory are new. Raises Unreadable for a bad file, and what `Agent` raises.
    """
    path = Path(path)
    task, settings, weights = read_agent(path / "agent.npz" if path.is_dir() else path, env)
    agent = Agent(task.make(), settings)
    for params in (agent.graph.params, agent.graph.acting, agent.graph.target_params):
        for param, value in zip(params, weights.values()):
            param.set_value(value)
    return agent


def player_of(folder) -> Player:
    """-> the best agent of a run; only `forward` is compiled."""
    task, settings, weights = read_agent(Path(folder) / "agent.npz")
    return Player(task, settings, forward_of(task, settings, weights), weights)


def forward_of(task, settings, weights, backend="numba"):
    """-> `forward` of a network with these weights, for what only acts."""
    space = stacked(task.frames, settings.history)
    with bad_input():  # the backend may not be able to compile here
        how = space.shape, space.dtype, mode(backend)
    return forward_alone(networks.of(settings, space), weights, *how)


def digest(weights):
    """-> the SHA-256 of all weights, in hexadecimal digits."""
    return sha256(b"".join(value.tobytes() for value in weights.values())).hexdigest()


def read_settings(path, kind):
    """-> (data, keyword arguments of the game, Settings) of agent.npz or checkpoint.npz."""
    data = checkpoints.load_data(path, kind)
    with fitting(path):
        settings = dict(data["settings"])
        kwargs = dict(settings.pop("game"))
        if not re.fullmatch(r"[\w:./{}=\[\]-]{,200}", data["game"]):
            raise ValueError("this is not a game")
        return data, kwargs, Settings(**settings)


def read_data(path, kind, env=None):
    """-> (data, Task, Settings) of agent.npz or checkpoint.npz; env: instead of the file's game."""
    data, kwargs, settings = read_settings(path, kind)
    if not (env or data["game"]):
        raise Unreadable(f"{path}: its game has no Gymnasium id: give it to load")
    try:
        if not env:
            return data, task(data["game"], **kwargs), settings
        guarded = Guarded(env)
        space, actions = guarded.observation_space, int(guarded.action_space.n)
        return data, Task("", {}, lambda: env, space, actions), settings
    except (TypeError, ValueError) as error:
        raise Unreadable(f"the game of {path} cannot be made: {one_line(error):.500}") from error


def read_agent(path, env=None):
    """-> (Task, Settings, {name: array}: the weights)."""
    _, task, settings = read_data(path, "agent", env)
    with fitting(path):
        weights = empty_weights(path, task, settings)
        checkpoints.fill(path, weights)
    return task, settings, weights


def empty_weights(path, task, settings):
    """-> {name: empty array} for a network's weights. ValueError: the file is too small."""
    shape, layers = (*task.frames.shape, settings.history), (settings.filters, settings.hidden)
    params = networks.conv_params(
        None, shape, *layers, task.actions, lambda _, shape: np.broadcast_to(np.float32(0), shape)
    )
    # Before it takes memory: weights are never compressed.
    if sum(value.nbytes for value in params.values()) > path.stat().st_size:
        network = f"{settings.hidden}, {settings.filters}"
        raise ValueError(f"{path} is too small for such a network: {network}")
    return {name: np.empty(value.shape, np.float32) for name, value in params.items()}


def how_it_ended(folder, reached, settings) -> str:
    """-> how a run has ended, after `reached` agent steps; "" if not, or without its summary."""
    with suppress(LookupError, OSError, RecursionError, TypeError, ValueError):
        summary = json.loads(read_text(folder / "summary.json"))
        if summary["env_steps"] == reached:
            goes_on = "--steps N goes on" if reached == settings.steps else ""
            return "it is solved" if summary["solved"] is True else goes_on
    return ""


def mark_of(path, data):
    """-> the mark of a run's pieces."""
    with fitting(path):
        if not re.fullmatch("[0-9a-f]{8}", mark := data["run"]["mark"]):
            raise ValueError("mark: expected eight hexadecimal digits")
        return mark


def restore(path, data, task, agent) -> tuple:
    """Puts a checkpoint into an agent that has not stepped yet. data: the checkpoint's.

    -> (rows of progress.csv, (best mean return, its weights), {number: checksums} of the pieces,
    seconds of (compiling, training)). If this raises, nothing has changed.
    """
    with fitting(path):
        run_state = data["run"]
        rows = read_progress(run_state["progress"], task)
        names = "compile_seconds", "train_seconds"
        seconds = tuple(expect_count(name, run_state[name]) for name in names)
        best: tuple = None, {}
        if not run_state["linker"]:
            raise ValueError("linker: expected its name")
        if run_state["best"] is not None:
            weights = {name: np.empty_like(value) for name, value in agent.weights().items()}
            best = expect_number("best", run_state["best"]), weights
        others = {f"best.{name}": value for name, value in best[1].items()}
        checksums = restore_agent(path, mark_of(path, data), data, agent, others)
    return rows, best, checksums, seconds


def restore_agent(path, run, data, agent, others):
    """Puts what `pieces.save_agent` wrote into an agent, fills `others`. -> {number: checksums}"""
    if (path.parent / pieces.FOLDER).is_symlink():
        raise ValueError(f"{pieces.FOLDER} is a link: it would change what another run has")
    state = data["agent"]
    if not state:
        return {}
    arrays, saved_parts = empty_state(state, agent)
    finished, room = pieces.cut(state, saved_parts)
    checksums = {number: list(of_piece) for number, of_piece in data["pieces"]}
    if list(map(str, checksums)) != list(map(str, finished)):
        raise ValueError(f"pieces: expected {list(finished)}, got {list(checksums)}")
    checkpoints.fill(path, {**room, **others})
    for number, piece in finished.items():
        checkpoints.fill(pieces.path(path.parent, run, number), piece, checksums[number])
    agent.set_state(state, arrays)
    return checksums


def empty_state(state, agent):
    """-> ({name: array} to be filled for `set_state`; the parts of them that are in the files).

    Raises ValueError if `state` is not what `get_state` of such an agent returns.
    """
    own_state, own = agent.get_state()
    free = dict.fromkeys(("actions", "chosen", "episode_return"), 0)
    if structure({**state, **free}) != structure({**own_state, **free}):
        raise ValueError("these are not the counters and random streams of such an agent")
    for name, count in state["counters"].items():
        expect_count(name, count)
    others = {name: array for name, array in own.items() if not name.startswith("memory.")}
    arrays = {name: np.empty(array.shape, array.dtype) for name, array in others.items()}
    if "memory" not in state:
        return arrays, arrays
    chosen = 0 if state["chosen"] is None else state["chosen"]
    if not all(type(a) is int and 0 <= a < agent.action_count for a in [*state["actions"], chosen]):
        raise ValueError("these are no actions of this game")
    written = state["memory"]["written"]
    highest = 2 * state["counters"]["steps"]  # the first step of an episode adds two frames
    if not 1 < written <= highest:
        raise ValueError(f"a memory cannot have had {written!r} frames after so many steps")
    rings = {f"memory.{name}": ring for name, ring in agent.memory.new_rings().items()}
    filled = min(written, agent.memory.slots)
    return arrays | rings, arrays | {name: ring[:filled] for name, ring in rings.items()}


def expect_count(name, count):
    expect(name, 0 <= expect_number(name, count) < 10**15, "a count", count)
    return count


def expect_number(name, value):
    """-> a number that can be added to others, and drawn."""
    if type(value) not in (int, float) or not abs(value) < LARGEST:
        raise ValueError(f"{name}: expected a number below {LARGEST:g}, got {value!r:.100}")
    return value


def read_progress(text, task):
    """-> the rows of progress.csv. Only the loss may be empty: None."""
    numbers = {"env_steps", "updates", "seconds", "epsilon", "mean_return", task.score_name}
    rows = []
    for fields in csv.DictReader(text.splitlines()):
        row = {name: number(name, field) for name, field in fields.items() if name.isascii()}
        if missing := {n for n in numbers if row.get(n) is None} | {"loss"} - row.keys():
            raise ValueError(f"a row without {', '.join(sorted(missing))}")
        rows.append(row)
    return rows


def number(name, field):
    if not field:
        return None
    is_whole = field.isdecimal() and len(field) < 16
    return expect_number(name, int(field) if is_whole else float(field))


def structure(value):
    """-> the same nested dicts and lists, with a type in place of each value."""
    if isinstance(value, dict):
        return {name: structure(part) for name, part in value.items()}
    return [structure(part) for part in value] if isinstance(value, list) else type(value)


@contextmanager
def fitting(path):
    """Inside the `with` block, an error about bad values becomes an Unreadable."""
    bad = AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError
    try:
        yield
    except (*bad, csv.Error) as error:
        message = f"{path} does not fit this version: {' '.join(repr(error).split()):.300}"
        raise Unreadable(message) from error
