"""The loop: an agent steps, and from time to time it is evaluated."""

from collections.abc import Callable, Iterator


def training(agent, score: Callable = dict, pause: Callable = lambda: False) -> Iterator[dict]:
    """Steps the agent to its last agent step. Yields a row at each evaluation (`evaluated`).

    pause() is called after each step; if it returns true, the loop ends.
    """
    every, last = agent.settings.evaluate_every, agent.settings.steps
    while agent.steps < last:
        before = agent.steps // every
        agent.step()
        for _ in range(before, min(agent.steps, last) // every):  # REINFORCE may pass several
            row = evaluated(agent, score)
            if row is None:
                return
            yield row
        if pause():
            return


def evaluated(agent, score: Callable) -> dict | None:
    """-> a row: env_steps (agent steps), updates, epsilon, loss, and score() -> {name: number}.

    The loss is the mean squared TD error since the last row, None without an update. If score()
    returns None, the evaluation was stopped: -> None
    """
    scores = score()
    if scores is None:
        return None
    counts = {"env_steps": agent.steps, "updates": agent.updates}
    return {**counts, "epsilon": agent.epsilon, "loss": agent.mean_loss(), **scores}
