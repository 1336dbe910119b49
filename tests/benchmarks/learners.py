"""One learn step written three times: ours, torch, and `jax.jit` by hand.

A step runs the target network on x_tp1 and the online network on x, and then computes the TD
error, the gradients and the optimiser's update. With "rmsprop" the loss is the Nature agent's
clipped error, with "adam" the mean squared error. Every maker takes

    values      {"K1", "k1", ..., "W1", "b1", ..., "Wout", "bout"}: the network's first weights
    strides     of its convolutions
    optimiser   "rmsprop" or "adam"
    batch       (x, action, reward, discount, x_tp1), NumPy

and returns learn() -> td_error (B,) and forward() -> q (1, A) of the first x, both as arrays of the
library. On an accelerator they may not be computed yet; `np.asarray` waits for them.
"""

import importlib.util
from functools import partial

import numpy as np

from dqn_symbolic import losses, optimisers
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.networks import conv
from dqn_symbolic.q_learning import functions, q_learning

RATES = {"rmsprop": 0.00025, "adam": 0.001}
INSTALLED = {name for name in ("jax", "torch") if importlib.util.find_spec(name)}


def sides_of(values, strides, optimiser, batch, jax=True, threads=1):
    """-> {name: (learn, forward)} of ours and of every installed library."""
    work = values, strides, optimiser, batch
    sides = {"ours, numba": ours(*work, threads=threads)}
    if "jax" in INSTALLED and jax:
        sides["ours, jax"] = ours(*work, "jax")
        sides["jax.jit by hand"] = jax_by_hand(*work)
    if "torch" in INSTALLED:
        import torch

        torch.set_num_threads(threads)
        sides["torch, eager"] = torch_eager(*work)
    return sides


def ours(values, strides, optimiser, batch, backend="numba", threads=1):
    x = batch[0]
    graph = q_learning(
        partial(conv, strides=strides),
        values,
        x.shape[1:],
        x.dtype,
        partial(getattr(optimisers, optimiser), learning_rate=RATES[optimiser]),
        losses.clipped if optimiser == "rmsprop" else losses.squared,
    )
    forward, learn, _ = functions(graph, mode(backend), threads)
    if backend == "jax":  # so that the timing does not include copying to the device
        import jax

        batch = [jax.device_put(array) for array in batch]
    first = batch[0][:1]
    return lambda: learn(*batch), lambda: forward(first)


def torch_eager(values, strides, optimiser, batch, device="cpu"):
    learn, forward, _ = with_torch(values, strides, optimiser, batch, device)
    return learn, forward


def torch_graphed(values, strides, optimiser, batch, device="cuda"):
    """The step of `torch_eager`, recorded as a CUDA graph and replayed."""
    import torch

    learn, forward, _ = with_torch(values, strides, optimiser, batch, device, capturable=True)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # torch requires a few steps on a separate stream first
        for _ in range(3):
            learn()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        td_error = learn()

    def replay():
        graph.replay()
        return td_error

    return replay, forward


def with_torch(values, strides, optimiser, batch, device, capturable=False):
    import torch
    from torch import nn
    from torch.nn import functional as F

    def network():
        layers, weights, (_, H, W, C) = [], list(values.values()), batch[0].shape
        for i, stride in enumerate(strides):
            size, _, channels, filters = weights[2 * i].shape
            layers += [nn.Conv2d(channels, filters, size, stride), nn.ReLU()]
            H, W, C = (H - size) // stride + 1, (W - size) // stride + 1, filters
        layers.append(nn.Flatten())
        for matrix in weights[2 * len(strides) :: 2]:
            layers += [nn.Linear(*matrix.shape), nn.ReLU()]
        stack = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for i, (parameter, value) in enumerate(zip(stack.parameters(), weights)):
                if i == 2 * len(strides):
                    # torch flattens images with the channels first.
                    value = value.reshape(H, W, C, -1).transpose(2, 0, 1, 3)
                    value = value.reshape(H * W * C, -1)
                order = (3, 2, 0, 1) if value.ndim == 4 else range(value.ndim)[::-1]
                parameter.copy_(torch.tensor(np.ascontiguousarray(value.transpose(order))))
        return stack.to(device)

    online, target = network(), network()
    if optimiser == "adam":
        rule = torch.optim.Adam(online.parameters(), RATES["adam"], capturable=capturable)
    else:
        rule = torch.optim.RMSprop(
            online.parameters(), RATES["rmsprop"], alpha=0.95, eps=0.01, centered=True,
            capturable=capturable,
        )  # fmt: skip
    x, action, reward, discount, x_tp1 = (torch.tensor(array).to(device) for array in batch)
    x, x_tp1 = (images.permute(0, 3, 1, 2).contiguous() for images in (x, x_tp1))
    action = action.long()[:, None]

    def learn():
        with torch.no_grad():
            target_q = reward + discount * target(x_tp1.float() / 255).max(1)[0]
        q = online(x.float() / 255).gather(1, action)[:, 0]
        rule.zero_grad()
        if optimiser == "adam":
            loss = F.mse_loss(q, target_q)
        else:
            loss = F.smooth_l1_loss(q, target_q, reduction="sum")
        loss.backward()
        rule.step()
        return (target_q - q).detach()

    @torch.no_grad()
    def forward():
        return online(x[:1].float() / 255)

    return learn, forward, online


