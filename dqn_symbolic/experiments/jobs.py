"""Independent jobs in parallel processes.

A job is (experiment, condition's name, condition, seed), and work(job) does it, in any process.
"""

import multiprocessing
import os
import signal
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from threading import RLock, Thread

from tqdm import tqdm

from dqn_symbolic.guard.errors import BadInput


def in_processes(todo, work, processes, stop, tick=lambda: None):
    """Yields (job, work(job)) as jobs finish, until all are done or `stop` is not empty.

    tick() is called at least five times a second, so that a bar can show the time. Each process has
    one thread. An exception of `work` is raised here, unchanged; BadInput if a process ended early.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), begin_worker)
    # Ctrl-C goes to all processes of the group. The workers inherit that they ignore it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        waiting = {pool.submit(work, job): job for job in todo}
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        while waiting and not stop:
            done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            tick()
            for future in done:
                yield waiting[future], future.result()
                del waiting[future]
    except BrokenProcessPool as error:
        if stop:  # a signal that ended the workers, too
            return
        jobs = list(waiting.values())[:processes]
        names = "; ".join(f"{name}, {condition}, seed {seed}" for name, condition, _, seed in jobs)
        problem = f"a process died while these jobs were at work: {names}"
        raise BadInput(f"{problem:.500}; repeat the command to continue from there") from error
    finally:
        if waiting:
            for process in multiprocessing.active_children():
                process.terminate()
        pool.shutdown(cancel_futures=True)


def begin_worker():
    """In a new process: it ends with its parent, and leaves nothing behind if it is terminated."""

    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)

    Thread(target=end_with_parent, daemon=True).start()
    tqdm.set_lock(RLock())  # its own lock would be a semaphore of the system
