"""The Nature network on JAX's device:  python -m tests.benchmarks.gpu

Milliseconds of an update with batches of 32, 256 and 1,024: ours on the JAX backend, `jax.jit` by
hand, torch, and torch recorded as a CUDA graph. The last row is an agent step of the pixel game,
with an update in each. It needs a GPU that JAX sees, so it runs by name only.
"""

import time

import jax
import numpy as np

from dqn_symbolic import Agent, Settings
from dqn_symbolic.settings import PRESETS
from games.catch import Catch
from tests.benchmarks.conv import ACTIONS, network_of
from tests.benchmarks.learners import (
    INSTALLED,
    a_batch,
    agree,
    jax_by_hand,
    on_cpu,
    ours,
    torch_eager,
    torch_graphed,
)
from tests.benchmarks.results import beside_ours, keep
from tests.benchmarks.rounds import medians

UPDATES = 20  # between two waits for the device


def torch_device():
    if "torch" not in INSTALLED:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def in_a_row(learn):
    """-> a call of UPDATES updates. As in training, it does not wait for the device in between."""

    def updates():
        for _ in range(UPDATES):
            td_error = learn()
        return np.asarray(on_cpu(td_error))

    return updates


def ms_of_an_agent_step(steps):
    """-> milliseconds, of the pixel game after its warm-up, with an update in every step."""
    settings = Settings(backend="jax", **PRESETS["pixels"] | {"warm_up": 500})
    agent = Agent(Catch(pixels=84, drift=True), settings)
    for _ in range(1_000):
        agent.step()
    since = time.perf_counter()
    for _ in range(steps):
        agent.step()
    return (time.perf_counter() - since) / steps * 1e3


def main():
    if jax.default_backend() != "gpu":
        raise SystemExit(f"expected a GPU, JAX sees {jax.devices()}")
    device, rows = jax.devices()[0].device_kind, []
    obs_shape, values, strides, _ = network_of("nature")
    for size in (32, 256, 1024):
        work = values, strides, "rmsprop", a_batch(size, obs_shape, ACTIONS)
        sides = {"ours, jax": ours(*work, "jax"), "jax.jit by hand": jax_by_hand(*work)}
        if torch_device():
            sides["torch, eager"] = torch_eager(*work, torch_device())
        agree(sides)
        if torch_device() == "cuda":
            sides["torch, CUDA graph"] = torch_graphed(*work)
        microseconds = medians(
            {name: in_a_row(learn) for name, (learn, _) in sides.items()}, rounds=9, seconds=0.2
        )
        times = {name: us / 1e3 / UPDATES for name, us in microseconds.items()}
        rows += beside_ours(times, "ms", device=device, batch=size)
    times = {"ours, the pixel game": ms_of_an_agent_step(2_000)}
    rows += beside_ours(times, "ms", device=device, batch=32)
    keep("gpu", rows, peers=("jax", "torch"), place="gpu")


if __name__ == "__main__":
    main()
