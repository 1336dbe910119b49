"""Files that are written whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(path, write):
    """write(file) fills a temporary file beside `path`, which then takes its place in one step.

    The file is binary. Whatever goes wrong, `path` holds the old content or the new. Raises
    OSError.
    """
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
