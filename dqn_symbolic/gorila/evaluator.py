"""The evaluator: it plays with a copy of the servers' parameters, and learns nothing."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from dqn_symbolic.agent import streams
from dqn_symbolic.environments.task import closed_by, scorer
from dqn_symbolic.runs.loading import forward_of
from dqn_symbolic.settings import Settings


class Evaluator:
    """The network alone, scored as the single agent is; each evaluation brings its params."""

    def __init__(self):
        self.games, self.play = ExitStack(), None

    def score(self, task: Callable, settings: Settings, params: dict, stop=(), quiet=True):
        """-> the scores of these parameters, {name: array}, as by `scorer`; task() -> the Task."""
        if not self.play:  # the first evaluation waits until it is compiled
            own = closed_by(self.games, task(), print)
            self.settings, self.evaluation_seed = settings, streams(settings.seed)["evaluation"]
            self.forward: Any = forward_of(own, settings, params, settings.backend)
            self.play = scorer(own, self)
        for variable in self.forward.get_shared():
            variable.set_value(params[variable.name])
        return self.play(stop, quiet)

    def close(self):
        self.games.close()
