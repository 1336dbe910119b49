"""`agent.npz` and `checkpoint.npz`: named arrays and plain data in one file, without pickle.

They are written and read piece by piece: a memory of gigabytes is never copied. What a file says of
its own size is not believed: arrays are read into room of the size that is expected.
"""

import json
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from dqn_symbolic.runs.files import write_whole

VERSION = 2  # of the files' content
PIECE = 2**20  # bytes that are read at a time
MOST_DATA = 2**28  # bytes: 300,000 evaluations


class Unreadable(ValueError):
    """Not a file written by `save`, or damaged since; or of another game or version."""


def save(path, kind, data, arrays):
    """kind: "agent" or "checkpoint"; data: what JSON can hold; arrays: {name: array}."""
    data = json.dumps({"dqn_symbolic": kind, "version": VERSION, **data})

    def write(file):
        with zipfile.ZipFile(file, "w", compresslevel=1) as members:
            for name, array in {"data": np.array(data), **arrays}.items():
                array = np.asarray(array, order="C")
                # A frame shrinks so much that this is quicker than to write it; weights do not.
                weights = array.dtype.kind == "f"
                members.compression = zipfile.ZIP_STORED if weights else zipfile.ZIP_DEFLATED
                with members.open(f"{name}.npy", "w", force_zip64=True) as content:
                    npy.write_array(content, array, allow_pickle=False)

    write_whole(path, write)


def load_data(path, kind):
    """-> data, as given to `save`. Raises Unreadable for any other file."""
    with opened(path) as members:
        if members.getinfo("data.npy").file_size > MOST_DATA:
            raise ValueError("more than any run has to say")
        with members.open("data.npy") as content:
            data = json.loads(str(npy.read_array(content, allow_pickle=False)))
        got = data.pop("dqn_symbolic"), data.pop("version")
    if got != (kind, VERSION):
        raise Unreadable(
            f"{path}: expected {kind} version {VERSION}, got {got[0]!r:.40} {got[1]!r:.40}"
        )
    return data


def fill(path, room):
    """Reads the arrays of a file into `room`, {name: array}, which are contiguous.

    Raises Unreadable for a file that is damaged, ValueError for arrays of other names and forms.
    """
    wanted = {name: f"{array.dtype} {array.shape}" for name, array in room.items()}
    with opened(path) as members:
        got = {}
        for member in set(members.namelist()) - {"data.npy"}:
            with members.open(member) as content:
                got[member.removesuffix(".npy")] = header(content)
    for name in wanted | got:
        if wanted.get(name) != got.get(name):
            raise ValueError(f"{name}: expected {wanted.get(name)}, got {got.get(name)}")
    with opened(path) as members:
        for name, array in room.items():
            with members.open(f"{name}.npy") as content:
                header(content)
                memory = memoryview(array.reshape(-1).view(np.uint8))
                for begin in range(0, len(memory), PIECE):
                    piece = memory[begin : begin + PIECE]
                    piece[:] = content.read(len(piece))
                if content.read(1):
                    raise ValueError("more than its header says")


def header(content):
    """-> dtype and shape, as the beginning of an array's file says."""
    if npy.read_magic(content) != (1, 0):
        raise ValueError("not as `save` writes it")
    shape, backwards, dtype = npy.read_array_header_1_0(content)
    return f"{dtype} {shape}{' backwards' if backwards else ''}"


@contextmanager
def opened(path):
    """The zip file at `path`; raises Unreadable for whatever cannot be read inside."""
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() or path.is_symlink() else "is missing"
        raise Unreadable(f"{path} {what}: expected a file that a run has written")
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as members:
                yield members
        except Exception as error:  # a damaged file can fail in any way
            raise Unreadable(f"{path} is damaged, cut short or not from a run") from error
