"""A bundle of the paper: one actor, one replay memory, one learner, which share one network."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from gymnasium import Env

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import try_out
from dqn_symbolic.gorila.learner import Learner
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.guard.files import sweep
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.checkpoints import Unreadable
from dqn_symbolic.runs.loading import expect_count, expect_number, fitting, restore_agent
from dqn_symbolic.settings import Settings

KEPT = ("versions", "losses", "mean", "square")  # of the learner


class Bundle:
    """The single agent as it is. It takes its parameters from the servers, and they change them."""

    def __init__(self, env: Env, settings: Settings, gorila: GorilaSettings):
        self.learner = Learner(settings.sync_every, gorila.outlier_after)
        self.agent = Agent(env, replace(settings, beside=False), self.learner.functions)
        self.pieces = {}  # of the memory, that its file needs: {number: checksums}
        self.pull_every = gorila.pull_every
        self.reported = 0  # agent steps that are in a report
        batch = self.agent.memory.transitions(np.zeros(settings.batch_size, int))  # of zeros
        variables = self.agent.graph.variables
        try_out(self.agent.forward, [batch[0][:1]], variables)
        try_out(self.learner.gradient, batch, variables)

    def step(self) -> None:
        if self.agent.steps % self.pull_every == 0:
            self.learner.pull()
        self.agent.step()

    def report(self) -> dict:
        """-> {name: number}: what has happened since the last report."""
        agent = self.agent
        steps, self.reported = agent.steps - self.reported, agent.steps
        agent.watch_loss()
        losses = {"losses": agent.loss_sum, "updates": agent.loss_count}
        agent.mean_loss()  # begins anew
        return {"steps": steps, **losses, **self.learner.report()}

    # -- so that another life can go on -----------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Writes the agent with its memory into a folder that only this bundle has."""
        agent, learner = self.agent, self.learner
        if not agent.steps:
            return  # another life may have left more
        folder.mkdir(parents=True, exist_ok=True)
        learnt = {name: getattr(learner, name) for name in KEPT}
        data = {"steps": agent.steps_before + agent.steps, "seed": agent.first_seed, **learnt}
        self.pieces = pieces.save_agent(folder, folder.name, self.pieces, agent, data, {})

    def load(self, folder: Path | None, steps: int) -> str:
        """Goes on from what a former life has saved, if it is there and whole. -> what is lost

        steps: agent steps of all lives until now. Epsilon goes on from there.
        """
        agent, saved, problem, own_seed = self.agent, 0, "", self.agent.first_seed
        try:
            if folder:
                path = folder / "checkpoint.npz"
                sweep(folder, [path.name])
                data = checkpoints.load_data(path, "checkpoint")
                with fitting(path), warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")  # nobody sees those of a process of Ray
                    learnt = {name: data[name] for name in KEPT}
                    for count in (data["seed"], data["steps"], data["losses"], *data["versions"]):
                        expect_count("a count of the bundle", count)
                    for number in (data["mean"], data["square"]):
                        expect_number("a loss of the bundle", number)
                    agent.first_seed = data["seed"]
                    self.pieces = restore_agent(path, folder.name, data, agent, {})
                saved, problem = data["steps"], "".join(f"; {warning.message}" for warning in told)
                vars(self.learner).update(learnt)
        except (OSError, Unreadable) as error:
            agent.first_seed, problem = own_seed, f" ({error})"
        agent.steps_before, self.reported = steps - agent.steps, agent.steps
        lost = f"{max(0, steps - saved):,} agent steps are lost{problem}"
        return f"goes on with {agent.memory.size:,} transitions; {lost}"


def seed_of(seed: int, bundle: int, life: int = 0) -> int:
    """-> the seed of a bundle; life: how often it has died. The first has the run's own seed."""
    if bundle == life == 0:
        return seed
    return int(np.random.SeedSequence([seed, bundle, life]).generate_state(1)[0])
