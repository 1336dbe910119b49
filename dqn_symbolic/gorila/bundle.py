"""A bundle of the paper: one actor, one replay memory, one learner, which share one network."""

from dataclasses import replace

import numpy as np
from gymnasium import Env

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import try_out
from dqn_symbolic.gorila.learner import Learner
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.run import example
from dqn_symbolic.settings import Settings


class Bundle:
    """The single agent as it is. It takes its parameters from the servers, and they change them.

    steps_before: agent steps of its former lives. Epsilon goes on from there.
    """

    def __init__(self, env: Env, settings: Settings, gorila: GorilaSettings, steps_before: int = 0):
        self.learner = Learner(settings.sync_every, gorila.outlier_after)
        alone = replace(settings, beside=False)  # the servers update
        self.agent = Agent(env, alone, self.learner.functions)
        self.agent.steps_before = steps_before
        self.pull_every = gorila.pull_every
        self.reported = 0  # agent steps that are in a report

    def compile(self) -> "Bundle":
        batch, variables = example(self.agent), self.agent.graph.variables
        try_out(self.agent.forward, [batch[0][:1]], variables)
        try_out(self.learner.gradient, batch, variables)
        return self

    def step(self) -> None:
        if self.agent.steps % self.pull_every == 0:
            self.learner.pull()
        self.agent.step()

    def report(self) -> dict:
        """-> {name: number}: epsilon now, and what has happened since the last report."""
        agent = self.agent
        steps, self.reported = agent.steps - self.reported, agent.steps
        agent.watch_loss()
        losses = {"losses": agent.loss_sum, "updates": agent.loss_count}
        agent.mean_loss()  # begins anew
        return {"epsilon": agent.epsilon, "steps": steps, **losses, **self.learner.report()}


def seed_of(seed: int, bundle: int, life: int = 0) -> int:
    """-> the seed of a bundle; life: how often it has died. The first has the run's own seed."""
    if bundle == life == 0:
        return seed
    return int(np.random.SeedSequence([seed, bundle, life]).generate_state(1)[0])
