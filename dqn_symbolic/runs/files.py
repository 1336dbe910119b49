"""Files that are written whole or not at all, in a folder that one process has to itself."""

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


def write_whole(path, write):
    """write(file) fills a temporary file beside `path`, which then takes its place in one step.

    The file is binary. Whatever goes wrong, `path` holds the old content or the new. Raises OSError
    that names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder, names):
    """Removes the temporary files of processes that were killed while they wrote these files."""
    for name in names:
        for temporary in Path(folder).glob(f".{name}.*"):
            pid = temporary.name.rpartition(".")[2]
            if pid.isdecimal() and not alive(int(pid)):
                temporary.unlink()


def alive(pid):
    try:
        os.kill(pid, 0)  # which asks without sending
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def alone(folder):
    """Inside, `folder` is ours: raises OSError if another process is inside or it is read-only.

    The lock is on the folder itself: it leaves no file behind, and ends with its process.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock(handle, folder)
        try_to_write(folder)
        yield
    finally:
        os.close(handle)


def lock(handle, folder):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(error.errno, "another run is at work there", str(folder)) from error
    except OSError:
        pass  # a file system that cannot lock a folder


def try_to_write(folder):
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
