"""How much memory a run will take, and how much the machine has left.

NumPy's zeros only reserves memory. Without this check, a run could end hours later, when the
replay memory is as large as the machine.
"""

import ctypes
import os
import re
import struct
from math import inf
from pathlib import Path

from dqn_symbolic.experience.memory import memory_bytes

LARGE = 10**9  # bytes: a line announces a replay memory that is larger


def expect_memory(space, settings):
    """-> a line about the replay memory if it is large, else None.

    space: the game's observation space. Raises ValueError, in one line, if the machine has less
    memory left than that.
    """
    needed = memory_bytes(settings.memory_size, space.shape, space.dtype, settings.history)
    shape = " x ".join(map(str, space.shape))
    line = f"replay memory: {settings.memory_size:,} frames of {shape}: {needed / 1e9:,.1f} GB"
    left = memory_left()
    if needed > left:
        raise ValueError(
            f"{line}, but only {left / 1e9:,.1f} GB are available here;"
            " --memory-size sets the number of frames"
        )
    return line if needed > LARGE else None


def memory_left(root=Path("/")):
    """-> bytes that this process can still use without swapping, as far as the system tells."""
    if hasattr(ctypes, "windll"):
        return left_on_windows()
    try:
        kilobytes = numbers(root / "proc/meminfo")["MemAvailable"]
        return max(0, min(1024 * kilobytes, *left_in_containers(root)))
    except (OSError, KeyError):  # not Linux: all the memory of the machine, free or not
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def left_on_windows():
    status = ctypes.create_string_buffer(struct.pack("<II7Q", 64, *[0] * 8), 64)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(status)
    return struct.unpack("<II7Q", status.raw)[3]  # of MEMORYSTATUSEX: ullAvailPhys


def left_in_containers(root):
    """Yields the bytes that each control group (Linux) leaves this process; `inf` comes first."""
    yield inf
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, limit, used, total = "sys/fs/cgroup", "memory.max", "memory.current", ""
        elif "memory" in controllers.split(","):  # version 1
            top, total = "sys/fs/cgroup/memory", "total_"
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        own = root / top / path.strip("/")
        for group in [own, *own.parents]:
            if group.is_relative_to(root / top) and (group / limit).is_file():
                most = (group / limit).read_text().strip()
                if most != "max":
                    stat = numbers(group / "memory.stat")
                    cached = stat[f"{total}active_file"] + stat[f"{total}inactive_file"]
                    yield int(most) - int((group / used).read_text()) + cached


def numbers(path):
    """-> {name: number} of a file with lines such as "MemAvailable:  123 kB"."""
    return {name: int(number) for name, number in re.findall(r"(\w+):? +(\d+)", path.read_text())}
