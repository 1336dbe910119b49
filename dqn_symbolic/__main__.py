"""Any Gymnasium game:  python -m dqn_symbolic train --game CartPole-v1"""

import os
from dataclasses import dataclass
from functools import partial

# Matrices as small as these are fastest on one core. NumPy reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dqn_symbolic.commands import front
from dqn_symbolic.commands.options import Modules
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.settings import setting


@dataclass(frozen=True)
class Game:
    game: str = setting(None, "Gymnasium id, such as CartPole-v1 or ALE/Pong-v5")
    sticky: float = setting(None, "Atari: probability that a frame repeats the last action")
    frame_size: int = setting(None, "Atari: pixels of a side of its frames (84; preset atari: 42)")
    game_option: dict = setting(None, "an option of the game; any number of them")


def any_game(given):
    """{option: value} -> the Task of the game."""
    from dqn_symbolic.environments.any_game import task

    if "game" not in given:
        raise BadInput("--game ID is missing, such as --game CartPole-v1")
    options = given.get("game_option", {})
    for name in options.keys() & given.keys():
        raise BadInput(f"--game-option: expected an option that only the game knows, got {name}")
    module, _, name = given["game"].rpartition(":")
    if module:
        name = f"{front.import_modules([module])[0]}:{name}"
    atari = {name: given[name] for name in ("sticky", "frame_size") if name in given}
    return task(name, **atari, **options)


DOOR = front.Door("python -m dqn_symbolic", __doc__, any_game, (Game,), (Modules,))
main = partial(front.main, door=DOOR)  # (arguments) -> exit status
run = partial(front.run, main)  # the command `dqn-symbolic`

if __name__ == "__main__":
    run()
