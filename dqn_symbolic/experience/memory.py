"""Replay memory (the slide "Solution: replay buffer"): rings of NumPy arrays, allocated once.

Each frame is stored once, as uint8 if the game gives that; the stacks that the network sees are put
together when they are sampled. So a transition of 84 x 84 pixels costs 7 KB, not 56. Memory that
NumPy's zeros has allocated is only reserved: it is taken as it fills.
"""

import numpy as np


class ReplayMemory:
    """The last transitions (x, action, reward, discount, x_tp1), as many as `capacity` frames hold.

    x and x_tp1 are the last frames of an episode, (*frame_shape, history), 0 before its first.

    Frames are numbered as they come, from 0; frame n is in row n % rows of the rings. A transition
    goes by the number of the newest frame in its x, the frame after it being the newest in x_tp1.
    `valid` is a ring, too: the numbers of the transitions whose frames are all still there.
    """

    def __init__(self, capacity, obs_shape, dtype):
        self.obs_shape = obs_shape
        *frame_shape, self.history = obs_shape
        self.rows = capacity + self.history  # a capacity of 1 is room for one whole transition
        self.rings = {
            "frame": np.zeros((self.rows, *frame_shape), dtype),
            "age": np.zeros(self.rows, np.int32),  # how many frames of its episode came before
            "action": np.zeros(self.rows, np.int32),
            "reward": np.zeros(self.rows, np.float32),
            "discount": np.zeros(self.rows, np.float32),
            "valid": np.zeros(self.rows, np.int64),
        }
        self.around = np.arange(1 - self.history, 2)  # from the oldest frame of x to that of x_tp1
        self.written = 0  # frames
        self.first = self.size = 0  # where `valid` begins, and how many they are
        self.episode_begins = True

    def add(self, x, action, reward, discount, x_tp1, over):
        """Remembers one transition; over: it was the last of its episode."""
        if self.episode_begins:
            self._write(x[..., -1], age=0)
        newest = self.written - 1
        row = newest % self.rows
        self.rings["action"][row] = action
        self.rings["reward"][row] = reward
        self.rings["discount"][row] = discount
        self._write(x_tp1[..., -1], age=self.rings["age"][row] + 1)
        self.rings["valid"][(self.first + self.size) % self.rows] = newest
        self.size += 1
        self.episode_begins = over

    def _write(self, frame, age):
        row = self.written % self.rows
        self.rings["frame"][row] = frame
        self.rings["age"][row] = age
        self.written += 1
        while self.size and self._oldest_needed() < self.written - self.rows:
            self.first = (self.first + 1) % self.rows
            self.size -= 1

    def _oldest_needed(self):
        """The number of the oldest frame that the oldest transition is made of."""
        newest = self.rings["valid"][self.first]
        return newest - min(self.rings["age"][newest % self.rows], self.history - 1)

    def sample(self, batch_size, rng):
        """Uniformly, with replacement -> [x, action, reward, discount, x_tp1] (batch_size, ...)."""
        chosen = self.first + rng.integers(self.size, size=batch_size)
        newest = self._take("valid", chosen)
        # The frames of x and, one further, those of x_tp1: (batch_size, history + 1, *frame_shape).
        numbers = newest[:, None] + self.around
        frames = self._take("frame", numbers)
        if self.history > 1:
            episode_begins = newest - self._take("age", newest)
            frames[numbers < episode_begins[:, None]] = 0
        x, x_tp1 = np.empty((2, batch_size, *self.obs_shape), frames.dtype)
        for i in range(self.history):  # five times as fast as to transpose them
            x[..., i], x_tp1[..., i] = frames[:, i], frames[:, i + 1]
        return [
            x,
            self._take("action", newest),
            self._take("reward", newest),
            self._take("discount", newest),
            x_tp1,
        ]

    def _take(self, name, numbers):
        return self.rings[name].take(numbers, axis=0, mode="wrap")
