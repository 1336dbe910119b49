"""A reward at the end of a long path: epsilon-greedy needs exponentially many episodes for it.

Slide "Where this doesn't work (straightforwardly)": sparse rewards. Deep sea (Osband et al. 2020,
bsuite) without its cost of moving: one of the 2**depth ways to dive ends at the treasure, and there
is no other reward. The result is the number of episodes until the treasure is found for the first
time. Until then, a table of Q stays at 0 everywhere. Ties are broken at random, so its player is
uniformly random with any epsilon, and the expected number is exactly 2**depth. DQN has an epsilon
of .1. Each small marker is a seed.
"""

import gymnasium
import numpy as np

from dqn_symbolic.experiments import figures, learning, results, tabular

TITLE = "Sparse rewards"
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
    tables, networks = ((2, 4, 6), (2,)) if quick else ((2, 4, 6, 8, 10, 12), (2, 4, 6, 8))
    named = {f"table-{depth}": {"depth": depth} for depth in tables}
    exploring = {"epsilon_start": 0.1, "epsilon_end": 0.1, "warm_up": 100}
    agent = {"hidden": (32,), **exploring, "steps": 400 if quick else 12_000}
    return named | {f"dqn-{depth}": {"depth": depth, "agent": agent} for depth in networks}


def measure(condition, seed):
    """Yields {"depth", "episodes", "found"}; found 0: it was not found in this many episodes."""
    env = DeepSea(condition["depth"])
    if "agent" in condition:
        agent = learning.trained(condition, seed, env, lambda: env.found)
        steps, found = agent.steps, env.found
    else:
        steps, found = steps_to_treasure(env.depth, np.random.default_rng(seed)), True
    yield {"depth": env.depth, "episodes": steps // env.depth, "found": int(found)}


def steps_to_treasure(depth, rng):
    """-> agent steps of Q-learning with a table until an entry of it is no longer 0."""
    graph = tabular.state_graph([(0, 0)], DeepSea(depth).successor, 2)
    for steps, q in enumerate(tabular.q_learning(graph, 0.99, 0.5, 0.1, rng), 1):
        if steps % depth == 0 and q.any():
            return steps


def table(rows):
    yield ["", "depth", "expected of random play", "episodes, mean", "seeds that found it"]
    for condition, episodes, found in results.by_condition(rows, "episodes", "found"):
        player, depth = condition.split("-")
        mean = ("" if found.all() else "over ") + f"{episodes.mean():,.0f}"
        yield [player, depth, f"{2 ** int(depth):,}", mean, f"{found.sum()} of {len(found)}"]


def draw(rows):
    figure, axes = figures.panels(7, 4.8)
    players = results.by_name_and_number(rows, "episodes")
    names = {"table": "table, mean of the seeds", "dqn": "DQN, epsilon .1, mean of the seeds"}
    for (player, label), style, aside in zip(names.items(), figures.STYLES, (-0.12, 0.12)):
        depths = np.array(list(players[player]))
        episodes = np.array(list(players[player].values()))[..., 0]  # (depths, seeds)
        axes.plot(depths, episodes.mean(axis=1), label=label, ms=7, **style)
        axes.plot(depths + aside, episodes, color=style["color"], marker=".", ls="", alpha=0.5)
    depths = list(players["table"])
    axes.plot(depths, np.exp2(depths), "k:", lw=1, label="expected of random play, 2**depth")
    axes.set(yscale="log", xlabel="depth", ylabel="episodes until the treasure is found")
    axes.set_xticks(depths)
    axes.legend(frameon=False)
    return figure
