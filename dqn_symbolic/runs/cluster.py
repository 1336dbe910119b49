"""Ray: to connect to a cluster, or to start one on this machine; and independent jobs on it.

Only this file and `gorila/on_ray.py` import Ray, which is optional.
"""

import os
import signal
import socket
import subprocess
import sys

import ray
from ray.exceptions import RayTaskError

PATIENCE = 25  # seconds for an answer, before a cluster or a server counts as dead


def connect(address=None, **options):
    """Connects this process to Ray: at HOST:PORT, or started for it on this machine.

    options: of `ray.init`. Nothing happens if it is connected.
    """
    if ray.is_initialized():
        return
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options = {"include_dashboard": False, "object_store_memory": 2**28, **options}
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    one_thread = {"env_vars": {"OMP_NUM_THREADS": "1"}}  # as in __main__
    before = signal.getsignal(signal.SIGTERM)
    ray.init(address or "local", runtime_env=one_thread, **quiet, **options)
    signal.signal(signal.SIGTERM, before)  # Ray would exit at once


def cores() -> int:
    return int(ray.cluster_resources().get("CPU", 0))


def expect_cluster(address):
    """Raises ValueError if none answers in time: `ray.init` would wait for minutes, then exit.

    Or if it refuses: another version, or a token (https://docs.ray.io, "token authentication").
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"address: expected HOST:PORT, got {address!r}")
    probe = [sys.executable, "-c", "import ray, sys; ray.init(sys.argv[1])", address]
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        subprocess.run(probe, timeout=PATIENCE, capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        raise ValueError(
            f"the Ray cluster at {address} refused: expected the same versions of Ray and Python,"
            " and its token if it has one (RAY_AUTH_MODE)"
        ) from error
    except (OSError, OverflowError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"no Ray cluster answers at {address}") from error


def in_cluster(todo, work, stop, tick):
    """Yields (job, work(job)) as jobs finish, until all are done or `stop` is not empty.

    tick() is called as by `in_processes`. A job whose process dies is done again, three times at
    most. An exception of `work` is raised here, unchanged.
    """
    one_core = ray.remote(num_cpus=1)(work)
    waiting = {one_core.remote(job): job for job in todo}
    try:
        while waiting and not stop:
            done, _ = ray.wait(list(waiting), timeout=0.2)
            tick()
            for call in done:
                yield waiting.pop(call), ray.get(call)
    except RayTaskError as error:
        raise error.cause from error
    finally:
        for call in waiting:
            ray.cancel(call, force=True)
