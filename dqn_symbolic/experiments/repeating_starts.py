"""Starts that repeat: the agent forgets the starts that its memory no longer holds.

Slides "Correlated samples break learning" and "Solution: replay buffer". The ball falls in the same
column for 10 or 80 episodes, then in the next column, and after the last in the first again. Board
of 5 rows and 5 columns, paddle of one cell; an episode fills 5 frames of the memory. Left, for the
first seed: the share caught from the starts in each column (black: all) against agent steps; the
line is the column in which the ball falls. Right: the share caught from all starts, the mean over
the second half of the run; medians and quartiles over seeds. Learning rate .01, chosen on seed 100.
"""

from dataclasses import replace
from itertools import product

import gymnasium
from matplotlib.figure import Figure

from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, band, legend_below, levels
from dqn_symbolic.experiments.learning import SMALL_BOARD, catch, player_of
from dqn_symbolic.experiments.results import by_condition, quartiles
from dqn_symbolic.training import training

TITLE = "Starts that repeat"
SEEDS = 10, 1  # in full, quick

HOLDS, MEMORIES = (10, 80), (32, 128, 512, 2_048)
FRAMES = 5  # of an episode


class Repeating(gymnasium.Wrapper):
    """Catch whose ball falls in the same column for `hold` episodes, then in the next column.

    A stretch is `hold` episodes in one column. The seed of each episode is the seed before plus 1,
    so seed // hold is the number of the stretch. The seed still decides everything.
    """

    def __init__(self, env, hold):
        super().__init__(env)
        self.hold = hold

    def reset(self, *, seed=None, options=None):
        x, info = self.env.reset(seed=seed, options=options)
        if seed is None:
            return x, info
        state = info["state"]._replace(ball_column=seed // self.hold % self.unwrapped.columns)
        return self.env.reset(options={"state": state})


def conditions(quick):
    agent = {"hidden": (32,), "learning_rate": 0.01, "warm_up": 200, "epsilon_steps": 1_000}
    agent |= {"sync_every": 50, "steps": 800 if quick else 6_400, "evaluate_every": 80}
    holds, memories = (HOLDS[1:], MEMORIES[::3]) if quick else (HOLDS, MEMORIES)
    named = {}
    for hold, memory in product(holds, memories):
        common = {"game": SMALL_BOARD, "hold": hold}
        named[f"hold-{hold}-memory-{memory}"] = common | {"agent": agent | {"memory_size": memory}}
    return named


def measure(condition, seed):
    """Yields a row at each evaluation: agent_steps; falling, the column of the ball at that time;
    catch_rate; column-0, column-1, ..., the catch rates from the starts in each column.
    """
    task = catch(condition)
    agent = player_of(Repeating(task.make(), condition["hold"]), condition, seed)
    score = scorer(replace(task, measures=by_column), agent)
    for _ in training(agent):
        falling = agent.env.unwrapped.state.ball_column
        yield {"agent_steps": agent.steps, "falling": falling, **score(), **task.levels}


def by_column(returns):
    """returns: from every start, column by column. -> the shares caught: of all, of each column."""
    caught = (returns > 0).reshape(5, -1).mean(axis=1)
    shares = {f"column-{i}": float(share) for i, share in enumerate(caught)}
    return {"catch_rate": float(caught.mean()), **shares}


def ago(row, stretches):
    """-> the share caught from the column in which the ball fell so many stretches ago."""
    return row[f"column-{(row['falling'] - stretches) % 5}"]


def second_half(rows, column):
    """-> {hold: {memory: (seeds,)}}: the mean of a column over the second half of a run."""
    holds = {}
    for condition, runs in by_condition(rows, column).items():
        _, hold, _, memory = condition.split("-")
        holds.setdefault(int(hold), {})[int(memory)] = runs[:, runs.shape[1] // 2 :].mean(axis=1)
    return holds


def table(rows):
    head = ["episodes in a column", "frames of these", "memory, frames", "all starts"]
    yield [*head, "the column that falls now", "that fell 4 stretches ago"]
    rows = [{**row, "now": ago(row, 0), "before": ago(row, 4)} for row in rows]
    columns = [second_half(rows, column) for column in ("catch_rate", "now", "before")]
    for hold, memories in columns[0].items():
        for memory in memories:
            texts = [quartiles(column[hold][memory]) for column in columns]
            yield [hold, f"{FRAMES * hold:,}", f"{memory:,}", *texts]


def draw(rows):
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    panels = figure.subplot_mosaic([["short", "sweep"], ["long", "sweep"]], width_ratios=(3, 2))
    board(panels["short"], rows, HOLDS[-1], MEMORIES[0])
    board(panels["long"], rows, HOLDS[-1], MEMORIES[-1])
    panels["long"].set(xlabel="agent steps")
    axes = panels["sweep"]
    for (hold, memories), style in zip(second_half(rows, "catch_rate").items(), STYLES):
        band(axes, memories, label=f"{hold} episodes in a column", **style)
        label = f"these: {FRAMES * hold:,} frames"
        axes.axvline(FRAMES * hold, color=style["color"], ls=style["ls"], lw=1, label=label)
    levels(axes, rows)
    axes.set(xscale="log", xlabel="memory, frames", title="all starts, second half of the run")
    axes.set_xticks(MEMORIES, MEMORIES)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    return legend_below(axes, columns=3)


def board(axes, rows, hold, memory):
    """Draws the share caught from each column against time, for the first seed."""
    name = f"hold-{hold}-memory-{memory}"
    run = [row for row in rows if row["condition"] == name and row["seed"] == 0]
    at = [row["agent_steps"] for row in run]
    shares = [[row[f"column-{column}"] for row in run] for column in range(5)]
    axes.pcolormesh(at, range(5), shares, cmap="gray_r", vmin=0, vmax=1, shading="nearest")
    axes.step(at, [row["falling"] for row in run], where="mid", color="#b35900", lw=2)
    axes.set(ylabel="column", title=f"memory of {memory:,} frames, {hold} episodes in a column")
    axes.set_yticks(range(5))
