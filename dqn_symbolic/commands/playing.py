"""play: the window, for a person. It needs no PyTensor, so it opens at once."""

from contextlib import ExitStack, contextmanager

from dqn_symbolic.commands.front import say
from dqn_symbolic.environments.task import closed_by
from dqn_symbolic.guard.errors import BadInput, GameError, bad_input, one_line, raised
from dqn_symbolic.guard.game import Guarded
from games.window import screen, window
from games.window.control import surfaces_of


def play(door, **game):
    """Opens a window in which the user plays. -> exit status"""
    with bad_input():
        task = door.make_task(game)
    with ExitStack() as stack:
        try:
            env = drawable(closed_by(stack, task, say), **task.by_hand)
            if not screen.has_screen():
                raise BadInput("this machine has no screen")
        except BadInput as error:
            say(f"no window: {error}")
            return 0
        say(window.CLOSING)
        with pictures_of(task):
            say(window.show(env, title=env.spec.name))
    return 0


def drawable(task, **options):
    """-> the game, guarded, with its render mode. Raises BadInput if it does not draw itself."""
    try:
        env = Guarded(task.make(render_mode=task.render_mode, **options))
    except Exception as error:  # it may have no render mode, and say so in any way
        raise BadInput(f"{task.game} does not draw itself: {one_line(error):.300}") from error
    env.reset()
    try:
        with pictures_of(task):
            surfaces_of(env.render())
    except GameError as error:
        if not isinstance(error.__cause__, NotImplementedError):
            raise
        raise BadInput(f"{task.game} does not draw itself: it has no `render`") from error
    return env


@contextmanager
def pictures_of(task):
    """Inside the `with` block, a picture of the game that cannot be shown becomes a BadInput."""
    try:
        yield
    except ValueError as error:
        raise BadInput(f"{task.game}: {one_line(error)}") from error
    except (AttributeError, LookupError, TypeError) as error:
        raise raised(f"{task.game}: its pictures, keys or metadata", error) from error
