"""A damaged compile cache is compiled anew, with the same bits; one that cannot be written is said.

`CACHES=50 pytest tests/test_cache.py -m slow` damages 50 caches of a run.
"""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import caching
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS

from dqn_symbolic.compiling import cache, minibatch
from dqn_symbolic.compiling.conv import numba as conv_numba
from dqn_symbolic.compiling.conv import tiles
from tests.counts import on_the_page
from tests.test_bad_files import FUZZ, damaged, fuzz
from tests.test_crashes import ROOT, mounted

CACHES = int(os.environ.get("CACHES", 0))
KEY, DATA = ("float32", 3), {"machine code": bytes(range(256)), "name": "graph"}


@pytest.fixture
def files(tmp_path):
    """The files of one function, with one entry."""
    files = cache.CheckedFiles(str(tmp_path), "graph", 0)
    files.save(KEY, DATA)
    return files


def test_a_whole_entry_is_read_and_numba_can_read_it_too(files, tmp_path):
    assert files.load(KEY) == DATA
    assert files.load("other") is None
    assert caching.IndexDataCacheFile is cache.CheckedFiles
    (numbas,) = cache.CheckedFiles.__bases__
    assert numbas(str(tmp_path), "graph", 0).load(KEY) == DATA


def test_compiled_code_belongs_to_the_text_that_it_was_made_from():
    key = f"gather {cache.text_of(minibatch.__file__)} "
    assert any(str(name).startswith(key) for name in CACHED_SRC_FUNCTIONS.values())
    assert cache.text_of(conv_numba.__file__, tiles.__file__) == conv_numba.TEXT


def test_two_processes_at_once_do_not_mix_up_their_entries(files, tmp_path, monkeypatch):
    """Both have read the index before one of them writes it."""
    other, read = cache.CheckedFiles(str(tmp_path), "graph", 0), files._load_index()

    def save(name, data):  # the other saves its entry just before
        monkeypatch.undo()
        monkeypatch.setattr(other, "_load_index", read.copy)
        other.save("of the other", {"code": 2})
        monkeypatch.undo()
        files._save_data(name, data)

    monkeypatch.setattr(files, "_save_data", save)
    files.save("mine", {"code": 1})
    assert (files.load("mine"), files.load("of the other")) == ({"code": 1}, {"code": 2})
    assert files.load(KEY) == DATA


@pytest.mark.parametrize("written", ["data", "index"])
def test_a_save_that_breaks_off_leaves_no_entry_with_other_data(written, files, monkeypatch):
    """A newer numba does not read the old index, and must not find the old data either."""
    newer = cache.CheckedFiles(files._cache_path, "graph", 0)
    newer._version = "99"
    assert newer.load("other key") is None

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(newer, f"_save_{written}", killed)
    with pytest.raises(KeyboardInterrupt):
        newer.save("other key", {"code": 2})
    monkeypatch.undo()
    assert newer.load("other key") is None
    newer.save("other key", {"code": 2})
    assert newer.load("other key") == {"code": 2}


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_entry_is_as_good_as_none_and_is_replaced(ending, files, tmp_path):
    (path,) = tmp_path.glob(f"*.{ending}")
    intact, tried = path.read_bytes(), 0

    @fuzz
    @given(st.one_of(st.just(b""), st.just(intact[:-32]), damaged(intact)))
    def try_one(content):
        nonlocal tried
        path.write_bytes(content)
        assert files.load(KEY) == (DATA if content == intact else None)
        files.save(KEY, DATA)
        assert files.load(KEY) == DATA
        assert path.read_bytes() == intact
        tried += 1

    try_one()
    if FUZZ:
        kind = {"nbi": "index", "nbc": "machine code"}[ending]
        on_the_page(f"files of the compile cache, {kind}", f"{tried:,} damaged, all compiled anew")


def test_a_folder_that_cannot_be_written_is_said_once(files, tmp_path, monkeypatch):
    cache.warn.cache_clear()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.uuid, "uuid4", full)
    with pytest.warns(cache.SlowStart) as said:  # noqa: PT031
        for key in "another", "third":
            files.save(key, DATA)
    assert [str(warning.message) for warning in said] == [
        f"{tmp_path}: No space left on device: every start compiles anew"
    ]
    assert files.load(KEY) == DATA
    assert files.load("another") is None


# -- a whole run -----------------------------------------------------------------------------------


def run(folder, out, *options):
    """-> (SHA-256 of the weights of a short run with this cache, its standard error)"""
    environment = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={folder}"}
    steps = ["--steps", "2200", "--evaluate-every", "1100", "--hidden", "16", "--no-window"]
    command = [sys.executable, "run_catch.py", *steps, *options, "--out", out, "--quiet"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(Path(out) / "agent.npz") as file:
        bits = b"".join(file[name].tobytes() for name in sorted(file.files) if name != "data")
    return hashlib.sha256(bits).hexdigest(), done.stderr


def damage(path, how, rng):
    content = bytearray(path.read_bytes())
    if how == "cut":
        del content[rng.randrange(len(content)) :]
    elif how == "flip":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(b"" if how == "empty" else content)


@pytest.mark.slow
def test_a_run_with_a_damaged_cache_has_the_same_bits(tmp_path):
    rng, folder = random.Random(0), tmp_path / "cache"
    bits, _ = run(folder, tmp_path / "first")
    for number in range(CACHES or 3):
        how = ("cut", "flip", "empty")[number % 3]
        for path in folder.rglob("*.nb[ic]"):
            damage(path, how, rng)
        assert run(folder, tmp_path / f"{number}") == (bits, ""), how
    if CACHES:
        said = f"{CACHES} damaged in every file, all repaired: the same bits"
        on_the_page("compile caches of a run", said)


@pytest.mark.slow
def test_a_warm_start_with_a_cache_that_is_read_only_and_one_that_is_full(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    bits, _ = run(folder, tmp_path / "first")
    with mounted(folder, "64M"):
        assert run(folder, tmp_path / "cold")[0] == bits
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        assert run(folder, tmp_path / "warm") == (bits, "")
    with mounted(folder, "100k"):
        got, said = run(folder, tmp_path / "full")
        assert got == bits
        assert said.count("\n") == 1
        assert said.startswith(f"SlowStart: {folder}/numba: No space left on device: every start")
