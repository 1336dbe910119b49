"""The learn step on several processor threads, compiled by numba.

Each thread computes the gradient of its part of the minibatch. Then the gradients are added, always
in the same order, and applied. So the bits depend on the number of threads, but not on which thread
ends first. The matrix products must be single-threaded: OMP_NUM_THREADS=1.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain, pairwise

import numba
import numpy as np


def in_parts(gradient, apply, threads):
    """-> learn(*batch) -> td_error (B,), by one thread for each part of the minibatch.

    gradient(*part, B) -> td_error, *gradients and apply(*gradients of all parts) are PyTensor
    functions; B is the size of the whole minibatch.
    """
    # The compiled code itself. It holds no state, so several threads can run it at the same time.
    run, shared = gradient.vm.jit_fn, gradient.vm.inputs[-len(gradient.get_shared()) :]

    def learn(*batch):
        size = len(batch[0])
        ends = [size * part // threads for part in range(threads + 1)]
        parts = [[array[first:end] for array in batch] for first, end in pairwise(ends)]
        rest = np.array(size), *(cell[0] for cell in shared)
        # This thread does the first part itself.
        others = helpers(os.getpid(), threads - 1).map(lambda part: run(*part, *rest), parts[1:])
        results = [run(*parts[0], *rest), *others]
        gradients = [gradients for _, *gradients in results]
        apply(*chain.from_iterable(gradients))
        return np.concatenate([td_error for td_error, *_ in results])

    return learn


@cache
def helpers(process, number, place="in parts"):
    """-> threads that wait for work. A process needs its own: a fork does not copy them.

    place: where they help. Those of one place wait for those of another.
    They are kept, because Linux often starts a new thread on a processor core that is at work.
    """
    return ThreadPoolExecutor(number)


def cores():
    """-> how many processor cores this process may use."""
    return numba.config.NUMBA_DEFAULT_NUM_THREADS
