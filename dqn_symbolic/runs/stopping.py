"""Ctrl-C, a cluster's SIGTERM, a closed terminal's SIGHUP: they stop a run, and nothing is lost."""

import signal
from contextlib import contextmanager

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextmanager
def noted_signals():
    """Inside, these signals are only noted, in the list that is yielded.

    (A `threading.Event` waits for itself for ever if a signal comes again while it is being set.)
    """
    noted = []

    def note(signum, frame):
        noted.append(signum)

    before = {one: signal.signal(one, note) for one in SIGNALS}
    try:
        yield noted
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def exit_status(noted):
    """-> 0, or 128 and the signal, as a shell has it: 130, 143 or 129."""
    return 128 + noted[0] if noted else 0
