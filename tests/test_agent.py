"""The agent learns, counts its steps, uses its settings and repeats its bits."""

import hashlib
import json
from dataclasses import asdict, fields

import gymnasium
import numpy as np
import pytest

from dqn_symbolic.agent import STREAMS, Agent, streams
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training
from games.catch import Catch
from tests.benchmarks.seeds import steps_to_solve
from tests.plain import no_functions, plain

QUICK = {"hidden": (16,), "warm_up": 50, "epsilon_steps": 300, "memory_size": 200}


def trained(steps, env=None, **settings):
    agent = plain(env or Catch(), Settings(**settings))
    for _ in range(steps):
        agent.step()
    return agent


def bits(agent):
    """-> a fingerprint of the agent's whole state."""
    data, arrays = agent.get_state()
    fingerprint = hashlib.sha256(json.dumps(data).encode())
    for name in sorted(arrays):
        fingerprint.update(name.encode() + arrays[name].tobytes())
    return fingerprint.hexdigest()


def saved_state(agent):
    """-> (data, arrays): the agent's state, as it is read from a file."""
    data, arrays = agent.get_state()
    arrays = {name: np.array(array) for name, array in arrays.items()}
    for name, ring in agent.memory.new_rings().items():
        values = arrays[f"memory.{name}"]
        ring[: len(values)] = values
        arrays[f"memory.{name}"] = ring
    return json.loads(json.dumps(data)), arrays


