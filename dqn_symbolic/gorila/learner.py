"""The learner: gradients for the parameter servers, from a network that only they change."""

from math import sqrt

import numpy as np

from dqn_symbolic.symbols.q_learning import Graph, halves

FIRST_LOSSES = 100  # these are never outliers: the mean and the deviation are still uncertain


class Learner:
    """Stands in the place of an agent's `learn`: (x, action, reward, discount, x_tp1) -> td_error.

    servers: what has `pull` and `push` of a `ParameterServer`, each with its own parameters.
    sync_every: the servers' updates from one copy to the target network to the next.
    """

    def __init__(self, graph: Graph, mode, sync_every: int, outlier_after: float):
        self.gradient, _ = halves(graph, mode)
        self.names = [p.name for p in graph.params]
        self.params = {p.name: p for p in graph.params}
        self.target_params = dict(zip(self.names, graph.target_params))
        self.sync_every, self.outlier_after = sync_every, outlier_after
        self.losses, self.mean, self.square = 0, 0.0, 0.0  # how many; of the loss and of its square
        self.outliers = 0  # gradients dropped
        self.servers, self.versions = [], []

    def connect(self, servers: list) -> None:
        """From here on, parameters come from these servers, and gradients go there."""
        self.servers, self.versions = servers, [-1] * len(servers)  # no version is known

    def pull(self) -> None:
        """Takes what is new. Each server counts its own updates, which is when to sync."""
        for i, server in enumerate(self.servers):
            known = self.versions[i]
            self.versions[i], values = server.pull(known)
            sync = self.versions[i] // self.sync_every != known // self.sync_every
            for name, value in (values or {}).items():
                self.params[name].set_value(value)
                if sync:
                    self.target_params[name].set_value(value)

    def __call__(self, *batch) -> np.ndarray:
        td_error, *gradients = self.gradient(*batch)
        if self.is_outlier(td_error):
            self.outliers += 1
        else:
            gradients = dict(zip(self.names, gradients))
            for server, version in zip(self.servers, self.versions):
                server.push(gradients, version)
        return td_error

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

    def get_shared(self):
        return self.gradient.get_shared()
