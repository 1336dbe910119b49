"""The replay memory against an oracle: a plain list that keeps every transition there ever was."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dqn_symbolic.memory import ReplayMemory

NAMES = ("x", "action", "reward", "discount", "x_tp1")


def transition(i):
    """The i-th transition: every part tells i, and x_tp1 is not x."""
    x = np.full((2, 3), i % 251, np.uint8)
    return x, i % 3, float(i), 0.0 if i % 4 == 3 else 0.99, x + 1


def told(batch):
    """Which transition each row of a batch is, once all its parts have been seen to agree."""
    x, action, reward, discount, x_tp1 = batch
    which = reward.astype(int)
    for row, i in enumerate(which):
        expected = transition(i)
        assert (x[row] == expected[0]).all()
        assert action[row] == expected[1]
        assert discount[row] == np.float32(expected[3])
        assert (x_tp1[row] == expected[4]).all()
    return which


@given(capacity=st.integers(1, 12), added=st.integers(1, 40), batch_size=st.integers(1, 64))
def test_a_batch_holds_only_what_is_remembered(capacity, added, batch_size):
    memory, oracle = ReplayMemory(capacity, (2, 3), np.uint8), []
    for i in range(added):
        memory.add(*transition(i))
        oracle.append(i)
    batch = memory.sample(batch_size, np.random.default_rng(added))
    assert [part.dtype for part in batch] == [np.uint8, np.int32, np.float32, np.float32, np.uint8]
    assert [len(part) for part in batch] == [batch_size] * 5
    assert set(told(batch)) <= set(oracle[-capacity:])


@given(capacity=st.integers(1, 9), added=st.integers(1, 40))
def test_everything_remembered_is_sampled(capacity, added):
    memory = ReplayMemory(capacity, (2, 3), np.uint8)
    for i in range(added):
        memory.add(*transition(i))
    seen = set(told(memory.sample(600, np.random.default_rng(0))))
    assert seen == set(range(added)[-capacity:])


def test_sampling_is_uniform_and_with_replacement_at_every_pointer():
    rng = np.random.default_rng(0)
    for added in range(1, 26):
        memory = ReplayMemory(10, (2, 3), np.uint8)
        for i in range(added):
            memory.add(*transition(i))
        counts = np.bincount(told(memory.sample(20_000, rng)), minlength=added)[-10:]
        expected = 20_000 / len(counts)
        # chi-squared: its mean is len(counts) - 1 <= 9; over 40 has a chance below 1 in 100,000
        assert ((counts - expected) ** 2 / expected).sum() < 40


def test_a_batch_is_the_readers_own():
    memory = ReplayMemory(1, (2, 3), np.uint8)
    memory.add(*transition(0))
    batch = memory.sample(1, np.random.default_rng(0))
    memory.add(*transition(1))
    assert told(batch).tolist() == [0]


def test_a_transition_is_copied_in():
    memory = ReplayMemory(2, (2, 3), np.uint8)
    x, *rest = transition(0)
    memory.add(x, *rest)
    x[:] = 77
    assert told(memory.sample(1, np.random.default_rng(0))).tolist() == [0]


def test_the_rings_are_allocated_once():
    memory = ReplayMemory(3, (2, 3), np.uint8)
    before = {name: array.ctypes.data for name, array in memory.arrays.items()}
    for i in range(10):
        memory.add(*transition(i))
    assert {name: array.ctypes.data for name, array in memory.arrays.items()} == before
    assert tuple(memory.arrays) == NAMES
