"""Ctrl-C, a cluster's SIGTERM and a closed terminal's SIGHUP stop a run, and nothing is lost."""

import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from itertools import count
from threading import Thread

SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
AS_ONE = 1  # seconds: signals within them count as one, because `timeout` sends two


@contextmanager
def noted_signals():
    """Inside the `with` block, a signal only joins the list that this yields."""
    # Not a `threading.Event`: if a second signal comes while it is being set, it waits for ever.
    noted = []

    def note(signum, frame):
        noted.append(signum)

    def in_child():  # that a game forks: its signals are not the run's, and SIGTERM ends it
        if signal.getsignal(signal.SIGTERM) is note:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, before[signal.SIGTERM])

    # What is ignored from the start stays so: nohup, or a shell's command in the background.
    heard = [signum for signum in SIGNALS if signal.getsignal(signum) != signal.SIG_IGN]
    before = {signum: signal.signal(signum, note) for signum in heard}
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def exit_status(noted):
    """-> 0, or 128 + the first signal, as in a shell: 130, 143 or 129."""
    return 128 + noted[0] if noted else 0


def end_at_second_signal():
    """From now on, a second signal ends the process at once, wherever it hangs."""
    # A thread waits for it: the main thread may be in a game, in compiled code or in a library.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    # A game may have signals of its own, such as SIGALRM.
    signals = filter(SIGNALS.__contains__, (receiver.recv(1)[0] for _ in count()))

    def wait():
        next(signals)
        time.sleep(AS_ONE)
        receiver.setblocking(False)
        with suppress(BlockingIOError):
            receiver.recv(2**16)
        receiver.setblocking(True)
        with suppress(OSError):
            os.write(2, b"\nstopping: once more ends it at once\n")
        os._exit(128 + next(signals))

    Thread(target=wait, daemon=True).start()
