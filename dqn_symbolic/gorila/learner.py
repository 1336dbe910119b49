"""The learner: gradients for the parameter servers, from a network that only they change."""

from collections import Counter
from collections.abc import Callable
from math import sqrt

import numpy as np

from dqn_symbolic.q_learning import Graph, compiled, gradient_alone

FIRST_LOSSES = 100  # these are never outliers: the mean and the deviation are still uncertain


class Learner:
    """Its `functions` make an agent learn by the servers.

    servers: what has `pull` and `push` of a `ParameterServer`, each with its own parameters. All
    are asked, and then gather(list of answers) -> list waits for the answers.
    sync_every: the servers' updates from one copy to the target network to the next.
    """

    def __init__(self, sync_every: int, outlier_after: float):
        self.sync_every, self.outlier_after = sync_every, outlier_after
        self.versions = []  # of the parameters, one for each server
        self.losses, self.mean, self.square = 0, 0.0, 0.0  # how many; of the loss and of its square
        self.counts = Counter()  # since the last report

    def functions(self, graph: Graph, mode, threads: int = 1) -> tuple[Callable, ...]:
        """-> (forward, learn, sync) for an `Agent`, whose parameters only the servers change."""
        self.gradient = gradient_alone(graph, mode)
        self.params = {p.name: p for p in graph.params}
        self.target_params = dict(zip(self.params, graph.target_params))
        return compiled([graph.x], graph.q, mode), self.learn, lambda: None  # `pull` syncs

    def connect(self, servers: list, gather: Callable = list) -> None:
        """From here on, parameters come from these servers, and gradients go there."""
        self.servers, self.gather = servers, gather
        self.known = [-1] * len(servers)  # no version: the next pull brings all parameters
        self.versions = self.versions or self.known

    def pull(self) -> None:
        """Takes what is new. Each server counts its own updates, which is when to sync."""
        answers = self.gather([s.pull(version) for s, version in zip(self.servers, self.known)])
        before_it, self.versions = self.versions, [version for version, _ in answers]
        self.known = self.versions
        for before, (version, values) in zip(before_it, answers):
            sync = version // self.sync_every != before // self.sync_every
            for name, value in (values or {}).items():
                self.params[name].set_value(value)
                if sync:
                    self.target_params[name].set_value(value)

    def learn(self, *batch) -> np.ndarray:
        """x, action, reward, discount, x_tp1 -> td_error; the gradients go to the servers."""
        td_error, *gradients = self.gradient(*batch)
        if self.is_outlier(td_error):
            self.counts["dropped"] += 1
            return td_error
        named, versions = dict(zip(self.params, gradients)), zip(self.servers, self.versions)
        answers = self.gather([server.push(named, version) for server, version in versions])
        self.counts["pushes"] += 1
        self.counts["behind"] += max(behind for behind, _ in answers)
        self.counts["dropped"] += not all(applied for _, applied in answers)
        return td_error

    def report(self) -> Counter:
        """-> {name: number} since the last report: pushes, gradients dropped, versions behind."""
        report, self.counts = self.counts, Counter()
        return report

    def is_outlier(self, td_error):
        """-> whether the loss, the mean squared error, is far above its running mean so far.

        Outliers enter the running mean, too. So after a lasting change, they soon end.
        """
        error = np.asarray(td_error, np.float64)
        loss = float(error @ error) / len(error)
        deviation = sqrt(max(self.square - self.mean**2, 0.0))
        known = self.outlier_after and self.losses >= FIRST_LOSSES
        outlier = known and loss > self.mean + self.outlier_after * deviation
        self.losses += 1
        rate = max(1 / self.losses, 1 / FIRST_LOSSES)
        self.mean += rate * (loss - self.mean)
        self.square += rate * (loss**2 - self.square)
        return bool(outlier)
