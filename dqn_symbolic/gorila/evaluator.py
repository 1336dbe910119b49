"""The evaluator: it plays with a copy of the servers' parameters, and learns nothing."""

from typing import Any

import numpy as np

from dqn_symbolic.agent import streams
from dqn_symbolic.environments.task import Task, scorer
from dqn_symbolic.runs.loading import forward_of
from dqn_symbolic.settings import Settings


class Evaluator:
    """The network alone, scored as the single agent is; each evaluation brings its params."""

    def __init__(self, task: Task, settings: Settings, params: dict[str, np.ndarray]):
        self.settings, self.evaluation_seed = settings, streams(settings.seed)["evaluation"]
        self.forward: Any = forward_of(task, settings, params, settings.backend)
        self.play = scorer(task, self)

    def score(self, params: dict, stop=(), quiet=True) -> dict | None:
        """-> the scores of these parameters, as by `scorer`."""
        for variable in self.forward.get_shared():
            variable.set_value(params[variable.name])
        return self.play(stop, quiet)
