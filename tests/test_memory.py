"""The replay memory against an oracle: a plain list that keeps every transition there ever was."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_symbolic.experience.frames import History
from dqn_symbolic.experience.memory import ReplayMemory, memory_bytes
from games.catch import Catch


def episodes(lengths, history):
    """Games of the given lengths -> (x, action, reward, discount, x_tp1, over) of every step.

    The i-th frame of all is filled with i + 1, so each stack tells what it is made of.
    """
    transitions, frame = [], 0
    for length in lengths:
        seen = [0] * history
        frame += 1
        seen = [*seen[1:], frame]
        for step in range(1, length + 1):
            x = seen
            frame += 1
            seen = [*seen[1:], frame]
            number = len(transitions)
            over = step == length
            discount = 0.0 if over and number % 2 else 0.99
            transitions.append((stack(x), number % 3, float(number), discount, stack(seen), over))
    return transitions


def stack(numbers):
    """-> (2, 3, history)"""
    return np.stack([np.full((2, 3), number, np.uint8) for number in numbers], axis=-1)


def told(batch, transitions):
    """Which transition each row of a batch is, once all its parts have been seen to agree."""
    x, action, reward, discount, x_tp1 = batch
    for row, i in enumerate(reward.astype(int)):
        assert (x[row] == transitions[i][0]).all()
        assert action[row] == transitions[i][1]
        assert discount[row] == np.float32(transitions[i][3])
        assert (x_tp1[row] == transitions[i][4]).all()
    return reward.astype(int)


def filled(transitions, capacity, history, shape=(2, 3)):
    memory = ReplayMemory(capacity, (*shape, history), np.uint8)
    for transition in transitions:
        memory.add(*transition)
    return memory


def whole(transitions, capacity, history):
    """The transitions all of whose frames are among the last capacity + history."""
    frames = max(int(transition[4].max()) for transition in transitions)
    oldest = frames - (capacity + history)
    return {
        i
        for i, (x, *_) in enumerate(transitions)
        if x[x > 0].min() > oldest  # 0 is no frame
    }


games = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@settings(max_examples=200)
@given(lengths=games, capacity=st.integers(1, 30), history=st.integers(1, 4), stop=st.data())
def test_all_that_is_whole_is_sampled_and_nothing_else(lengths, capacity, history, stop):
    """At every position of the pointer, across ends of episodes, with the ring turned over."""
    transitions = episodes(lengths, history)
    transitions = transitions[: stop.draw(st.integers(1, len(transitions)))]
    memory = filled(transitions, capacity, history)
    expected = whole(transitions, capacity, history)
    assert memory.size == len(expected) >= 1
    assert len(transitions) - 1 in expected  # the newest can always be learnt from
    batch = memory.sample(40 * len(expected), np.random.default_rng(0))
    assert set(told(batch, transitions)) == expected


def test_shapes_and_types():
    memory = filled(episodes([5, 5], history=4), 20, history=4)
    batch = memory.sample(7, np.random.default_rng(0))
    assert [part.dtype for part in batch] == [np.uint8, np.int32, np.float32, np.float32, np.uint8]
    assert [part.shape for part in batch] == [(7, 2, 3, 4), (7,), (7,), (7,), (7, 2, 3, 4)]
    assert all(part.flags.c_contiguous for part in batch)


def test_sampling_is_uniform_and_with_replacement_at_every_pointer():
    rng = np.random.default_rng(0)
    transitions = episodes([3, 1, 4, 2] * 3, history=2)
    for added in range(1, len(transitions) + 1):
        memory = filled(transitions[:added], 10, history=2)
        counts = np.bincount(told(memory.sample(3_000, rng), transitions))
        counts = counts[counts > 0]
        assert len(counts) == memory.size
        expected = 3_000 / len(counts)
        # chi-squared of at most 10 degrees: over 40 has a chance below 1 in 50,000
        assert ((counts - expected) ** 2 / expected).sum() < 40


@pytest.mark.parametrize("history", [1, 4])
def test_what_is_replayed_is_what_was_seen_to_the_bit(history):
    env = History(Catch(drift=True), history)
    memory = ReplayMemory(60, env.observation_space.shape, np.uint8)
    rng, seen = np.random.default_rng(0), []
    x, _ = env.reset(seed=0)
    for number in range(500):
        action = rng.integers(3)
        x_tp1, _, over, _, _ = env.step(action)
        seen.append((x, action, float(number), 0.0 if over else 0.9, x_tp1))
        memory.add(*seen[-1], over)
        x = env.reset()[0] if over else x_tp1
        batch = memory.sample(32, rng)
        assert len(told(batch, seen)) == 32


def test_a_batch_is_the_readers_own():
    first, second = episodes([2], history=1)
    memory = filled([first], 1, history=1)
    batch = memory.sample(1, np.random.default_rng(0))
    memory.add(*second)
    assert told(batch, [first]).tolist() == [0]


def test_a_transition_is_copied_in():
    (transition,) = episodes([1], history=1)
    memory = filled([transition], 2, history=1)
    transition[0][:] = transition[4][:] = 77
    assert told(memory.sample(1, np.random.default_rng(0)), episodes([1], 1)).tolist() == [0]


def test_frames_are_stored_once_and_the_rings_allocated_once():
    memory = ReplayMemory(1_000_000, (84, 84, 4), np.uint8)  # only reserved, not taken
    assert memory.rings["frame"].nbytes == 1_000_004 * 84 * 84
    arrays = memory.rings | {"valid": memory.valid}
    assert sum(array.nbytes for array in arrays.values()) < 1_000_004 * (84 * 84 + 29)
    before = {name: array.ctypes.data for name, array in arrays.items()}
    x = np.zeros((84, 84, 4), np.uint8)
    for _ in range(10):
        memory.add(x, 1, 0.0, 0.99, x, False)
    arrays = memory.rings | {"valid": memory.valid}
    assert {name: array.ctypes.data for name, array in arrays.items()} == before


def test_sampling_does_not_slow_down_with_the_numbers_of_the_frames():
    """NumPy's `take` wraps by repeated subtraction: a billion frames on, a sample took a minute."""
    transitions = episodes([3, 2, 4], history=2)
    young, old = filled(transitions, 6, history=2), filled(transitions, 6, history=2)
    later = 10**9 // old.slots * old.slots  # the frames stay in their slots
    old.written += later
    seconds, batches = [], []
    for memory in (young, old):
        since = time.perf_counter()
        batches.append(memory.sample(32, np.random.default_rng(0)))
        seconds.append(time.perf_counter() - since)
    assert all((part == wanted).all() for part, wanted in zip(*batches))
    assert seconds[1] < 100 * seconds[0]


