"""The time of each part of an agent step:  python -m tests.benchmarks.step [GAME PRESET BACKEND]

Without arguments, of Catch and of Pong with their own presets, on numba. The preset of a game can
be "atari" or "nature", the backend "jax"; then the rows are only printed. A row has microseconds an
agent step: of a part in the loop, and of the same call again and again with the same arguments,
when all its code and data are in the processor's caches. In the loop they no longer are when the
part's turn comes again. Medians of 15 rounds, which take turns with rounds of the loop without
timers. On JAX, the loop does not wait for an update before it watches the loss.
"""

import importlib.util
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time
from functools import partial

from dqn_symbolic import Agent
from dqn_symbolic.__main__ import DOOR
from dqn_symbolic.commands.training import new
from tests.benchmarks.results import in_a_process, keep, show

ROUNDS, SECONDS = 15, 0.1
# Epsilon has its final value, and the memory is full soon.
LATER = {"epsilon_start": 0.1, "epsilon_end": 0.1, "warm_up": 100, "memory_size": 5_000}


class Part:
    """A method of `owner`, with a timer in its place while `on`."""

    def __init__(self, owner, name):
        self.owner, self.name, self.call = owner, name, getattr(owner, name)
        self.seconds, self.arguments = 0.0, ()

    def on(self, on):
        setattr(self.owner, self.name, self.timed if on else self.call)

    def timed(self, *arguments, **options):
        self.arguments = arguments
        since = time.perf_counter()
        result = self.call(*arguments, **options)
        self.seconds += time.perf_counter() - since
        return result


def finished(part):
    """Calls it again, and waits for the result if a device computes it."""
    result = part.call(*part.arguments)
    if hasattr(result, "block_until_ready"):
        result.block_until_ready()


def microseconds(call, multiple=1):
    """-> (microseconds of one call, calls) of a round with a multiple of so many calls."""
    calls, since = 0, time.perf_counter()
    while calls % multiple or time.perf_counter() - since < SECONDS:
        call()
        calls += 1
    return (time.perf_counter() - since) / calls * 1e6, calls


def measured(game_id, preset=None, backend="numba"):
    """-> rows of a game: "games:Catch-v0", "ALE/Pong-v5"."""
    preset = {"preset": preset} if preset else {}
    # Updates beside the game have no time of their own.
    given = {"game": game_id, **preset, "backend": backend, "beside": False, **LATER}
    task, s, _ = new(DOOR, given)
    agent = Agent(task.make(), s)
    for _ in range(3_000):
        agent.step()
    parts = {
        "act: the Q-values": Part(agent, "forward"),
        "the game: step": Part(agent.env, "step"),
        "the game: reset": Part(agent, "begin_episode"),
        "remember": Part(agent.memory, "add"),
        "sample a minibatch": Part(agent.memory, "sample"),
        "learn: forward, backward, update": Part(agent, "learn"),
        "watch the loss": Part(agent, "watch_loss"),
    }
    again = {  # agent steps from one call to the next
        "act: the Q-values": 1,
        "sample a minibatch": s.update_every,
        "learn: forward, backward, update": s.update_every,
    }
    whole, in_loop, alone = [], {name: [] for name in parts}, {name: [] for name in again}
    for _ in range(ROUNDS):
        whole.append(microseconds(agent.step, s.update_every)[0])
        for part in parts.values():
            part.seconds = 0.0
            part.on(True)
        _, steps = microseconds(agent.step, s.update_every)
        for name, part in parts.items():
            part.on(False)
            in_loop[name].append(part.seconds / steps * 1e6)
        for name, every in again.items():
            part = parts[name]
            alone[name].append(microseconds(partial(finished, part))[0] / every)
    total = statistics.median(whole)
    us = {part: statistics.median(rounds) for part, rounds in in_loop.items()}
    us |= {"the rest": total - sum(us.values()), "the whole loop": total}
    again_us = {part: statistics.median(rounds) for part, rounds in alone.items()}
    game = game_id.split("/")[-1].split(":")[-1].split("-")[0]
    return [
        {"game": game, "part": p, "us": t, "share": t / total, "again_us": again_us.get(p)}
        for p, t in us.items()
    ]


def main(*given):
    if given:
        show(measured(*given))
        return
    games = ["games:Catch-v0", *(["ALE/Pong-v5"] if importlib.util.find_spec("ale_py") else [])]
    keep("step", [row for game in games for row in in_a_process(measured, game)])


if __name__ == "__main__":
    main(*sys.argv[1:])
