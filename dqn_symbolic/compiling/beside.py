"""The learn step beside the game: a helper thread computes an update while the game plays on.

`learn` computes the target, waits for the update before, hands its parameters to the network that
acts, and lets the helper begin the next. So acting is always one update behind, and the bits do not
depend on which of the two is faster. `learn` returns what is computed later: np.asarray waits.
"""

import os
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Event

import numpy as np

from dqn_symbolic.compiling.threads import helpers


@dataclass
class Later:
    """An array that the helper computes. np.asarray waits for it, and raises its errors."""

    update: Future

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.update.result(), dtype)


def beside(learn, sync, hand_over, target):
    """-> (learn, sync), where a helper does learn(x, action, target(reward, discount, x_tp1))."""
    update = Future()
    update.set_result(None)

    def learn_beside(x, action, reward, discount, x_tp1):
        nonlocal update
        # The target network stands still, so this need not wait for the update before.
        target_q = target(reward, discount, x_tp1)
        update.result()
        hand_over()  # the params, to the acting network
        begins = Event()
        helper = helpers(os.getpid(), 1, "beside the game")
        update = helper.submit(lambda: begins.set() or learn(x, action, target_q))
        begins.wait()  # If the game went on at once, the helper could wait for Python for 5 ms.
        return Later(update)

    def sync_after_it():
        update.result()
        sync()

    return learn_beside, sync_after_it
