"""Ctrl-C, a cluster's SIGTERM and a closed terminal's SIGHUP stop a run, and nothing is lost."""

import signal
from contextlib import contextmanager

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
SIGNALS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextmanager
def noted_signals():
    """Inside the `with` block, a signal only joins the list that this yields.

    (Not a `threading.Event`: if a second signal comes while it is being set, it waits for ever.)
    """
    noted = []

    def note(signum, frame):
        noted.append(signum)

    before = {signum: signal.signal(signum, note) for signum in SIGNALS}
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def exit_status(noted):
    """-> 0, or 128 + the first signal, as in a shell: 130, 143 or 129."""
    return 128 + noted[0] if noted else 0
