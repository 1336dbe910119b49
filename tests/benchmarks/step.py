"""The time of each part of an agent step:  python -m tests.benchmarks.step GAME PRESET BACKEND

All three can be left out, from the last on: the default is Catch with its default settings, on
numba. Another game is ALE/Pong-v5, with the preset "atari" or "nature". Prints microseconds an
agent step: of each part in the loop, and of the same call again and again with the same arguments,
when all its code and data are in the processor's caches. Medians of 15 rounds, which take turns
with rounds of the loop without timers. On JAX, the loop does not wait for an update before it
watches the loss.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import time
from functools import partial

from dqn_symbolic import Agent
from dqn_symbolic.__main__ import DOOR
from dqn_symbolic.commands.training import new

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


def main(game="games:Catch-v0", preset=None, backend="numba"):
    preset = {"preset": preset} if preset else {}
    # Updates beside the game have no time of their own.
    given = {"game": game, **preset, "backend": backend, "beside": False, **LATER}
    game, s, _ = new(DOOR, given)
    agent = Agent(game.make(), s)
    for _ in range(3_000):
        agent.step()
    parts = {
        "act: forward": Part(agent, "forward"),
        "game: step, draw": Part(agent.env, "step"),
        "game: reset": Part(agent, "begin_episode"),
        "remember": Part(agent.memory, "add"),
        "sample 32 transitions": Part(agent.memory, "sample"),
        "learn: forward, backward, optimiser": Part(agent, "learn"),
        "watch the loss": Part(agent, "watch_loss"),
    }
    again = {  # agent steps from one call to the next
        "act: forward": 1,
        "sample 32 transitions": s.update_every,
        "learn: forward, backward, optimiser": s.update_every,
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
    total = rest = statistics.median(whole)
    print("part                                   in the loop   share   again and again")
    for name, rounds in in_loop.items():
        us = statistics.median(rounds)
        rest -= us
        same = f"{statistics.median(alone[name]):10.1f} us" if name in alone else ""
        print(f"{name:36} {us:10.1f} us   {us / total:5.0%} {same:>17}")
    print(f"{'the rest of the loop':36} {rest:10.1f} us   {rest / total:5.0%}")
    print(f"whole loop: {total:.1f} us, {1e6 / total:,.0f} agent steps a second")


if __name__ == "__main__":
    main(*sys.argv[1:])
