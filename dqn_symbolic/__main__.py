"""Any Gymnasium game:  python -m dqn_symbolic train --game CartPole-v1"""

import os
from dataclasses import dataclass

# Matrices as small as these are fastest on one core. NumPy reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dqn_symbolic.agent.settings import Settings, setting
from dqn_symbolic.commands import front, options
from dqn_symbolic.gorila.settings import GorilaSettings

PROGRAM = "python -m dqn_symbolic"


@dataclass(frozen=True)
class Game:
    game: str = setting(None, "Gymnasium id, such as CartPole-v1 or ALE/Pong-v5")
    sticky: float = setting(
        None, "Atari: at each frame, the probability that the last action is repeated"
    )


def any_game(given):
    """{option: value} -> the Task of the game."""
    from dqn_symbolic.environments.any_game import task

    if "game" not in given:
        raise options.BadInput("--game ID is missing, such as --game CartPole-v1")
    return task(**given)


def train(**given):
    """Learn a game, write the files, and play in a window if there is a screen."""
    from dqn_symbolic.commands.training import train

    return train(any_game, PROGRAM, **given)


def gorila(**given):
    """Learn a game by several agents that share one set of parameters, on Ray."""
    from dqn_symbolic.commands.gorila import gorila

    return gorila(any_game, PROGRAM, **given)


def watch(**given):
    """Watch an agent play, and take over from it."""
    from dqn_symbolic.commands.watching import watch

    return watch(**given)


def play(**given):
    """Play a game yourself."""
    from dqn_symbolic.commands.training import checked
    from dqn_symbolic.commands.watching import play

    return play(checked(any_game, given))


def evaluate(**given):
    """Score the best agent of a run over new episodes."""
    from dqn_symbolic.commands.evaluating import evaluate

    return evaluate(**given)


COMMANDS = {
    "train": (train, Game, options.Modules, options.Preset, Settings, options.Files),
    "gorila": (
        gorila,
        *(Game, options.Cluster, GorilaSettings, options.Preset, Settings, options.Files),
    ),
    "evaluate": (evaluate, options.Evaluating, options.Modules),
    "watch": (watch, options.Watching, options.Modules),
    "play": (play, Game, options.Modules),
}


def main(arguments):
    """-> exit status"""
    return front.main(arguments, PROGRAM, __doc__, COMMANDS)


def run():
    """The command `dqn-symbolic`."""
    front.run(main)


if __name__ == "__main__":
    run()
