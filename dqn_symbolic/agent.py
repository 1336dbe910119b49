"""The agent: act, remember, learn (Mnih et al. 2015, Algorithm 1)."""

from math import inf

import gymnasium
import numpy as np

from dqn_symbolic.agent.learner import compilation, first_params
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.experience.exploration import ADVICE, annealed, epsilon_greedy
from dqn_symbolic.experience.frames import as_seen
from dqn_symbolic.experience.memory import ReplayMemory

COUNTERS = ("steps", "updates", "episode", "loss_sum", "loss_count")


class Agent:
    """A game, a learner, its replay memory and everything else that changes during training.

    env: a Gymnasium environment with discrete actions. Its observations are arrays, the frames. The
    agent sees the last `settings.history` of them. `step()` is one agent step.
    """

    def __init__(self, env: gymnasium.Env, settings: Settings):
        seeds = np.random.SeedSequence(settings.seed).spawn(5)
        params_seed, game_seed, exploration_seed, memory_seed, self.evaluation_seed = seeds
        self.settings, self.mode = settings, mode(settings.backend)
        self.env = as_seen(env, settings)
        self.action_count = int(env.action_space.n)
        self.first_params = first_params(np.random.default_rng(params_seed), self.env, settings)
        self.exploration_rng = np.random.default_rng(exploration_seed)
        self.memory_rng = np.random.default_rng(memory_seed)
        space = self.env.observation_space
        self.memory = ReplayMemory(settings.memory_size, space.shape, space.dtype, settings.n_step)
        self.steps = 0  # agent steps
        self.updates = 0  # parameter updates
        self.loss_sum, self.loss_count = 0.0, 0  # of the mean squared TD error, since `mean_loss`
        self.first_seed = int(game_seed.generate_state(1)[0])
        self.episode = -1
        self.begin_episode()

    # -- the lecture's algorithm ------------------------------------------------------------------

    def step(self) -> None:
        """Acts, remembers the transition, and learns from a minibatch if an update is due."""
        s = self.settings
        action = epsilon_greedy(
            self.epsilon, self.action_count, self.q_values, self.exploration_rng
        )
        x_tp1, reward, terminated, truncated, info = self.env.step(action)
        # Nothing follows a termination. For learning, the loss of a life counts as a termination.
        # After a truncation the game would have gone on.
        discount = 0 if terminated or info.get("life_lost") else s.discount
        over = bool(terminated or truncated)
        if s.clip_rewards:
            reward = min(max(reward, -1.0), 1.0)
        self.memory.add(self.x, action, reward, discount, x_tp1, over)
        self.x = x_tp1
        self.actions.append(action)
        if over:
            self.begin_episode()
        self.steps += 1
        if self.steps >= s.warm_up and self.steps % s.update_every == 0:
            td_error = self.learn(*self.memory.sample(s.batch_size, self.memory_rng))
            self.updates += 1
            if self.updates % s.sync_every == 0:
                self.sync()
            self.watch_loss(td_error)

    def begin_episode(self):
        """Each episode has its own seed, so the agent can play the episode again."""
        self.episode += 1
        self.actions = []  # of this episode
        self.x, _ = self.env.reset(seed=(self.first_seed + self.episode) % 2**31)

    @property
    def epsilon(self):
        s = self.settings
        return annealed(self.steps - s.warm_up, s.epsilon_start, s.epsilon_end, s.epsilon_steps)

    def q_values(self):
        return np.asarray(self.forward(self.x[None]))[0]  # (actions,)

    def watch_loss(self, td_error):
        """td_error (B,). Raises FloatingPointError if the loss is not finite."""
        error = np.asarray(td_error, np.float64)  # in float64, its square cannot overflow
        loss = float(error @ error) / len(error)
        if not loss < inf:
            raise FloatingPointError(f"the squared TD error is {loss} ({ADVICE})")
        self.loss_sum += loss
        self.loss_count += 1

    def mean_loss(self) -> float | None:
        """-> the mean squared TD error of the updates since the last call; None without any."""
        mean = self.loss_sum / self.loss_count if self.loss_count else None
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    # -- the compiled functions -------------------------------------------------------------------

    def compile(self) -> "Agent":
        for _, part in compilation(self):
            part()
        return self

    # `compile` replaces these three methods with the compiled functions.

    def forward(self, x):
        return self.compile().forward(x)

    def learn(self, *batch):
        return self.compile().learn(*batch)

    def sync(self):
        return self.compile().sync()

    def weights(self) -> dict[str, np.ndarray]:
        """-> {name: array}: a copy of the online network's parameters."""
        values = {v.name: v.get_value() for v in self.forward.get_shared()}
        return {name: np.array(values[name]) for name in self.first_params}

    # -- save and restore everything that changes -------------------------------------------------

    def get_state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """-> (plain data, {name: array}): everything that the next step depends on."""
        positions, rings = self.memory.get_state()
        data = {
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "streams": {name: rng.bit_generator.state for name, rng in self.streams().items()},
            "actions": list(self.actions),
            "memory": positions,
        }
        arrays = {f"learner.{v.name}": v.get_value() for v in self.learn.get_shared()}
        arrays.update({f"memory.{name}": ring for name, ring in rings.items()})
        return data, {**arrays, "x": self.x}

    def set_state(self, data: dict, arrays: dict[str, np.ndarray]) -> bool:
        """Restores a saved state. The agent is compiled and has not stepped yet.

        The arrays memory.* are whole rings; the memory uses them without a copy. -> whether the
        game shows the same observation again. If not, `reset(seed)` does not determine the game,
        and a new episode begins.
        """
        for name, value in data["counters"].items():
            setattr(self, name, value)
        for name, rng in self.streams().items():
            rng.bit_generator.state = data["streams"][name]
        for variable in self.learn.get_shared():
            variable.set_value(arrays[f"learner.{variable.name}"])
        rings = {name: arrays[f"memory.{name}"] for name in self.memory.rings}
        self.memory.set_state(data["memory"], rings)
        came_back = self.play_again(data["actions"], arrays["x"])
        if not came_back:
            self.memory.episode_begins = True
            self.begin_episode()
        return came_back

    def play_again(self, actions, x):
        """Plays the episode again from its seed. -> whether its last observation is x."""
        self.episode -= 1
        self.begin_episode()
        for action in actions:
            self.x, _, terminated, truncated, _ = self.env.step(action)
            if terminated or truncated:
                return False
        self.actions = list(actions)
        return np.array_equal(self.x, x)

    def streams(self):
        return {"exploration": self.exploration_rng, "memory": self.memory_rng}
