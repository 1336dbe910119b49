"""numba's cache on disk: the keys of its files, and checksums: a damaged file does no harm."""

import warnings
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from numba.core import caching


class SlowStart(UserWarning):
    """Everything works, but the start takes longer than it should."""


class CheckedFiles(caching.IndexDataCacheFile):
    """The files of one function. A SHA-256 follows each pickle, which does not read it."""

    @contextmanager
    def _open_for_write(self, path):
        with super()._open_for_write(path) as file:
            yield file
            file.flush()
            file.write(sha256(Path(file.name).read_bytes()).digest())

    def _load_index(self):
        return super()._load_index() if is_whole(self._index_path) else {}

    def _load_data(self, name):
        if not is_whole(self._data_path(name)):
            raise OSError("damaged")  # numba takes it as absent: it compiles anew and replaces it
        return super()._load_data(name)

    def save(self, key, data):
        """As numba's, but the data come first, and no two keys have the same name.

        numba counts the names. Two processes at once could give the same one to two keys.
        """
        mark = sha256(self._dump((self._version, self._source_stamp, key))).digest()
        new = self._data_name(int.from_bytes(mark[:8], "big"))
        name = self._load_index().get(key, new)
        try:
            self._save_data(name, data)
            self._save_index({**self._load_index(), key: name})
        except OSError as error:
            warn(f"{self._cache_path}: {error.strerror}: every start compiles anew")


@cache  # once
def warn(message):
    warnings.warn(message, SlowStart, stacklevel=2)


def is_whole(path):
    with suppress(OSError):
        content = Path(path).read_bytes()
        return content[-32:] == sha256(content[:-32]).digest()
    return False


caching.IndexDataCacheFile = CheckedFiles


def text_of(*files):
    """-> a number that stands for the text of these files, for a key."""
    return crc32(b"".join(Path(file).read_bytes() for file in files))
