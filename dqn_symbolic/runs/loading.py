"""Reads the files of a run and checks everything in them before it is used.

A file may be damaged, of another version, or made to harm. Each function raises `Unreadable`, whose
message is one line.
"""

import csv
import io
from math import inf

import numpy as np

from dqn_symbolic.agent.learner import first_params
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.experience.frames import as_seen
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.checkpoints import Unreadable
from dqn_symbolic.runs.run import frames_written, not_finite

# Exceptions that malformed values in a saved file can raise.
BAD_VALUES = (AttributeError, LookupError, OverflowError, TypeError, ValueError, csv.Error)


def read_data(folder, kind):
    """-> (data, Task, Settings) of agent.npz or checkpoint.npz."""
    path = folder / f"{kind}.npz"
    data = checkpoints.load_data(path, kind)
    try:
        settings = dict(data["settings"])
        game = dict(settings.pop("game"))
        if "render_mode" in game or not isinstance(data["game"], str):
            raise ValueError("this is not a game")
        return data, task(data["game"], **game), Settings(**settings)
    except BAD_VALUES as error:
        raise does_not_fit(path, error) from error


def read_agent(folder):
    """-> (Task, Settings, {name: array}: the weights)."""
    path = folder / "agent.npz"
    _, task, settings = read_data(folder, "agent")
    try:
        weights = empty_weights(path, task, settings)
        checkpoints.fill(path, weights)
    except Unreadable:
        raise
    except BAD_VALUES as error:
        raise does_not_fit(path, error) from error
    return task, settings, weights


def empty_weights(path, task, settings):
    """-> {name: empty array} for a network's weights.

    Raises ValueError before it takes memory if the file is smaller than the weights, which are
    never compressed.
    """
    env = as_seen(task.make(), settings)

    def without_memory(rng, shape):
        return np.broadcast_to(np.float32(0), shape)

    params = first_params(None, env, settings, initialiser=without_memory)
    if sum(value.nbytes for value in params.values()) > path.stat().st_size:
        raise ValueError(
            f"{path} is too small for such a network: {settings.hidden}, {settings.filters}"
        )
    return {name: np.empty(value.shape, np.float32) for name, value in params.items()}


def steps_of(folder, data):
    """-> agent steps that the run of a checkpoint has taken."""
    try:
        return expect_count("steps", data["agent"]["counters"]["steps"]) if data["agent"] else 0
    except BAD_VALUES as error:
        raise does_not_fit(folder / "checkpoint.npz", error) from error


def restore(run, data):
    """Puts a checkpoint into a compiled `Run` at its start. data: the checkpoint's, by `read_data`.

    -> whether the game came back to where it was. If this raises, nothing has changed.
    """
    path = run.out / "checkpoint.npz"
    try:
        run_state, agent_state = data["run"], data["agent"]
        rows = read_progress(run_state["progress"])
        for row in rows:
            expect_row(row, run.task)
        compile_seconds, train_seconds = (
            expect_count(name, run_state[name]) for name in ("compile_seconds", "train_seconds")
        )
        best_return = float(run_state["best"]) if rows else None
        params = run.agent.first_params if rows else {}
        best_weights = {name: np.empty_like(value) for name, value in params.items()}
        came_back, checksums = True, {}
        if agent_state:
            expect_state(agent_state, run.agent)
            arrays, saved_parts = empty_state(agent_state, run.agent)
            finished, room = pieces.cut(frames_written(agent_state), saved_parts)
            checksums = expect_pieces(data["pieces"], finished)
            room |= {f"best.{name}": value for name, value in best_weights.items()}
            checkpoints.fill(path, room)
            for number, piece in finished.items():
                checkpoints.fill(pieces.path(run.out, number), piece, checksums[number])
            if not_finite(arrays):
                raise ValueError(f"not finite: {not_finite(arrays)}")
            came_back = run.agent.set_state(agent_state, arrays)
    except Unreadable:
        raise
    except BAD_VALUES as error:
        raise does_not_fit(path, error) from error
    run.pieces = checksums
    for row in rows:
        run.add_row(row)
    run.best = best_return, best_weights
    run.compile_seconds += compile_seconds
    run.train_seconds = train_seconds
    return came_back


def empty_state(state, agent):
    """-> ({name: array} to be filled for `set_state`; the parts of them that are in the files)."""
    _, own = agent.get_state()
    others = {name: array for name, array in own.items() if not name.startswith("memory.")}
    arrays = {name: np.empty(array.shape, array.dtype) for name, array in others.items()}
    if "memory" not in state:
        return arrays, arrays
    rings = {f"memory.{name}": ring for name, ring in agent.memory.new_rings().items()}
    filled = min(state["memory"]["written"], agent.memory.slots)
    arrays |= rings
    return arrays, {**arrays, **{name: ring[:filled] for name, ring in rings.items()}}


def expect_state(state, agent):
    """Raises ValueError if `state` is not what `get_state` of such an agent returns."""
    own_state, _ = agent.get_state()
    if structure({**state, "actions": 0}) != structure({**own_state, "actions": 0}):
        raise ValueError("these are not the counters and random streams of such an agent")
    for name, count in state["counters"].items():
        expect_count(name, count)
    if "memory" not in state:
        return
    actions = state["actions"]
    if not all(type(action) is int and 0 <= action < agent.action_count for action in actions):
        raise ValueError("these are no actions of this game")
    written = state["memory"]["written"]
    highest = 2 * state["counters"]["steps"]  # the first step of an episode adds two frames
    if not 1 < written <= highest:
        raise ValueError(f"a memory cannot have had {written!r} frames after so many steps")


def expect_pieces(named, finished):
    """named: [(number, checksums), ...] in a checkpoint. -> {number: checksums}

    Raises ValueError if they are not the numbers of the `finished` pieces.
    """
    checksums = {number: list(of_piece) for number, of_piece in named}
    if list(checksums) != list(finished):
        raise ValueError(f"pieces: expected {list(finished)}, got {list(checksums)}")
    return checksums


def expect_count(name, count):
    if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count < inf:
        raise ValueError(f"{name}: expected a count, got {count!r}")
    return count


def read_progress(text):
    """-> the rows of progress.csv. An empty field is None."""

    def number(field):
        return int(field) if field.isdecimal() else float(field) if field else None

    table = csv.DictReader(io.StringIO(text))
    return [{name: number(field) for name, field in row.items()} for row in table]


def expect_row(row, task):
    """Raises ValueError if `row` is not a row of progress.csv."""
    columns = ["env_steps", "updates", "seconds", "epsilon", "loss", "mean_return", task.score_name]
    for name in dict.fromkeys(columns):
        value = row[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number and not (name == "loss" and value is None):
            raise ValueError(f"{name}: expected a number, got {value!r}")


def structure(value):
    """-> the same nested dicts and lists, with a type in place of each value."""
    if isinstance(value, dict):
        return {name: structure(part) for name, part in value.items()}
    return [structure(part) for part in value] if isinstance(value, list) else type(value)


def does_not_fit(path, error):
    return Unreadable(f"{path} does not fit this version: {' '.join(repr(error).split()):.300}")
