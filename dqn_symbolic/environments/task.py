"""A game and its scoring: all that a run needs to know."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import gymnasium
import numpy as np

from dqn_symbolic.evaluation import held_out, returns, seeds
from dqn_symbolic.frames import History
from dqn_symbolic.guard.errors import GameError, raised

SIDE_BY_SIDE = 100  # the largest number of environments


@dataclass(frozen=True)
class Task:
    """If a game knows its start states (Catch), an evaluation plays one greedy episode from each.

    For any other game, the settings `evaluation_episodes` and `_epsilon` count; `_steps` always.
    """

    game: str  # its Gymnasium id
    kwargs: dict  # its keyword arguments, plain data; the files contain them
    make: Callable[..., gymnasium.Env]  # make(), make(render_mode="rgb_array")
    frames: gymnasium.spaces.Box | None = None  # the space of its frames
    actions: int = 0  # how many there are
    starts: list | None = None  # start states, for reset(options={"state": state})
    goal: float | None = None  # solved: two evaluations in a row reach this mean return
    preset: str = "catch"  # of the settings, if the user names none
    # Further results of an evaluation: returns (episodes,) -> {column of progress.csv: value}
    measures: Callable = lambda returns: {}
    score_name: str = "mean_return"  # the column that says most
    levels: dict = field(default_factory=dict)  # {name: known value of that column}, to compare
    levels_from: str = ""  # the source of the levels
    render_mode: str = "rgb_array"  # or "rgb_array_list": several pictures a step
    by_hand: dict = field(default_factory=dict)  # keywords of `make` for a person who plays alone

    def beginnings(self, settings, seed):
        """-> the keyword arguments of `reset` for each episode: the same at every evaluation."""
        if self.starts is not None:
            return [{"options": {"state": state}} for state in self.starts]
        return seeds(settings.evaluation_episodes, seed)

    def epsilon(self, settings):
        """-> the probability of a random action in an evaluation."""
        return settings.evaluation_epsilon if self.starts is None else 0.0

    def solved(self, rows):
        """-> whether two evaluations in a row, the last of `rows`, reach the goal."""
        last, goal = rows[-2:], self.goal
        return goal is not None and len(last) == 2 and all(r["mean_return"] >= goal for r in last)

    def games(self, settings, episodes):
        """-> the environments for this many episodes, as the agent sees them."""
        number = 1 if settings.one_game else min(SIDE_BY_SIDE, episodes)
        return [History(self.make(), settings.history) for _ in range(number)]


def close(env, game: str, say: Callable = lambda line: None) -> None:
    """Closes an environment; say(line): if this fails."""
    try:
        env.close()
    except (Exception, SystemExit) as error:
        say(str(raised(f"{game}: close", error)))


def closed_by(stack: ExitStack, task: Task, say: Callable) -> Task:
    """-> the same task; the stack closes the games that it makes. say(line): if this fails."""

    def make(**options):
        env = task.make(**options)
        stack.callback(close, env, task.game, say)
        return env

    return replace(task, make=make)


def scorer(task: Task, player) -> Callable:
    """-> score(stop=(), quiet=True), which plays one evaluation with the player's weights.

    player has forward, settings and evaluation_seed. score() -> {"mean_return": ..., the task's own
    measures, "held_out_value": the mean of the greatest Q-values of `held_out` states}, or None as
    soon as `stop` is not empty. It has its own environments; with the setting `one_game` it plays
    in the agent's, which then goes back to where it was.
    """
    s, seed = player.settings, player.evaluation_seed
    beginnings = task.beginnings(s, int(seed.generate_state(1)[0]))
    shares = s.one_game and hasattr(player, "go_back")
    games = [History(player.env.env, s.history)] if shares else task.games(s, len(beginnings))
    epsilon, states = task.epsilon(s), None

    def score(stop=(), quiet=True):
        nonlocal states
        how = epsilon, s.evaluation_steps, seed, stop, quiet
        try:
            if states is None:
                states = held_out(games[0], beginnings, seed, stop=stop, quiet=quiet)
            scores = returns(player, games, beginnings, *how)
        finally:
            if shares and not isinstance(sys.exception(), GameError):  # it does not work
                player.go_back(player.env.episode_return)
        if scores is None:
            return None
        greatest = np.asarray(player.forward(states)).max(axis=1)
        means = {"mean_return": scores.mean(), "held_out_value": greatest.mean()}
        return {name: float(mean) for name, mean in means.items()} | task.measures(scores)

    return score


def new_games(player, episodes, epsilon, seed=0, stop=(), quiet=True, say: Callable = print):
    """-> (episodes,): the returns of new games: `seeds` from `seed` on.

    player: a `Player`; all random numbers come from `seed`; the rest: as for `returns` and `close`.
    """
    with ExitStack() as stack:
        games = closed_by(stack, player.task, say).games(player.settings, episodes)
        how = epsilon, player.settings.evaluation_steps, seed, stop, quiet
        return returns(player, games, seeds(episodes, seed), *how)
