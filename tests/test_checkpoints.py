"""Files are written whole or not at all; foreign and damaged files are refused in one line."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from dqn_symbolic.guard.files import write_whole
from dqn_symbolic.runs import checkpoints
from dqn_symbolic.runs.checkpoints import Unreadable
from tests.plain import load

DATA = {"settings": {"seed": 3, "hidden": [128]}, "big": 2**127 + 1, "x": 0.1 + 0.2}
ARRAYS = {"W1": np.arange(6, dtype=np.float32).reshape(2, 3), "rows": np.zeros((0, 4), np.uint8)}


@pytest.fixture
def path(tmp_path):
    checkpoints.save(tmp_path / "agent.npz", "agent", DATA, ARRAYS)
    return tmp_path / "agent.npz"


def test_a_saved_file_loads_with_the_same_bits(path):
    data, arrays = load(path, "agent")
    assert data == DATA
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert (arrays[name] == array).all()


def test_a_file_contains_no_pickle(path):
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            assert b"|O" not in file.read(name)[:128]


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npz_with_data(**changes):
    data = {"dqn_symbolic": "agent", "version": checkpoints.VERSIONS["agent"], **changes}
    return npz(data=np.array(json.dumps(data)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip file",
        npz(weights=np.zeros(3)),
        npz(data=np.zeros(3)),
        npz(data=np.array("no json")),
        npz(data=np.array('["a list"]')),
        npz(data=np.array({"a": "pickle"}, dtype=object)),
        npz_with_data(version=0),
        npz_with_data(dqn_symbolic="checkpoint"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "agent.npz"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=r"agent\.npz") as refusal:
        load(path, "agent")
    assert "\n" not in str(refusal.value)
    assert path.read_bytes() == content


def test_a_file_that_is_cut_short_or_has_a_flipped_bit_is_refused(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(Unreadable, match=r"agent\.npz"):
            load(path, "agent")
    middle = whole.index(ARRAYS["W1"].tobytes()) + 5
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(Unreadable, match="damaged, cut short or not"):
        load(path, "agent")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write_half(file):
        file.write(b"new, but")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, write_half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_syncs_the_file_and_its_folder(tmp_path, monkeypatch):
    """The folder is synced after the replacement, so a power cut cannot undo it."""
    events, sizes, fsync, replace = [], [], os.fsync, os.replace

    def recording_fsync(handle):
        events.append(os.readlink(f"/proc/self/fd/{handle}"))
        sizes.append(os.fstat(handle).st_size)
        fsync(handle)

    def recording_replace(old, new):
        events.append("replaced")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert events == [str(tmp_path / f".file.{os.getpid()}"), "replaced", str(tmp_path)]
    assert sizes[0] == len(b"new")


def test_a_successful_write_leaves_only_the_new_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_what_could_not_be_read_replaces_nothing(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, "checkpoint", {"actions": [1]}, {})
    before = path.read_bytes()
    monkeypatch.setattr(checkpoints, "MAX_DATA_SIZE", 1_000)
    with pytest.raises(checkpoints.Unreadable, match=r"is not replaced: with 1,0.. bytes"):
        checkpoints.save(path, "checkpoint", {"actions": [1] * 334}, {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]