def test_all_is_every_transition_the_oldest_first():
    transitions = episodes([3, 1, 4, 2] * 3, history=2)
    memory = filled(transitions, 10, history=2)
    assert told(memory.all(), transitions).tolist() == sorted(whole(transitions, 10, history=2))


@settings(max_examples=200)
@given(
    lengths=games,
    capacity=st.integers(1, 30),
    history=st.integers(1, 4),
    cuts=st.sets(st.integers(0, 60), max_size=4),
    stop=st.data(),
)
def test_a_state_is_taken_over(lengths, capacity, history, cuts, stop):
    """Anywhere, also where an episode was cut: the same transitions, in the same order.

    cuts: of which transitions the episode is not over, but another one begins after them.
    """
    transitions = episodes(lengths, history)
    stop = stop.draw(st.integers(0, len(transitions)))
    memory, other = filled([], capacity, history), filled([], capacity, history)
    for number, transition in enumerate(transitions):
        if number == stop:
            positions, rings = memory.get_state()
            room = other.new_rings()
            for name, ring in rings.items():
                room[name][: len(ring)] = ring
            other.set_state(dict(positions), room)
            assert_same(memory, other)
        for each in (memory, other) if number >= stop else (memory,):
            each.add(*transition)
            each.episode_begins |= number in cuts
    if stop < len(transitions):
        assert_same(memory, other)


def assert_same(memory, other):
    assert memory.get_state()[0] == other.get_state()[0]
    assert memory.size == other.size
    for one, same in zip(memory.all(), other.all()):
        assert one.tobytes() == same.tobytes()


def test_what_it_takes_is_known_before():
    for shape, dtype in (((84, 84, 4), np.uint8), ((7, 2), np.float32)):
        memory = ReplayMemory(50, shape, dtype)
        taken = [*memory.rings.values(), memory.valid]
        *frame, history = shape
        assert memory_bytes(50, frame, dtype, history) == sum(array.nbytes for array in taken)
