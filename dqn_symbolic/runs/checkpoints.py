"""The files of a run, NAME.npz: named arrays and plain data in one file, without pickle.

Arrays are written and read in small parts, so a replay memory of gigabytes is never copied. The
sizes that a file states are not trusted: it is read into arrays of the expected size.
"""

import json
import zipfile
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy

from dqn_symbolic.agent import FILE
from dqn_symbolic.exploration import ADVICE
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.guard.files import write_whole

VERSIONS = {"agent": FILE["version"], "checkpoint": 7, "memory": 1}  # of each kind of file
READ_SIZE = 2**20  # bytes
MAX_DATA_SIZE = 2**26  # bytes: enough for 700,000 evaluations


class Unreadable(BadInput):
    """Not a file written by `save`, or damaged since; or of another game or version."""


def save(path, kind, data, arrays):
    """Writes a file. -> its checksums: the CRC-32 of each array

    kind: one of VERSIONS; data: a dict that JSON can hold; arrays: {name: array}. Raises
    FloatingPointError for arrays that `fill` would refuse, before anything is replaced.
    """
    if bad := not_finite(arrays):
        raise FloatingPointError(f"not finite any more: {bad} ({ADVICE})")
    data = json.dumps({"dqn_symbolic": kind, "version": VERSIONS[kind], **data}).encode()
    if len(data) > MAX_DATA_SIZE:  # say, an episode of 22 million actions
        problem = f"with {len(data):,} bytes of data, none could read it"
        raise Unreadable(f"{path} is not replaced: {problem}")

    def write(file):
        with zipfile.ZipFile(file, "w", compresslevel=1) as archive:
            for name, array in {"data": np.array(data), **arrays}.items():
                array = np.asarray(array, order="C")
                # Frames shrink so much that compressing them saves time. Weights hardly shrink.
                stored = array.dtype.kind == "f" or name == "data"
                archive.compression = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)
            return [member.CRC for member in archive.infolist()]

    return write_whole(path, write)


def load_data(path, kind):
    """-> data, as given to `save`. Raises Unreadable for any other file."""
    with opened(path) as archive:
        most = min(max(2**20, path.stat().st_size), MAX_DATA_SIZE)
        if archive.getinfo("data.npy").file_size > most:
            raise ValueError("the data are too large")
        with archive.open("data.npy") as member:
            data = json.loads(npy.read_array(member, allow_pickle=False).item())
        got = data.pop("dqn_symbolic"), data.pop("version")
    if got != (kind, VERSIONS[kind]):
        expected = f"expected {kind} version {VERSIONS[kind]}"
        raise Unreadable(f"{path}: {expected}, got {got[0]!r:.40} {got[1]!r:.40}")
    return data


def fill(path, arrays, checksums=None):
    """Reads a file into `arrays`, {name: contiguous array}.

    checksums: what `save` returned for this file, or None to accept any. Raises Unreadable for a
    damaged file or other checksums, ValueError for arrays of other names, dtypes or shapes, or with
    numbers that are not finite.
    """
    expected = {name: f"{array.dtype} {array.shape}" for name, array in arrays.items()}
    with opened(path) as archive:
        stated = [member.CRC for member in archive.infolist()]  # reading to the end checks them
        got = {}
        for name in set(archive.namelist()) - {"data.npy"}:
            with archive.open(name) as member:
                got[name.removesuffix(".npy")] = header(member)
    if checksums is not None and stated != checksums:
        raise Unreadable(f"{path} is not the file that this checkpoint was written with")
    for name in expected | got:
        if expected.get(name) != got.get(name):
            raise ValueError(f"{name}: expected {expected.get(name)}, got {got.get(name)}")
    with opened(path) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy") as member:
                header(member)
                memory = memoryview(array.reshape(-1).view(np.uint8))
                for begin in range(0, len(memory), READ_SIZE):
                    part = memory[begin : begin + READ_SIZE]
                    part[:] = member.read(len(part))
                if member.read(1):
                    raise ValueError("longer than its header says")
    if bad := not_finite(arrays):
        raise ValueError(f"not finite: {bad}")


def header(member):
    """Reads the header of an array's file. -> its dtype and shape, as text"""
    if npy.read_magic(member) != (1, 0):
        raise ValueError("not as `save` writes it")
    shape, fortran_order, dtype = npy.read_array_header_1_0(member)
    return f"{dtype} {shape}{' in Fortran order' if fortran_order else ''}"


@contextmanager
def opened(path):
    """Opens the zip file `path`. Every error inside the `with` block becomes an Unreadable."""
    if not path.is_file():
        problem = "is not a file" if path.exists() or path.is_symlink() else "is missing"
        raise Unreadable(f"{path} {problem}: expected a file that a run has written")
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except Exception as error:  # a damaged file can fail in any way
            raise Unreadable(f"{path} is damaged, cut short or not from a run") from error


def not_finite(arrays):
    """-> comma-separated names of the arrays with NaN or infinity in them."""
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    bad = [name for name, array in floats.items() if not np.isfinite(array).all()]
    return ", ".join(name.removeprefix("learner.") for name in bad)
