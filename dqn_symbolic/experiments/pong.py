"""The Nature paper's ablation on Pong: replay and target network, with and without.

Slides "Solution: replay buffer" and "Target network"; Mnih et al. 2015, Extended Data Table 3. The
preset "atari" on ALE/Pong-v5, but with 1-step returns, as in the paper. Without replay, minibatches
come only from the latest 32 frames. Without a target network, the target is copied after every
update. Scores are means of ten games with epsilon .05.
"""

import numpy as np

from dqn_symbolic.environments.any_game import paper_scores, task
from dqn_symbolic.experiments import figures, games, learning, results
from dqn_symbolic.settings import ATARI_FRAME_SIZE

TITLE = "Replay and target network on Pong, 1-step returns"
SEEDS = 1, 1  # in full, quick
NO_REPLAY, NO_TARGET = {"memory_size": 32}, {"sync_every": 1}
CHANGES = {
    "both": {},
    "replay-only": NO_TARGET,
    "target-only": NO_REPLAY,
    "neither": NO_REPLAY | NO_TARGET,
}


def conditions(quick):
    agent = games.conditions(quick)["Pong"]["agent"] | {"n_step": 1}
    agent |= {} if quick else {"steps": 500_000, "evaluate_every": 50_000}
    return {name: {"agent": agent | change} for name, change in CHANGES.items()}


def measure(condition, seed):
    """Yields a row at each evaluation: agent_steps, score (the lowest if the run diverges)."""
    game = task(games.GAME, frame_size=ATARI_FRAME_SIZE)
    for row in learning.rows(condition, seed, game, {"mean_return": -21.0}):
        yield {"agent_steps": row["agent_steps"], "score": row["mean_return"]}


def table(rows):
    yield ["", "highest evaluation", "last evaluation"]
    for name, scores in results.by_condition(rows, "score"):
        highest, last = np.median(scores.max(axis=1)), np.median(scores[:, -1])
        yield [name.replace("-", " "), f"{highest:+.1f}", f"{last:+.1f}"]


def draw(rows):
    _, axes = figures.panels(7, 4.4)
    figures.curves(axes, rows, {name.replace("-", " "): name for name in CHANGES}, "score")
    figures.levels(axes, paper_scores()["Pong"])
    axes.set(ylabel="score of Pong", xlim=(0, None), ylim=(-22, 22))
    return figures.legend_below(axes, columns=4)
