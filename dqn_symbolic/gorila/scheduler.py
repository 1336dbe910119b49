"""Gorila in one process, in a fixed order: to read it, and to test it to the last bit."""

from dataclasses import replace
from functools import partial

import numpy as np

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.learner import network_of
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.task import Task
from dqn_symbolic.gorila.bundle import Bundle, seed_of
from dqn_symbolic.gorila.parameter_server import ParameterServer, in_shards
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.symbols import optimisers
from dqn_symbolic.symbols.q_learning import forward_alone


class Scheduler:
    """From outside it is one agent: `step()` is one agent step, of the bundles in turn.

    settings: each bundle has them, with a seed of its own. `steps`, `evaluate_every` and
    `checkpoint_every` count the agent steps of all bundles together.
    """

    def __init__(self, task: Task, settings: Settings, gorila: GorilaSettings):
        self.settings, self.gorila = settings, gorila
        first = Agent(task.make(), settings)
        self.env, self.first_params, self.mode = first.env, first.first_params, first.mode
        self.evaluation_seed = first.evaluation_seed
        self.parts = in_shards(self.first_params, gorila.shards)
        self.bundles = [
            Bundle(task.make(), replace(settings, seed=seed_of(settings.seed, i)), gorila)
            for i in range(gorila.bundles)
        ]
        self.steps = 0  # agent steps of all bundles

    def compile(self) -> "Scheduler":
        s, space = self.settings, self.env.observation_space
        optimiser = partial(getattr(optimisers, s.optimiser), learning_rate=s.learning_rate)
        self.servers = [
            ParameterServer(part, optimiser, self.gorila.stale_after, self.mode)
            for part in self.parts
        ]
        self.newest_forward = forward_alone(
            network_of(self.env, s), self.first_params, space.shape, space.dtype, self.mode
        )
        for bundle in self.bundles:
            bundle.mode = self.mode
            bundle.compile().learn.connect(self.servers)
        return self

    def step(self) -> None:
        self.bundles[self.steps % len(self.bundles)].step()
        self.steps += 1

    @property
    def forward(self):
        """-> forward(x), with the parameters that the servers have now."""
        weights = self.weights()
        for variable in self.newest_forward.get_shared():
            variable.set_value(weights[variable.name])
        return self.newest_forward

    def weights(self) -> dict[str, np.ndarray]:
        """-> {name: array}: a copy of the servers' parameters."""
        values = {}
        for server in self.servers:
            values |= server.pull()[1]
        return {name: values[name] for name in self.first_params}

    @property
    def updates(self):
        """Gradients that the first server has applied."""
        return self.servers[0].version
