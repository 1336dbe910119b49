"""The Nature network beside others:  python -m tests.benchmarks.conv [THREADS]

One learn step of batch 32 (target network on x_tp1, online network on x, gradients, centred
RMSprop, clipped error) and the forward pass of one stack of frames: 84 x 84 x 4 uint8 -> 32 of
8 x 8 / 4 -> 64 of 4 x 4 / 2 -> 64 of 3 x 3 / 1 -> dense 512 -> 3 actions (Mnih et al. 2015). All
in one process and in interleaved rounds; the median of the rounds. "matrix products alone" are
those of the learn step as NumPy does them, without whatever brings the numbers into their place.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = sys.argv[1] if len(sys.argv) > 1 else "1"
os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
if os.environ["OMP_NUM_THREADS"] == "1":  # otherwise XLA takes every core that it may run on
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import importlib.util
import statistics
import time
from functools import partial

import numpy as np

from dqn_symbolic.backends import mode
from dqn_symbolic.losses import clipped
from dqn_symbolic.networks import conv
from dqn_symbolic.optimisers import rmsprop
from dqn_symbolic.q_learning import q_learning

THREADS = int(os.environ["OMP_NUM_THREADS"])
ROUNDS, REPEATS, BATCH = 9, {"learn": 5, "forward": 100}, 32
SHAPES = {
    "W1": (8, 8, 4, 32), "b1": (32,), "W2": (4, 4, 32, 64), "b2": (64,), "W3": (3, 3, 64, 64),
    "b3": (64,), "W4": (7 * 7 * 64, 512), "b4": (512,), "Wout": (512, 3), "bout": (3,),
}  # fmt: skip
STRIDES = (4, 2, 1)
LEARNING_RATE, DECAY, EPSILON = 0.00025, 0.95, 0.01


def ours(backend, values, batch):
    forward, learn, _ = q_learning(
        partial(conv, strides=STRIDES),
        values,
        (84, 84, 4),
        "uint8",
        rmsprop,
        clipped,
        mode(backend),
    )
    return lambda: np.asarray(learn(*batch)), lambda: np.asarray(forward(batch[0][:1]))


def with_torch(values, batch):
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(THREADS)

    def network():
        # torch has F before C before height and width, also where they are flattened
        stack = torch.nn.Sequential(
            torch.nn.Conv2d(4, 32, 8, 4), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 4, 2),
            torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3), torch.nn.ReLU(), torch.nn.Flatten(),
            torch.nn.Linear(3136, 512), torch.nn.ReLU(), torch.nn.Linear(512, 3),
        )  # fmt: skip
        with torch.no_grad():
            for parameter, value in zip(stack.parameters(), values.values()):
                value = value.reshape(7, 7, 64, 512) if value.shape == (3136, 512) else value
                order = (3, 2, 0, 1) if value.ndim == 4 else range(value.ndim)[::-1]
                value = value.transpose(order).reshape(parameter.shape)
                parameter.copy_(torch.tensor(value))
        return stack

    online, target = network(), network()
    optimiser = torch.optim.RMSprop(
        online.parameters(), lr=LEARNING_RATE, alpha=DECAY, eps=EPSILON, centered=True
    )
    x, action, reward, discount, x_tp1 = map(torch.tensor, batch)
    x, x_tp1 = (images.permute(0, 3, 1, 2).contiguous() for images in (x, x_tp1))

    def learn():
        with torch.no_grad():
            target_q = reward + discount * target(x_tp1.float() / 255).max(1)[0]
        q = online(x.float() / 255).gather(1, action[:, None].long())[:, 0]
        optimiser.zero_grad()
        F.smooth_l1_loss(q, target_q, reduction="sum").backward()
        optimiser.step()
        return (target_q - q).detach().numpy()

    @torch.no_grad()
    def forward():
        return online(x[:1].float() / 255).numpy()

    return learn, forward


def with_jax(values, batch):
    import jax
    import jax.numpy as jnp

    def network(x, params):
        h = x
        for layer, stride in enumerate(STRIDES, start=1):
            W = params[f"W{layer}"] / (255 if layer == 1 else 1)
            h = jax.lax.conv_general_dilated(
                h.astype("float32"), W, (stride, stride), "VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip
            h = jax.nn.relu(h + params[f"b{layer}"])
        h = jax.nn.relu(h.reshape(len(h), -1) @ params["W4"] + params["b4"])
        return h @ params["Wout"] + params["bout"]

    def loss(params, target_q, x, action):
        td_error = target_q - network(x, params)[jnp.arange(BATCH), action]
        return clipped(td_error), td_error

    @jax.jit
    def step(params, g, g2, target_params, x, action, reward, discount, x_tp1):
        target_q = reward + discount * network(x_tp1, target_params).max(1)
        gp, td_error = jax.grad(loss, has_aux=True)(params, target_q, x, action)
        mean = lambda old, new: DECAY * old + (1 - DECAY) * new  # noqa: E731
        g = jax.tree.map(mean, g, gp)
        g2 = jax.tree.map(lambda old, new: mean(old, new**2), g2, gp)
        params = jax.tree.map(
            lambda p, gp, g, g2: p - LEARNING_RATE * gp / jnp.sqrt(g2 - g**2 + EPSILON),
            params, gp, g, g2,
        )  # fmt: skip
        return td_error, (params, g, g2)

    params = {name: jnp.array(value) for name, value in values.items()}
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros, zeros)
    forward = jax.jit(network)

    def learn():
        nonlocal state
        td_error, state = jax.block_until_ready(step(*state, params, *batch))
        return np.asarray(td_error)

    return learn, lambda: np.asarray(forward(batch[0][:1], state[0]))


def matrix_products():
    """The learn step's products only: columns times kernel, and the two transposes, in NumPy."""
    sizes, side = [], 84
    for layer, stride in enumerate(STRIDES, start=1):
        kh, kw, C, F = SHAPES[f"W{layer}"]
        side = (side - kh) // stride + 1
        sizes.append((BATCH * side**2, kh * kw * C, F))
    sizes += [(BATCH, *SHAPES["W4"]), (BATCH, *SHAPES["Wout"])]
    rng = np.random.default_rng(0)
    products = []
    for first, (n, k, f) in enumerate(sizes):
        x, W, y = (rng.normal(size=size).astype("f4") for size in ((n, k), (k, f), (n, f)))
        products += [(x, W, y), (x, W, y.copy()), (x.T, y, W.copy())]
        if first:  # the pixels need no gradient
            products.append((y, W.T, x.copy()))

    def learn():
        for a, b, out in products:
            np.dot(a, b, out=out)

    return learn


