"""The files of a run, NAME.npz: named arrays and plain data in one file, without pickle.

They are written and read a little at a time: a memory of gigabytes is never copied. What a file
says of its own size is not believed: arrays are read into room of the size that is expected.
"""

import json
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from dqn_symbolic.runs.files import write_whole

VERSIONS = {"agent": 2, "checkpoint": 3, "memory": 1}  # of the content of each kind of file
AT_A_TIME = 2**20  # bytes that are read
MOST_DATA = 2**28  # bytes: 300,000 evaluations


class Unreadable(ValueError):
    """Not a file written by `save`, or damaged since; or of another game or version."""


def save(path, kind, data, arrays):
    """kind: one of VERSIONS; data: what JSON can hold; arrays: {name: array}. -> its checksums"""
    data = json.dumps({"dqn_symbolic": kind, "version": VERSIONS[kind], **data})
    written = []

    def write(file):
        with zipfile.ZipFile(file, "w", compresslevel=1) as members:
            for name, array in {"data": np.array(data), **arrays}.items():
                array = np.asarray(array, order="C")
                # A frame shrinks so much that this is quicker than to write it; weights do not.
                weights = array.dtype.kind == "f"
                members.compression = zipfile.ZIP_STORED if weights else zipfile.ZIP_DEFLATED
                with members.open(f"{name}.npy", "w", force_zip64=True) as content:
                    npy.write_array(content, array, allow_pickle=False)
            written.extend(checksums(members))

    write_whole(path, write)
    return written


def checksums(members):
    """-> the CRC-32 of each array, as the file states it. Reading an array to its end checks it."""
    return [member.CRC for member in members.infolist()]


def load_data(path, kind):
    """-> data, as given to `save`. Raises Unreadable for any other file."""
    with opened(path) as members:
        if members.getinfo("data.npy").file_size > MOST_DATA:
            raise ValueError("more than any run has to say")
        with members.open("data.npy") as content:
            data = json.loads(str(npy.read_array(content, allow_pickle=False)))
        got = data.pop("dqn_symbolic"), data.pop("version")
    if got != (kind, VERSIONS[kind]):
        raise Unreadable(
            f"{path}: expected {kind} version {VERSIONS[kind]}, got {got[0]!r:.40} {got[1]!r:.40}"
        )
    return data


def fill(path, room, expected=None):
    """Reads the arrays of a file into `room`, {name: array}, which are contiguous.

    expected: the file's checksums, or None if any will do. Raises Unreadable for a file that is
    damaged or has other checksums, ValueError for arrays of other names and forms.
    """
    wanted = {name: f"{array.dtype} {array.shape}" for name, array in room.items()}
    with opened(path) as members:
        found, got = checksums(members), {}
        for member in set(members.namelist()) - {"data.npy"}:
            with members.open(member) as content:
                got[member.removesuffix(".npy")] = header(content)
    if expected is not None and found != expected:
        raise Unreadable(f"{path} is not the file that this checkpoint was written with")
    for name in wanted | got:
        if wanted.get(name) != got.get(name):
            raise ValueError(f"{name}: expected {wanted.get(name)}, got {got.get(name)}")
    with opened(path) as members:
        for name, array in room.items():
            with members.open(f"{name}.npy") as content:
                header(content)
                memory = memoryview(array.reshape(-1).view(np.uint8))
                for begin in range(0, len(memory), AT_A_TIME):
                    part = memory[begin : begin + AT_A_TIME]
                    part[:] = content.read(len(part))
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
