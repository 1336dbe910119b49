"""Our numba linker beside PyTensor's own linkers:  python -m tests.benchmarks.linkers

The learn step of Catch's network (100-128-3, batch 32, Adam) is called in turn. `compile_s` is the
processor time to compile forward, learn and sync from empty caches.
"""

import os
import shutil
import tempfile
import warnings

os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={tempfile.mkdtemp()}"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numba
import numpy as np
import pytensor
from pytensor.compile.mode import CVM, NUMBA

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.q_learning import functions
from dqn_symbolic.settings import Settings
from tests.benchmarks.learners import a_batch
from tests.benchmarks.results import beside_ours, keep
from tests.benchmarks.rounds import medians

LINKERS = {"ours, numba": MODES["numba"], "PyTensor's, numba": NUMBA}
if pytensor.config.cxx:
    LINKERS["PyTensor's, C" + " without BLAS" * (not pytensor.config.blas__ldflags)] = CVM


def compiled(mode):
    """-> a call of the compiled learn step; processor seconds of compiling forward, learn, sync."""
    agent = Agent(task("games:Catch-v0").make(), Settings())
    batch = a_batch(32, agent.env.observation_space.shape)
    begin = sum(os.times()[:4])  # of this process and of the C compiler
    forward, learn, sync = functions(agent.graph, mode)
    forward(batch[0]), learn(*batch), sync()
    return lambda: learn(*batch), sum(os.times()[:4]) - begin


def main():
    numba.njit(lambda: np.zeros(1))()  # what numba does at its first start
    found = {name: compiled(mode) for name, mode in LINKERS.items()}
    times = medians({name: call for name, (call, _) in found.items()})
    rows = beside_ours(times)
    keep("linkers", [{**row, "compile_s": found[row["side"]][1]} for row in rows])
    warnings.simplefilter("ignore")  # at its end, PyTensor looks for the files of its cache
    shutil.rmtree(pytensor.config.base_compiledir)


if __name__ == "__main__":
    main()
