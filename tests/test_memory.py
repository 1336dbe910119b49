"""The replay memory against an oracle: a plain list of all transitions."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_symbolic.frames import History
from dqn_symbolic.memory import ReplayMemory
from games.catch import Catch


def episodes(lengths, history):
    """-> [(x, action, reward, discount, x_tp1, over)] of episodes with these lengths.

    Frame number i, counted through all episodes, is filled with i + 1.
    """
    transitions, frame = [], 0
    for length in lengths:
        frame += 1
        numbers = [*[0] * (history - 1), frame]
        for step in range(1, length + 1):
            x = stack(numbers)
            frame += 1
            numbers = [*numbers[1:], frame]
            i = len(transitions)
            over = step == length
            discount = 0.0 if over and i % 2 else 0.99
            transitions.append((x, i % 3, float(i), discount, stack(numbers), over))
    return transitions


def stack(numbers):
    """-> (2, 3, history): each frame is filled with its number."""
    return np.stack([np.full((2, 3), number, np.uint8) for number in numbers], axis=-1)


def checked_indices(batch, transitions):
    """-> which transition each row of a batch is, by its reward; all its parts are compared."""
    x, action, reward, discount, x_tp1 = batch
    for row, i in enumerate(reward.astype(int)):
        assert (x[row] == transitions[i][0]).all()
        assert action[row] == transitions[i][1]
        assert discount[row] == np.float32(transitions[i][3])
        assert (x_tp1[row] == transitions[i][4]).all()
    return reward.astype(int)


def filled(transitions, capacity, history, shape=(2, 3), n_step=1):
    memory = ReplayMemory(capacity, (*shape, history), np.uint8, n_step)
    for transition in transitions:
        memory.add(*transition)
    return memory


def complete(transitions, capacity, history):
    """-> indices of the transitions whose frames are all among the last capacity + history."""
    frames = max(int(transition[4].max()) for transition in transitions)
    oldest = frames - (capacity + history)
    return {
        i
        for i, (x, *_) in enumerate(transitions)
        if x[x > 0].min() > oldest  # 0 stands for no frame
    }


episode_lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def everything(memory):
    """-> all transitions, the oldest first, in the form of `sample`."""
    return memory.transitions(np.arange(memory.size))


@settings(max_examples=200)
@given(
    lengths=episode_lengths, capacity=st.integers(1, 30), history=st.integers(1, 4), stop=st.data()
)
def test_exactly_the_complete_transitions_are_sampled(lengths, capacity, history, stop):
    """At every write position, with several episodes, before and after the ring is full."""
    transitions = episodes(lengths, history)
    transitions = transitions[: stop.draw(st.integers(1, len(transitions)))]
    memory = filled(transitions, capacity, history)
    expected = complete(transitions, capacity, history)
    assert memory.size == len(expected) >= 1
    assert len(transitions) - 1 in expected  # the newest transition is always complete
    batch = memory.sample(40 * len(expected), np.random.default_rng(0))
    assert set(checked_indices(batch, transitions)) == expected


@settings(max_examples=200)
@given(
    lengths=episode_lengths,
    capacity=st.integers(1, 30),
    history=st.integers(1, 4),
    n=st.integers(1, 5),
    stop=st.data(),
)
def test_n_step_returns(lengths, capacity, history, n, stop):
    """They end after n rewards, with their episode, or with the newest transition."""
    transitions = episodes(lengths, history)
    transitions = transitions[: stop.draw(st.integers(1, len(transitions)))]
    memory = filled(transitions, capacity, history, n_step=n)
    expected = sorted(complete(transitions, capacity, history))
    for i, x, action, reward, discount, x_tp1 in zip(expected, *everything(memory), strict=True):
        assert (x == transitions[i][0]).all()
        assert action == transitions[i][1]
        summed, factor = 0.0, 1.0
        for transition in transitions[i : i + n]:
            summed += factor * transition[2]
            factor *= transition[3]
            if transition[5]:
                break
        assert reward == pytest.approx(summed, rel=1e-6)
        assert discount == pytest.approx(factor, rel=1e-6)
        assert (x_tp1 == transition[4]).all()


def test_an_n_step_return_by_hand():
    """Rewards 1, 2, 4, 8 with gamma 1/2; the third transition terminates."""
    memory = ReplayMemory(10, (1, 1), np.uint8, n_step=3)
    for i, (reward, discount, over) in enumerate(
        [(1, 0.5, False), (2, 0.5, False), (4, 0.0, True), (8, 0.5, False)]
    ):
        memory.add(np.full((1, 1), 10 * i), 0, reward, discount, np.full((1, 1), 10 * i + 1), over)
    _, _, reward, discount, x_tp1 = memory.transitions(np.arange(memory.size))
    assert reward.tolist() == [1 + 2 / 2 + 4 / 4, 2 + 4 / 2, 4, 8]
    assert discount.tolist() == [0, 0, 0, 0.5]
    assert x_tp1.ravel().tolist() == [21, 21, 21, 31]


@pytest.mark.parametrize("n", [1, 3])
def test_shapes_and_dtypes_of_a_batch(n):
    memory = filled(episodes([5, 5], history=4), 20, history=4, n_step=n)
    batch = memory.sample(7, np.random.default_rng(0))
    assert [part.dtype for part in batch] == [np.uint8, np.int32, np.float32, np.float32, np.uint8]
    assert [part.shape for part in batch] == [(7, 2, 3, 4), (7,), (7,), (7,), (7, 2, 3, 4)]
    assert all(part.flags.c_contiguous for part in batch)


def test_sampling_is_uniform_and_with_replacement_at_every_write_position():
    rng = np.random.default_rng(0)
    transitions = episodes([3, 1, 4, 2] * 3, history=2)
    for added in range(1, len(transitions) + 1):
        memory = filled(transitions[:added], 10, history=2)
        counts = np.bincount(checked_indices(memory.sample(3_000, rng), transitions))
        counts = counts[counts > 0]
        assert len(counts) == memory.size
        expected = 3_000 / len(counts)
        # chi-squared of at most 10 degrees: over 40 has a chance below 1 in 50,000
        assert ((counts - expected) ** 2 / expected).sum() < 40


@pytest.mark.parametrize("history", [1, 4])
def test_sampled_transitions_have_the_bits_of_the_added_transitions(history):
    env = History(Catch(drift=True), history)
    memory = ReplayMemory(60, env.observation_space.shape, np.uint8)
    rng, transitions = np.random.default_rng(0), []
    x, _ = env.reset(seed=0)
    for number in range(500):
        action = rng.integers(3)
        x_tp1, _, over, _, _ = env.step(action)
        transitions.append((x, action, float(number), 0.0 if over else 0.9, x_tp1))
        memory.add(*transitions[-1], over)
        x = env.reset()[0] if over else x_tp1
        batch = memory.sample(32, rng)
        assert len(checked_indices(batch, transitions)) == 32


def test_a_batch_is_a_copy():
    first, second = episodes([2], history=1)
    memory = filled([first], 1, history=1)
    batch = memory.sample(1, np.random.default_rng(0))
    memory.add(*second)
    assert checked_indices(batch, [first]).tolist() == [0]


def test_an_added_transition_is_copied():
    (transition,) = episodes([1], history=1)
    memory = filled([transition], 2, history=1)
    transition[0][:] = transition[4][:] = 77
    batch = memory.sample(1, np.random.default_rng(0))
    assert checked_indices(batch, episodes([1], 1)).tolist() == [0]


def test_frames_are_stored_once_and_the_rings_allocated_once():
    memory = ReplayMemory(1_000_000, (84, 84, 4), np.uint8)  # reserved by the system, but not used
    assert memory.rings["frame"].nbytes == 1_000_004 * 84 * 84
    arrays = memory.rings | {"valid": memory.valid}
    assert sum(array.nbytes for array in arrays.values()) < 1_000_004 * (84 * 84 + 29)
    before = {name: array.ctypes.data for name, array in arrays.items()}
    x = np.zeros((84, 84, 4), np.uint8)
    for _ in range(10):
        memory.add(x, 1, 0.0, 0.99, x, False)
    arrays = memory.rings | {"valid": memory.valid}
    assert {name: array.ctypes.data for name, array in arrays.items()} == before


def test_sampling_is_as_fast_after_a_billion_frames():
    """With NumPy's `take(mode="wrap")`, which subtracts repeatedly, a sample took a minute."""
    transitions = episodes([3, 2, 4], history=2)
    young, old = filled(transitions, 6, history=2), filled(transitions, 6, history=2)
    later = 10**9 // old.slots * old.slots  # the frames stay in their slots
    old.written += later
    seconds, batches = [], []
    for memory in (young, old):
        begin = time.thread_time()  # of this thread: the machine's load makes no difference
        batches.append(memory.sample(32, np.random.default_rng(0)))
        seconds.append(time.thread_time() - begin)
    assert all((part == expected).all() for part, expected in zip(*batches))
    assert seconds[1] < 100 * seconds[0]


