"""What a user can mend is said in one line: BadInput. The command line prints it."""

from contextlib import contextmanager

from dqn_symbolic.guard.errors import one_line


class BadInput(Exception):
    """What a user gave cannot be used. The message is one line: expected ..., got ..."""


class Done(Exception):
    """There is nothing to do. The message is one line, and the exit status 0."""


@contextmanager
def bad_input():
    """Inside the `with` block, an error about bad values becomes a BadInput."""
    try:
        yield
    except (OverflowError, ValueError) as error:
        raise BadInput(one_line(error)) from error
