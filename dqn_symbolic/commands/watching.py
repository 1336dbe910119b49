"""watch: the window, for an agent."""

from contextlib import ExitStack
from pathlib import Path

from dqn_symbolic.commands.front import teller
from dqn_symbolic.commands.options import TRAINED, Watching
from dqn_symbolic.commands.playing import drawable, pictures_of
from dqn_symbolic.environments.task import closed_by
from dqn_symbolic.frames import History
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.guard.files import write_whole
from dqn_symbolic.runs.loading import player_of
from games.window import screen, window


def watch(door, folder=None, agent=None, gif=None, gif_seconds=None, quiet=False):
    """Shows the agent in a window, or writes an animated GIF of it. -> exit status"""
    if gif and gif.suffix.lower() != ".gif":
        raise BadInput(f"--gif needs a file name that ends in .gif, got {gif}")
    if gif_seconds and not gif:
        raise BadInput("--gif-seconds is the length of an animation: --gif FILE writes it")
    seconds = gif_seconds or Watching.gif_seconds
    folder, tell = folder_of(folder, agent), teller(quiet)
    task, settings, forward, *_ = player_of(folder)

    def q_values(x):
        return forward(x[None])[0]

    with ExitStack() as stack:
        try:
            env = History(drawable(closed_by(stack, task, tell)), settings.history)
            if not (gif or screen.has_screen()):
                raise BadInput("this machine has no screen: --gif FILE writes an animation")
        except BadInput as error:
            if gif:
                raise
            tell(f"no window: {error}")
            return 0
        tell("compiling forward")
        with pictures_of(task):
            if gif:
                write_whole(gif, lambda f: window.record(env, q_values, f, seconds, quiet))
                tell(f"written: {gif}")
            else:
                tell(window.CLOSING)
                tell(window.show(env, q_values, title=f"{env.spec.name} - {agent or folder}"))
    return 0


def folder_of(folder, agent):
    """-> `folder`, or the folder of a named agent, or of the newest run in runs/."""
    if folder and agent:
        raise BadInput(f"use the folder {folder} or --agent {agent}, not both")
    if folder or agent:
        return folder or TRAINED / agent
    agents = sorted(Path("runs").glob("*/agent.npz"), key=lambda path: path.stat().st_mtime)
    if not agents:
        raise BadInput("there is no run in runs/ yet: train first, or name the folder of a run")
    return agents[-1].parent
