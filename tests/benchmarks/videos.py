"""One game after 0, 10% and 100% of the training:  python -m tests.benchmarks.videos FOLDER [GAME]

Trains with the preset "atari" (which needs ale-py) and keeps the three agents in FOLDER, or takes
those that it finds there; then writes FOLDER/videos.gif, in which they play the same game.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageDraw

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.exploration import epsilon_greedy
from dqn_symbolic.frames import History
from dqn_symbolic.runs.loading import player_of
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from dqn_symbolic.training import training

SHARES = 0, 10, 100  # % of the training
STEPS = 240  # agent steps of the animation: 16 seconds
SIZE = 280, 210  # pixels of a screen, as wide as on a television
BAND = 18  # pixels above it


def train(folder, game):
    """Writes the agents into FOLDER/0, FOLDER/10 and FOLDER/100."""
    settings = Settings(**PRESETS["atari"])
    agent = Agent(task(game, frame_size=ATARI_FRAME_SIZE).make(), settings)
    due = {settings.steps * share // 100: share for share in SHARES}

    def keep():
        if agent.steps in due:
            path = folder / str(due[agent.steps])
            path.mkdir(parents=True)
            agent.save(path / "agent.npz")

    keep()
    for row in training(agent, dict, keep):
        print(row, flush=True)


def screens(folder, share, steps, seed=0):
    """Yields the picture of each agent step, with the points until then. A game follows another."""
    game, settings, _, forward = player_of(folder / str(share))
    env = History(game.make(render_mode="rgb_array"), settings.history)
    rng, points, episode, over = np.random.default_rng(seed), 0.0, seed, True
    for _ in range(steps):
        if over:
            x, _ = env.reset(seed=episode)
            episode += 1
        picture = Image.new("RGB", (SIZE[0], SIZE[1] + BAND), "white")
        picture.paste(Image.fromarray(env.render()).resize(SIZE), (0, BAND))
        text = f"{share}% of the training: {points:,.0f} points"
        ImageDraw.Draw(picture).text((4, 3), text, fill="black")
        yield picture
        q = forward(x[None])[0]
        action = epsilon_greedy(settings.evaluation_epsilon, len(q), lambda q=q: q, rng)
        x, reward, terminated, truncated, _ = env.step(action)
        points, over = points + reward, terminated or truncated


def draw(folder):
    frames = []
    for pictures in zip(*(screens(folder, share, STEPS) for share in SHARES)):
        frame = Image.new("RGB", (len(SHARES) * (SIZE[0] + 4), SIZE[1] + BAND), "white")
        for i, picture in enumerate(pictures):
            frame.paste(picture, (i * (SIZE[0] + 4), 0))
        frames.append(frame.quantize(32))
    how = {"save_all": True, "append_images": frames[1:], "duration": 70, "loop": 0}
    frames[0].save(folder / "videos.gif", **how)


if __name__ == "__main__":
    folder, game = Path(sys.argv[1]), (sys.argv[2:] or ["ALE/Breakout-v5"])[0]
    if not (folder / str(SHARES[-1])).exists():
        train(folder, game)
    draw(folder)
