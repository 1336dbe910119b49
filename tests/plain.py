"""What several tests need."""

from contextlib import contextmanager

import numpy as np
import pytest
from pytensor.compile.mode import Mode

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.runs import checkpoints

# PyTensor's graphs as written, operation by operation in NumPy: no rewrites, nothing compiled.
PLAIN = Mode(linker="py", optimizer=None)


def load(path, kind):
    """-> (data, arrays): all that a file of a run holds."""
    data = checkpoints.load_data(path, kind)
    with checkpoints.opened(path), np.load(path, allow_pickle=False) as members:
        return data, {name: members[name] for name in members if name != "data"}


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
