"""How good is the greedy policy? Played from every start; nothing is left to chance but ties."""

import numpy as np

from dqn_symbolic.experience.exploration import greedy


def returns(env, starts, forward, seed):
    """-> (len(starts),) float64: the undiscounted return of one greedy episode from each start.

    env: an environment of its own, so that the training game is not disturbed, whose
    `reset(options={"state": start})` sets the start; ties are broken by a stream of their own from
    `seed`.
    """
    rng = np.random.default_rng(seed)
    found = np.zeros(len(starts))
    for i, start in enumerate(starts):
        x, _ = env.reset(options={"state": start})
        over = False
        while not over:
            x, reward, terminated, truncated, _ = env.step(
                greedy(np.asarray(forward(x[None]))[0], rng)
            )
            found[i] += reward
            over = terminated or truncated
    return found
