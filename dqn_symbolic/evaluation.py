"""Evaluation: the agent plays whole episodes, many at a time, and learns nothing from them."""

from functools import partial
from itertools import cycle

import numpy as np
from tqdm import tqdm

from dqn_symbolic.exploration import epsilon_greedy
from dqn_symbolic.frames import History


def returns(
    player, games, beginnings, epsilon=0.0, most_steps=10_000, seed=0, stop=(), quiet=True
) -> np.ndarray | None:
    """-> (episodes,) float64: the undiscounted return of one episode for each of `beginnings`.

    player: an agent, or what else has `forward` and `settings`; games: Gymnasium environments, used
    only here; beginnings: keyword arguments of `reset`, such as {"seed": 3}; most_steps: agent
    steps after which an episode is cut. All random numbers come from `seed`. Each step calls
    forward with one batch, always of the same size. -> None as soon as `stop` is not empty. Unless
    `quiet`, a progress bar appears after two seconds.
    """
    history = player.settings.history
    envs = [g if isinstance(g, History) else History(g, history) for g in games[: len(beginnings)]]
    rng, space, forward = np.random.default_rng(seed), envs[0].observation_space, player.forward
    x = np.zeros((len(envs), *space.shape), space.dtype)
    totals, waiting = np.zeros(len(beginnings)), enumerate(beginnings)
    playing = {}  # environment -> (episode, agent steps)

    def begin(i):
        episode, beginning = next(waiting, (None, None))
        if episode is None:
            playing.pop(i, None)
        else:
            x[i], _ = envs[i].reset(**beginning)
            playing[i] = episode, 0

    for i in range(len(x)):
        begin(i)
    how = {"unit": " episodes", "desc": "evaluation", "delay": 2, "leave": False, "disable": quiet}
    with tqdm(total=len(totals), **how) as bar:
        while playing:
            if stop:
                return None
            q = np.asarray(forward(x))
            for i, (episode, steps) in list(playing.items()):
                action = epsilon_greedy(epsilon, q.shape[1], partial(q.__getitem__, i), rng)
                x[i], reward, terminated, truncated, _ = envs[i].step(action)
                totals[episode] += reward
                playing[i] = episode, steps + 1
                if terminated or truncated or steps + 1 >= most_steps:
                    begin(i)
                    bar.update()
    return totals


def seeds(episodes: int, seed: int = 0) -> list[dict]:
    """-> the beginnings of this many episodes, each with a seed of its own."""
    return [{"seed": (seed + i) % 2**31} for i in range(episodes)]


def held_out(env, beginnings, seed=0, states=500, stop=(), quiet=True) -> np.ndarray | None:
    """-> (states, *obs): what random play shows, in episodes that begin with `beginnings` in turn.

    The mean of their greatest Q-values shows how learning goes (Mnih et al. 2015, Figure 2).
    env: a `History`; the rest: as for `returns`.
    """
    rng, again, over, found = np.random.default_rng(seed), cycle(beginnings), True, []
    how = {"desc": "states of random play", "delay": 2, "leave": False, "disable": quiet}
    for _ in tqdm(range(states), **how):
        if stop:
            return None
        if over:
            x, _ = env.reset(**next(again))
        found.append(x)
        x, _, terminated, truncated, _ = env.step(int(rng.integers(env.action_space.n)))
        over = terminated or truncated
    return np.array(found)