@settings(max_examples=200)
@given(
    lengths=episode_lengths,
    capacity=st.integers(1, 30),
    history=st.integers(1, 4),
    cuts=st.sets(st.integers(0, 60), max_size=4),
    stop=st.data(),
)
def test_a_memory_restored_from_its_state_is_the_same(lengths, capacity, history, cuts, stop):
    """At any step, also with episodes that were cut.

    cuts: indices of transitions after which a new episode begins, although the last is not over.
    """
    transitions = episodes(lengths, history)
    stop = stop.draw(st.integers(0, len(transitions)))
    memory, other = filled([], capacity, history), filled([], capacity, history)
    for i, transition in enumerate(transitions):
        if i == stop:
            positions, rings = memory.get_state()
            new_rings = other.new_rings()
            for name, ring in rings.items():
                new_rings[name][: len(ring)] = ring
            other.set_state(dict(positions), new_rings)
            assert_same(memory, other)
        for receiver in (memory, other) if i >= stop else (memory,):
            receiver.add(*transition)
            receiver.episode_begins |= i in cuts
    if stop < len(transitions):
        assert_same(memory, other)


def assert_same(memory, other):
    assert memory.get_state()[0] == other.get_state()[0]
    assert memory.size == other.size
    for part, other_part in zip(everything(memory), everything(other)):
        assert part.tobytes() == other_part.tobytes()