# -- learning --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_the_agent_solves_catch_with_the_same_bits_twice(seed):
    runs = []
    for _ in range(2):
        agent = Agent(Catch(), Settings(seed=seed))
        score = scorer(task("games:Catch-v0"), agent)
        for _ in range(10_000 // 250):
            for _ in range(250):
                agent.step()
            if score()["catch_rate"] == 1:
                break
        assert score()["catch_rate"] == 1
        runs.append((agent.steps, bits(agent)))
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_thirty_seeds_learn_catch_within_10_000_steps():
    assert max(steps_to_solve(seed) for seed in range(30)) <= 10_000


class Endless(gymnasium.Env):
    """One state, reward 1 in every step. With `ends_after` it terminates after so many steps."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, ends_after=None):
        self.ends_after = ends_after

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return np.ones(1, np.float32), {}

    def step(self, action):
        self.age += 1
        return np.ones(1, np.float32), 1.0, self.age == self.ends_after, False, {}


@pytest.mark.parametrize(
    ("env", "n_step", "q"),
    [
        # A time limit of 10 steps truncates, so it does not change Q: 1/(1 - .9) = 10.
        (gymnasium.wrappers.TimeLimit(Endless(), 10), 1, 10),
        (gymnasium.wrappers.TimeLimit(Endless(), 10), 3, 10),
        # Termination does: one step in 10 has no future, so Q = 1 + .9 * 9/10 Q = 5.263.
        (Endless(ends_after=10), 1, 1 / (1 - 0.9 * 9 / 10)),
        # The last three of 10 steps have no future, and the last two fewer than three rewards:
        # 10 Q = 7 (1 + .9 + .81 + .729 Q) + (1 + .9 + .81) + (1 + .9) + 1, so Q = 5.019.
        (Endless(ends_after=10), 3, (8 * 2.71 + 1.9 + 1) / (10 - 7 * 0.729)),
    ],
    ids=["truncated", "truncated-3", "terminated", "terminated-3"],
)
def test_truncation_bootstraps_and_termination_does_not(env, n_step, q):
    agent = trained(
        4_000,
        env,
        hidden=(),
        discount=0.9,
        n_step=n_step,
        optimiser="sgd",
        learning_rate=0.02,
        sync_every=10,
        warm_up=1_000,
        memory_size=1_000,  # 100 whole episodes, so exactly one step in ten is a last step
        epsilon_end=1.0,
    )
    np.testing.assert_allclose(agent.forward(np.ones((1, 1, 1), np.float32)), q, rtol=0.04)


class Numbered(gymnasium.Env):
    """The n-th observation is n. Every episode is truncated after 3 steps."""

    observation_space = gymnasium.spaces.Box(0, 255, (1,), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)
    n = 0

    def observe(self):
        self.n += 1
        return np.array([self.n], np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age = 0
        return self.observe(), {}

    def step(self, action):
        self.age += 1
        return self.observe(), float(self.n), False, self.age == 3, {}


def test_the_memory_has_the_last_observation_of_a_truncated_episode():
    """x_tp1 follows x. At a truncation it is the last observation, not that of the reset."""
    memory = trained(6, Numbered(), **QUICK).memory
    x, _, reward, discount, x_tp1 = memory.sample(300, np.random.default_rng(0))
    expected = [(1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8)]
    assert sorted(set(zip(x.ravel().tolist(), x_tp1.ravel().tolist()))) == expected
    assert (reward == x_tp1.ravel()).all()
    assert (discount == np.float32(0.99)).all()


class Lives(Numbered):
    """Numbered with the rewards 5, -3 and .5. The second step loses a life."""

    def step(self, action):
        x, _, terminated, truncated, info = super().step(action)
        reward = {1: 5.0, 2: -3.0, 3: 0.5}[self.age]
        return x, reward, terminated, truncated, {**info, "life_lost": self.age == 2}


@pytest.mark.parametrize(("clip_rewards", "rewards"), [(True, [1, -1, 0.5]), (False, [5, -3, 0.5])])
def test_a_lost_life_ends_the_episode_for_learning_only(clip_rewards, rewards):
    agent = trained(6, Lives(), clip_rewards=clip_rewards, **QUICK)
    _, _, reward, discount, x_tp1 = agent.memory.transitions(np.arange(agent.memory.size))
    assert reward.tolist() == 2 * rewards
    np.testing.assert_allclose(discount, 2 * [0.99, 0, 0.99])
    assert x_tp1.ravel().tolist() == [2, 3, 4, 6, 7, 8]  # the episode continues after the lost life
    assert agent.episode == 2


# -- counting --------------------------------------------------------------------------------------


class Counted(Agent):
    """An agent whose compiled functions only count their calls."""

    def __init__(self, settings):
        super().__init__(Catch(), settings, no_functions)
        self.calls = []

        def learn(x, *_):
            self.calls.append((self.steps, "learn"))
            return np.zeros(len(x), np.float32)

        self.learn = learn
        self.sync = lambda: self.calls.append((self.steps, "sync"))
        self.forward = lambda x: np.zeros((len(x), self.action_count), np.float32)


def test_updates_count_agent_steps_and_syncs_count_updates():
    """Warm-up and update_every count agent steps; sync_every counts updates."""
    agent = Counted(Settings(warm_up=10, update_every=4, sync_every=3))
    for _ in range(40):
        agent.step()
    assert [step for step, name in agent.calls if name == "learn"] == [
        12,
        16,
        20,
        24,
        28,
        32,
        36,
        40,
    ]
    assert [step for step, name in agent.calls if name == "sync"] == [20, 32]
    assert (agent.steps, agent.updates) == (40, 8)


def test_epsilon_is_never_reset_by_an_episode():
    agent = Counted(Settings(warm_up=10, epsilon_steps=100))
    epsilons = []
    for _ in range(130):
        epsilons.append(agent.epsilon)
        agent.step()
    expected = [1 - 0.9 * min(max(step - 10, 0), 100) / 100 for step in range(130)]
    np.testing.assert_allclose(epsilons, expected)


def test_epsilon_starts_where_the_setting_says():
    agent = Counted(Settings(warm_up=10, epsilon_start=0.5, epsilon_end=0.2, epsilon_steps=100))
    assert agent.epsilon == 0.5
    agent.steps = 60
    assert agent.epsilon == pytest.approx(0.35)


def test_all_random_streams_differ():
    states = {name: tuple(stream.generate_state(4)) for name, stream in streams(0).items()}
    assert len(set(states.values())) == len(STREAMS)


def test_the_threads_setting_is_used():
    asked = []

    def functions(graph, mode, threads):
        asked.append(threads)
        return None, None, None

    Agent(Catch(), Settings(threads=3, filters=((2, 3, 1),)), functions)
    assert asked == [3]


class Interrupted(gymnasium.Wrapper):
    """Ctrl-C comes in step number `when`, before or after the game has moved on."""

    when, after, steps = None, False, 0

    def step(self, action):
        self.steps += 1
        result = self.env.step(action) if self.steps != self.when or self.after else None
        if self.steps == self.when:
            raise KeyboardInterrupt
        return result


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("when", [1, 4, 9, 10, 60])  # an episode has nine steps
def test_after_ctrl_c_in_the_game_the_agent_goes_on_with_the_same_bits(when, after):
    settings = Settings(**QUICK, steps=80, evaluate_every=80)
    agents = [plain(Interrupted(Catch()), settings) for _ in range(2)]
    agents[0].env.env.env.when, agents[0].env.env.env.after = when, after
    with pytest.raises(KeyboardInterrupt):
        list(training(agents[0]))
    assert agents[0].steps == when - 1
    for agent in agents:
        list(training(agent))
    (data, arrays), (expected_data, expected) = map(saved_state, agents)
    assert data == expected_data
    assert all(arrays[name].tobytes() == value.tobytes() for name, value in expected.items())


def test_an_episode_that_has_ended_meanwhile_has_not_come_back():
    agent = plain(Endless(), Settings(hidden=(4,), warm_up=50))
    for _ in range(5):
        agent.step()
    agent.env.unwrapped.ends_after = 5
    with pytest.warns(RuntimeWarning, match="did not come back"):
        agent.go_back(agent.env.episode_return)
    assert (agent.episode, agent.actions) == (1, [])


def test_online_q_learning_is_a_setting():
    """With a memory and a batch of one and a sync at every update, it learns from the last step."""
    settings = Settings(memory_size=1, batch_size=1, warm_up=1, sync_every=1, hidden=(8,))
    agent = plain(Catch(), settings)
    for step in range(1, 30):
        x = agent.x.copy()
        agent.step()
        batch = agent.memory.sample(1, np.random.default_rng(0))
        assert (batch[0][0] == x).all()
        assert agent.updates == step
        shared = {v.name: v.get_value() for v in agent.graph.variables}
        for name in ("W1", "b1", "Wout", "bout"):
            assert (shared[name] == shared[f"target.{name}"]).all()


def test_the_mean_loss_is_that_of_the_updates_since_the_last_call():
    agent = trained(0, **QUICK)
    learn, errors = agent.learn, []

    def recording_learn(*batch):
        errors.append(learn(*batch))
        return errors[-1]

    agent.learn = recording_learn
    assert agent.mean_loss() is None
    for updates in (30, 7):
        errors.clear()
        while len(errors) < updates:
            agent.step()
        assert agent.mean_loss() == pytest.approx(np.mean(np.square(errors)), rel=1e-5)
    assert agent.mean_loss() is None


# -- every setting is used -------------------------------------------------------------------------


def one_update(**settings):
    """-> (parameters before, after, td_error, one-hot action) of one update of a linear network."""
    agent = trained(0, hidden=(), learning_rate=0.1, **settings)
    rng = np.random.default_rng(0)
    x, x_tp1 = rng.integers(0, 256, (2, 32, 10, 10, 1), dtype=np.uint8)
    action, reward = rng.integers(3, size=32).astype("i4"), rng.normal(size=32).astype("f4") * 3
    before = agent.weights()
    td_error = agent.learn(x, action, reward, np.zeros(32, "f4"), x_tp1)
    return before, agent.weights(), td_error, np.eye(3)[action]


@pytest.mark.parametrize(
    ("loss", "minus_gradient"),
    [
        ("squared", lambda td_error: 2 * td_error / 32),
        ("clipped", lambda td_error: td_error.clip(-1, 1)),
    ],
)
def test_the_loss_setting_is_used(loss, minus_gradient):
    before, after, td_error, taken = one_update(loss=loss, optimiser="sgd")
    assert abs(td_error).max() > 2
    expected = before["bout"] + 0.1 * minus_gradient(td_error) @ taken
    np.testing.assert_allclose(after["bout"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("optimiser", "step"),
    [
        ("sgd", lambda g: 0.1 * g),
        ("rmsprop", lambda g: 0.1 * g / np.sqrt(0.05 * g**2 - (0.05 * g) ** 2 + 0.01)),
        ("adam", lambda g: 0.1 * np.sign(g)),
        ("adagrad", lambda g: 0.1 * np.sign(g)),
    ],
)
def test_the_optimiser_setting_is_used(optimiser, step):
    before, after, td_error, taken = one_update(optimiser=optimiser)
    gradient = -2 * td_error @ taken / 32
    np.testing.assert_allclose(before["bout"] - after["bout"], step(gradient), rtol=1e-3)


@pytest.mark.parametrize(
    ("initialiser", "largest"), [("glorot", np.sqrt(6 / 228)), ("uniform_fan_in", 0.01)]
)
def test_the_initialiser_setting_is_used(initialiser, largest):
    W1 = plain(Catch(), Settings(initialiser=initialiser)).weights()["W1"]
    assert 0.99 * largest < abs(W1).max() <= largest * (1 + 1e-6)


def test_the_orthogonal_initialiser_is_used():
    W1 = plain(Catch(), Settings(initialiser="orthogonal")).weights()["W1"]
    np.testing.assert_allclose(W1 @ W1.T, np.eye(100), atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "function"), [("relu", lambda z: np.maximum(z, 0)), ("tanh", np.tanh)]
)
def test_the_activation_setting_is_used(activation, function):
    x = np.random.default_rng(0).integers(0, 256, (4, 10, 10, 1), dtype=np.uint8)
    conv = plain(Catch(), Settings(activation=activation, filters=((6, 10, 1),), hidden=()))
    params = conv.weights()
    h = function(x.reshape(4, 100) / 255 @ params["K1"].reshape(100, 6))
    np.testing.assert_allclose(conv.forward(x), h @ params["Wout"], rtol=1e-3, atol=1e-5)
    agent = trained(0, activation=activation, hidden=(16,))
    params = agent.weights()
    h = function(x.reshape(4, 100) / 255 @ params["W1"])
    np.testing.assert_allclose(agent.forward(x), h @ params["Wout"], rtol=1e-3, atol=1e-5)


def test_the_history_reaches_the_environment():
    agent = plain(Catch(), Settings(history=3))
    assert agent.x.shape == (10, 10, 3)


# -- invalid settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": ((16, 8),)}, "filters: expected"),
        ({"filters": ((16, 0, 1),)}, "filters: expected"),
        ({"history": 0}, "history: expected at least 1, got 0"),
        ({"optimiser": "sdg"}, "optimiser: expected one of sgd, rmsprop, adam, adagrad, got 'sdg'"),
        ({"backend": "theano"}, "backend: expected one of numba, c, jax, got 'theano'"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"batch_size": -1}, "batch_size: expected at least 1"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"discount": 1.5}, "discount: expected a number from 0 to 1, got 1.5"),
        ({"adam_epsilon": 0}, "adam_epsilon: expected more than 1e-30, got 0.0"),
        (
            {"learning_rate": float("nan")},
            "learning_rate: expected a number from 0 to 1,000, got nan",
        ),
        ({"epsilon_end": 2.0}, "epsilon_end: expected a number from 0 to 1"),
        ({"batch_size": 2.5}, "batch_size: expected a whole number, got 2.5"),
        ({"batch_size": 32.0}, "batch_size: expected a whole number, got 32.0"),
        ({"batch_size": True}, "batch_size: expected a whole number, got True"),
        ({"seed": 1.5}, "seed: expected a whole number, got 1.5"),
        ({"seed": None}, "seed: expected a whole number, got None"),
        ({"hidden": (True,)}, "hidden: expected the units of each layer"),
        ({"hidden": 128}, "hidden: expected a list, with a value for each layer, got 128"),
        ({"filters": ((32, 3.5, 1),)}, "filters: expected"),
        ({"learning_rate": "x"}, "learning_rate: expected a number from 0 to 1,000, got 'x'"),
        ({"learning_rate": True}, "learning_rate: expected a number from 0 to 1,000, got True"),
        ({"optimiser": ["adam"]}, "optimiser: expected one of"),
        ({"hidden": (16, 0)}, "hidden: expected the units of each layer"),
        ({"centred": True}, "centred: expected False without filters, got True"),
        ({"hidden": (1,) * 101}, "hidden: expected the units of each layer"),
        ({"filters": ((1, 1, 1),) * 101}, "filters: expected"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


# Every number has a bound that makes sense for it.
BOUNDS = {
    "seed": 2**63 - 1,
    "threads": 64,
    "learning_rate": 1_000,
    "n_step": 1_000,
    "history": 100,
    "batch_size": 4_096,
    "evaluation_episodes": 100_000,
}


NUMBERS = [field for field in fields(Settings) if field.type in (int, float)]


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_every_number_has_an_upper_bound(field):
    bound = BOUNDS.get(field.name, 1 if field.type is float else 2 * 10**9)
    filters = {"filters": ((1, 1, 1),)} if field.name == "threads" else {}
    assert getattr(Settings(**{field.name: bound}, **filters), field.name) == bound
    for large in (bound + 1, 10**400) if field.type is int else (bound * 1.01, 1e308, 10**400):
        with pytest.raises(ValueError, match=f"^{field.name}: expected .*{bound:,}, got") as raised:
            Settings(**{field.name: large}, **filters)
        assert len(str(raised.value)) < 300


def test_a_whole_number_becomes_a_float_and_survives_json():
    """The settings in a file are then equal to those of the agent."""
    settings = Settings(discount=1, learning_rate=0)
    assert (type(settings.discount), settings.discount) == (float, 1.0)
    assert Settings(**json.loads(json.dumps(asdict(settings)))) == settings


# -- each episode has its own seed -----------------------------------------------------------------


@pytest.mark.usefixtures("uncompiled")
def test_every_episode_has_its_own_seed():
    """The seeds count up from a first seed that the run's seed determines; each has 31 bits."""

    class SeedRecorder(Catch):
        def reset(self, *, seed=None, options=None):
            seeds.append(seed)
            return super().reset(seed=seed, options=options)

    seeds_of_runs = []
    for seed in (0, 0, 1):
        seeds = []
        agent = Agent(SeedRecorder(rows=3), Settings(seed=seed, warm_up=100))
        for _ in range(6):
            agent.step()
        assert len(seeds) == 4
        assert [(episode_seed - seeds[0]) % 2**31 for episode_seed in seeds] == [0, 1, 2, 3]
        assert all(0 <= episode_seed < 2**31 for episode_seed in seeds)
        seeds_of_runs.append(seeds)
    assert seeds_of_runs[0] == seeds_of_runs[1] != seeds_of_runs[2]


def test_bytes_are_divided_by_the_highest_value_of_their_space():
    """Planes of 0 and 1 reach the network as 0 and 1."""

    class Planes(Numbered):
        observation_space = gymnasium.spaces.Box(0, 1, (4,), np.uint8)

        def observe(self):
            return np.eye(4, dtype=np.uint8)[0]

    agent = plain(Planes(), Settings(hidden=()))
    x = np.eye(4, dtype=np.uint8)[..., None]
    np.testing.assert_allclose(agent.forward(x), agent.weights()["Wout"], rtol=1e-6)

    class Boards(Planes):
        observation_space = gymnasium.spaces.Box(0, 1, (2, 2), np.uint8)

        def observe(self):
            return np.eye(2, dtype=np.uint8)

    agent = plain(Boards(), Settings(filters=((1, 1, 1),), hidden=()))
    agent.graph.params[0].set_value(np.ones((1, 1, 1, 1), np.float32))  # K1
    x = np.eye(4, dtype=np.uint8).reshape(4, 2, 2, 1)
    np.testing.assert_allclose(agent.forward(x), agent.weights()["Wout"], rtol=1e-6)
    pixels = plain(Numbered(), Settings(hidden=()))
    x = np.full((1, 1, 1), 51, np.uint8)
    np.testing.assert_allclose(pixels.forward(x), pixels.weights()["Wout"] / 5, rtol=1e-6)
