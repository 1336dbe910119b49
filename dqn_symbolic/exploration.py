"""Acting: epsilon-greedy, with epsilon annealed (the slide "Other details")."""

import numpy as np


def annealed(step, start, end, steps):
    """Linear: `start` up to step 0, `end` from step `steps` on. Both count agent steps."""
    return start + (end - start) * min(max(step / steps, 0), 1)


def greedy(q, rng):
    """The action of the largest of q (actions,); ties are broken at random.

    Raises FloatingPointError if there is none, as they are not numbers.
    """
    best = np.flatnonzero(q == q.max())
    if len(best) == 1:
        return best[0]
    if len(best) == 0:
        raise FloatingPointError(f"the Q-values are {q}")
    return rng.choice(best)


def epsilon_greedy(epsilon, actions, q_values, rng):
    """A uniformly random action with probability epsilon, else the greedy one.

    q_values() -> (actions,) is called only if it is needed.
    """
    if rng.random() < epsilon:
        return rng.integers(actions)
    return greedy(q_values(), rng)
