"""The caches on disk: the keys of numba's files, and checksums: a damaged file does no harm."""

import atexit
import os
import warnings
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from numba.core import caching
from pytensor import config


class SlowStart(UserWarning):
    """Everything works, but the start takes longer than it should."""


class CheckedFiles(caching.IndexDataCacheFile):
    """The files of one function. A SHA-256 follows each pickle, which does not read it."""

    @contextmanager
    def _open_for_write(self, path):
        with super()._open_for_write(path) as file:
            yield file
            file.flush()
            file.write(digest(Path(file.name)))

    def _load_index(self):
        return super()._load_index() if is_whole(self._index_path) else {}

    def _load_data(self, name):
        if not is_whole(self._data_path(name)):
            raise OSError("damaged")  # numba takes it as absent: it compiles anew and replaces it
        return super()._load_data(name)

    def save(self, key, data):
        try:
            super().save(key, data)
        except OSError as error:
            warn(f"{self._cache_path}: {error.strerror}: every start compiles anew")


@cache  # once
def warn(message):
    warnings.warn(message, SlowStart, stacklevel=2)


def is_whole(path):
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        return False
    content = Path(path).read_bytes()
    return content[-32:] == sha256(content[:-32]).digest()


caching.IndexDataCacheFile = CheckedFiles


def digest(path):
    return sha256(path.read_bytes()).digest()


def text_of(*files):
    """-> a number that stands for the text of these files, for a key."""
    return crc32(b"".join(Path(file).read_bytes() for file in files))


@cache  # once
def check_files_of_c():
    """Removes damaged code of the C backend: PyTensor would load it, and a cut library kills."""
    for path, checksum in code_of_c():
        if checksum.exists() and checksum.read_bytes() != digest(path):
            path.unlink()
            checksum.unlink()
    atexit.register(write_checksums_of_c)


def write_checksums_of_c():
    with suppress(OSError):  # a folder that cannot be written
        for path, checksum in code_of_c():
            if not checksum.exists():
                checksum.write_bytes(digest(path))


def code_of_c():
    """-> [(file, its checksum's file), ...]"""
    files = Path(config.compiledir).rglob("*")
    return [(f, Path(f"{f}.sha256")) for f in files if f.suffix in (".so", ".py", ".pyc")]
