"""The loss, a function of the TD errors: td_error (B,) -> loss ().

The lecture squares the error, the Nature paper clips it. They differ in three ways that people
often miss: the factor 1/2, mean or sum over the minibatch, and the clipping.
"""


def squared(td_error):
    """The slide's `(q[action] - target_q)**2`, averaged over the minibatch: gradient 2/B error."""
    return (td_error**2).mean()


def clipped(td_error, bound=1):
    """The Nature agent's loss: gradient td_error, clipped to +-bound, summed over the minibatch.

    The *gradient* is clipped. (If you clip the error and then square it, errors beyond the bound
    have no gradient, so the network learns nothing from its worst mistakes.) So the loss is
    1/2 td_error**2 up to the bound, and a straight line beyond it: Huber's. Mnih et al. 2015,
    Methods, "error clipping"; only DeepMind's code shows that the errors are summed.
    """
    inside = td_error.clip(-bound, bound)
    return (inside * (td_error - inside / 2)).sum()
