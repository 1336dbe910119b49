"""What comes from a run's files is checked here, before anything believes it.

A file may be damaged, of another version, or made to harm. Each function raises `Unreadable`, whose
message is one line.
"""

from math import inf

import numpy as np

from dqn_symbolic.agent.learner import first_params
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.experience.frames import as_seen
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.checkpoints import Unreadable
from dqn_symbolic.runs.run import not_finite

# Exceptions that malformed values in a saved file can raise.
MISFITS = (AttributeError, LookupError, OverflowError, TypeError, ValueError)


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
    except MISFITS as error:
        raise does_not_fit(path, error) from error


def read_agent(folder):
    """-> (Task, Settings, {name: array}: the weights)."""
    path = folder / "agent.npz"
    _, task, settings = read_data(folder, "agent")
    try:
        weights = room_for_weights(path, task, settings)
        checkpoints.fill(path, weights)
    except Unreadable:
        raise
    except MISFITS as error:
        raise does_not_fit(path, error) from error
    return task, settings, weights


def room_for_weights(path, task, settings):
    """-> {name: empty array}, no larger than the file, which has the weights as they are."""
    env = as_seen(task.make(), settings)

    def no_room(rng, shape):
        return np.broadcast_to(np.float32(0), shape)

    params = first_params(None, env, settings, initialiser=no_room)
    if sum(value.nbytes for value in params.values()) > path.stat().st_size:
        raise ValueError(
            f"{path} is too small for such a network: {settings.hidden}, {settings.filters}"
        )
    return {name: np.empty(value.shape, np.float32) for name, value in params.items()}


def steps_of(folder, data):
    """-> agent steps that a checkpoint's run has had."""
    try:
        return expect_count("steps", data["agent"]["counters"]["steps"]) if data["agent"] else 0
    except MISFITS as error:
        raise does_not_fit(folder / "checkpoint.npz", error) from error


def restore(run, data):
    """Takes a compiled `Run` from its start to a checkpoint that begins with `data`.

    -> whether its game came back to where it was. Nothing is changed if it raises.
    """
    path = run.out / "checkpoint.npz"
    try:
        kept, state = data["run"], data["agent"]
        rows = [dict(row) for row in kept["rows"]]
        for row in rows:
            expect_row(row, run.task)
        seconds = [expect_count(name, kept[name]) for name in ("compile_seconds", "train_seconds")]
        best = float(kept["best"]) if rows else None
        names = [f"best.{name}" for name in run.agent.first_params] if rows else []
        weights = {name: np.empty_like(run.agent.first_params[name[5:]]) for name in names}
        came_back, checksums = True, {}
        if state:
            expect_state(state, run.agent)
            arrays, filled = room_for_state(state, run.agent)
            of_memory, room = pieces.cut(state["memory"]["written"], filled)
            checksums = expect_pieces(data["pieces"], of_memory)
            checkpoints.fill(path, {**room, **weights})
            for number, piece in of_memory.items():
                checkpoints.fill(pieces.path(run.out, number), piece, checksums[number])
            if not_finite(arrays):
                raise ValueError(f"not finite: {not_finite(arrays)}")
            came_back = run.agent.set_state(state, arrays)
    except Unreadable:
        raise
    except MISFITS as error:
        raise does_not_fit(path, error) from error
    run.pieces = checksums
    run.rows, run.best = rows, (best, {name[5:]: value for name, value in weights.items()})
    run.compile_seconds += seconds[0]
    run.train_seconds = seconds[1]
    return came_back


def room_for_state(state, agent):
    """-> (arrays for `set_state`; the parts of them that are in the file)."""
    arrays = {f"learner.{v.name}": np.array(v.get_value()) for v in agent.learn.get_shared()}
    rings = {f"memory.{name}": ring for name, ring in agent.memory.new_rings().items()}
    filled = min(state["memory"]["written"], agent.memory.slots)
    arrays |= {**rings, "x": np.empty_like(agent.x)}
    return arrays, {**arrays, **{name: ring[:filled] for name, ring in rings.items()}}


def expect_state(state, agent):
    """Raises a ValueError for plain data that no `get_state` of such an agent gives."""
    own, _ = agent.get_state()
    if form({**state, "actions": 0}) != form({**own, "actions": 0}):
        raise ValueError("these are not the counters and random streams of such an agent")
    for name, count in state["counters"].items():
        expect_count(name, count)
    actions = state["actions"]
    if not all(type(action) is int and 0 <= action < agent.action_count for action in actions):
        raise ValueError("these are no actions of this game")
    written = state["memory"]["written"]
    most = 2 * state["counters"]["steps"]  # an episode's first frame comes with its second
    if not 1 < written <= most:
        raise ValueError(f"a memory cannot have had {written!r} frames after so many steps")


def expect_pieces(named, expected):
    """-> {number: checksums} of the pieces that a checkpoint names, if they are the expected."""
    checksums = {number: list(of_one) for number, of_one in named}
    if list(checksums) != list(expected):
        raise ValueError(f"pieces: expected {list(expected)}, got {list(checksums)}")
    return checksums


def expect_count(name, count):
    if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count < inf:
        raise ValueError(f"{name}: expected a count, got {count!r}")
    return count


def expect_row(row, task):
    """Raises a ValueError for what is no row of progress.csv."""
    columns = ["env_steps", "updates", "seconds", "epsilon", "loss", "mean_return", task.score_name]
    for name in dict.fromkeys(columns):
        value = row[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number and not (name == "loss" and value is None):
            raise ValueError(f"{name}: expected a number, got {value!r}")


def form(value):
    """What a value is made of: the names in it, and the types."""
    if isinstance(value, dict):
        return {name: form(part) for name, part in value.items()}
    return [form(part) for part in value] if isinstance(value, list) else type(value)


def does_not_fit(path, error):
    return Unreadable(f"{path} does not fit this version: {' '.join(repr(error).split()):.300}")
