"""The learn step on several processor threads, compiled by numba.

Each thread computes the gradient of its part of the minibatch. Then the gradients are added, always
in the same order, and applied. So the bits depend on the number of threads, but not on which thread
ends first. The matrix products must be single-threaded: OMP_NUM_THREADS=1.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from itertools import chain, pairwise
from operator import add

import numpy as np
import pytensor.tensor as TT
from pytensor import grad


def learn_on_threads(graph, compiled, threads):
    """-> learn(x, action, reward, discount, x_tp1) -> td_error (B,); updates the params.

    graph: as in `symbols.q_learning`; compiled(inputs, outputs, **options) -> function.
    """
    size = TT.lscalar("size")  # B of the whole minibatch; graph.batch holds one part of it
    # Errors of the whole minibatch, 0 outside the part: a mean in the loss is then over all B.
    td_error = TT.zeros(size)[: graph.td_error.shape[0]].set(graph.td_error)
    gradients = grad(graph.loss(td_error), graph.params)
    inputs, outputs = [*graph.batch, size], [graph.td_error, *gradients]
    gradient = compiled(inputs, outputs, on_unused_input="ignore")

    of_threads = [[p.type() for p in graph.params] for _ in range(threads)]
    sums = [reduce(add, parts) for parts in zip(*of_threads)]
    givens = list(zip(graph.gradients, sums))
    apply = compiled([*chain.from_iterable(of_threads)], [], updates=graph.updates, givens=givens)

    # The compiled code itself. It holds no state, so several threads can run it at the same time.
    run, shared = gradient.vm.jit_fn, gradient.vm.inputs[len(inputs) :]

    def learn(*batch):
        size = len(batch[0])
        ends = sorted({size * part // threads for part in range(threads + 1)})
        parts = [[array[first:end] for array in batch] for first, end in pairwise(ends)]
        rest = np.array(size), *(cell[0] for cell in shared)
        # This thread does the first part itself.
        others = helpers(os.getpid(), threads - 1).map(lambda part: run(*part, *rest), parts[1:])
        results = [run(*parts[0], *rest), *others]
        gradients = [gradients for _, *gradients in results]
        while len(gradients) < threads:  # there are more threads than transitions
            gradients.append([np.zeros_like(array) for array in gradients[0]])
        apply(*chain.from_iterable(gradients))
        return np.concatenate([td_error for td_error, *_ in results])

    variables = dict.fromkeys([*gradient.get_shared(), *apply.get_shared()])
    learn.get_shared = lambda: list(variables)
    return learn


@cache
def helpers(process, number):
    """-> threads that wait for work. A process needs its own: a fork does not copy them.

    They are kept, because Linux often starts a new thread on a processor core that is at work.
    """
    return ThreadPoolExecutor(number)


def cores():
    """-> how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
