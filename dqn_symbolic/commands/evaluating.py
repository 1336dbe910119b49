"""evaluate: scores the best agent of a run over new episodes."""

import csv
import json

from dqn_symbolic.commands.front import say, teller
from dqn_symbolic.commands.options import TRAINED
from dqn_symbolic.commands.watching import folder_of
from dqn_symbolic.environments.task import new_games
from dqn_symbolic.guard.files import write_text
from dqn_symbolic.runs.loading import digest, player_of
from dqn_symbolic.runs.stopping import exit_status, noted_signals

ROWS = TRAINED / "games.csv"  # made by the experiment `games`


def evaluate(
    door, folder=None, agent=None, episodes=None, epsilon=None, seed=0, out=None, quiet=False
):
    """Writes evaluation.json and prints it as a table. -> exit status"""
    folder, tell = folder_of(folder, agent), teller(quiet)
    player = player_of(folder)
    task, s, *_ = player
    episodes = s.evaluation_episodes if episodes is None else episodes
    epsilon = task.epsilon(s) if epsilon is None else epsilon
    tell("compiling forward")  # at its first call: half a minute, if the cache is empty
    with noted_signals() as noted:
        scores = new_games(player, episodes, epsilon, seed, noted, quiet or None, say)
    if scores is None:
        return exit_status(noted)
    row = {
        "game": task.game,
        "episodes": episodes,
        "epsilon": epsilon,
        "mean": float(scores.mean()),
        "standard_error": float(scores.std(ddof=1) / episodes**0.5) if episodes > 1 else None,
        "std": float(scores.std()),
        "minimum": float(scores.min()),
        "maximum": float(scores.max()),
        "weights": digest(player.weights),
        **task.levels,
        **task.measures(scores),
    }
    width, error = max(map(len, row)), row["standard_error"]
    for name, value in row.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        if name == "mean" and error is not None:
            shown += f" +- {error:.2g} (standard error, {episodes} episodes)"
        if name != "standard_error":
            tell(f"{name:{width}}  {shown}")
    for line in filter(None, (task.levels_from, origin(task.game, row["weights"]))):
        tell(line)
    if out or not agent:  # never in the folder of an agent that comes with the project
        path = (out or folder) / "evaluation.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(row, indent=2) + "\n")
        tell(f"written: {path}")
    return 0


def origin(game, weights):
    """-> a line: whether a row of the experiment `games` has these weights; "" for other games"""
    with open(ROWS, newline="") as file:
        known = [row["weights"] for row in csv.DictReader(file) if game == row["game"]]
    return f"weights: {'' if weights in known else 'not '}those of {ROWS}" if known else ""
