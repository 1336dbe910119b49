"""The algorithm: what the agent does in one step of its life (Mnih et al. 2015, Algorithm 1)."""

import time
from functools import partial

import numpy as np

from dqn_symbolic.backends import mode, try_out
from dqn_symbolic.exploration import annealed, epsilon_greedy
from dqn_symbolic.frames import ActionRepeat, History
from dqn_symbolic.memory import ReplayMemory
from dqn_symbolic.networks import mlp, mlp_params
from dqn_symbolic.q_learning import forward_alone, q_learning
from dqn_symbolic.settings import ACTIVATIONS, INITIALISERS, LOSSES, OPTIMISERS

COUNTERS = ("steps", "updates", "loss_sum", "loss_count")
MEMORY_COUNTERS = ("written", "first", "size", "episode_begins")


class Training:
    """A game, a learner and its memory, with all that changes while they are at it.

    env: a Gymnasium environment with a discrete action space and arrays for observations, which are
    the frames. The agent sees the last `settings.history` of them.
    `compile()` once, then `step()` is one agent step. When an episode ends, nothing here is reset
    but the game.
    """

    def __init__(self, env, settings):
        streams = np.random.SeedSequence(settings.seed).spawn(5)
        first_weights, game, exploration, memory, self.evaluation_seed = streams
        self.env, self.settings = as_seen(env, settings), settings
        self.mode = mode(settings.backend)
        self.actions = int(env.action_space.n)
        self.values = first_values(np.random.default_rng(first_weights), self.env, settings)
        self.exploration_rng = np.random.default_rng(exploration)
        self.memory_rng = np.random.default_rng(memory)
        space = self.env.observation_space
        self.memory = ReplayMemory(settings.memory_size, space.shape, space.dtype)
        self.steps = 0  # agent steps
        self.updates = 0  # parameter updates
        self.loss_sum, self.loss_count = 0.0, 0  # of the mean squared TD error, since `mean_loss`
        self.x, info = self.env.reset(seed=int(game.generate_state(1)[0]))
        self.game_state = info.get("state")

    def compile(self, say=lambda text, end="": None):
        """Makes forward, learn and sync, and tells by say(text, end=...) what takes how long.

        -> itself
        """
        s, space = self.settings, self.env.observation_space

        def timed(what, make):
            say(f"{what:20}", end="")
            since = time.perf_counter()
            made = make()
            say(f"{time.perf_counter() - since:6.1f} s")
            return made

        self.forward, self.learn, self.sync = timed(
            "building the graph",
            lambda: q_learning(
                network(s),
                self.values,
                space.shape,
                space.dtype,
                partial(OPTIMISERS[s.optimiser], learning_rate=s.learning_rate),
                LOSSES[s.loss],
                self.mode,
            ),
        )
        x = np.zeros((s.batch_size, *space.shape), space.dtype)
        action, reward = np.zeros(s.batch_size, np.int32), np.zeros(s.batch_size, np.float32)
        timed("compiling forward", lambda: try_out(self.forward, x[:1]))
        timed("compiling learn", lambda: try_out(self.learn, x, action, reward, reward, x))
        timed("compiling sync", lambda: try_out(self.sync))
        return self

    @property
    def epsilon(self):
        s = self.settings
        return annealed(self.steps - s.warm_up, s.epsilon_start, s.epsilon_end, s.epsilon_steps)

    def q_values(self):
        return self.forward(self.x[None])[0]  # (actions,)

    def step(self):
        """Act, remember, and learn from what is remembered."""
        s = self.settings
        action = epsilon_greedy(self.epsilon, self.actions, self.q_values, self.exploration_rng)
        x_tp1, reward, terminated, truncated, info = self.env.step(action)
        # Only termination leaves no future; truncation merely stops the watching.
        discount, over = 0 if terminated else s.discount, bool(terminated or truncated)
        self.memory.add(self.x, action, reward, discount, x_tp1, over)
        self.x, info = self.env.reset() if over else (x_tp1, info)
        self.game_state = info.get("state")
        self.steps += 1
        if self.steps >= s.warm_up and self.steps % s.update_every == 0:
            td_error = self.learn(*self.memory.sample(s.batch_size, self.memory_rng))
            self.updates += 1
            if self.updates % s.sync_every == 0:
                self.sync()
            self.loss_sum += float(td_error @ td_error) / s.batch_size
            self.loss_count += 1

    def mean_loss(self):
        """The mean squared TD error of the updates since the last call; None if there were none."""
        mean = self.loss_sum / self.loss_count if self.loss_count else None
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    # -- everything that changes, to be kept and brought back -----------------------------------

    def weights(self):
        """-> {name: array} of the online network."""
        return {v.name: v.get_value() for v in self.forward.get_shared()}

    def state(self):
        """-> (what JSON can hold, {name: array}): all that the next step depends on.

        Before the first step that is the seed alone.
        """
        about = {
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "streams": {name: rng.bit_generator.state for name, rng in self.streams().items()},
            "game_state": self.game_state,
            "memory": {name: getattr(self.memory, name) for name in MEMORY_COUNTERS},
        }
        if not self.steps:
            return about, {}
        arrays = {f"learner.{v.name}": v.get_value() for v in self.learn.get_shared()}
        filled = min(self.memory.written, self.memory.rows)
        for name, ring in self.memory.rings.items():
            arrays[f"memory.{name}"] = ring[:filled]
        arrays["x"] = self.x
        return about, arrays

    def restore(self, about, arrays):
        """From the start to a `state`; KeyError, TypeError or ValueError if it is another's."""
        if not about["counters"]["steps"]:
            return
        for variable in self.learn.get_shared():
            variable.set_value(arrays[f"learner.{variable.name}"])
        for name in MEMORY_COUNTERS:
            setattr(self.memory, name, about["memory"][name])
        filled = min(self.memory.written, self.memory.rows)
        for name, ring in self.memory.rings.items():
            ring[:filled] = arrays[f"memory.{name}"]
        self.game_state = about["game_state"]
        self.env.reset(options={"state": self.game_state})
        self.x = self.env.x = arrays["x"]
        for name, value in about["counters"].items():
            setattr(self, name, value)
        for name, rng in self.streams().items():
            rng.bit_generator.state = about["streams"][name]

    def streams(self):
        return {
            "game": self.env.unwrapped.np_random,
            "exploration": self.exploration_rng,
            "memory": self.memory_rng,
        }


def as_seen(env, settings):
    """-> the game as the agent sees it: an action repeat and a history of frames."""
    if settings.action_repeat > 1:
        env = ActionRepeat(env, settings.action_repeat)
    return History(env, settings.history)


def network(settings):
    """-> network(x, params), as the settings ask for it."""
    return partial(mlp, activation=ACTIVATIONS[settings.activation])


def first_values(rng, env, settings):
    """-> {name: float32 array}: the first values of that network's parameters."""
    return mlp_params(
        rng,
        env.observation_space.shape,
        settings.hidden,
        int(env.action_space.n),
        INITIALISERS[settings.initialiser],
    )


def trained(env, settings, weights):
    """An agent that has learnt -> (the game as it sees it, forward).

    Raises ValueError for weights of another shape.
    """
    env = as_seen(env, settings)
    space = env.observation_space
    wanted = first_values(np.random.default_rng(0), env, settings)
    shapes = {name: value.shape for name, value in wanted.items()}
    found = {name: value.shape for name, value in weights.items()}
    if shapes != found:
        raise ValueError(f"expected weights {shapes}, got {found}")
    return env, forward_alone(network(settings), weights, space.shape, space.dtype)
