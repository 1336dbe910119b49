"""Gorila in one process, in a fixed order: to read it, and to test it to the last bit."""

import time
from collections import ChainMap, Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from dqn_symbolic import networks, optimisers
from dqn_symbolic.agent import streams
from dqn_symbolic.environments.task import Task, closed_by, scorer
from dqn_symbolic.exploration import epsilon_after
from dqn_symbolic.frames import stacked
from dqn_symbolic.gorila.bundle import Bundle, seed_of
from dqn_symbolic.gorila.parameter_server import ParameterServer, in_shards
from dqn_symbolic.gorila.settings import GorilaSettings
from dqn_symbolic.runs.loading import forward_of
from dqn_symbolic.settings import Settings


class Scheduler:
    """From outside it is one agent: `step()` is one agent step, of the bundles in turn.

    settings: each bundle has them, with a seed of its own. `steps`, `evaluate_every` and
    `checkpoint_every` count the agent steps of all bundles together.
    """

    gather: Callable = staticmethod(list)  # the servers' answers; on Ray they have to be waited for

    def __init__(self, task: Task, settings: Settings, gorila: GorilaSettings, say=lambda _: None):
        self.task, self.settings, self.gorila, self.say = task, settings, gorila, say
        rng = np.random.default_rng(streams(settings.seed)["params"])
        space = stacked(task.frames, settings.history)
        self.first_params = networks.first_params(rng, settings, space, task.actions)
        self.parts = in_shards(self.first_params, gorila.shards)
        self.optimiser = optimisers.of(settings, gorila.bundles)
        self.steps = 0  # agent steps of all bundles
        self.lives = [0] * gorila.bundles  # of each bundle, before the present one
        self.taken = [0] * gorila.bundles  # agent steps of each, in all its lives
        self.recent = [Counter() for _ in self.taken]  # reports of each, since the last lines
        self.evaluator, self.bundles = Evaluator(), []
        self.folder_of: Callable = lambda i: None  # -> the folder where bundle i keeps its memory

    # -- its parts --------------------------------------------------------------------------------

    def start_servers(self):
        self.servers = [self.new_server(part) for part in self.parts]

    def start_bundles(self):  # the next step; `set_state` does it, too
        self.bundles = [self.new_bundle(i) for i in range(self.gorila.bundles)]

    def new_server(self, part, make=ParameterServer):
        return make(part, self.optimiser, self.gorila.stale_after, self.settings.backend)

    def new_bundle(self, i):
        bundle = Bundle(self.task.make(), self.settings_of(i), self.gorila)
        if self.taken[i]:
            self.say(f"bundle {i + 1} {bundle.load(self.folder_of(i), self.taken[i])}")
        bundle.learner.connect(self.servers)
        return bundle

    def settings_of(self, i):
        """-> the settings of a bundle's present life."""
        return replace(self.settings, seed=seed_of(self.settings.seed, i, self.lives[i]))

    # -- from outside: one agent ------------------------------------------------------------------

    def step(self) -> None:
        i, since = self.steps % len(self.bundles), time.perf_counter()
        self.bundles[i].step()
        self.note(i, {**self.bundles[i].report(), "seconds": time.perf_counter() - since})

    def note(self, i, report):
        """Counts what a bundle has done; report: as by `Bundle.report`, and its seconds."""
        self.steps += report["steps"]
        self.taken[i] += report["steps"]
        self.recent[i].update(report)

    @property
    def epsilon(self):
        return float(np.mean([epsilon_after(taken, self.settings) for taken in self.taken]))

    def mean_loss(self) -> float | None:
        """-> the mean of all bundles' updates since the last call; None without any."""
        total, count = (sum(r.pop(name, 0) for r in self.recent) for name in ("losses", "updates"))
        return total / count if count else None

    def lines(self) -> list[str]:
        """-> a line for each bundle, on what it has done since the last call."""
        told, losses = self.recent, ("losses", "updates")  # `mean_loss` takes these
        self.recent = [Counter({name: recent[name] for name in losses}) for recent in told]
        return [line(i, recent) for i, recent in enumerate(told) if any(r["steps"] for r in told)]

    def score(self, stop=(), quiet=True) -> dict | None:
        """-> the scores of the parameters that the servers have now, as by `scorer`."""
        return self.evaluator.score(lambda: self.task, self.settings, self.weights(), stop, quiet)

    def ask(self, method):
        """-> the answer of each server."""
        return self.gather([getattr(server, method)() for server in self.servers])

    def snapshot(self) -> tuple[int, dict[str, np.ndarray]]:
        """-> (the first server's version, {name: array}: a copy of all parameters)."""
        answers = self.ask("pull")
        values = ChainMap(*(part for _, part in answers))
        return answers[0][0], {name: np.array(values[name]) for name in self.first_params}

    def weights(self) -> dict[str, np.ndarray]:
        return self.snapshot()[1]

    @property
    def updates(self):
        """Gradients that the first server has applied."""
        return self.ask("pull")[0][0]

    # -- save and restore -------------------------------------------------------------------------

    def get_state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """-> (plain data, {name: array}): the servers, and the counts. Bundles save themselves."""
        self.save_bundles()
        counters, arrays = {"steps": self.steps}, {}
        for i, (data, values) in enumerate(self.ask("get_state")):
            counters |= {f"server.{i}.{name}": count for name, count in data.items()}
            arrays |= {f"learner.{i}.{name}": value for name, value in values.items()}
        for i, recent in enumerate(self.recent):
            own: dict = {"lives": self.lives[i], "taken": self.taken[i]}
            own |= {"losses": float(recent["losses"]), "updates": recent["updates"]}
            counters |= {f"bundle.{i}.{name}": count for name, count in own.items()}
        return {"counters": counters}, arrays

    def set_state(self, data: dict, arrays: dict[str, np.ndarray]) -> None:
        """Restores a saved state. Then each bundle begins a new life."""
        counters = data["counters"]
        self.steps = counters["steps"]
        bundles = [starting(f"bundle.{i}.", counters) for i in range(len(self.lives))]
        self.lives = [own.pop("lives") + 1 for own in bundles]
        self.taken = [own.pop("taken") for own in bundles]
        self.recent = [Counter(own) for own in bundles]
        self.saved = []
        for i, server in enumerate(self.servers):
            state = starting(f"server.{i}.", counters), starting(f"learner.{i}.", arrays)
            self.saved.append(state)
            server.set_state(*state)
        self.start_bundles()

    def save_bundles(self):
        for i, bundle in enumerate(self.bundles):
            if folder := self.folder_of(i):
                bundle.save(folder)


