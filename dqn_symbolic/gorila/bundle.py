"""A bundle of the paper: one actor, one replay memory, one learner, which share one network."""

import gymnasium
import numpy as np

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.learner import example, graph_of
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.compiling.backends import try_out
from dqn_symbolic.experience.exploration import annealed
from dqn_symbolic.gorila.learner import Learner
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.symbols.q_learning import compiled


class Bundle(Agent):
    """The single agent, actor and memory as they are, with a `Learner` in the place of `learn`.

    It takes its parameters from the servers, and the servers change them.
    steps_before: agent steps of its former lives. Epsilon goes on from there.
    """

    def __init__(
        self, env: gymnasium.Env, settings: Settings, gorila: GorilaSettings, steps_before: int = 0
    ):
        super().__init__(env, settings)
        self.gorila, self.steps_before = gorila, steps_before
        self.reported = 0  # agent steps that are in a report

    def step(self) -> None:
        if self.steps % self.gorila.pull_every == 0:
            self.learn.pull()
        super().step()

    def compile(self) -> "Bundle":
        graph, s, batch = graph_of(self), self.settings, example(self)
        self.forward = compiled([graph.x], graph.q, self.mode)
        self.learn = Learner(graph, self.mode, s.sync_every, self.gorila.outlier_after)
        try_out(self.forward, batch[0][:1])
        try_out(self.learn.gradient, *batch)
        return self

    @property
    def epsilon(self):
        s, steps = self.settings, self.steps_before + self.steps
        return annealed(steps - s.warm_up, s.epsilon_start, s.epsilon_end, s.epsilon_steps)

    def report(self) -> dict:
        """-> {name: number}: epsilon now, and what has happened since the last report."""
        steps, self.reported = self.steps - self.reported, self.steps
        losses = {"losses": self.loss_sum, "updates": self.loss_count}
        self.mean_loss()  # begins anew
        return {"epsilon": self.epsilon, "steps": steps, **losses, **self.learn.report()}

    def sync(self):
        """The learner copies to its target network by the servers' updates, not by its own."""


def seed_of(seed: int, bundle: int, life: int = 0) -> int:
    """-> the seed of a bundle; life: how often it has died. The first has the run's own seed."""
    if bundle == life == 0:
        return seed
    return int(np.random.SeedSequence([seed, bundle, life]).generate_state(1)[0])
