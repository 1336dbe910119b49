"""The evaluator: it plays with a copy of the servers' parameters, and learns nothing."""

from typing import Any

import numpy as np

from dqn_symbolic import networks
from dqn_symbolic.agent import streams
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.environments.task import Task, scorer
from dqn_symbolic.frames import stacked
from dqn_symbolic.q_learning import forward_alone
from dqn_symbolic.settings import Settings


class Evaluator:
    """The network alone, scored as the single agent is; each evaluation brings its params."""

    def __init__(self, task: Task, settings: Settings, params: dict[str, np.ndarray]):
        self.settings, self.evaluation_seed = settings, streams(settings.seed)["evaluation"]
        space = stacked(task.frames, settings.history)
        how = space.shape, space.dtype, mode(settings.backend)
        self.forward: Any = forward_alone(networks.of(settings, space), params, *how)
        self.play = scorer(task, self)

    def score(self, params: dict, stop=(), quiet=True) -> dict | None:
        """-> the scores of these parameters, as by `scorer`."""
        for variable in self.forward.get_shared():
            variable.set_value(params[variable.name])
        return self.play(stop, quiet)