def jax_by_hand(values, strides, optimiser, batch):
    import jax
    import jax.numpy as jnp

    def network(x, params):
        *weights, Wout, bout = params
        h = x
        for i, stride in enumerate(strides):
            K = weights[2 * i] / (255 if i == 0 else 1)
            h = jax.lax.conv_general_dilated(
                h.astype("float32"), K, (stride, stride), "VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip
            h = jax.nn.relu(h + weights[2 * i + 1])
        if not strides:
            h = h.astype("float32") / 255
        h = h.reshape(len(h), -1)
        dense = weights[2 * len(strides) :]
        for W, b in zip(dense[::2], dense[1::2]):
            h = jax.nn.relu(h @ W + b)
        return h @ Wout + bout

    def loss(params, target_q, x, action):
        td_error = target_q - network(x, params)[jnp.arange(len(x)), action]
        rule = losses.squared if optimiser == "adam" else losses.clipped
        return rule(td_error), td_error

    def mean(decay):
        return lambda old, new: decay * old + (1 - decay) * new

    @jax.jit
    def step(state, target_params, x, action, reward, discount, x_tp1):
        params, first, second, t = state
        target_q = reward + discount * network(x_tp1, target_params).max(1)
        gp, td_error = jax.grad(loss, has_aux=True)(params, target_q, x, action)
        squares, t = jax.tree.map(jnp.square, gp), t + 1
        if optimiser == "adam":
            first = jax.tree.map(mean(0.9), first, gp)
            second = jax.tree.map(mean(0.999), second, squares)
            root = jnp.sqrt(1 - 0.999**t)
            rate = RATES["adam"] * root / (1 - 0.9**t)
            params = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8 * root), params, first, second
            )
        else:
            first = jax.tree.map(mean(0.95), first, gp)
            second = jax.tree.map(mean(0.95), second, squares)
            params = jax.tree.map(
                lambda p, gp, g, g2: p - RATES["rmsprop"] * gp / jnp.sqrt(g2 - g**2 + 0.01),
                params, gp, first, second,
            )  # fmt: skip
        return td_error, (params, first, second, t)

    params = [jnp.array(value) for value in values.values()]
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = params, zeros, zeros, jnp.float32(0)
    batch = [jax.device_put(array) for array in batch]
    apply, first = jax.jit(network), batch[0][:1]

    def learn():
        nonlocal state
        td_error, state = step(state, params, *batch)
        return td_error

    return learn, lambda: apply(first, state[0])


def a_batch(size, obs_shape, actions=3, seed=0):
    rng = np.random.default_rng(seed)
    x, x_tp1 = rng.integers(0, 256, (2, size, *obs_shape), dtype=np.uint8)
    action = rng.integers(actions, size=size).astype(np.int32)
    reward = rng.normal(size=size).astype(np.float32)
    return x, action, reward, np.full(size, 0.99, np.float32), x_tp1


def agree(sides):
    """Asserts that all {name: (learn, forward)} compute the same numbers at first."""
    (expected_q, expected_error), *others = (
        [np.asarray(on_cpu(result())) for result in (forward, learn)]
        for learn, forward in sides.values()
    )
    for q, td_error in others:
        np.testing.assert_allclose(q, expected_q, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(td_error, expected_error, rtol=2e-3, atol=2e-3)


def on_cpu(array):
    return array.cpu() if hasattr(array, "cpu") else array
