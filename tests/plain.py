"""What several tests need."""

import numpy as np
from pytensor.compile.mode import Mode

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
