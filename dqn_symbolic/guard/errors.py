"""The mistakes of a game and of a user, in one line. The command line prints it."""

import traceback
from contextlib import contextmanager
from pathlib import Path


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


class GameError(Exception):
    """A mistake of a game: GameError(line, the traceback of what the game itself has raised)."""

    def __str__(self):
        return self.args[0]


class Wrong(ValueError):
    """What a game returned: expected ..., got ..."""


def one_line(error):
    """-> the message of an error, in one line of letters that a terminal can show."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # other people's code, too
        words = "(no message)"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)[:1000]


def raised(what: str, error: BaseException, callers=()) -> GameError:
    """-> the GameError for an error of other people's code; what: "CartPole-v1: step"."""
    # callers: files and folders of the code that called it, which the traceback leaves out.
    begin, callers = error.__traceback__, (Path(__file__).parent, *callers)
    while begin and any(Path(begin.tb_frame.f_code.co_filename).is_relative_to(c) for c in callers):
        begin = begin.tb_next
    shown = begin or isinstance(error, SyntaxError)  # this one shows the line itself
    text = "".join(traceback.format_exception(type(error), error, begin)) if shown else ""
    return GameError(f"{what} raised {type(error).__name__}: {one_line(error)}", text)
