"""The whole loop of Catch beside other libraries:  python -m tests.benchmarks.peers

The network is 100-128-3, with an update of batch 32 in every agent step, on one core. A lean loop
is our game without Gymnasium's wrappers, a replay memory of plain arrays, and the library for
forward, learn and sync. "all in one jax.lax.scan" has the game and the memory in JAX too, so no
Python runs between the steps. The sides play in turn; medians of 9 rounds. "catches" is from how
many of the 80 start states the greedy agent catches at the end.
"""

import importlib.util
import os
import warnings
from itertools import product

os.environ.setdefault("OMP_NUM_THREADS", "1")
import gymnasium
import numpy as np

from dqn_symbolic import Agent, Settings
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv_params
from games.catch import BALL, PADDLE, Catch, State
from tests.benchmarks.results import beside_ours, keep, one_thread
from tests.benchmarks.rounds import medians_of_a_step

STEPS = 2_000
SETTINGS = Settings(epsilon_start=0.1, epsilon_end=0.1, warm_up=200, epsilon_steps=1)
RATE, DISCOUNT, EPSILON = SETTINGS.learning_rate, SETTINGS.discount, SETTINGS.epsilon_end
MEMORY, BATCH, SYNC = SETTINGS.memory_size, SETTINGS.batch_size, SETTINGS.sync_every
SIZE, ROWS, WIDTH = 100, 10, 3  # cells of the board, its rows (and columns), columns of the paddle


def first_values():
    rng = np.random.default_rng(0)
    return list(conv_params(rng, (10, 10, 1), (), SETTINGS.hidden, 3, glorot).values())


def ours():
    agent = Agent(Catch(), SETTINGS)

    def play(steps):
        for _ in range(steps):
            agent.step()

    return play, lambda boards: np.asarray(agent.forward(boards[..., None]))


def lean(forward, learn, sync):
    """-> (play(steps), q_values(boards)) with three functions of a library.

    They are forward(x) -> q (B, 3), learn(x, action, reward, discount, x_tp1) and sync(). Their
    boards x and x_tp1 are (B, 100) float32, from 0 to 1.
    """
    game, rng = Catch(), np.random.default_rng(0)
    x, x_tp1 = np.zeros((2, MEMORY, SIZE), np.float32)
    reward, discount = np.zeros((2, MEMORY), np.float32)
    action = np.zeros(MEMORY, np.int64)
    written = 0

    def as_input(board):
        return board.reshape(-1, SIZE) * np.float32(1 / 255)

    now = as_input(game.reset(seed=0)[0])

    def play(steps):
        nonlocal now, written
        for _ in range(steps):
            slot = written % MEMORY
            explores = rng.random() < EPSILON
            action[slot] = rng.integers(3) if explores else np.asarray(forward(now)).argmax()
            board, reward[slot], over, _, _ = game.step(int(action[slot]))
            x[slot], x_tp1[slot], discount[slot] = now, as_input(board), 0 if over else DISCOUNT
            now = as_input(game.reset()[0]) if over else x_tp1[slot : slot + 1].copy()
            written += 1
            if written > SETTINGS.warm_up:
                i = rng.integers(min(written, MEMORY), size=BATCH)
                learn(x[i], action[i], reward[i], discount[i], x_tp1[i])
                if written % SYNC == 0:
                    sync()

    return play, lambda boards: np.asarray(forward(as_input(boards)))


def with_numpy():
    params = first_values()
    target, t = [p.copy() for p in params], 0
    averages = [np.zeros((2, *p.shape), np.float32) for p in params]  # of gradients and squares

    def hidden(x, params):
        return np.maximum(x @ params[0] + params[1], 0)

    def forward(x, params=params):
        return hidden(x, params) @ params[2] + params[3]

    def learn(x, action, reward, discount, x_tp1):
        nonlocal t
        t += 1
        target_q = reward + discount * forward(x_tp1, target).max(1)
        h = hidden(x, params)
        q = h @ params[2] + params[3]
        each = np.arange(len(x))
        to_q = np.zeros_like(q)
        to_q[each, action] = (q[each, action] - target_q) * np.float32(2 / len(x))
        to_h = to_q @ params[2].T * (h > 0)
        gradients = x.T @ to_h, to_h.sum(0), h.T @ to_q, to_q.sum(0)
        rate = RATE * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        for p, gp, (mean, square) in zip(params, gradients, averages):
            mean += 0.1 * (gp - mean)
            square += 0.001 * (gp * gp - square)
            p -= rate * mean / (np.sqrt(square) + 1e-8)

    def sync():
        for p, value in zip(target, params):
            p[:] = value

    return lean(forward, learn, sync)


