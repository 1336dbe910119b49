"""Files that are written whole or not at all, in a folder that is locked for one process.

What differs between operating systems in files is here; in signals, in `runs.stopping`.
"""

import os
import tempfile
from contextlib import contextmanager, suppress
from errno import EAGAIN, EINVAL
from pathlib import Path

from filelock import FileLock, Timeout


def write_whole(path, write):
    """write(file) fills a temporary binary file, which then replaces `path`. -> what it returns

    Whatever goes wrong, `path` holds the old content or the new. An OSError names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            raise OSError(EINVAL, "is not a file")
        temporary.unlink(missing_ok=True)  # it may be a link to a file elsewhere
        with open(temporary, "xb") as file:
            result = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
        return result
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder):
    """Afterwards, a power cut cannot undo a replacement. (Windows cannot open a folder.)"""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno != EINVAL:  # the file system cannot do that
                raise
        finally:
            os.close(handle)


def sweep(folder, names):
    """Removes the temporary files of killed processes. The folder must be locked by `alone`."""
    for name in names:
        for temporary in Path(folder).glob(f".{name}.*"):
            if temporary.name.rpartition(".")[2].isdecimal():
                temporary.unlink()


def write_text(path, text):
    write_whole(path, lambda file: file.write(text.encode()))


def read_text(path):
    """-> the text of a file of at most 256 MB. Raises OSError for anything else."""
    if path.exists() and not (path.is_file() and path.stat().st_size <= 2**28):
        raise OSError(EINVAL, "not a text file of a run", str(path))
    return path.read_text()


@contextmanager
def alone(folder):
    """Locks `folder` for this process. Raises OSError if another has it, or if it is read-only."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    lock = FileLock(Path(folder, ".lock"), blocking=False)  # a killed process frees it
    try:
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(EAGAIN, "another run is at work there", str(folder)) from error
    try:
        yield
    finally:
        with suppress(OSError):  # on Windows, filelock removes the file after the release
            os.unlink(lock.lock_file)
        lock.release()
