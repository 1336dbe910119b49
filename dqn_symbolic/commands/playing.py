"""play: the window, for a person. It needs no PyTensor, so it opens at once."""

from dqn_symbolic.commands.front import say
from dqn_symbolic.runs.errors import BadInput, bad_input, one_line
from games.window import screen, window
from games.window.picture import surfaces_of


def play(door, **game):
    """Opens a window in which the user plays. -> exit status"""
    with bad_input():
        task = door.make_task(game)
    try:
        env = drawable(task, **task.by_hand)
        if not screen.has_screen():
            raise BadInput("this machine has no screen")
    except BadInput as error:
        say(f"no window: {error}")
        return 0
    say(window.CLOSING)
    say(window.show(env, title=env.spec.name))
    return 0


def drawable(task, **options):
    """-> the game with its render mode. Raises BadInput if the game cannot draw itself."""
    try:
        env = task.make(render_mode=task.render_mode, **options)
        env.reset()
        surfaces_of(env.render())
    except Exception as error:  # a game may raise any error
        raise BadInput(
            f"{task.game} does not draw itself ({task.render_mode}): {one_line(error):.300}"
        ) from error
    return env
