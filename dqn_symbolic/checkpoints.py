"""`agent.npz` and `checkpoint.npz`: named arrays and plain data in one file, without pickle."""

import json
from pathlib import Path

import numpy as np

from dqn_symbolic.files import write_whole

VERSION = 1  # of the files' content


def save(path, kind, about, arrays):
    """kind: "agent" or "checkpoint"; about: data that JSON can hold; arrays: {name: array}."""
    about = json.dumps({"dqn_symbolic": kind, "version": VERSION, **about})
    write_whole(path, lambda file: np.savez(file, about=np.array(about), **arrays))


def load(path, kind):
    """-> (about, arrays), as given to `save`. Raises ValueError for any other file."""
    if not Path(path).is_file():
        raise ValueError(f"{path} is missing: expected a file that a run has written")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as entries:
            arrays = dict(entries)
        about = json.loads(str(arrays.pop("about")))
        found = about.pop("dqn_symbolic"), about.pop("version")
    except Exception as error:  # a damaged file can fail in any way
        raise ValueError(f"{path} is damaged, cut short or not a {kind} file") from error
    if found != (kind, VERSION):
        raise ValueError(f"{path}: expected {kind} version {VERSION}, got {found[0]} {found[1]}")
    return about, arrays