def with_torch():
    import torch
    from torch import nn

    torch.set_num_threads(1)

    def network():
        layers = nn.Sequential(nn.Linear(SIZE, 128), nn.ReLU(), nn.Linear(128, 3))
        with torch.no_grad():
            for p, value in zip(layers.parameters(), first_values()):
                p.copy_(torch.tensor(value.T))
        return layers

    online, target = network(), network()
    adam = torch.optim.Adam(online.parameters(), RATE)

    @torch.no_grad()
    def forward(x):
        return online(torch.from_numpy(x)).numpy()

    def learn(*batch):
        x, action, reward, discount, x_tp1 = map(torch.from_numpy, batch)
        with torch.no_grad():
            target_q = reward + discount * target(x_tp1).max(1)[0]
        q = online(x).gather(1, action[:, None])[:, 0]
        adam.zero_grad()
        ((target_q - q) ** 2).mean().backward()
        adam.step()

    return lean(forward, learn, lambda: target.load_state_dict(online.state_dict()))


# -- JAX ------------------------------------------------------------------------------------------


def jax_network(x, params):
    import jax

    W, b, Wout, bout = params
    return jax.nn.relu(x @ W + b) @ Wout + bout


def jax_update(learner, target, x, action, reward, discount, x_tp1):
    """-> the learner after an update of Adam: (params, mean gradients, mean squares, updates)."""
    import jax
    import jax.numpy as jnp

    params, mean, square, t = learner

    def loss(params):
        target_q = reward + discount * jax_network(x_tp1, target).max(1)
        return ((target_q - jax_network(x, params)[jnp.arange(BATCH), action]) ** 2).mean()

    gradients, t = jax.grad(loss)(params), t + 1
    mean = [m + 0.1 * (gp - m) for m, gp in zip(mean, gradients)]
    square = [v + 0.001 * (gp**2 - v) for v, gp in zip(square, gradients)]
    rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    steps = [rate * m / (jnp.sqrt(v) + 1e-8) for m, v in zip(mean, square)]
    return [p - step for p, step in zip(params, steps)], mean, square, t


def jax_start():
    import jax.numpy as jnp

    params = [jnp.array(value) for value in first_values()]
    zeros = [jnp.zeros_like(p) for p in params]
    return params, zeros, zeros, jnp.float32(0)


def with_jax():
    import jax

    learner = jax_start()
    target = learner[0]
    update, network = jax.jit(jax_update), jax.jit(jax_network)

    def learn(*batch):
        nonlocal learner
        learner = update(learner, target, *batch)

    def sync():
        nonlocal target
        target = learner[0]

    return lean(lambda x: network(x, learner[0]), learn, sync)


