"""The lecture's last exercise: "Attempt to solve the Catch game".

A ball falls down a board; the paddle at the bottom goes left, stays or goes right. The reward is +1
for a caught ball and -1 for a missed ball. The agent sees only the picture of the board and the
reward. The game is solved when the agent catches the ball from every start state.
"""

import os
from dataclasses import dataclass, fields
from functools import partial

# Matrices as small as these are fastest on one core. NumPy reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dqn_symbolic.commands import front
from dqn_symbolic.settings import setting


@dataclass(frozen=True)
class Board:
    """The settings of the game (games/catch.py). The agent's are in dqn_symbolic/settings.py."""

    rows: int = setting(10, "height, in cells")
    columns: int = setting(10, "width, in cells")
    paddle_width: int = setting(3, "in cells")
    paddle_start: str = setting("anywhere", "where the paddle starts", ("anywhere", "middle"))
    drift: bool = setting(False, "the ball also moves sideways and bounces off the walls")
    pixels: bool = setting(False, "84 x 84 pixels; to learn, it means --drift and --preset pixels")


def catch(given):
    """{option: value} -> the Task: the game and its scoring."""
    from dqn_symbolic.environments.any_game import task

    board = {field.name: field.default for field in fields(Board)} | given
    return task("games:Catch-v0", **board | {"pixels": 84 if board["pixels"] else None})


def for_pixels(given):
    """{option: value} of a run -> the same; --pixels and --preset pixels imply both and --drift."""
    if given.get("pixels") or given.get("preset") == "pixels":
        return {"pixels": True, "drift": True, "preset": "pixels", **given}
    return dict(given)


def train(door, **given):
    """Solves the exercise; door: `DOOR`, below. -> exit status"""
    # Only now: `--help` does not need PyTensor, which takes a second to import.
    from dqn_symbolic import Agent, training
    from dqn_symbolic.commands.training import asked, ended
    from dqn_symbolic.environments.task import scorer

    # The game and every number. With --resume, those of the run in that folder.
    with asked(door, given) as (task, settings, run):
        # The agent: its graph becomes three functions, which are compiled here.
        agent = run.begin(Agent(task.make(), settings))
        # The score: the agent plays one game from every start, greedily.
        score = run.scored(scorer(task, agent))
        # The loop. The run keeps each row and the best weights, and stops at Ctrl-C.
        for _ in run.kept(training(agent, score, run.pause)):
            if task.solved(run.rows):  # twice in a row, every ball was caught
                break
    # Now all files are written. The window, if there is a screen:
    return ended(door, run, **given)


DOOR = front.Door("python run_catch.py", __doc__, catch, (Board,), train=train, prepared=for_pixels)
main = partial(front.main, door=DOOR)  # (arguments) -> exit status


if __name__ == "__main__":
    front.run(main)