def main():
    rng = np.random.default_rng(0)
    values = {
        name: (rng.normal(size=shape) * np.prod(shape[:-1]) ** -0.5).astype("f4") * (len(shape) > 1)
        for name, shape in SHAPES.items()
    }
    x, x_tp1 = rng.integers(0, 256, (2, BATCH, 84, 84, 4), dtype=np.uint8)
    action = rng.integers(3, size=BATCH).astype(np.int32)
    reward = rng.normal(size=BATCH).astype(np.float32)
    batch = x, action, reward, np.full(BATCH, 0.99, np.float32), x_tp1

    installed = {name: importlib.util.find_spec(name) is not None for name in ("jax", "torch")}
    sides = {"ours, numba": ours("numba", values, batch)}
    if installed["jax"]:
        sides["ours, jax"] = ours("jax", values, batch)
        sides["jax.jit"] = with_jax(values, batch)
    if installed["torch"]:
        sides["torch, eager"] = with_torch(values, batch)

    # All compute the same. (Later TD errors differ: torch adds epsilon outside the root.)
    found = {name: (forward(), learn()) for name, (learn, forward) in sides.items()}
    for q, td_error in found.values():
        np.testing.assert_allclose(q, found["ours, numba"][0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(td_error, found["ours, numba"][1], rtol=1e-4, atol=1e-4)

    parts = {(name, what): run for name, both in sides.items()
             for what, run in zip(REPEATS, both)}  # fmt: skip
    parts["matrix products alone", "learn"] = matrix_products()
    times = {part: [] for part in parts}
    for _ in range(ROUNDS):
        for part, run in parts.items():
            run()
            since = time.perf_counter()
            for _ in range(REPEATS[part[1]]):
                run()
            times[part].append((time.perf_counter() - since) / REPEATS[part[1]] * 1e3)
    medians = {part: statistics.median(rounds) for part, rounds in times.items()}

    print(f"{THREADS} thread(s); milliseconds, median of {ROUNDS} rounds, and the ratio to torch")
    if "OPENBLAS_CORETYPE" in os.environ:  # it can hold the products of NumPy and numba back
        print(f"OPENBLAS_CORETYPE is set to {os.environ['OPENBLAS_CORETYPE']}")
    for what, title in (("learn", f"learn, batch {BATCH}"), ("forward", "forward, batch 1")):
        for name in dict.fromkeys(name for name, _ in parts):
            if (name, what) in medians:
                ms = medians[name, what]
                torch_ms = medians.get(("torch, eager", what), float("nan"))
                print(f"{title:18} {name:22} {ms:7.2f} ms {ms / torch_ms:6.2f}")


if __name__ == "__main__":
    main()
