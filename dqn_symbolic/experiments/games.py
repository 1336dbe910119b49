"""The slide "Results": the 49 games of the Nature paper, each with the preset "atari".

Mnih et al. 2015, Figure 3 and Extended Data Table 2. One agent a game learns from 750,000 agent
steps, 1.5% of the paper's. Its best evaluation's weights play 30 new games with epsilon .05. Scores
are human-normalised: 0 is random play, 100 a professional tester.
"""

import json
import shutil
from contextlib import ExitStack

import numpy as np

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.any_game import paper_scores, task
from dqn_symbolic.environments.task import closed_by, new_games, scorer
from dqn_symbolic.experiments.figures import STYLES, panels
from dqn_symbolic.guard.files import alone, read_text
from dqn_symbolic.runs import pieces
from dqn_symbolic.runs.loading import digest, player_of, read_progress, read_settings
from dqn_symbolic.runs.machine import machine
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS, Settings
from dqn_symbolic.training import training

TITLE = "The Nature paper's 49 games, preset atari"
SEEDS = 1, 1  # in full, quick
GAME = "ALE/Pong-v5"
EPISODES = 30, 2  # of the last evaluation
LEAST, MOST = -50, 600  # % of human, in the picture
QUICK = "Pong", "Breakout", "MontezumaRevenge"


def conditions(quick):
    small = {"steps": 300, "evaluate_every": 150, "evaluation_steps": 30, "warm_up": 100}
    small |= {"filters": [[4, 8, 8]], "hidden": [8], "memory_size": 400, "evaluation_episodes": 2}
    agent = PRESETS["atari"] | (small if quick else {})
    games = QUICK if quick else paper_scores()
    how = {"options": {"frame_size": ATARI_FRAME_SIZE}, "agent": agent, "episodes": EPISODES[quick]}
    return {name: {"game": f"ALE/{name}-v5", **how} for name in games}


def measure(condition, seed, folder):
    """Yields one row. `folder` is that of a run, which goes on if it was stopped.

    score: the mean of the new games, as by `evaluate`; scores, values: of the evaluations on the
    way; weights: their SHA-256.
    """
    asked = options, settings = condition["options"], Settings(**condition["agent"], seed=seed)
    ended = (folder / "summary.json").exists()
    if not ended or read_settings(folder / "agent.npz", "agent")[1:] != asked:
        train(task(condition["game"], **options), settings, folder)
    (folder / "checkpoint.npz").unlink(missing_ok=True)  # only another training could use it
    shutil.rmtree(folder / pieces.FOLDER, ignore_errors=True)
    player, episodes = player_of(folder), condition["episodes"]
    scores = new_games(player, episodes, settings.evaluation_epsilon)
    summary = json.loads(read_text(folder / "summary.json"))
    rows = read_progress(read_text(folder / "progress.csv"), player.task)
    yield {
        "game": player.task.game,
        "score": float(scores.mean()),
        "standard_error": float(scores.std(ddof=1) / episodes**0.5),
        **player.task.measures(scores),
        **player.task.levels,
        "scores": shown(row["mean_return"] for row in rows),
        "values": shown(row["held_out_value"] for row in rows),
        **{name: summary[name] for name in ("env_steps", "updates", "train_seconds")},
        "weights": digest(player.weights),
        **machine(),
        "settings": json.dumps(summary["settings"]),
    }


def train(game, settings, folder):
    """As the command `train` does; a run that was killed goes on from its checkpoint."""
    path, data = folder / "checkpoint.npz", None
    with ExitStack() as stack:
        if folder.exists():
            stack.enter_context(alone(folder))
        if path.exists() and read_settings(path, "checkpoint")[1:] == (game.kwargs, settings):
            data, *_ = read_settings(path, "checkpoint")
        else:  # it was killed before its first checkpoint, or its settings are old
            stack.close()
            shutil.rmtree(folder, ignore_errors=True)
        game = closed_by(stack, game, print)
        run = Run(game, settings, folder, data, stack=stack)
        agent = run.begin(Agent(game.make(), settings))
        for _ in run.kept(training(agent, run.scored(scorer(game, agent)), run.pause)):
            pass
        run.finish()


def shown(numbers):
    return " ".join(f"{number:.6g}" for number in numbers)


def table(rows):
    yield ["game", "score of new games", "% of human", "Nature agent", "random play", "minutes"]
    for row in rows:
        yield [
            row["condition"],
            f"{row['score']:,.1f} ± {row['standard_error']:,.1f}",
            f"{row['human_normalised']:.0f}",
            f"{nature(row):.0f}",
            f"{row['random']:,.1f}",
            f"{row['train_seconds'] / 60:.0f}",
        ]
    above = sum(row["score"] > row["random"] + 3 * row["standard_error"] for row in rows)
    as_human = sum(row["human_normalised"] > 75 for row in rows)
    yield [f"above random play by three standard errors: {above} of {len(rows)}"] + [""] * 5
    yield [f"above 75% of human: {as_human} of {len(rows)}"] + [""] * 5


def nature(row):
    """-> the Nature agent's score, human-normalised."""
    return 100 * (row["dqn_2015"] - row["random"]) / (row["human"] - row["random"])


def draw(rows):
    """Bars in the paper's order, from the Nature agent's best game to its worst."""
    rows, ours = sorted(rows, key=nature), f"ours: {rows[0]['env_steps']:,}"
    figure, axes = panels(8, 1 + 0.26 * len(rows))
    for side, score, label, color, ink in (
        (0.2, nature, "Nature agent: 50,000,000 agent steps", "#bbbbbb", "black"),
        (-0.2, lambda row: row["human_normalised"], ours, STYLES[0]["color"], "white"),
    ):
        scores = np.array([score(row) for row in rows])
        places = np.arange(len(rows)) + side
        axes.barh(places, scores, 0.4, label=label, color=color)
        for place, value in zip(places, scores):
            if not LEAST < value < MOST:
                how = {"ha": "right" if value > 0 else "left", "va": "center", "color": ink}
                axes.text(np.clip(value, LEAST, MOST), place, f" {value:,.0f}% ", fontsize=6, **how)
    axes.set_yticks(range(len(rows)), [row["condition"] for row in rows], fontsize=7)
    for value, name in ((0, "random play"), (100, "human")):
        axes.axvline(value, color="black", lw=1, ls="-" if value else "--", label=name)
    axes.set(xlim=(LEAST, MOST), ylim=(-0.6, len(rows) - 0.4), xlabel="% of human")
    axes.legend(loc="lower right")
    return figure
