"""Dynamic programming (the lecture's primer): solves a small game exactly, state by state.

The games are deterministic: successor(state, action) -> (next state, reward, over). All numbers are
float64. There is no network. For `policy_q` and `visits`, every sequence of actions must end.
"""

from typing import NamedTuple

import numpy as np

from dqn_symbolic.exploration import epsilon_greedy


class Graph(NamedTuple):
    """A game as arrays: S states before the end of the game, A actions."""

    states: list  # of length S
    starts: np.ndarray  # (starts,) int: indices in `states` of the possible start states
    following: np.ndarray  # (S, A) int: index in `states` of the next state; S: the game is over
    reward: np.ndarray  # (S, A) float64


def state_graph(starts, successor, actions):
    """-> the `Graph` of every state that can be reached from `starts`."""
    index = {state: i for i, state in enumerate(dict.fromkeys(starts))}
    states, following, reward = list(index), [], []
    for state in states:  # the loop appends to states
        for action in range(actions):
            state_tp1, r, over = successor(state, action)
            if not over and state_tp1 not in index:
                index[state_tp1] = len(states)
                states.append(state_tp1)
            following.append(-1 if over else index[state_tp1])
            reward.append(r)
    following = np.reshape(following, (-1, actions))
    following[following < 0] = len(states)
    starts = np.array([index[state] for state in starts])
    return Graph(states, starts, following, np.reshape(reward, (-1, actions)))


def graph_of(env):
    """-> the `Graph` of a game that knows its start states and its rules (Catch)."""
    return state_graph(env.starts(), env.successor, int(env.action_space.n))


def observations(env, graph):
    """-> x (S, *obs): what an agent with a history of one frame sees in each state."""
    return np.stack([env.reset(options={"state": state})[0] for state in graph.states])[..., None]


def sweeps(graph, discount, value=lambda q: q.max(axis=1)):
    """Yields Q (S, A) after each sweep over all states, until a sweep changes nothing.

    value(q) -> v (S,); with the largest, the last Q is Q* (the slide "Bellman's Principle of
    Optimality"). Q is 0 at first. If every episode ends after n steps, Q is exact after n sweeps,
    and sweep n + 1 is the last.
    """
    q, changed = np.zeros(graph.reward.shape), True
    while changed:
        v = np.append(value(q), 0)  # (S + 1,): nothing follows the end of the game
        before, q = q, graph.reward + discount * v[graph.following]  # Bellman's equation
        changed = (q != before).any()
        yield q


def q_learning(graph, discount, learning_rate, epsilon, rng):
    """The slide "Q-learning" with a table: yields Q (S, A), the same array, after each agent step.

    Q(x, a) <- Q(x, a) + learning_rate (r + beta max Q(x', .) - Q(x, a)), epsilon-greedily,
    from a start that is drawn uniformly. It learns only what it tries, so epsilon must be above 0.
    """
    over, actions = len(graph.states), graph.reward.shape[1]
    q = np.zeros(graph.reward.shape)
    x = over
    while True:
        if x == over:
            x = rng.choice(graph.starts)
        action = epsilon_greedy(epsilon, actions, lambda x=x: q[x], rng)
        x_tp1 = graph.following[x, action]
        best = 0 if x_tp1 == over else q[x_tp1].max()
        target_q = graph.reward[x, action] + discount * best
        q[x, action] += learning_rate * (target_q - q[x, action])
        x = x_tp1
        yield q


def policy_q(graph, policy):
    """-> Q (S, A) of a stochastic policy (S, A): its expected return after each first action."""
    *_, q = sweeps(graph, 1.0, lambda q: (policy * q).sum(axis=1))
    return q


def expected_return(graph, policy):
    """-> J, the expected undiscounted return of an episode (the slide "Policy based methods")."""
    return (policy * policy_q(graph, policy)).sum(axis=1)[graph.starts].mean()


def visits(graph, policy):
    """-> d (S,): the expected visits of an episode to each state (the slide's d(s))."""
    arriving = np.bincount(graph.starts, minlength=len(graph.states) + 1) / len(graph.starts)
    d = np.zeros(len(graph.states) + 1)
    while arriving[:-1].any():
        d += arriving
        leaving = arriving[:-1, None] * policy
        arriving = np.bincount(graph.following.ravel(), leaving.ravel(), minlength=len(d))
    return d[:-1]
