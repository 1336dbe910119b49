"""Acting: epsilon-greedy, with epsilon annealed (the slide "Other details")."""

import numpy as np


def annealed(step, start, end, steps):
    """Linear: `start` up to step 0, `end` from step `steps` on. Both count agent steps."""
    return start + (end - start) * min(max(step / steps, 0), 1)


def greedy(q, rng):
    """The action of the largest of q (actions,); ties are broken at random.

    Raises FloatingPointError if there is none, as they are not numbers.
    """
    best = q.argmax()
    ties = q == q[best]
    if np.count_nonzero(ties) == 1:
        return best
    if not ties[best]:  # argmax finds what is not a number, and that equals nothing
        raise FloatingPointError(f"the Q-values are {q}")
    return rng.choice(np.flatnonzero(ties))


def epsilon_greedy(epsilon, actions, q_values, rng):
    """A uniformly random action with probability epsilon, else the greedy one.

    q_values() -> (actions,) is called only if it is needed.
    """
    if rng.random() < epsilon:
        return rng.integers(actions)
    return greedy(q_values(), rng)
