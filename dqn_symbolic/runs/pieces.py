"""A large replay memory is kept in pieces, so that a checkpoint costs what is new in it.

The slots of the memory's rings are cut into pieces. The piece with the newest frame still changes,
so it is in `checkpoint.npz`. Each other piece is a file of its own in the folder memory/, named by
the number of its first frame. It is written once and does not change, until its slots are used
again and another piece takes its place. A small memory is one piece: it needs no other files.

The new pieces are written first, then `checkpoint.npz`, which names all that it needs, and only
then the pieces that it does not name are removed. So there is a whole checkpoint at any moment.
"""

from dqn_symbolic.runs import checkpoints
from dqn_symbolic.runs.files import sweep, sync_folder

FOLDER = "memory"
SIZE = 2**24  # bytes of a piece in memory; its file is smaller


def cut(written, arrays):
    """Takes the rings out of an agent's arrays, but for the piece with the newest frame.

    written: how many frames the memory has had; arrays: {name: array}, those of the rings as far as
    they are filled. -> ({number of its first frame: {name: part of a ring}}: the other pieces, the
    oldest first; {name: array}: all that is in `checkpoint.npz`). Nothing is copied.
    """
    rings = {name: array for name, array in arrays.items() if name.startswith("memory.")}
    if not rings:
        return {}, arrays
    filled, newest = len(rings["memory.frame"]), written - 1
    slots = max(1, SIZE // sum(ring[0].nbytes for ring in rings.values()))
    pieces = {}
    for begin in range(0, filled, slots):
        first_frame = newest - (newest - begin) % filled
        pieces[first_frame] = {name: ring[begin : begin + slots] for name, ring in rings.items()}
    changing = pieces.pop(max(pieces))
    return dict(sorted(pieces.items())), {**arrays, **changing}


def path(out, first_frame):
    return out / FOLDER / f"{first_frame}.npz"


def save(out, pieces, there):
    """Writes those of `pieces` that are not there. -> {number: checksums} of all of them.

    there: what it returned the last time.
    """
    if pieces.keys() - there.keys():
        (out / FOLDER).mkdir(exist_ok=True)
        sync_folder(out)
    return {
        number: there.get(number) or checkpoints.save(path(out, number), "memory", {}, piece)
        for number, piece in pieces.items()
    }


def remove_others(out, needed):
    """Removes all pieces but those that are needed, and what killed processes have left."""
    sweep(out / FOLDER, ["*.npz"])
    for piece in (out / FOLDER).glob("*.npz"):
        if piece.stem.isdecimal() and int(piece.stem) not in needed:
            piece.unlink()
