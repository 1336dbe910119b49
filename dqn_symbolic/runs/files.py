"""Files that are written whole or not at all, in a folder that one process has to itself.

All that differs from one operating system to another is here, in `stopping` and in `machine`.
"""

import os
import tempfile
from contextlib import contextmanager, suppress
from errno import EAGAIN
from pathlib import Path

from filelock import FileLock, Timeout


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
        sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder):
    """So that a power cut does not undo a replacement. (Windows cannot open a folder.)"""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder, names):
    """Removes the temporary files of killed processes. The folder must be ours alone."""
    for name in names:
        for temporary in Path(folder).glob(f".{name}.*"):
            if temporary.name.rpartition(".")[2].isdecimal():
                temporary.unlink()


@contextmanager
def alone(folder):
    """Inside, `folder` is ours: raises OSError if another process is inside or it is read-only.

    The lock is the file .lock, which is gone afterwards. It ends with its process.
    """
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    lock = FileLock(Path(folder, ".lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(EAGAIN, "another run is at work there", str(folder)) from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes it by itself, and only after the release
            os.unlink(lock.lock_file)
        lock.release()
