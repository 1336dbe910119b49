"""The lecture's last exercise: "Attempt to solve the Catch game".

A ball falls down a board; the paddle at the bottom goes left, stays or goes right. The reward is +1
for a caught ball and -1 for a missed ball. The agent sees only the picture of the board and the
reward. The game is solved when the agent catches the ball from every start state.
"""

import os
from dataclasses import dataclass, fields

# Matrices as small as these are fastest on one core. NumPy reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dqn_symbolic.agent.settings import Settings, setting
from dqn_symbolic.commands import front, options

PROGRAM = "python run_catch.py"


@dataclass(frozen=True)
class Board:
    """The settings of the game (games/catch.py). The learner's are in `Settings`."""

    rows: int = setting(10, "height, in cells")
    columns: int = setting(10, "width, in cells")
    paddle_width: int = setting(3, "in cells")
    paddle_start: str = setting("anywhere", "where the paddle starts", ("anywhere", "middle"))
    drift: bool = setting(False, "the ball also moves sideways and bounces off the walls")
    pixels: bool = setting(
        False, "84 x 84 pixels; train then also sets --drift and --preset pixels"
    )


def catch(board):
    """{setting: value}, as given by the user -> the Task: the game and its scoring."""
    from dqn_symbolic.environments.any_game import task

    board = {field.name: field.default for field in fields(Board)} | board
    return task("games:Catch-v0", **board | {"pixels": 84 if board["pixels"] else None})


def train(**given):
    """Learn Catch, write the files, and play in a window if there is a screen."""
    from dqn_symbolic.commands.training import train

    if given.get("pixels") or given.get("preset") == "pixels":
        given = {"pixels": True, "drift": True, "preset": "pixels"} | given
    return train(catch, PROGRAM, **given)


def watch(**given):
    """Watch an agent play, and take over from it."""
    from dqn_symbolic.commands.watching import watch

    return watch(**given)


def play(**board):
    """Play Catch yourself."""
    from dqn_symbolic.commands.training import checked
    from dqn_symbolic.commands.watching import play

    return play(checked(catch, board))


def compare(**given):
    """Run the lecture's claims as experiments, with several seeds."""
    from dqn_symbolic.commands.comparing import compare

    return compare(**given)


# Each command, and the classes that list its options. The first command is the default.
COMMANDS = {
    "train": (train, Board, options.Preset, Settings, options.Files),
    "watch": (watch, options.Watching),
    "play": (play, Board),
    "compare": (compare, options.Comparing),
}


def main(arguments):
    """-> exit status"""
    return front.main(arguments, PROGRAM, __doc__, COMMANDS)


if __name__ == "__main__":
    front.run(main)
