"""Runs the command that the command line names. An error becomes one line and an exit status."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

from dqn_symbolic.commands.options import BadInput, parsed


def main(arguments, program, description, commands):
    """-> exit status: 0 success, 2 bad input, 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.

    program: its name for the user, "python run_catch.py"; commands: as in `options.parsed`.
    """
    status = 2
    try:
        command, given = parsed(arguments, program, description, commands)
        for module in given.pop("imported", ()):
            import_module(module)
        return command(**given)
    except BadInput as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    except MemoryError as error:
        message = f"too large for the memory here: {error}"
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install -e ." if error.name else str(error)
    except KeyboardInterrupt:
        message, status = "interrupted", 130
    print(f"{program.split()[-1]}: {message}", file=sys.stderr)
    return status


def run(main):
    """Runs main(arguments) -> exit status, and ends the process with this status."""
    if sys.stderr is None:  # pythonw has no console
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    status = main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # another Ctrl-C must not change the exit status
    sys.exit(status)


def say(text, end="\n"):
    """Prints at once. If standard output is closed, the run goes on and prints no more."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def import_ray():
    """-> the module `runs.cluster`. Raises BadInput if Ray is not installed."""
    try:
        from dqn_symbolic.runs import cluster
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise BadInput("Ray is not installed: pip install -e '.[ray]'") from error
    return cluster


def import_compiler():
    """Imports PyTensor. If its cache is not writable, says how to choose another folder."""
    try:
        import dqn_symbolic.compiling.backends  # noqa: F401

        with suppress(ImportError):  # this import creates the folder of numba's cache
            import pytensor.link.numba.cache  # noqa: F401
    except OSError as error:
        raise BadInput(
            f"{error.filename}: {error.strerror}; choose a writable folder for the compiled code:"
            " PYTENSOR_FLAGS=base_compiledir=DIR"
        ) from error
