"""What several tests need."""

from contextlib import contextmanager

import numpy as np
import pytest
from pytensor.compile.mode import Mode

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.runs import checkpoints, pieces

# PyTensor's graphs as written, operation by operation in NumPy: no rewrites, nothing compiled.
PLAIN = Mode(linker="py", optimizer=None)


def load(path, kind):
    """-> (data, arrays): all that a file of a run holds, and the pieces that a checkpoint names."""
    data = checkpoints.load_data(path, kind)
    files = {"": path}
    files |= {
        f"{number}/": pieces.path(path.parent, number) for number, _ in data.get("pieces", ())
    }
    arrays = {}
    for before, file in files.items():
        with checkpoints.opened(file), np.load(file, allow_pickle=False) as members:
            arrays |= {before + name: members[name] for name in members if name != "data"}
    return data, arrays


def plain(agent):
    """An agent compiled to plain NumPy: slower, but it is ready at once."""
    agent.mode = PLAIN
    return agent.compile()


@contextmanager
def uncompiled():
    """The numba backend is plain NumPy here: for whole runs, where the backend makes no difference.

    Only runs in this process are affected, not the processes that a test starts.
    """
    # NumPy warns of overflow; compiled code does not.
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setitem(MODES, "numba", PLAIN)
        yield
