"""Files that are written whole or not at all."""

import os
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
