"""watch and play: the window, for an agent or for a person."""

from pathlib import Path

from dqn_symbolic.commands.front import import_compiler, say
from dqn_symbolic.commands.options import AGENTS, BadInput


def watch(folder=None, agent=None, gif=None, tell=say):
    """Shows the agent in a window, or writes an animated GIF of it. -> exit status"""
    from games.window.screen import has_screen

    if not gif and not has_screen():
        raise BadInput("watch needs a screen, but this machine has none: use --gif FILE")
    if gif and gif.suffix.lower() != ".gif":
        raise BadInput(f"--gif needs a file name that ends in .gif, got {gif}")
    task, settings, forward = load_agent(folder_of(folder, agent))

    from dqn_symbolic.experience.frames import as_seen
    from games.window import window

    env = as_seen(drawable(task), settings)

    def q_values(x):
        return forward(x[None])[0]

    if gif:
        window.record(env, q_values, gif)
        tell(f"written: {gif}")
    else:
        tell(str(window.show(env, q_values, title=task.game)))
    return 0


def play(task):
    """Opens a window in which the user plays. -> exit status"""
    from games.window import window
    from games.window.screen import has_screen

    if not has_screen():
        raise BadInput("play needs a screen, but this machine has none")
    say(str(window.show(drawable(task, **task.by_hand), title=task.game)))
    return 0


def drawable(task, **options):
    """-> the game with its render mode. Raises BadInput if the game cannot draw itself."""
    try:
        return task.make(render_mode=task.render_mode, **options)
    except Exception as error:  # a game may raise any error
        message = " ".join(str(error).split())
        raise BadInput(
            f"{task.game} does not draw itself ({task.render_mode}): {message:.300}"
        ) from error


def load_agent(folder):
    """-> (Task, Settings, forward) of the best agent of a run."""
    import_compiler()

    from dqn_symbolic.agent.learner import network_of
    from dqn_symbolic.compiling.backends import mode
    from dqn_symbolic.experience.frames import as_seen
    from dqn_symbolic.runs.loading import Unreadable, read_agent
    from dqn_symbolic.symbols.q_learning import forward_alone

    try:
        task, settings, weights = read_agent(folder)
    except Unreadable as error:
        raise BadInput(error) from error
    env = as_seen(task.make(), settings)
    network, space = network_of(env, settings), env.observation_space
    return task, settings, forward_alone(network, weights, space.shape, space.dtype, mode("numba"))


def folder_of(folder, agent):
    """-> `folder`, or the folder of a named agent, or of the newest run in runs/."""
    if folder and agent:
        raise BadInput(f"use the folder {folder} or --agent {agent}, not both")
    if folder or agent:
        return folder or AGENTS / agent
    agents = sorted(Path("runs").glob("*/agent.npz"), key=lambda path: path.stat().st_mtime)
    if not agents:
        raise BadInput("there is no run in runs/ yet: train first, or name the folder of a run")
    return agents[-1].parent
