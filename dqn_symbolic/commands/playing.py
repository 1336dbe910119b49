"""play: the window, for a person. It needs no PyTensor, so it opens at once."""

from dqn_symbolic.commands.front import say
from dqn_symbolic.runs.errors import BadInput, bad_input, one_line
from games.window import screen, window


def play(door, **game):
    """Opens a window in which the user plays. -> exit status"""
    with bad_input():
        task = door.make_task(game)
    if not screen.has_screen():
        raise BadInput("play needs a screen, but this machine has none")
    say(str(window.show(drawable(task, **task.by_hand), title=task.game)))
    return 0


def drawable(task, **options):
    """-> the game with its render mode. Raises BadInput if the game cannot draw itself."""
    try:
        return task.make(render_mode=task.render_mode, **options)
    except Exception as error:  # a game may raise any error
        raise BadInput(
            f"{task.game} does not draw itself ({task.render_mode}): {one_line(error):.300}"
        ) from error
