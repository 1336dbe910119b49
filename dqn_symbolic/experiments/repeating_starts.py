"""Starts that repeat: the agent forgets the starts that its memory no longer holds."""

from dataclasses import replace

import gymnasium
from matplotlib.figure import Figure

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experiments.figures import STYLES, band, levels
from dqn_symbolic.experiments.learning import catch
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.settings import Settings
from dqn_symbolic.training import training

TITLE = "Starts that repeat"
CLAIM = (
    'Slides "Correlated samples break learning" and "Solution: replay buffer". The ball falls in'
    " the same column for 10 or 80 episodes, then in the next column, and after the last in the"
    " first again. Board of 5 rows and 5 columns, paddle of one cell; an episode fills 5 frames of"
    " the memory. Left, for the first seed: the share caught from the starts in each column (black:"
    " all) against agent steps; the line is the column in which the ball falls. Right: the share"
    " caught from all starts, the mean over the second half of the run; medians and quartiles over"
    " seeds. Learning rate .01, chosen on seed 100."
)

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
        column = seed // self.hold % self.unwrapped.columns
        state = info["state"]._replace(ball_column=column)
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
    """-> a row at each evaluation: agent_steps; falling, the column of the ball at that time;
    catch_rate; column-0, column-1, ..., the catch rates from the starts in each column.
    """
    s = Settings(**setting["learner"], seed=seed)
    task = catch(setting)
    agent = Agent(Repeating(task.make(), setting["hold"]), s)
    score = scorer(replace(task, measures=by_column), agent)
    rows = []
    for row in training(agent, score):
        falling = agent.env.unwrapped.state.ball_column
        scores = {name: row[name] for name in row if name.startswith(("mean", "catch", "column"))}
        rows.append({"agent_steps": row["env_steps"], "falling": falling, **scores, **task.levels})
    return rows


def by_column(returns):
    """returns: from every start, column by column. -> the shares caught: of all, of each column."""
    caught = (returns > 0).reshape(5, -1).mean(axis=1)
    shares = {f"column-{i}": float(share) for i, share in enumerate(caught)}
    return {"catch_rate": float(caught.mean()), **shares}


def all_starts(row):
    return row["catch_rate"]


def ago(stretches):
    """-> share(row): the share of the column in which the ball fell so many stretches ago."""
    return lambda row: row[f"column-{(row['falling'] - stretches) % 5}"]


def second_half(rows, share):
    """share(row) -> float. -> {hold: {memory: (seeds,)}}: its mean over the second half of a run"""
    holds = {}
    shares = by_setting([{**row, "share": share(row)} for row in rows], "share")
    for setting, runs in shares.items():
        _, hold, _, memory = setting.split("-")
        half = runs[:, runs.shape[1] // 2 :].mean(axis=1)
        holds.setdefault(int(hold), {})[int(memory)] = half
    return holds


def table(rows):
    shares = {"all starts": all_starts}
    shares |= {"the column that falls now": ago(0), "that fell 4 stretches ago": ago(4)}
    lines = [["episodes in a column", "frames of these", "memory, frames", *shares]]
    columns = [second_half(rows, share) for share in shares.values()]
    for hold, memories in columns[0].items():
        for memory in memories:
            texts = [quartiles(column[hold][memory]) for column in columns]
            lines.append([hold, f"{FRAMES * hold:,}", f"{memory:,}", *texts])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    panels = figure.subplot_mosaic([["short", "sweep"], ["long", "sweep"]], width_ratios=(3, 2))
    board(panels["short"], rows, HOLDS[-1], MEMORIES[0])
    board(panels["long"], rows, HOLDS[-1], MEMORIES[-1])
    panels["long"].set(xlabel="agent steps")
    axes = panels["sweep"]
    for (hold, memories), style in zip(second_half(rows, all_starts).items(), STYLES):
        band(axes, memories, label=f"{hold} episodes in a column", **style)
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
    """Draws the share caught from each column against time, for the first seed."""
    name = f"hold-{hold}-memory-{memory}"
    run = [row for row in rows if row["setting"] == name and row["seed"] == 0]
    at = [row["agent_steps"] for row in run]
    shares = [[row[f"column-{column}"] for row in run] for column in range(5)]
    axes.pcolormesh(at, range(5), shares, cmap="gray_r", vmin=0, vmax=1, shading="nearest")
    axes.step(at, [row["falling"] for row in run], where="mid", color="#b35900", lw=2)
    axes.set(ylabel="column", title=f"memory of {memory:,} frames, {hold} episodes in a column")
    axes.set_yticks(range(5))
