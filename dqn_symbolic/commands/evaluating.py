"""evaluate: scores the best agent of a run over new episodes."""

import json

from dqn_symbolic.commands.front import say
from dqn_symbolic.commands.options import BadInput
from dqn_symbolic.commands.watching import folder_of, load_agent


def evaluate(folder=None, agent=None, episodes=None, epsilon=None, seed=0, out=None, quiet=False):
    """Writes evaluation.json and prints it as a table. -> exit status"""
    from dqn_symbolic.agent.evaluation import SIDE_BY_SIDE, returns
    from dqn_symbolic.agent.settings import expect
    from dqn_symbolic.experience.frames import as_seen
    from dqn_symbolic.runs.files import write_whole
    from dqn_symbolic.runs.stopping import exit_status, noted_signals

    folder = folder_of(folder, agent)
    task, s, forward = load_agent(folder)
    episodes = s.evaluation_episodes if episodes is None else episodes
    epsilon = task.epsilon(s) if epsilon is None else epsilon
    try:
        if episodes < 1:
            expect("--episodes", "at least 1", episodes)
        if not 0 <= epsilon <= 1:
            expect("--epsilon", "a number from 0 to 1", epsilon)
        if seed < 0:
            expect("--seed", "at least 0", seed)
    except ValueError as error:
        raise BadInput(error) from error
    number = min(SIDE_BY_SIDE, episodes)
    envs = [as_seen(task.make(), s) for _ in range(number)]
    beginnings = [{"seed": (seed + i) % 2**31} for i in range(episodes)]
    with noted_signals() as noted:
        hidden = quiet or None
        scores = returns(
            envs, beginnings, forward, epsilon, s.evaluation_steps, seed, noted, hidden
        )
    if scores is None:
        return exit_status(noted)
    row = {
        "game": task.game,
        "episodes": episodes,
        "epsilon": epsilon,
        "mean": float(scores.mean()),
        "std": float(scores.std()),
        "minimum": float(scores.min()),
        "maximum": float(scores.max()),
        **task.levels,
        **task.measures(scores),
    }
    path = None if agent and not out else (out or folder) / "evaluation.json"
    if path:  # never in the folder of an agent that comes with the project
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write((json.dumps(row, indent=2) + "\n").encode()))
    if not quiet:
        width = max(map(len, row))
        for name, value in row.items():
            say(
                f"{name:{width}}  {value:.4g}"
                if isinstance(value, float)
                else f"{name:{width}}  {value}"
            )
        for line in (task.levels_from, f"written: {path}" if path else ""):
            if line:
                say(line)
    return 0
