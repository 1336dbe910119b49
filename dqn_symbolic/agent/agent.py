"""The algorithm: what the agent does in one step of its life (Mnih et al. 2015, Algorithm 1)."""

import json
from functools import partial
from math import inf

import numpy as np

from dqn_symbolic.agent.settings import ACTIVATIONS, INITIALISERS, LOSSES, OPTIMISERS
from dqn_symbolic.compiling.backends import mode, try_out
from dqn_symbolic.experience.exploration import annealed, epsilon_greedy
from dqn_symbolic.experience.frames import ActionRepeat, History
from dqn_symbolic.experience.memory import ReplayMemory
from dqn_symbolic.symbols.networks import conv, conv_params
from dqn_symbolic.symbols.q_learning import forward_alone, q_learning

COUNTERS = ("steps", "updates", "loss_sum", "loss_count")
MEMORY_COUNTERS = ("written", "first", "size", "episode_begins")
ADVICE = "a smaller learning_rate may help"


class Training:
    """A game, a learner and its memory, with all that changes while they are at it.

    env: a Gymnasium environment with a discrete action space and arrays for observations, which are
    the frames. The agent sees the last `settings.history` of them.
    `compile()` once, then `step()` is one agent step. When an episode ends, nothing here is reset
    but the game.
    """

    def __init__(self, env, settings):
        seeds = np.random.SeedSequence(settings.seed).spawn(5)
        params_seed, game_seed, exploration_seed, memory_seed, self.evaluation_seed = seeds
        self.env, self.settings = as_seen(env, settings), settings
        self.mode = mode(settings.backend)
        self.actions = int(env.action_space.n)
        self.first_params = first_params(np.random.default_rng(params_seed), self.env, settings)
        self.exploration_rng = np.random.default_rng(exploration_seed)
        self.memory_rng = np.random.default_rng(memory_seed)
        space = self.env.observation_space
        self.memory = ReplayMemory(settings.memory_size, space.shape, space.dtype)
        self.steps = 0  # agent steps
        self.updates = 0  # parameter updates
        self.loss_sum, self.loss_count = 0.0, 0  # of the mean squared TD error, since `mean_loss`
        self.x, info = self.env.reset(seed=int(game_seed.generate_state(1)[0]))
        self.game_state = info.get("state")

    def compile(self):
        for _, part in self.compilation():
            part()
        return self

    def compilation(self):
        """How forward, learn and sync are made: [(what, the call that does it), ...]."""
        s, space = self.settings, self.env.observation_space

        def build():
            self.forward, self.learn, self.sync = q_learning(
                network(s),
                self.first_params,
                space.shape,
                space.dtype,
                partial(OPTIMISERS[s.optimiser], learning_rate=s.learning_rate),
                LOSSES[s.loss],
                self.mode,
            )

        x = np.zeros((s.batch_size, *space.shape), space.dtype)
        action, reward = np.zeros(s.batch_size, np.int32), np.zeros(s.batch_size, np.float32)
        return [
            ("building the graph", build),
            ("compiling forward", lambda: try_out(self.forward, x[:1])),
            ("compiling learn", lambda: try_out(self.learn, x, action, reward, reward, x)),
            ("compiling sync", lambda: try_out(self.sync)),
        ]

    @property
    def epsilon(self):
        s = self.settings
        return annealed(self.steps - s.warm_up, s.epsilon_start, s.epsilon_end, s.epsilon_steps)

    def q_values(self):
        return np.asarray(self.forward(self.x[None]))[0]  # (actions,)

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
            error = np.asarray(td_error, np.float64)  # in which no square of a float32 overflows
            loss = float(error @ error) / s.batch_size
            if not loss < inf:
                raise FloatingPointError(f"the squared TD error is {loss} ({ADVICE})")
            self.loss_sum += loss
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

        Before the first step that is the seed alone. Raises FloatingPointError for a learner that
        is not worth keeping, as not all its numbers are finite.
        """
        about = self.about()
        if not self.steps:
            return about, {}
        arrays = self.arrays(self.memory.written)
        bad = not_finite(arrays)
        if bad:
            raise FloatingPointError(f"not finite any more: {bad} ({ADVICE})")
        return about, arrays

    def about(self):
        """-> what of a `state` is no array."""
        return {
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "streams": {name: rng.bit_generator.state for name, rng in self.streams().items()},
            "game_state": self.game_state,
            "memory": {name: getattr(self.memory, name) for name in MEMORY_COUNTERS},
        }

    def arrays(self, written):
        """-> {name: array}, with as much of the memory as so many frames fill."""
        arrays = {f"learner.{v.name}": v.get_value() for v in self.learn.get_shared()}
        for name, ring in self.memory.rings.items():
            arrays[f"memory.{name}"] = ring[:written]
        return {**arrays, "x": self.x}

    def restore(self, about, arrays):
        """From the start to a `state`. Raises ValueError, nothing changed, if it is another's."""
        if form(about) != form(json.loads(json.dumps(self.about()))):
            raise ValueError("these are not the counters and random streams of such a training")
        if not all(0 <= count < inf for count in about["counters"].values()):
            raise ValueError(f"these are no counts: {about['counters']}")
        if not about["counters"]["steps"]:
            return
        if about["game_state"] is None:
            raise ValueError('the game does not tell its state (info["state"]), so none goes on')
        memory = about["memory"]
        filled = min(memory["written"], self.memory.rows)
        most = 2 * about["counters"]["steps"]  # frames: an episode's first comes with its second
        if not (
            0 <= memory["first"] < self.memory.rows
            and 0 < memory["size"] <= filled
            and memory["written"] <= most
        ):
            raise ValueError(f"these are no positions in a memory: {memory}")
        expected = self.arrays(memory["written"])
        for name in expected | arrays:
            wanted, found = (
                f"{a.dtype} {a.shape}" if a is not None else "nothing"
                for a in (expected.get(name), arrays.get(name))
            )
            if wanted != found:
                raise ValueError(f"{name}: expected {wanted}, got {found}")
        spoilt = not_finite(arrays)
        if spoilt:
            raise ValueError(f"not finite: {spoilt}")
        self.env.reset(options={"state": about["game_state"]})

        for variable in self.learn.get_shared():
            variable.set_value(arrays[f"learner.{variable.name}"])
        for name, value in memory.items():
            setattr(self.memory, name, value)
        for name, ring in self.memory.rings.items():
            ring[:filled] = arrays[f"memory.{name}"]
        self.game_state, self.x = about["game_state"], arrays["x"]
        self.env.x = self.x
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


