"""The mistakes of a game."""

import traceback
from pathlib import Path


class GameError(Exception):
    """A mistake of a game, in one line. its_traceback: of an error that the game raised, or ""."""

    def __init__(self, line: str, its_traceback: str = ""):
        super().__init__(line, its_traceback)  # both travel between processes
        self.its_traceback = its_traceback

    def __str__(self):
        return self.args[0]


class Wrong(ValueError):
    """What a game returned: expected ..., got ..."""


def one_line(error):
    """-> the message of an error, in one line."""
    return f"{' '.join(str(error).split()):.1000}"


def raised(what: str, error: BaseException, foreign=(Path(__file__).parent,)) -> GameError:
    """-> the GameError for an error of other people's code; what: "CartPole-v1: step".

    foreign: folders and files of code that only called it, which the traceback leaves out.
    """
    begin = error.__traceback__
    while begin and any(Path(begin.tb_frame.f_code.co_filename).is_relative_to(f) for f in foreign):
        begin = begin.tb_next
    shown = begin or isinstance(error, SyntaxError)  # this one shows the line itself
    text = "".join(traceback.format_exception(type(error), error, begin)) if shown else ""
    return GameError(f"{what} raised {type(error).__name__}: {one_line(error)}", text)
