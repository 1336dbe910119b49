"""Replay memory (the slide "Solution: replay buffer"): rings of NumPy arrays, allocated once.

Each frame is stored once, as uint8 or float32. The stacks of frames that the network sees are made
when they are sampled. So a transition of 84 x 84 pixels costs 7 KB, not 56. NumPy's zeros only
reserves memory: the process uses it as the rings fill.
"""

import numpy as np

from dqn_symbolic.compiling.minibatch import gather

NUMBERS = {  # stored with each frame; the last three are of the step that follows it
    "age": np.int32,  # how many frames of its episode came before
    "action": np.int32,
    "reward": np.float32,
    "discount": np.float32,
}


class ReplayMemory:
    """The last transitions (x, action, reward, discount, x_tp1), as many as `capacity` frames hold.

    x and x_tp1 are the last `history` frames of an episode, (*frame_shape, history). Frames from
    before the episode are 0. With n_step > 1, a transition has the reward, discount and x_tp1 of an
    n-step return (Sutton & Barto 2018, section 7.1), without a correction for exploration.

    Frames are numbered from 0, and frame n is in slot n % slots of the rings. A transition is known
    by the newest frame of its x: the ring `valid` holds the slots of these frames, for all
    transitions whose frames are still in the rings. (The next frame is the newest of x_tp1.) The
    ages determine `valid`, so it is not saved.
    """

    def __init__(self, capacity: int, obs_shape: tuple, dtype, n_step: int = 1):
        self.obs_shape, self.dtype, self.n_step = obs_shape, dtype, n_step
        self.history = obs_shape[-1]
        self.slots = capacity + self.history  # a capacity of 1 is room for one whole transition
        self.rings = self.new_rings()
        self.valid = np.zeros(self.slots, np.int64)
        self.written = 0  # frames
        self.first = self.size = 0  # where `valid` begins, and how many transitions it holds
        self.episode_begins = True

    def new_rings(self):
        numbers = {name: np.zeros(self.slots, dtype) for name, dtype in NUMBERS.items()}
        return {"frame": np.zeros((self.slots, *self.obs_shape[:-1]), self.dtype), **numbers}

    def add(self, x, action: int, reward: float, discount: float, x_tp1, over: bool) -> None:
        """Remembers one transition; over: it was the last of its episode."""
        if self.episode_begins:
            self._write(x[..., -1], age=0)
        newest = self.written - 1
        slot = newest % self.slots
        self.rings["action"][slot] = action
        self.rings["reward"][slot] = reward
        self.rings["discount"][slot] = discount
        self._write(x_tp1[..., -1], age=self.rings["age"][slot] + 1)
        self.valid[(self.first + self.size) % self.slots] = slot
        self.size += 1
        self.episode_begins = over

    def _write(self, frame, age):
        while self.size and self._oldest_needed() <= self.written - self.slots:
            self.first = (self.first + 1) % self.slots  # the new frame overwrites that frame
            self.size -= 1
        slot = self.written % self.slots
        self.rings["frame"][slot] = frame
        self.rings["age"][slot] = age
        self.written += 1

    def _oldest_needed(self):
        """-> the number of the oldest frame of the oldest transition."""
        slot, last = self.valid[self.first], self.written - 1
        newest = last - (last - slot) % self.slots
        return newest - min(self.rings["age"][slot], self.history - 1)

    def sample(self, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Uniformly, with replacement -> [x, action, reward, discount, x_tp1] (batch_size, ...)."""
        return self.transitions(rng.integers(self.size, size=batch_size))

    def transitions(self, chosen: np.ndarray) -> list[np.ndarray]:
        """chosen (B,): 0 is the oldest transition, size - 1 the newest. -> as `sample`"""
        B, (frames, *numbers) = len(chosen), self.rings.values()
        frames = frames.reshape(self.slots, -1)
        both = np.empty((2, B, frames.shape[1], self.history), self.dtype)
        action, (reward, discount) = np.empty(B, np.int32), np.empty((2, B), np.float32)
        last = (self.written - 1) % self.slots
        newest = self.valid.take(self.first + chosen, mode="wrap")  # the newest frame of each x
        gather((frames, *numbers), last, newest, self.n_step, (both, action, reward, discount))
        x, x_tp1 = both.reshape(2, B, *self.obs_shape)
        return [x, action, reward, discount, x_tp1]

    def get_state(self):
        """-> (positions: plain numbers; {name: the filled part of each ring}, not copied)."""
        filled = min(self.written, self.slots)
        positions = {"written": self.written, "episode_begins": self.episode_begins}
        return positions, {name: ring[:filled] for name, ring in self.rings.items()}

    def set_state(self, positions, rings):
        """rings: those of `new_rings`, filled; they are taken over, not copied."""
        self.rings = rings
        self.written, self.episode_begins = positions["written"], positions["episode_begins"]
        # The frames in the rings, the oldest first; here the next frame has the number 0.
        frames = np.arange(-min(self.written, self.slots), 0)
        slots = (self.written % self.slots + frames) % self.slots
        age = rings["age"][slots]
        oldest_needed = frames - np.minimum(age, self.history - 1)
        continues = age[1:] > 0  # the next frame belongs to the same episode
        valid = slots[:-1][continues & (oldest_needed[:-1] >= -self.slots)]
        self.first, self.size = 0, len(valid)
        self.valid[: self.size] = valid
