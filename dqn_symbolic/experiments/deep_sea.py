"""A reward at the end of a long path: random play needs exponentially many episodes for it.

Slide "Where this doesn't work (straightforwardly)": sparse rewards. Deep sea (Osband et al. 2020,
bsuite) without its cost of moving: one of the 2**depth ways to dive ends at the treasure, and there
is no other reward. The result is the number of episodes until the treasure is found for the first
time. Until then, a table of Q would stay at 0 everywhere: its player, with ties broken at random,
needs 2**depth episodes in expectation. DQN has an epsilon of .1.
"""

import gymnasium
import numpy as np

from dqn_symbolic.experiments import figures, learning, results

TITLE = "Sparse rewards in the deep sea"
SEEDS = 10, 1  # in full, quick
BOARD = 10  # DQN sees a board of this size at every depth


class DeepSea(gymnasium.Env):
    """Dives `depth` rows. In each row, one of two actions goes one column to the right.

    This action differs from cell to cell, so no player goes right by habit. Reward: 1 at the end of
    an episode that went right in every row, else 0. The observation is a board, 1 at the diver.
    """

    def __init__(self, depth):
        self.depth, self.found = depth, False
        self.right = np.random.default_rng(depth).integers(2, size=(depth, depth))
        self.observation_space = gymnasium.spaces.Box(0, 1, (BOARD, BOARD), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(2)

    def successor(self, cell, action):
        """The rules: -> (next cell, reward, terminated). A cell is (row, column)."""
        row, column = cell
        went_right = action == self.right[row, column]
        over = row == self.depth - 1
        treasure = over and column == row and went_right
        column = column + 1 if went_right else max(column - 1, 0)
        return (row + 1, column), float(treasure), over

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = (0, 0)
        return self.observation(), {}

    def step(self, action):
        self.cell, reward, over = self.successor(self.cell, action)
        self.found |= reward > 0
        return self.observation(), reward, over, False, {}

    def observation(self):
        board = np.zeros((BOARD, BOARD), np.uint8)
        if self.cell[0] < self.depth:
            board[self.cell] = 1
        return board


def conditions(quick):
    exploring = {"epsilon_start": 0.1, "epsilon_end": 0.1, "warm_up": 100}
    agent = {"hidden": (32,), **exploring, "steps": 400 if quick else 12_000}
    return {f"dqn-{d}": {"depth": d, "agent": agent} for d in ((2,) if quick else (2, 4, 6, 8))}


def measure(condition, seed):
    """Yields {"depth", "episodes", "found"}; found 0: it was not found in this many episodes."""
    env = DeepSea(condition["depth"])
    agent = learning.trained(condition, seed, env, lambda: env.found)
    yield {"depth": env.depth, "episodes": agent.steps // env.depth, "found": int(env.found)}


def table(rows):
    yield ["depth", "expected of random play", "episodes of DQN, mean", "seeds that found it"]
    for _, depths, episodes, found in results.by_condition(rows, "depth", "episodes", "found"):
        mean = ("" if found.all() else "over ") + f"{episodes.mean():,.0f}"
        yield [depths[0, 0], f"{2 ** depths[0, 0]:,}", mean, f"{found.sum()} of {len(found)}"]


def draw(rows):
    figure, axes = figures.panels(7, 4.8)
    found, style = results.grouped(rows, "depth", "episodes"), figures.STYLES[0]
    depths, episodes = list(found), np.array(list(found.values()))  # (depths, seeds)
    label = "DQN, epsilon .1, mean of the seeds (with an x, at least)"
    axes.plot(depths, episodes.mean(axis=1), label=label, ms=7, **style)
    for known, marker, label in (1, ".", "a seed"), (0, "x", "a seed that did not find it"):
        ends = [(row["depth"], row["episodes"]) for row in rows if row["found"] == known]
        axes.plot(*np.transpose(ends or [(np.nan, 1)]), marker, color=style["color"], label=label)
    axes.plot(depths, np.exp2(depths), "k:", lw=1, label="expected of random play, 2**depth")
    axes.set(yscale="log", xlabel="depth", ylabel="episodes until the treasure is found")
    axes.set_xticks(depths)
    axes.legend(frameon=False)
    return figure
