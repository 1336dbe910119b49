import numpy as np

from dqn_symbolic.exploration import epsilon_greedy, greedy


def test_greedy_takes_the_action_with_the_largest_q():
    rng = np.random.default_rng(0)
    assert greedy(np.array([0.1, 0.3, 0.2]), rng) == 1
    assert greedy(np.array([-1.0, -2.0, -3.0]), rng) == 0


def test_ties_are_broken_at_random():
    rng = np.random.default_rng(0)
    counts = np.bincount([greedy(np.array([1.0, 0.0, 1.0]), rng) for _ in range(1000)], minlength=3)
    assert counts[1] == 0
    assert 400 < counts[0] < 600


def test_epsilon_is_the_share_of_random_actions():
    """With epsilon .3 and 3 actions, the best is taken in .7 + .3/3 of the steps."""
    rng = np.random.default_rng(0)
    q = np.array([0.0, 0.0, 1.0])
    actions = [epsilon_greedy(0.3, 3, lambda: q, rng) for _ in range(10_000)]
    counts = np.bincount(actions, minlength=3) / len(actions)
    np.testing.assert_allclose(counts, [0.1, 0.1, 0.8], atol=0.015)


def test_q_values_are_computed_only_if_needed():
    def must_not_be_called():
        raise AssertionError

    assert epsilon_greedy(1.0, 3, must_not_be_called, np.random.default_rng(0)) in (0, 1, 2)
