"""Acting: epsilon-greedy, with epsilon annealed (the slide "Other details")."""

import numpy as np

ADVICE = "a smaller learning_rate may help"


def epsilon_after(steps, s):
    """-> epsilon: constant until the first update, then linear; s: the agent's `Settings`."""
    share = min(max((steps - s.warm_up) / s.epsilon_steps, 0), 1)
    return s.epsilon_start + (s.epsilon_end - s.epsilon_start) * share


def greedy(q, rng):
    """-> the action of the largest of q (actions,), an int; ties are broken at random.

    Raises FloatingPointError if q contains NaN.
    """
    best = q.argmax()
    ties = q == q[best]
    if np.count_nonzero(ties) == 1:
        return int(best)
    if not ties[best]:  # argmax finds NaN, which is not equal to itself
        raise FloatingPointError(f"the Q-values are {q} ({ADVICE})")
    return int(rng.choice(np.flatnonzero(ties)))


def epsilon_greedy(epsilon, actions, q_values, rng):
    """-> a uniformly random action with probability epsilon, else the greedy one; an int.

    q_values() -> (actions,) float32; it is called only for the greedy action.
    """
    if rng.random() < epsilon:
        return int(rng.integers(actions))
    return greedy(q_values(), rng)
