"""Deep Q-learning, symbolically: the lecture's DQN as PyTensor graphs and a plain memory loop.

    from dqn_symbolic import Agent, Settings, evaluation, load, training

The files of this folder are the algorithm; start with `lecture`. The folders are what surrounds it.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  whoever starts it without pip
    raise SystemExit(f"dqn_symbolic needs Python 3.11 or later; this is {sys.version.split()[0]}")

from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

__all__ = ["Agent", "Settings", "evaluation", "load", "training"]


def __getattr__(name):
    """These come when they are asked for: PyTensor takes a second to import."""
    if name == "Agent":
        from dqn_symbolic.agent import Agent as value
    elif name == "load":
        from dqn_symbolic.runs.loading import load as value
    elif name == "evaluation":
        import dqn_symbolic.evaluation as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return value
