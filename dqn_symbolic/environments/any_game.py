"""Any Gymnasium id as a Task."""

import gymnasium

from dqn_symbolic.environments import catch
from dqn_symbolic.environments.task import Task
from dqn_symbolic.frames import History

# Errors of `gymnasium.make` for a game that it cannot make.
REFUSALS = (gymnasium.error.Error, TypeError, ValueError)


def task(game: str, **kwargs) -> Task:
    """-> the Task of a Gymnasium id, such as "CartPole-v1" or "games:Catch-v0".

    kwargs: keyword arguments of the game. The goal is the `reward_threshold` of the id; Catch and
    Atari have their own scoring. Raises a ValueError of one line for a game that Gymnasium cannot
    make or the agent cannot learn, and a ModuleNotFoundError of one line for a game of ALE if ALE
    is missing.
    """
    if game.startswith("ALE/"):
        return atari(game, kwargs)
    if game == "Catch-v0":
        game = "games:Catch-v0"

    def make(render_mode=None):
        rendering = {"render_mode": render_mode} if render_mode else {}
        return gymnasium.make(game, disable_env_checker=True, **rendering, **kwargs)

    try:
        env = make()
    except (ImportError, *REFUSALS) as error:
        raise cannot_be_made(game, error) from error
    frames = History(env, 1).frame_space
    if game == "games:Catch-v0":
        fields = catch.scoring(env.unwrapped)
    else:
        preset = "classic" if len(frames.shape) == 1 else "catch"
        fields = {"goal": env.spec.reward_threshold, "preset": preset}
    env.close()
    return Task(game, kwargs, make, frames, **fields)


def atari(game, kwargs):
    """-> the Task of "ALE/...". ALE is optional, so only this function imports it."""
    try:
        from dqn_symbolic.environments.atari import atari_task
    except ModuleNotFoundError as error:
        message = f"{game} needs {error.name}, which is not installed: pip install -e '.[atari]'"
        raise ModuleNotFoundError(message) from error
    try:
        return atari_task(game, **kwargs)
    except REFUSALS as error:
        raise cannot_be_made(game, error) from error


def cannot_be_made(game, error):
    return ValueError(f"{game}: {' '.join(str(error).split())}")
