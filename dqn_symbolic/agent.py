"""The agent: act, remember, learn (Mnih et al. 2015, Algorithm 1)."""

import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from math import inf

import gymnasium
import numpy as np

from dqn_symbolic import losses, networks, optimisers
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.exploration import ADVICE, epsilon_after, epsilon_greedy
from dqn_symbolic.frames import History
from dqn_symbolic.guard.files import write_whole
from dqn_symbolic.memory import ReplayMemory
from dqn_symbolic.q_learning import functions, q_learning
from dqn_symbolic.settings import Settings

COUNTERS = ("steps", "updates", "episode", "loss_sum", "loss_count")
STREAMS = ("params", "game", "exploration", "memory", "evaluation", "act")
SAVED_STREAMS = ("exploration", "memory")  # not "act": playing elsewhere changes no training
ELSEWHERE = "the game did not come back to where it was: a new episode begins"
FILE = {"dqn_symbolic": "agent", "version": 3}  # of the content of agent.npz


class Agent:
    """A game, two Q-networks, a replay memory, random streams and counters.

    env: any Gymnasium environment with discrete actions; functions(graph, mode, threads) ->
    (forward, learn, sync) decides how an update is run. ValueError: the game cannot be learnt.
    """

    def __init__(self, env: gymnasium.Env, settings: Settings, functions: Callable = functions):
        s = self.settings = settings
        self.env = History(env, s.history)
        space, self.action_count = self.env.observation_space, int(env.action_space.n)
        seeds = streams(s.seed)
        self.evaluation_seed = seeds["evaluation"]
        self.rngs = {name: np.random.default_rng(seeds[name]) for name in (*SAVED_STREAMS, "act")}
        params_rng = np.random.default_rng(seeds["params"])
        first_params = networks.first_params(params_rng, s, space, self.action_count)
        self.memory = ReplayMemory(s.memory_size, space.shape, space.dtype, s.n_step)
        self.steps = 0  # agent steps
        self.steps_before = 0  # of a `gorila` agent before its restart: epsilon goes on from there
        self.updates = 0  # parameter updates
        self.loss_sum, self.loss_count = 0.0, 0  # of the mean squared TD error, since `mean_loss`
        self.td_error = None  # of the last update, until `watch_loss`
        self.shown = None  # the last frames that `act` was given
        self.first_seed = int(seeds["game"].generate_state(1)[0])
        self.episode = -1
        self.chosen: int | None = None  # the next action, if its step was broken off
        self.begin_episode()
        network, optimiser, loss = networks.of(s, space), optimisers.of(s), getattr(losses, s.loss)
        obs = space.shape, space.dtype
        self.graph = q_learning(network, first_params, *obs, optimiser, loss, s.beside)
        self.forward, self.learn, self.sync = functions(self.graph, mode(s.backend), s.threads)

    # -- the lecture's algorithm ------------------------------------------------------------------

    def step(self) -> None:
        """Acts, remembers the transition, and learns from a minibatch if an update is due."""
        s = self.settings
        rng = self.rngs["exploration"]
        if self.memory.episode_begins and self.actions:
            self.begin_episode()  # the last episode is over, but its reset failed
        if self.chosen is not None:  # the game failed at this action before, or Ctrl-C came
            self.go_back(self.env.episode_return)
        if self.chosen is None:
            self.chosen = epsilon_greedy(self.epsilon, self.action_count, self.q_values, rng)
        action: int = self.chosen
        x_tp1, reward, terminated, truncated, info = self.env.step(action)
        # Nothing follows a termination. For learning, the loss of a life counts as a termination.
        # After a truncation the game would have gone on.
        discount = 0 if terminated or info.get("life_lost") else s.discount
        over = terminated or truncated
        if s.clip_rewards:
            reward = min(max(reward, -1.0), 1.0)
        self.memory.add(self.x, action, reward, discount, x_tp1, over)
        self.x: np.ndarray = x_tp1
        self.actions.append(action)
        self.chosen = None
        self.steps += 1
        if self.steps >= s.warm_up and self.steps % s.update_every == 0:
            batch = self.memory.sample(s.batch_size, self.rngs["memory"])
            td_error = self.learn(*batch)
            self.watch_loss()  # of the update before; with `beside`, `learn` has waited for it
            self.td_error = td_error
            self.updates += 1
            if self.updates % s.sync_every == 0:
                self.sync()
        if over:
            self.begin_episode()

    def begin_episode(self):
        """Each episode has its own seed, so the agent can play the episode again."""
        self.x, _ = self.env.reset(seed=(self.first_seed + self.episode + 1) % 2**31)
        self.episode += 1
        self.actions = []  # of this episode

    @property
    def epsilon(self):
        return epsilon_after(self.steps_before + self.steps, self.settings)

    def q_values(self, x=None):
        return np.asarray(self.forward((self.x if x is None else x)[None]))[0]  # (actions,)

    def watch_loss(self):
        """Waits for the last update. Raises FloatingPointError if its loss is not finite."""
        if self.td_error is None:
            return
        error = np.asarray(self.td_error, np.float64)  # in float64, its square cannot overflow
        self.td_error = None
        loss = float(error @ error) / len(error)
        if not loss < inf:
            raise FloatingPointError(f"the squared TD error is {loss} ({ADVICE})")
        self.loss_sum += loss
        self.loss_count += 1

    def mean_loss(self) -> float | None:
        """-> the mean squared TD error of the updates since the last call; None without any."""
        self.watch_loss()
        mean = self.loss_sum / self.loss_count if self.loss_count else None
        self.loss_sum, self.loss_count = 0.0, 0
        return mean

    # -- to use it elsewhere ----------------------------------------------------------------------

    def act(self, observation, epsilon: float = 0.0, begins: bool = False) -> int:
        """-> the game's action for an observation; the frames before it are remembered.

        epsilon: the probability of a random action; begins: this episode begins here. Raises
        ValueError for an observation that is not the game's, FloatingPointError for NaN.
        """
        frame = self.env.env.frame(observation)
        x = self.shown = self.env.with_newest(frame, None if begins else self.shown)
        q_values = partial(self.q_values, x)
        action = epsilon_greedy(epsilon, self.action_count, q_values, self.rngs["act"])
        return self.env.env.first_action + action

    def weights(self) -> dict:
        """-> {name: array}: a copy of the parameters of the network that acts."""
        pairs = zip(self.graph.params, self.graph.acting)
        return {param.name: np.array(acting.get_value()) for param, acting in pairs}

    def save(self, path) -> None:
        """Writes the file that `load` reads, in one step. Its numbers have to be finite."""
        weights = self.weights()
        if not all(np.isfinite(value).all() for value in weights.values()):
            raise FloatingPointError(f"the weights are not finite ({ADVICE})")
        spec, game, kwargs = self.env.env.spec, "", {}  # `load` is then given the game
        # ALE's own games, which have "game", are not our Atari.
        registered = spec and gymnasium.registry.get(spec.id)
        if registered and not (spec.additional_wrappers or "game" in spec.kwargs):
            limit = spec.max_episode_steps or (registered.max_episode_steps and -1)  # -1: none
            own = {**spec.kwargs, "max_episode_steps": limit, "render_mode": None}
            own = {name: value for name, value in own.items() if value is not None}
            with suppress(TypeError):  # JSON cannot hold every value
                json.dumps(own)
                game, kwargs = spec.id, own
        settings = {**asdict(self.settings), "game": kwargs}
        data = json.dumps({**FILE, "game": game, "settings": settings})
        write_whole(path, lambda file: np.savez(file, data=np.array(data.encode()), **weights))

    # -- save and restore everything that changes -------------------------------------------------

    def get_state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """-> (plain data, {name: array}): everything that the next step depends on."""
        self.watch_loss()
        positions, rings = self.memory.get_state()
        data = {
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "streams": {name: self.rngs[name].bit_generator.state for name in SAVED_STREAMS},
            "actions": list(self.actions),
            "chosen": self.chosen,
            "episode_return": self.env.episode_return,
            "memory": positions,
        }
        arrays = {f"learner.{v.name}": v.get_value() for v in self.graph.variables}
        arrays.update({f"memory.{name}": ring for name, ring in rings.items()})
        return data, {**arrays, "x": self.x}

    def set_state(self, data: dict, arrays: dict[str, np.ndarray]) -> None:
        """Restores a saved state; the arrays memory.* are whole rings, and are not copied."""
        self.watch_loss()
        vars(self).update(data["counters"])
        for name in SAVED_STREAMS:
            self.rngs[name].bit_generator.state = data["streams"][name]
        for variable in self.graph.variables:
            variable.set_value(arrays[f"learner.{variable.name}"])
        rings = {name: arrays[f"memory.{name}"] for name in self.memory.rings}
        self.memory.set_state(data["memory"], rings)
        self.chosen, self.actions, self.x = data["chosen"], list(data["actions"]), arrays["x"]
        self.go_back(data["episode_return"])

    def go_back(self, episode_return) -> None:
        """Plays the episode again, from its seed, because the game has played something else.

        If it ends elsewhere, `reset(seed)` does not determine the game, and a new episode begins.
        If the game fails before that, the agent is as before.
        """
        env, played, over = History(self.env.env, self.settings.history), 0, False
        x, _ = env.reset(seed=(self.first_seed + self.episode) % 2**31)
        while played < len(self.actions) and not over:
            x, _, terminated, truncated, _ = env.step(self.actions[played])
            over = terminated or truncated
            played += 1
        same = played == len(self.actions) and np.array_equal(x, self.x)
        same = same and episode_return == env.episode_return
        same = same and (self.memory.episode_begins or not over)
        self.env = env
        if not same:
            self.memory.episode_begins, self.chosen = True, None
            self.begin_episode()
            warnings.warn(ELSEWHERE, RuntimeWarning, stacklevel=2)


def streams(seed: int) -> dict[str, np.random.SeedSequence]:
    """-> an independent seed for each of STREAMS."""
    return dict(zip(STREAMS, np.random.SeedSequence(seed).spawn(len(STREAMS))))