def not_finite(arrays):
    """-> the names of what the learner has in them that is not finite, as one text."""
    learnt = {n.removeprefix("learner."): a for n, a in arrays.items() if n.startswith("learner.")}
    return ", ".join(name for name, array in learnt.items() if not np.isfinite(array).all())


def form(value):
    """What a value is made of: the names in it, and the types."""
    if isinstance(value, dict):
        return {name: form(part) for name, part in value.items()}
    return [form(part) for part in value] if isinstance(value, list) else type(value)


def as_seen(env, settings):
    """-> the game as the agent sees it: an action repeat and a history of frames."""
    if settings.action_repeat > 1:
        env = ActionRepeat(env, settings.action_repeat)
    return History(env, settings.history)


def network(settings):
    """-> network(x, params), as the settings ask for it."""
    strides = [stride for _, _, stride in settings.filters]
    return partial(conv, strides=strides, activation=ACTIVATIONS[settings.activation])


def first_params(rng, env, settings):
    """-> {name: float32 array}: the first values of that network's parameters."""
    *frame_shape, _ = env.observation_space.shape
    if settings.filters and len(frame_shape) != 2:
        raise ValueError(f"filters: expected frames (height, width), got {tuple(frame_shape)}")
    return conv_params(
        rng,
        env.observation_space.shape,
        settings.filters,
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
    wanted = first_params(np.random.default_rng(0), env, settings)
    shapes = {name: value.shape for name, value in wanted.items()}
    found = {name: value.shape for name, value in weights.items()}
    if shapes != found:
        raise ValueError(f"expected weights {shapes}, got {found}")
    return env, forward_alone(network(settings), weights, space.shape, space.dtype, mode("numba"))
