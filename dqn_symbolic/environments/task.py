"""What a run needs to know of a game, and nothing more."""

from collections.abc import Callable
from dataclasses import dataclass, field

import gymnasium

from dqn_symbolic.agent.evaluation import SIDE_BY_SIDE, returns
from dqn_symbolic.experience.frames import as_seen


@dataclass(frozen=True)
class Task:
    """A game, and how an agent is scored in it.

    A game that knows its start states is scored from each of them, greedily (Catch). Any other is
    scored by episodes, as the settings `evaluation_episodes`, `_epsilon` and `_steps` say.
    """

    game: str  # its Gymnasium id
    settings: dict  # its keyword arguments, plain data; kept with the files
    make: Callable[..., gymnasium.Env]  # make(), make(render_mode="rgb_array")
    starts: list | None = None  # states that reset(options={"state": state}) begins in
    goal: float | None = None  # solved: two evaluations in a row reach this mean return
    preset: str = "catch"  # of the settings, where the user names none
    # What else is measured of an evaluation: returns (episodes,) -> {column of progress.csv: value}
    measures: Callable = lambda returns: {}
    shown: str = "mean_return"  # the column that the progress bar and the picture show
    levels: dict = field(default_factory=dict)  # of that column, to compare: {name: value}
    levels_from: str = ""  # where these come from
    render_mode: str = "rgb_array"  # or "rgb_array_list": several pictures a step
    by_hand: dict = field(default_factory=dict)  # keywords of `make` for a person who plays alone

    def beginnings(self, settings, seed):
        """-> how each episode of an evaluation begins: the keywords of `reset`.

        seed (int): they are the same episodes at every evaluation of a run.
        """
        if self.starts is not None:
            return [{"options": {"state": state}} for state in self.starts]
        return [{"seed": (seed + i) % 2**31} for i in range(settings.evaluation_episodes)]

    def epsilon(self, settings):
        """-> the probability of a random action in an evaluation."""
        return settings.evaluation_epsilon if self.starts is None else 0.0


def scorer(task: Task, agent) -> Callable:
    """-> score(stop=(), quiet=True): plays one evaluation of the agent as it is then.

    agent has forward, settings and evaluation_seed. score() -> {"mean_return": ..., and what else
    the task measures}, or None as soon as something is in `stop`. Its environments are its own.
    """
    s, seed = agent.settings, agent.evaluation_seed
    beginnings = task.beginnings(s, int(seed.generate_state(1)[0]))
    envs = [as_seen(task.make(), s) for _ in range(min(SIDE_BY_SIDE, len(beginnings)))]

    def score(stop=(), quiet=True):
        found = returns(
            envs, beginnings, agent.forward, task.epsilon(s), s.evaluation_steps, seed, stop, quiet
        )
        if found is None:
            return None
        return {"mean_return": float(found.mean()), **task.measures(found)}

    return score
