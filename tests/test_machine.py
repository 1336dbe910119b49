"""A run announces a large replay memory, and is refused if the machine has less memory left."""

import ctypes
import os
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium.spaces import Box

from dqn_symbolic.__main__ import main
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.runs import machine
from dqn_symbolic.runs.machine import expect_memory, memory_left
from dqn_symbolic.runs.run import Run

GB = 10**9
PIXELS = Box(0, 255, (84, 84), np.uint8)
# Bytes of a frame, its age, action, reward and discount, and an entry in `valid`; 4 slots more.
MILLION = (84 * 84 + 4 * 4 + 8) * 1_000_004


@pytest.fixture
def set_memory_left(monkeypatch):
    """-> a function that sets how many bytes `memory_left` returns."""
    return lambda size: monkeypatch.setattr(machine, "memory_left", lambda: size)


def test_a_large_memory_is_announced(set_memory_left):
    set_memory_left(MILLION)
    settings = Settings(memory_size=1_000_000, history=4)
    line = "replay memory: 1,000,000 frames of 84 x 84: 7.1 GB"
    assert expect_memory(PIXELS, settings) == line
    floats = Box(-1, 1, (3_000,), np.float32)
    line = "replay memory: 1,000,000 frames of 3000: 12.0 GB"
    set_memory_left(13 * GB)
    assert expect_memory(floats, settings) == line


def test_a_small_memory_is_not_announced(set_memory_left):
    set_memory_left(MILLION)
    assert expect_memory(PIXELS, Settings(memory_size=140_000)) is None
    assert expect_memory(PIXELS, Settings(memory_size=142_000)) is not None


def test_a_memory_that_does_not_fit_is_refused(set_memory_left):
    set_memory_left(MILLION - 1)
    with pytest.raises(ValueError, match="--memory-size sets the number") as refusal:
        expect_memory(PIXELS, Settings(memory_size=1_000_000, history=4))
    assert "1,000,000 frames of 84 x 84: 7.1 GB, but only 7.1 GB are avail" in str(refusal.value)


def test_a_run_announces_or_refuses_the_memory_before_it_compiles(
    set_memory_left, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(Run, "compile", lambda run, say, stop: say("compiling"))
    run, other = tmp_path / "run", tmp_path / "other"
    size = ["--memory-size", "30000000"]  # 1.2 GB, of which a short run uses almost nothing
    start = ["train", "--game", "CartPole-v1", "--no-window", *size, "--out"]
    set_memory_left(2 * GB)
    assert main([*start, str(run)]) == 0
    first, second, *_ = capfd.readouterr().out.splitlines()
    assert first == "replay memory: 30,000,000 frames of 4: 1.2 GB"
    assert second == "compiling"
    set_memory_left(1 * GB)
    for command in ([*start, str(other)], ["train", "--resume", str(run)]):
        assert main(command) == 2
        assert capfd.readouterr() == (
            "",
            "dqn_symbolic: replay memory: 30,000,000 frames of 4: 1.2 GB, but only 1.0 GB are"
            " available here; --memory-size sets the number of frames\n",
        )
    assert os.listdir(tmp_path) == ["run"]


# -- the memory left on each system ----------------------------------------------------------------


def memory_left_with(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return memory_left(root)


LINUX = {
    "proc/meminfo": "MemTotal:       16000 kB\nMemFree:   200 kB\nMemAvailable:    9000 kB\n",
    "proc/self/cgroup": "0::/\n",
}
STAT = "anon 5000\nfile 3000\ninactive_file 700\nactive_file 300\nshmem 2000\n"
GROUP = "sys/fs/cgroup"


def test_memory_left_on_linux(tmp_path):
    assert memory_left_with(tmp_path, LINUX) == 9_000 * 1024


def test_memory_left_in_a_container(tmp_path):
    """The limit, less the memory in use; cached files do not count as in use."""
    group = {"memory.max": "4000000\n", "memory.current": "1500000\n", "memory.stat": STAT}
    files = {f"{GROUP}/{name}": content for name, content in group.items()}
    assert memory_left_with(tmp_path, LINUX | files) == 4_000_000 - 1_500_000 + 1_000


def test_the_group_with_the_least_memory_left_counts(tmp_path):
    files = {"proc/self/cgroup": "0::/jobs/one/step\n"}
    for name, limit in {"jobs": "7000000", "jobs/one": "2000000", "jobs/one/step": "max"}.items():
        group = {"memory.max": limit, "memory.current": "500000", "memory.stat": STAT}
        files |= {f"{GROUP}/{name}/{file}": content for file, content in group.items()}
    assert memory_left_with(tmp_path, LINUX | files) == 2_000_000 - 500_000 + 1_000


def test_memory_left_with_control_groups_of_version_1(tmp_path):
    stat = STAT + "total_inactive_file 7000\ntotal_active_file 3000\n"
    group = {
        "memory.limit_in_bytes": "3000000",
        "memory.usage_in_bytes": "1000000",
        "memory.stat": stat,
    }
    files = {f"{GROUP}/memory/job/{name}": content for name, content in group.items()}
    files["proc/self/cgroup"] = "5:cpu,cpuacct:/\n4:memory:/job\n0::/\n"
    assert memory_left_with(tmp_path, LINUX | files) == 3_000_000 - 1_000_000 + 10_000


def test_a_full_container_has_no_memory_left(tmp_path):
    group = {"memory.max": "4000000\n", "memory.current": "4100000\n", "memory.stat": STAT}
    files = {f"{GROUP}/{name}": content for name, content in group.items()}
    assert memory_left_with(tmp_path, LINUX | files) == 0


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="POSIX")
def test_without_proc_all_physical_memory_counts_as_left(tmp_path):
    """As on macOS, which has no /proc."""
    assert memory_left(tmp_path) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_memory_left_on_windows(monkeypatch):
    def status(buffer):
        assert struct.unpack_from("<I", buffer)[0] == len(buffer) == 64
        struct.pack_into("<II7Q", buffer, 0, 64, 40, 16 * GB, 5 * GB, 1, 2, 3, 4, 5)
        return 1

    kernel32 = SimpleNamespace(GlobalMemoryStatusEx=status)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    assert memory_left() == 5 * GB


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_left_on_this_machine():
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 10**7 < memory_left() < total