class Evaluator:
    """The network alone, scored as the single agent is. It learns nothing."""

    def __init__(self):
        self.games, self.play = ExitStack(), None

    def score(self, task: Callable, settings: Settings, params: dict, stop=(), quiet=True):
        """-> the scores of these parameters, {name: array}, as by `scorer`; task() -> the Task."""
        if not self.play:  # the first evaluation waits until it is compiled
            own = closed_by(self.games, task(), print)
            self.settings, self.evaluation_seed = settings, streams(settings.seed)["evaluation"]
            self.forward = forward_of(own, settings, params, settings.backend)
            self.play = scorer(own, self)
        for variable in self.forward.get_shared():
            variable.set_value(params[variable.name])
        return self.play(stop, quiet)

    def close(self):
        self.games.close()


def starting(prefix, values):
    """-> {name without the prefix: value} of the names that start with it."""
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}


def line(i, recent):
    if not recent["seconds"]:
        return f"bundle {i + 1}: no steps"
    speed = recent["steps"] / recent["seconds"]
    behind = f"{recent['behind'] / max(1, recent['pushes']):.1f} versions behind"
    dropped = f"{recent['dropped']:,} gradients dropped"
    return f"bundle {i + 1}: {speed:,.0f} steps a second, {behind}, {dropped}"
