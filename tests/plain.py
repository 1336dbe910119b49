"""Helpers that several tests use."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
from pytensor.compile.mode import Mode

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.q_learning import compiled, functions, gradient_alone
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.training import training

# PyTensor's graphs as written, operation by operation in NumPy: no rewrites, nothing compiled.
PLAIN = Mode(linker="py", optimizer=None)


def load(path, kind):
    """-> (data, arrays) of a file of a run, with the pieces that a checkpoint names."""
    data = checkpoints.load_data(path, kind)
    files = {"": path}
    files |= {
        f"{number}/": pieces.path(path.parent, data["run"]["mark"], number)
        for number, _ in data.get("pieces", ())
    }
    arrays = {}
    for prefix, file in files.items():
        with checkpoints.opened(file), np.load(file, allow_pickle=False) as members:
            arrays |= {prefix + name: members[name] for name in members if name != "data"}
    return data, arrays


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def no_functions(*graph):
    """-> the functions of an agent that computes nothing."""
    return None, None, None


def plain(env, settings):
    """-> an agent in plain NumPy: slower, but ready at once."""
    return Agent(env, settings, lambda graph, mode, threads: functions(graph, PLAIN))


def halves(graph, mode):
    """-> (gradient, apply): `learn` in two functions; apply(*gradients) updates the params."""
    inputs = [gradient.type() for gradient in graph.gradients]
    givens = list(zip(graph.gradients, inputs))
    apply = compiled(inputs, [], mode, updates=graph.updates, givens=givens)
    return gradient_alone(graph, mode), apply


def trained(run, score):
    """Trains a run that has at_the_ready, as the commands do. -> the run"""
    for _ in run.kept(training(run.agent, run.scored(score), run.pause)):
        if run.task.solved(run.rows):
            break
    return run


@contextmanager
def uncompiled():
    """Replace the numba backend by plain NumPy, for runs whose backend makes no difference.

    Processes that a test starts still use numba.
    """
    # NumPy warns of overflow, which compiled code ignores.
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setitem(MODES, "numba", PLAIN)
        yield
