"""Gradient descent as the lecture's `updates=`: (params, grads, ...) -> [(shared, new value), ...].

An optimiser keeps its running averages in shared variables, which are in the same list.
"""

import dataclasses
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as TT

import dqn_symbolic.compiling  # noqa: F401  it sets float32

SMALLEST_NORMAL = np.finfo(np.float32).tiny


def of(settings, learners=1):
    """-> the optimiser(params, grads) of these settings; learners: how many share the steps."""
    known = {"sgd": sgd, "rmsprop": rmsprop, "adagrad": adagrad}
    known["adam"] = partial(adam, epsilon=settings.adam_epsilon)
    optimiser = known[settings.optimiser]
    if settings.anneal_learning_rate:
        each = dataclasses.replace(settings, steps=max(settings.steps // learners, 1))
        optimiser = partial(annealed, optimiser=optimiser, total=learners * each.updates)
    return partial(optimiser, learning_rate=settings.learning_rate)


def sgd(params, grads, learning_rate):
    """The slide: `[(p, p - lr * gp) ...]`."""
    return [(p, p - learning_rate * gp) for p, gp in zip(params, grads)]


def rmsprop(params, grads, learning_rate=0.00025, decay=0.95, epsilon=0.01):
    """The Nature agent's RMSprop: centred, epsilon inside the root, no momentum.

    g  <- decay g  + (1 - decay) gp
    g2 <- decay g2 + (1 - decay) gp**2
    p  <- p - learning_rate gp / sqrt(g2 - g**2 + epsilon)

    The defaults are those of Extended Data Table 1 in Mnih et al. 2015. The table's "gradient
    momentum" is the decay of g, so the step itself has no momentum. Its "min squared gradient" is
    epsilon. These numbers belong to a loss that sums over the minibatch (`losses.clipped`).
    """
    updates = []
    for p, gp in zip(params, grads):
        g, g2 = accumulator(p, "g"), accumulator(p, "g2")
        new_g = flushed(decay * g + (1 - decay) * gp)
        new_g2 = flushed(decay * g2 + (1 - decay) * gp**2)
        step = learning_rate * gp / TT.sqrt(new_g2 - new_g**2 + epsilon)
        updates += [(g, new_g), (g2, new_g2), (p, p - step)]
    return updates


def adam(params, grads, learning_rate=0.001, decay1=0.9, decay2=0.999, epsilon=1e-8):
    """Adam (Kingma & Ba 2015, Algorithm 1); its two bias corrections act on scalars."""
    t = pytensor.shared(np.float32(0), name="t")  # updates so far
    new_t = t + 1
    root = TT.sqrt(1 - decay2**new_t)
    rate = learning_rate * root / (1 - decay1**new_t)
    updates = [(t, new_t)]
    for p, gp in zip(params, grads):
        m, v = accumulator(p, "m"), accumulator(p, "v")
        new_m = flushed(decay1 * m + (1 - decay1) * gp)
        new_v = flushed(decay2 * v + (1 - decay2) * gp**2)
        step = rate * new_m / (TT.sqrt(new_v) + epsilon * root)
        updates += [(m, new_m), (v, new_v), (p, p - step)]
    return updates


def adagrad(params, grads, learning_rate=0.01, epsilon=1e-8):
    """AdaGrad with a diagonal matrix (Duchi, Hazan & Singer 2011, Figure 1), Gorila's optimiser.

    g2 <- g2 + gp**2
    p  <- p - learning_rate gp / (sqrt(g2) + epsilon)

    Both defaults are ours: Nair et al. 2015 name the optimiser, but not its numbers.
    """
    updates = []
    for p, gp in zip(params, grads):
        g2 = accumulator(p, "g2")
        new_g2 = g2 + gp**2
        updates += [(g2, new_g2), (p, p - learning_rate * gp / (TT.sqrt(new_g2) + epsilon))]
    return updates


def annealed(params, grads, learning_rate, optimiser, total):
    """`optimiser` with a rate that falls linearly to 0 in the second half of `total` updates.

    The last update has 2 / total of the first one's rate; any update after it would have 0. At a
    constant rate the parameters would keep moving, although they could settle.
    """
    n = pytensor.shared(np.int32(0), name="updates")  # so far
    share = TT.clip(2 - 2 * n / np.float64(max(total, 1)), 0, 1).astype("float32")
    return [(n, n + 1), *optimiser(params, grads, learning_rate=learning_rate * share)]


def flushed(average):
    """The average, but 0 where it is subnormal, below 1.2e-38.

    The average of a parameter whose gradient stays 0, such as a weight of a dead unit, decays into
    the subnormal numbers. Most processors compute with them a hundred times slower.
    """
    return TT.switch(abs(average) < SMALLEST_NORMAL, np.float32(0), average)


def accumulator(p, name):
    """A running average or sum for one parameter: a shared variable of its shape, 0 at first."""
    value = np.zeros_like(p.get_value())
    return pytensor.shared(value, name=f"{p.name}.{name}", shape=value.shape)
