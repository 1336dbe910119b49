"""Files are whole or not there, and what is not ours is refused in one line."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from dqn_symbolic.runs import checkpoints
from dqn_symbolic.runs.files import write_whole
from tests.plain import load

ABOUT = {"settings": {"seed": 3, "hidden": [128]}, "big": 2**127 + 1, "x": 0.1 + 0.2}
ARRAYS = {"W1": np.arange(6, dtype=np.float32).reshape(2, 3), "rows": np.zeros((0, 4), np.uint8)}


@pytest.fixture
def path(tmp_path):
    checkpoints.save(tmp_path / "agent.npz", "agent", ABOUT, ARRAYS)
    return tmp_path / "agent.npz"


def test_there_and_back_to_the_bit(path):
    about, arrays = load(path, "agent")
    assert about == ABOUT
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert (arrays[name] == array).all()


def test_no_pickle_in_it(path):
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            assert b"|O" not in file.read(name)[:128]


def other_npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def ours_but(**changes):
    about = {"dqn_symbolic": "agent", "version": checkpoints.VERSIONS["agent"], **changes}
    return other_npz(data=np.array(json.dumps(about)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip file",
        other_npz(weights=np.zeros(3)),
        other_npz(data=np.zeros(3)),
        other_npz(data=np.array("no json")),
        other_npz(data=np.array('["a list"]')),
        other_npz(data=np.array({"a": "pickle"}, dtype=object)),
        ours_but(version=0),
        ours_but(dqn_symbolic="checkpoint"),
    ],
)
def test_what_is_not_ours_is_refused(tmp_path, content):
    path = tmp_path / "agent.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"agent\.npz") as refusal:
        load(path, "agent")
    assert "\n" not in str(refusal.value)
    assert path.read_bytes() == content


def test_cut_short_or_with_a_flipped_bit_is_refused(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"agent\.npz"):
            load(path, "agent")
    middle = whole.index(ARRAYS["W1"].tobytes()) + 5
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match="damaged, cut short or not"):
        load(path, "agent")


def test_missing_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(ValueError, match=r"is missing|is not a file"):
            load(path, "agent")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def half(file):
        file.write(b"new, but")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_reaches_the_disk_and_so_does_its_name(tmp_path, monkeypatch):
    """The file, and after the replacement its folder: a power cut undoes neither."""
    synced, fsync, replace = [], os.fsync, os.replace

    def noting(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    def replacing(old, new):
        synced.append("replaced")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(os, "replace", replacing)
    write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert synced == [str(tmp_path / f".file.{os.getpid()}"), "replaced", str(tmp_path)]


def test_a_write_that_succeeds_leaves_the_new_file_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]
