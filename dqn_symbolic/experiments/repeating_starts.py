"""Starts that repeat: what is no longer in the memory is forgotten."""

from dataclasses import replace

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent.agent import Agent
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, levels
from dqn_symbolic.experiments.learning import catch

TITLE = "Starts that repeat"
CLAIM = (
    'Slides "Correlated samples break learning" and "Solution: replay buffer". The ball falls in'
    " the same column for so many episodes, then in the next column, round and round. Board of 5"
    " rows and 5 columns, paddle of one cell; an episode fills 5 frames of the memory. Left: the"
    " share caught from the starts in each column (black: all) against agent steps, for the first"
    " seed; the line is the column in which the ball falls. Right: the share of all starts, mean of"
    " the second half of the run; medians and quartiles over seeds. Learning rate .01, picked on"
    " seed 100."
)

HOLDS, MEMORIES = (10, 80), (32, 128, 512, 2_048)
FRAMES = 5  # of an episode


class Repeating(gymnasium.Wrapper):
    """Catch whose ball falls in the same column for `hold` episodes, then in the next column.

    The agent gives each episode a seed that is one higher than the seed of the episode before, so
    seed // hold counts the stretches of `hold` episodes. The seed still decides everything.
    """

    def __init__(self, env, hold):
        super().__init__(env)
        self.hold = hold

    def reset(self, *, seed=None, options=None):
        first = self.env.reset(seed=seed, options=options)
        if seed is None:
            return first
        column = seed // self.hold % self.unwrapped.columns
        state = first[1]["state"]._replace(ball_column=column)
        return self.env.reset(options={"state": state})


def settings(quick):
    length = {"steps": 800 if quick else 6_400, "evaluate_every": 80}
    learner = {
        "hidden": (32,),
        "learning_rate": 0.01,
        "warm_up": 200,
        "epsilon_steps": 1_000,
        "sync_every": 50,
    }
    return {
        f"hold-{hold}-memory-{memory}": {
            "game": {"rows": 5, "columns": 5, "paddle_width": 1},
            "hold": hold,
            "learner": {**learner, **length, "memory_size": memory},
        }
        for hold in (HOLDS[1:] if quick else HOLDS)
        for memory in (MEMORIES[::3] if quick else MEMORIES)
    }


def seeds(quick):
    return 1 if quick else 10


def measure(setting, seed):
    """-> a row at each evaluation: agent_steps; falling, the ball's column at that time; catch_rate
    and, as column-0, column-1, ..., that from the starts in each column."""
    s = Settings(**setting["learner"], seed=seed)
    task = catch(setting)
    agent = Agent(Repeating(task.make(), setting["hold"]), s).compile()
    score = scorer(replace(task, measures=by_column), agent)
    found = []
    while agent.steps < s.steps:
        agent.step()
        if agent.steps % s.evaluate_every == 0:
            falling = agent.env.unwrapped.state.ball_column
            counted = {"agent_steps": agent.steps, "falling": falling}
            found.append({**counted, **score(), **task.levels})
    return found


def by_column(returns):
    """Returns from every start, column by column -> the share caught, of all and by column."""
    caught = (returns > 0).reshape(5, -1).mean(axis=1)
    shares = {f"column-{i}": float(share) for i, share in enumerate(caught)}
    return {"catch_rate": float(caught.mean()), **shares}


def second_half(rows, hold, memory, share):
    """share(row) -> float; -> (seeds,): its mean over the second half of each run."""
    seeds = {}
    for row in rows:
        if row["setting"] == f"hold-{hold}-memory-{memory}":
            seeds.setdefault(row["seed"], []).append(share(row))
    return np.array([np.mean(run[len(run) // 2 :]) for run in seeds.values()])


def ago(stretches):
    """-> share(row): that of the column in which the ball fell so many stretches ago."""
    return lambda row: row[f"column-{(row['falling'] - stretches) % 5}"]


def swept(rows):
    """-> {hold: [memory, ...]}, as far as the rows have them."""
    found = {}
    for name in dict.fromkeys(row["setting"] for row in rows):
        _, hold, _, memory = name.split("-")
        found.setdefault(int(hold), []).append(int(memory))
    return found


def table(rows):
    kinds = {"all starts": lambda row: row["catch_rate"]}
    kinds.update({"the column that falls now": ago(0), "that fell 4 stretches ago": ago(4)})
    lines = [["episodes in a column", "frames of these", "memory, frames", *kinds]]
    for hold, memories in swept(rows).items():
        for memory in memories:
            shown = []
            for share in kinds.values():
                found = second_half(rows, hold, memory, share)
                low, median, high = np.percentile(found, (25, 50, 75))
                shown.append(f"{median:.0%} ({low:.0%} to {high:.0%})")
            lines.append([hold, f"{FRAMES * hold:,}", f"{memory:,}", *shown])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    places = figure.subplot_mosaic([["short", "sweep"], ["long", "sweep"]], width_ratios=(3, 2))
    for place, memory in (("short", MEMORIES[0]), ("long", MEMORIES[-1])):
        board(places[place], rows, HOLDS[-1], memory)
    places["long"].set(xlabel="agent steps")
    axes = places["sweep"]
    for (hold, memories), style in zip(swept(rows).items(), STYLES):
        found = [second_half(rows, hold, m, lambda row: row["catch_rate"]) for m in memories]
        low, median, high = np.percentile(found, (25, 50, 75), axis=1)
        axes.plot(memories, median, ms=5, label=f"{hold} episodes in a column", **style)
        axes.fill_between(memories, low, high, color=style["color"], alpha=0.15, lw=0)
        label = f"these: {FRAMES * hold:,} frames"
        axes.axvline(FRAMES * hold, color=style["color"], ls=style["ls"], lw=1, label=label)
    levels(axes, rows[0]["chance"], rows[0]["optimum"])
    axes.set(xscale="log", xlabel="memory, frames", title="all starts, second half of the run")
    axes.set_xticks(MEMORIES, MEMORIES)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def board(axes, rows, hold, memory):
    """The share caught from each column against time, for the first seed."""
    name = f"hold-{hold}-memory-{memory}"
    run = [row for row in rows if row["setting"] == name and row["seed"] == 0]
    at = [row["agent_steps"] for row in run]
    shares = [[row[f"column-{column}"] for row in run] for column in range(5)]
    axes.pcolormesh(at, range(5), shares, cmap="gray_r", vmin=0, vmax=1, shading="nearest")
    axes.step(at, [row["falling"] for row in run], where="mid", color="#b35900", lw=2)
    axes.set(ylabel="column", title=f"memory of {memory:,} frames, {hold} episodes in a column")
    axes.set_yticks(range(5))
