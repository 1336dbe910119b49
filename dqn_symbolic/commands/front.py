"""From the command line to a command and back: one clear line, and an exit status."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

from dqn_symbolic.commands.options import BadInput, parsed


def main(arguments, program, about, commands):
    """-> exit status: 0 as asked, 2 bad input, 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.

    program: how it is called, "python run_catch.py"; commands: as in `options.parsed`.
    """
    status = 2
    try:
        command, given = parsed(arguments, program, about, commands)
        for module in given.pop("imported", ()):
            import_module(module)
        return command(**given)
    except BadInput as error:
        complaint = str(error)
    except OSError as error:
        complaint = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    except MemoryError as error:
        complaint = f"too large for the memory here: {error}"
    except ModuleNotFoundError as error:
        complaint = f"{error.name} is not installed: pip install -e ."
    except KeyboardInterrupt:
        complaint, status = "interrupted", 130
    print(f"{program.split()[-1]}: {complaint}", file=sys.stderr)
    return status


def run(main):
    """main(arguments) -> exit status, and then the end of the process."""
    if sys.stderr is None:  # pythonw has no console
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    status = main(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # another Ctrl-C must not change the exit status
    sys.exit(status)


def say(text, end="\n"):
    """Prints at once. Where nobody can read any more, the run goes on."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def import_compiler():
    """PyTensor wants its cache at once, and says no more than that it cannot write there."""
    try:
        import dqn_symbolic.compiling.backends  # noqa: F401

        with suppress(ImportError):  # this makes the folder of numba's cache
            import pytensor.link.numba.cache  # noqa: F401
    except OSError as error:
        raise BadInput(
            f"{error.filename}: {error.strerror}; for the compiled code take a folder that can be"
            " written, by PYTENSOR_FLAGS=base_compiledir=DIR"
        ) from error
