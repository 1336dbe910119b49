"""The slide's videos:  python -m tests.benchmarks.videos FOLDER GIF

Three agents play the same game side by side: the agent of a run on Atari after 0, 10% and 100% of
its training. The first tenth is trained again, with the run's settings, which takes a few minutes.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageDraw

from dqn_symbolic.agent import Agent
from dqn_symbolic.exploration import epsilon_greedy
from dqn_symbolic.frames import History
from dqn_symbolic.runs.loading import forward_of, player_of
from dqn_symbolic.training import training

STEPS = 600  # agent steps of the animation: 40 seconds
WIDTH, HEIGHT, BAND = 280, 210, 18  # pixels of a screen, as on a television, and of the text above
COLOURS = 48


def past(player):
    """-> {% of the training: forward}"""
    agent = Agent(player.task.make(), player.settings)
    forwards = {0: forward_of(*player[:2], agent.weights())}
    tenth = player.settings.steps // 10
    for _ in training(agent, pause=lambda: agent.steps >= tenth):
        pass
    return {**forwards, 10: forward_of(*player[:2], agent.weights()), 100: player.forward}


def screens(player, share, forward, seed=0):
    """Yields the picture of each agent step, with the points until then. A game follows another."""
    env = History(player.task.make(render_mode="rgb_array"), player.settings.history)
    epsilon, rng = player.settings.evaluation_epsilon, np.random.default_rng(seed)
    points, episode, over = 0.0, seed, True
    for _ in range(STEPS):
        if over:
            x, _ = env.reset(seed=episode)
            episode += 1
        picture = Image.new("RGB", (WIDTH, HEIGHT + BAND), "white")
        picture.paste(Image.fromarray(env.render()).resize((WIDTH, HEIGHT)), (0, BAND))
        text = f"after {share}% of the training: {points:,.0f} points"
        ImageDraw.Draw(picture).text((4, 3), text, fill="black")
        yield picture
        q = forward(x[None])[0]
        action = epsilon_greedy(epsilon, len(q), q.copy, rng)
        x, reward, terminated, truncated, _ = env.step(action)
        points, over = points + reward, terminated or truncated


def main(folder, path):
    player, frames = player_of(folder), []
    videos = (screens(player, share, forward) for share, forward in past(player).items())
    for pictures in zip(*videos):
        frame = Image.new("RGB", (3 * WIDTH + 8, HEIGHT + BAND), "white")
        for i, picture in enumerate(pictures):
            frame.paste(picture, (i * (WIDTH + 4), 0))
        frames.append(frame.quantize(COLOURS))
    first, *others = frames
    first.save(path, save_all=True, append_images=others, duration=1000 * 4 // 60, loop=0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
