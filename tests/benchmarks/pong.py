"""The whole loop of Pong beside Stable-Baselines3:  python -m tests.benchmarks.pong [THREADS]

Both have the Nature network, an update of batch 32 every 4 agent steps and a memory of 5,000
frames. They learn in turn for a few seconds, and the median of the rounds is printed.
Stable-Baselines3 uses its own Atari wrappers, which take less time than ours, because they read
every screen in grey.
"""

import importlib.util
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # ours starts its own threads; those of torch are set below

import statistics
import time
import warnings

from dqn_symbolic import Agent, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.settings import PRESETS

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
ROUNDS, STEPS, MEMORY, WARM_UP = 9, 400, 5_000, 500


def ours():
    """-> step(n): n agent steps."""
    small = {"memory_size": MEMORY, "warm_up": WARM_UP, "epsilon_steps": 1, "threads": THREADS}
    agent = Agent(task("ALE/Pong-v5").make(), Settings(**PRESETS["nature"] | small))

    def learn(steps):
        for _ in range(steps):
            agent.step()

    return learn


def sb3s():
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    torch.set_num_threads(THREADS)
    env = VecFrameStack(make_atari_env("PongNoFrameskip-v4", seed=0), 4)
    model = DQN(
        *("CnnPolicy", env),
        **{"learning_rate": 0.00025, "buffer_size": MEMORY, "learning_starts": WARM_UP},
        **{"batch_size": 32, "gamma": 0.99, "train_freq": 4, "gradient_steps": 1},
        **{"target_update_interval": 10_000, "exploration_initial_eps": 0.1},
        **{"exploration_final_eps": 0.1, "device": "cpu"},
    )
    return lambda steps: model.learn(steps, reset_num_timesteps=False)


def main():
    warnings.simplefilter("ignore")
    sides = {"ours": ours()}
    if importlib.util.find_spec("stable_baselines3"):
        sides["Stable-Baselines3"] = sb3s()
    speeds = {name: [] for name in sides}
    for learn in sides.values():
        learn(2 * WARM_UP)
    for _ in range(ROUNDS):
        for name, learn in sides.items():
            since = time.perf_counter()
            learn(STEPS)
            speeds[name].append(STEPS / (time.perf_counter() - since))
    median = {name: statistics.median(rounds) for name, rounds in speeds.items()}
    print(f"threads: {THREADS}")
    for name, speed in median.items():
        print(f"{name:20} {speed:6.0f} agent steps a second   {median['ours'] / speed:.2f}")


if __name__ == "__main__":
    main()