def with_scan():
    import jax
    import jax.numpy as jnp
    from jax import random

    def draw(ball_row, ball_column, paddle):
        columns = jnp.arange(ROWS)
        under = (columns >= paddle) & (columns < paddle + WIDTH)
        board = jnp.zeros((ROWS, ROWS)).at[-1].set(jnp.where(under, PADDLE / 255, 0))
        return board.at[ball_row, ball_column].set(BALL / 255).reshape(SIZE)

    def start(key):
        column, paddle = random.split(key)
        return (
            0,
            random.randint(column, (), 0, ROWS),
            random.randint(paddle, (), 0, ROWS - WIDTH + 1),
        )

    def step(state, _):
        learner, target, memory, written, (row, column, paddle), key = state
        key, explores, acts, samples, starts = random.split(key, 5)
        x = draw(row, column, paddle)
        greedy = jax_network(x, learner[0]).argmax()
        action = jnp.where(
            random.uniform(explores) < EPSILON, random.randint(acts, (), 0, 3), greedy
        )
        row, paddle = row + 1, jnp.clip(paddle + action - 1, 0, ROWS - WIDTH)
        over = row == ROWS - 1
        caught = (column >= paddle) & (column < paddle + WIDTH)
        reward = jnp.where(over, jnp.where(caught, 1.0, -1.0), 0.0)
        transition = x, action, reward, jnp.where(over, 0, DISCOUNT), draw(row, column, paddle)
        slot = written % MEMORY
        memory = [ring.at[slot].set(part) for ring, part in zip(memory, transition)]
        written += 1
        i = random.randint(samples, (BATCH,), 0, jnp.minimum(written, MEMORY))
        learner = jax_update(learner, target, *(ring[i] for ring in memory))
        sync = written % SYNC == 0
        target = [jnp.where(sync, p, old) for p, old in zip(learner[0], target)]
        new = start(starts)
        game = [jnp.where(over, a, b) for a, b in zip(new, (row, column, paddle))]
        return (learner, target, memory, written, game, key), None

    @jax.jit
    def play_on(state):
        return jax.lax.scan(step, state, length=STEPS)[0]

    zeros = jnp.zeros(MEMORY)
    boards = jnp.zeros((MEMORY, SIZE))
    memory = [boards, zeros.astype(int), zeros, zeros, boards]
    game = [jnp.int32(number) for number in start(random.key(1))]
    learner = jax_start()
    state = learner, learner[0], memory, jnp.int32(0), game, random.key(0)

    def play(steps):
        nonlocal state
        for _ in range(0, steps, STEPS):
            state = play_on(state)
        jax.block_until_ready(state)

    def q_values(boards):
        return np.asarray(jax_network(boards.reshape(-1, SIZE) / 255, state[0][0]))

    return play, q_values


def with_stable_baselines3():
    import torch
    from stable_baselines3 import DQN

    def scaled(boards):
        return boards.astype(np.float32) / 255

    # It does not divide such small pictures by 255.
    space = gymnasium.spaces.Box(0, 1, (ROWS, ROWS), np.float32)
    game = gymnasium.wrappers.TransformObservation(Catch(), scaled, space)
    model = DQN(
        *("MlpPolicy", game),
        **{"learning_rate": RATE, "buffer_size": MEMORY, "learning_starts": SETTINGS.warm_up},
        **{"batch_size": BATCH, "gamma": DISCOUNT, "train_freq": 1, "gradient_steps": 1},
        **{"target_update_interval": SYNC, "exploration_initial_eps": EPSILON},
        **{"exploration_final_eps": EPSILON, "policy_kwargs": {"net_arch": [128]}},
        **{"device": "cpu", "seed": 0},
    )

    @torch.no_grad()
    def q_values(boards):
        return model.q_net(torch.tensor(scaled(boards))).numpy()

    return lambda steps: model.learn(steps, reset_num_timesteps=False), q_values


# -- the table ------------------------------------------------------------------------------------


def catches(q_values):
    """-> the number of start states from which a greedy agent catches."""
    game, caught = Catch(), 0
    for column, paddle in product(range(ROWS), range(ROWS - WIDTH + 1)):
        board, _ = game.reset(options={"state": State(0, column, 0, paddle)})
        over = False
        while not over:
            board, reward, over, _, _ = game.step(int(q_values(board[None])[0].argmax()))
        caught += reward > 0
    return caught


def main():
    one_thread()
    warnings.simplefilter("ignore")
    makers = {
        "ours": (ours, None),
        "lean loop, NumPy": (with_numpy, None),
        "lean loop, JAX": (with_jax, "jax"),
        "lean loop, torch": (with_torch, "torch"),
        "all in one jax.lax.scan": (with_scan, "jax"),
        "Stable-Baselines3": (with_stable_baselines3, "stable_baselines3"),
    }
    sides = {
        name: maker()
        for name, (maker, library) in makers.items()
        if library is None or importlib.util.find_spec(library)
    }
    for play, _ in sides.values():
        play(STEPS)  # compiles
    rows = beside_ours(medians_of_a_step({name: play for name, (play, _) in sides.items()}, STEPS))
    rows = [{**row, "catches": catches(sides[row["side"]][1])} for row in rows]
    keep("peers", rows, peers=("jax", "torch", "stable_baselines3"))


if __name__ == "__main__":
    main()
