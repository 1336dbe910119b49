"""`agent.npz` and `checkpoint.npz`: named arrays and plain data in one file, without pickle.

They are written and read piece by piece: a memory of gigabytes takes no second place. What a file
says of its own size is not believed: arrays are read into places of the size that is expected.
"""

import json
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from dqn_symbolic.runs.files import write_whole

VERSION = 1  # of the files' content
PIECE = 2**20  # bytes that are read at a time
MOST_ABOUT = 2**28  # bytes: 300,000 evaluations


class Unreadable(ValueError):
    """Not a file that `save` has written, or no longer."""


def save(path, kind, about, arrays):
    """kind: "agent" or "checkpoint"; about: data that JSON can hold; arrays: {name: array}."""
    about = json.dumps({"dqn_symbolic": kind, "version": VERSION, **about})

    def write(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as members:
            for name, array in {"about": np.array(about), **arrays}.items():
                array = np.asarray(array, order="C")
                # A frame shrinks so much that this is quicker than to write it; weights do not.
                weights = array.dtype.kind == "f"
                member = zipfile.ZipInfo(f"{name}.npy") if weights else f"{name}.npy"
                with members.open(member, "w", force_zip64=True) as content:
                    npy.write_array(content, array, allow_pickle=False)

    write_whole(path, write)


def load_about(path, kind):
    """-> about, as given to `save`. Raises Unreadable for any other file."""
    with opened(path) as members:
        if members.getinfo("about.npy").file_size > MOST_ABOUT:
            raise ValueError("more than any run has to say")
        with members.open("about.npy") as content:
            about = json.loads(str(npy.read_array(content, allow_pickle=False)))
        found = about.pop("dqn_symbolic"), about.pop("version")
    if found != (kind, VERSION):
        raise Unreadable(
            f"{path}: expected {kind} version {VERSION}, got {found[0]!r:.40} {found[1]!r:.40}"
        )
    return about


def fill(path, places):
    """Reads the arrays of a file into `places`, {name: array}, which are contiguous.

    Raises Unreadable for a file that is damaged, ValueError for arrays of other names and forms.
    """
    wanted = {name: f"{place.dtype} {place.shape}" for name, place in places.items()}
    with opened(path) as members:
        found = {}
        for member in set(members.namelist()) - {"about.npy"}:
            with members.open(member) as content:
                found[member.removesuffix(".npy")] = form(content)
    for name in wanted | found:
        if wanted.get(name) != found.get(name):
            raise ValueError(f"{name}: expected {wanted.get(name)}, got {found.get(name)}")
    with opened(path) as members:
        for name, place in places.items():
            with members.open(f"{name}.npy") as content:
                form(content)
                room = memoryview(place.reshape(-1).view(np.uint8))
                for begin in range(0, len(room), PIECE):
                    piece = room[begin : begin + PIECE]
                    piece[:] = content.read(len(piece))
                if content.read(1):
                    raise ValueError("more than its header says")


def form(content):
    """What an array says of itself at its beginning."""
    if npy.read_magic(content) != (1, 0):
        raise ValueError("not as `save` writes it")
    shape, backwards, dtype = npy.read_array_header_1_0(content)
    return f"{dtype} {shape}{' backwards' if backwards else ''}"


def load(path, kind):
    """-> (about, arrays): all that a file holds, however large."""
    about = load_about(path, kind)
    with opened(path), np.load(path, allow_pickle=False) as members:
        arrays = {name: members[name] for name in members if name != "about"}
    return about, arrays


@contextmanager
def opened(path):
    """The zip file at `path`; whatever cannot be read inside is Unreadable."""
    if not Path(path).is_file():
        raise Unreadable(f"{path} is missing: expected a file that a run has written")
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as members:
                yield members
        except Exception as error:  # a damaged file can fail in any way
            raise Unreadable(f"{path} is damaged, cut short or not from a run") from error
