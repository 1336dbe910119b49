"""Independent jobs in parallel: in processes on this machine, or on a Ray cluster.

A job is (experiment, condition's name, condition, seed), and work(job) does it, in any process.
"""

import multiprocessing
import os
import signal
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from threading import RLock, Thread

from tqdm import tqdm

from dqn_symbolic.runs.stopping import SIGNALS


class WorkerDied(Exception):
    """A process of a job ended early. The message is one line."""


def in_processes(todo, work, processes, stop, tick=lambda: None):
    """Yields (job, work(job)) as jobs finish, until all are done or `stop` is not empty.

    tick() is called at least five times a second, so that a bar can show the time. Each process has
    one thread. An exception of `work` is raised here, unchanged.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, begin_worker)
    # Ctrl-C goes to all processes of the group. The workers inherit that they ignore it.
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in SIGNALS}
    try:
        waiting = {pool.submit(work, job): job for job in todo}
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    try:
        while waiting and not stop:
            done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            tick()
            for future in done:
                yield waiting[future], future.result()
                del waiting[future]
    except BrokenProcessPool as error:
        at_work = list(waiting.values())[:processes]
        names = "; ".join(
            f"{name}, {condition}, seed {seed}" for name, condition, _, seed in at_work
        )
        raise WorkerDied(f"a process died while these jobs were at work: {names}") from error
    finally:
        if waiting:
            for process in multiprocessing.active_children():
                process.kill()
        pool.shutdown(cancel_futures=True)


def begin_worker():
    """Prepares a process of the pool for its end: by `kill`, or with the process that started it.

    The lock of tqdm's bars would be a semaphore of the system, and stay behind.
    """
    tqdm.set_lock(RLock())
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


def in_cluster(todo, work, stop, tick, ray):
    """The same on the Ray cluster that this process is connected to; ray: the package.

    A job whose process dies is done again, three times at most.
    """
    one_core = ray.remote(num_cpus=1)(work)
    waiting = {one_core.remote(job): job for job in todo}
    try:
        while waiting and not stop:
            done, _ = ray.wait(list(waiting), timeout=0.2)
            tick()
            for call in done:
                yield waiting.pop(call), ray.get(call)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    finally:
        for call in waiting:
            ray.cancel(call, force=True)
