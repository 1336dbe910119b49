"""A large replay memory is kept in pieces, so a checkpoint writes only what is new in it.

The slots of the memory's rings are cut into pieces. The piece with the newest frame still changes,
so it is in `checkpoint.npz`. The other pieces are finished: each is a file of its own in the folder
memory/, named by its run and by the number of its first frame. It is written once and does not
change, until its slots are used again and another piece takes its place. A small memory needs no
other files.

The new pieces are written first. Then comes `checkpoint.npz`, which names the pieces that it needs.
Only then are the other pieces of this run removed. So the folder holds a complete checkpoint at any
moment, and what is not of this run stays.
"""

from dqn_symbolic.guard.files import sweep, sync_folder
from dqn_symbolic.runs import checkpoints

FOLDER = "memory"
SIZE = 2**24  # bytes of a piece in memory; its file is compressed


def cut(state, arrays):
    """Takes the finished pieces out of an agent's arrays. -> (finished pieces, arrays)

    state, arrays: of an agent, as by its `get_state`. The finished pieces, {number of the first
    frame: {name: part of a ring}}, come oldest first. The arrays that are left, {name: array},
    belong in `checkpoint.npz`. Nothing is copied.
    """
    rings = {name: array for name, array in arrays.items() if name.startswith("memory.")}
    if not rings:
        return {}, arrays
    filled, newest = len(rings["memory.frame"]), state["memory"]["written"] - 1
    slots = max(1, SIZE // sum(ring[0].nbytes for ring in rings.values()))
    pieces = {}
    for begin in range(0, filled, slots):
        first_frame = newest - (newest - begin) % filled
        pieces[first_frame] = {name: ring[begin : begin + slots] for name, ring in rings.items()}
    changing = pieces.pop(max(pieces))
    return dict(sorted(pieces.items())), {**arrays, **changing}


def save_agent(out, run, saved, agent, data, others):
    """Writes checkpoint.npz with an agent's state and `data`. -> {number: checksums} of all pieces.

    run: a mark that no other memory in this folder has; saved: what the last call returned; others:
    further arrays of the file, {name: array}.
    """
    state, arrays = agent.get_state() if agent.steps else ({}, {})
    finished, arrays = cut(state, arrays)
    if finished.keys() - saved.keys():
        (out / FOLDER).mkdir(exist_ok=True)
        sync_folder(out)
    saved = {
        number: saved.get(number) or checkpoints.save(path(out, run, number), "memory", {}, piece)
        for number, piece in finished.items()
    }
    data = {**data, "agent": state, "pieces": list(saved.items())}
    checkpoints.save(out / "checkpoint.npz", "checkpoint", data, {**arrays, **others})
    remove_others(out, run, saved)
    return saved


def path(out, run, first_frame):
    return out / FOLDER / f"{run}-{first_frame}.npz"


def remove_others(out, run, needed):
    """Removes the run's pieces that are not needed, and the temporary files of its processes."""
    sweep(out / FOLDER, [f"{run}-*.npz"])
    for piece in {*(out / FOLDER).glob(f"{run}-*.npz")} - {path(out, run, n) for n in needed}:
        piece.unlink()
