"""The whole loop of Pong beside Stable-Baselines3:  python -m tests.benchmarks.pong

Both have the Nature network, an update of batch 32 every 4 agent steps and a memory of 5,000
frames. They learn in turn for a few seconds, once on one thread and once on two; medians of 9
rounds. Stable-Baselines3 uses its own Atari wrappers, which take less time than ours, because they
read every screen in grey.
"""

import importlib.util
import os

os.environ["OMP_NUM_THREADS"] = "1"  # ours starts its own threads; those of torch are set below

import warnings

from dqn_symbolic import Agent, Settings
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.settings import PRESETS
from tests.benchmarks.results import beside_ours, in_a_process, keep
from tests.benchmarks.rounds import medians_of_a_step

STEPS, MEMORY, WARM_UP = 400, 5_000, 500


def ours(threads):
    """-> play(n): n agent steps."""
    small = {"memory_size": MEMORY, "warm_up": WARM_UP, "epsilon_steps": 1, "threads": threads}
    agent = Agent(task("ALE/Pong-v5").make(), Settings(**PRESETS["nature"] | small))

    def play(steps):
        for _ in range(steps):
            agent.step()

    return play


def sb3s(threads):
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    torch.set_num_threads(threads)
    env = VecFrameStack(make_atari_env("PongNoFrameskip-v4", seed=0), 4)
    model = DQN(
        *("CnnPolicy", env),
        **{"learning_rate": 0.00025, "buffer_size": MEMORY, "learning_starts": WARM_UP},
        **{"batch_size": 32, "gamma": 0.99, "train_freq": 4, "gradient_steps": 1},
        **{"target_update_interval": 10_000, "exploration_initial_eps": 0.1},
        **{"exploration_final_eps": 0.1, "device": "cpu"},
    )
    return lambda steps: model.learn(steps, reset_num_timesteps=False)


def measured(threads, rounds):
    warnings.simplefilter("ignore")
    sides = {"ours": ours(threads)}
    if importlib.util.find_spec("stable_baselines3"):
        sides["Stable-Baselines3"] = sb3s(threads)
    for play in sides.values():
        play(2 * WARM_UP)
    return beside_ours(medians_of_a_step(sides, STEPS, rounds), threads=threads)


def main(rounds=9):
    rows = [row for n in (1, 2) for row in in_a_process(measured, n, rounds)]
    keep("pong", rows, peers=("stable_baselines3", "torch"))


if __name__ == "__main__":
    main()
