"""Evaluation: the agent plays whole episodes, many at a time, and learns nothing from them."""

from collections.abc import Callable
from functools import partial

import numpy as np
from tqdm import tqdm

from dqn_symbolic.experience.exploration import epsilon_greedy

SIDE_BY_SIDE = 100  # the largest number of environments


def returns(
    envs: list,
    beginnings: list[dict],
    forward: Callable,
    epsilon: float,
    most_steps: int,
    seed,
    stop=(),
    quiet=True,
) -> np.ndarray | None:
    """-> (episodes,) float64: the undiscounted return of one episode for each of `beginnings`.

    envs: the game as the agent sees it, used only here; beginnings: keyword arguments of `reset`,
    such as {"seed": 3}; most_steps: agent steps after which an episode is cut. All random numbers
    come from `seed`. Each step calls forward with one batch, always of the same size. -> None as
    soon as `stop` is not empty. Unless `quiet`, a progress bar appears after two seconds.
    """
    rng, space = np.random.default_rng(seed), envs[0].observation_space
    x = np.zeros((min(len(envs), len(beginnings)), *space.shape), space.dtype)
    actions = int(envs[0].action_space.n)
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
    with tqdm(
        total=len(totals), unit=" episodes", desc="evaluation", delay=2, leave=False, disable=quiet
    ) as bar:
        while playing:
            if stop:
                return None
            q = np.asarray(forward(x))
            for i, (episode, steps) in list(playing.items()):
                action = epsilon_greedy(epsilon, actions, partial(q.__getitem__, i), rng)
                x[i], reward, terminated, truncated, _ = envs[i].step(action)
                totals[episode] += reward
                playing[i] = episode, steps + 1
                if terminated or truncated or steps + 1 >= most_steps:
                    begin(i)
                    bar.update()
    return totals
