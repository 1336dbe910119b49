"""Small pygame games as Gymnasium environments. They know nothing of any learner."""

import os

import gymnasium

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # before anything here imports pygame
gymnasium.register("Catch-v0", "games.catch:Catch", order_enforce=False, disable_env_checker=True)
