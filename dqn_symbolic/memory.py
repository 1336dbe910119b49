"""Replay memory (the slide "Solution: replay buffer"): rings of NumPy arrays, allocated once."""

import numpy as np


class ReplayMemory:
    """The last `capacity` transitions (x, action, reward, discount, x_tp1).

    One row a transition, in five arrays: x, x_tp1 (capacity, *obs_shape) of obs_dtype; action
    int32, reward and discount float32 (capacity,). The rows 0..size-1 are the valid ones; when the
    memory is full the oldest row, at `pointer`, is the next to be overwritten.
    """

    def __init__(self, capacity, obs_shape, obs_dtype):
        self.arrays = {
            "x": np.zeros((capacity, *obs_shape), obs_dtype),
            "action": np.zeros(capacity, np.int32),
            "reward": np.zeros(capacity, np.float32),
            "discount": np.zeros(capacity, np.float32),
            "x_tp1": np.zeros((capacity, *obs_shape), obs_dtype),
        }
        self.capacity = capacity
        self.size = self.pointer = 0

    def add(self, *transition):
        """One (x, action, reward, discount, x_tp1), copied into the arrays."""
        for array, value in zip(self.arrays.values(), transition, strict=True):
            array[self.pointer] = value
        self.pointer = (self.pointer + 1) % self.capacity
        self.size = min(self.size + 1, self.capacity)

    def sample(self, batch_size, rng):
        """Uniformly, with replacement -> [x, action, reward, discount, x_tp1] (batch_size, ...)."""
        rows = rng.integers(self.size, size=batch_size)
        return [array.take(rows, axis=0) for array in self.arrays.values()]
