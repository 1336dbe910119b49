"""What a game returns, as the agent sees it: arrays of uint8 or float32, and plain numbers."""

from collections.abc import Callable
from functools import partial

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple, utils

from dqn_symbolic.guard.errors import Wrong

LARGEST = float(np.finfo(np.float32).max)  # the memory keeps rewards as float32


def as_frames(space: gymnasium.Space) -> tuple[Box, Callable]:
    """-> (the Box of the frames, the function observation -> array of the game's own dtype).

    Discrete and MultiDiscrete become one-hot. They, MultiBinary, bool and uint8 become uint8, all
    other numbers float32. Raises ValueError for any other space, with a remedy that works for it.
    """
    if isinstance(space, Discrete | MultiDiscrete):
        return Box(0, 1, (utils.flatdim(space),), np.uint8), partial(one_hot, space)
    if isinstance(space, MultiBinary):
        return Box(0, 1, space.shape, np.uint8), partial(array_of, space)
    if not isinstance(space, Box):
        got = type(space).__name__ if isinstance(space, Dict | Tuple) else shown(space)
        remedy = f"gymnasium's {flattening(space)} makes it so"
        raise ValueError(f"the observation space: expected a Box ({remedy}), got {got}")
    dtype = np.uint8 if space.dtype in (np.uint8, bool) else np.float32
    with np.errstate(over="ignore"):
        low, high = (b.astype(dtype).reshape(b.shape or 1) for b in (space.low, space.high))
    return Box(low, high, dtype=dtype), partial(array_of, space)


def flattening(space):
    """-> the wrappers that make a Box of a space: of its parts, if not of all."""

    def is_flat(part):
        try:
            return isinstance(utils.flatten_space(part), Box)
        except (NotImplementedError, ValueError):  # a space of the game's own, or an empty one
            return False

    if is_flat(space):
        return "FlattenObservation"
    parts = getattr(space, "spaces", ())
    parts = parts.items() if isinstance(space, Dict) else enumerate(parts)
    if names := [name for name, part in parts if is_flat(part)]:
        return f"FilterObservation(env, {names}), and then FlattenObservation,"
    return "TransformObservation(env, function, Box(...))"


def action_range(space: gymnasium.Space) -> tuple[int, int]:
    """-> (the first action, how many). Raises ValueError, with a remedy, for other spaces."""
    if not isinstance(space, Discrete):
        bounded = isinstance(space, Box) and space.is_bounded()
        remedy = "DiscretizeAction(env, bins)" if bounded else "TransformAction(env, function, ...)"
        expected = f"Discrete(n) (gymnasium's {remedy} makes it so)"
        raise ValueError(f"the action space: expected {expected}, got {shown(space)}")
    return int(space.start), int(space.n)


def one_hot(space, observation):
    if not space.contains(observation):
        raise Wrong(f"the observation: expected an element of {space}, got {shown(observation)}")
    return utils.flatten(space, observation).astype(np.uint8)


def array_of(space, observation):
    array = np.asarray(observation) if is_number_or_array(observation) else None
    if array is None or array.shape != space.shape:
        expected = f"{space.dtype} {space.shape}"
        raise Wrong(f"the observation: expected {expected}, got {shown(observation)}")
    return array.reshape(space.shape or 1)


def cast(array, dtype):
    """-> the array as uint8 or float32. Raises Wrong if numbers would change, or are not finite."""
    if array.dtype != dtype:
        is_known = array.dtype.kind in ("biu" if dtype == np.uint8 else "biuf")
        with np.errstate(all="ignore"):
            cast = array.astype(dtype) if is_known else array
        if not is_known or (dtype == np.uint8 and (cast != array).any()):
            raise Wrong(f"the observation: expected {dtype} {array.shape}, got {shown(array)}")
        array = cast
    if dtype != np.uint8 and not np.isfinite(array).all():
        where = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise Wrong(f"the observation is {array[where]} at {where}")
    return array


def number(name, value, expected, fits=lambda number: -LARGEST <= number <= LARGEST):
    """-> the one number in `value`. Raises Wrong if there is none, or none that fits."""
    array = np.asarray(value) if is_number_or_array(value) else np.empty(0)
    if array.size != 1 or array.dtype.kind not in "biuf" or not fits(array.item()):
        raise Wrong(f"{name}: expected {expected}, got {shown(value)}")
    return array.item()


def flag(name, value):
    """-> True or False, which may also be 1 or 0."""
    return bool(number(name, value, "True or False", (0, 1).__contains__))


def is_number_or_array(value):
    """-> whether it is a number, or an array of NumPy or another library."""
    return isinstance(value, float | int) or hasattr(value, "__array__")


def shown(value):
    """-> what a game has or returned, in a few words of one line."""
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"{value.dtype} {value.shape}"
    text = f"{len(value)} values" if isinstance(value, tuple) else repr(value)
    return f"{' '.join(text.split()):.100}"
