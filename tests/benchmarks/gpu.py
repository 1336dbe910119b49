"""The Nature network on JAX's device:  python -m tests.benchmarks.gpu

Prints the updates a second with batches of 32, 256 and 1,024: ours on the JAX backend, `jax.jit` by
hand, torch, and torch recorded as a CUDA graph. Then it prints the agent steps a second of the
pixel game. Without a GPU it runs on the CPU, with a batch of 32 only.
"""

import time

import jax
import numpy as np

from dqn_symbolic import Agent, Settings
from dqn_symbolic.settings import PRESETS
from games.catch import Catch
from tests.benchmarks.conv import ACTIONS, OBS_SHAPE, STRIDES, first_values
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


def agent_steps_a_second(steps=2_000):
    """-> agent steps a second of the pixel game after its warm-up, with an update in every step."""
    settings = Settings(backend="jax", **PRESETS["pixels"] | {"warm_up": 500})
    agent = Agent(Catch(pixels=84, drift=True), settings)
    for _ in range(1_000):
        agent.step()
    since = time.perf_counter()
    for _ in range(steps):
        agent.step()
    return steps / (time.perf_counter() - since)


def main():
    has_gpu = jax.default_backend() == "gpu"
    print(f"JAX on {jax.devices()[0].device_kind}, torch on {torch_device() or 'nothing'}")
    print("batch   library               ms a step   updates/s   to jax.jit")
    for size in (32, 256, 1024) if has_gpu else (32,):
        values, batch = first_values(), a_batch(size, OBS_SHAPE, ACTIONS)
        work = values, STRIDES, "rmsprop", batch
        sides = {"ours, jax": ours(*work, "jax"), "jax.jit by hand": jax_by_hand(*work)}
        if torch_device():
            sides["torch, eager"] = torch_eager(*work, torch_device())
        agree(sides)
        if torch_device() == "cuda":
            sides["torch, CUDA graph"] = torch_graphed(*work)
        microseconds = medians(
            {name: in_a_row(learn) for name, (learn, _) in sides.items()}, rounds=9, seconds=0.2
        )
        for name, us in microseconds.items():
            ms = us / 1e3 / UPDATES
            ratio = us / microseconds["jax.jit by hand"]
            print(f"{size:5}   {name:20} {ms:10.3f} {1e3 / ms:11,.0f} {ratio:12.2f}", flush=True)
    steps = 2_000 if has_gpu else 100
    print(f"the pixel game: {agent_steps_a_second(steps):,.0f} agent steps/s, one update each")


if __name__ == "__main__":
    main()
