"""What is minimised: a function of the TD errors, td_error (B,) -> loss ().

The lecture writes the squared error, the Nature paper clips the error; they differ in three ways
that people often miss: the factor 1/2, mean or sum over the minibatch, and the clipping.
"""


def squared(td_error):
    """The slide's `(q[action] - target_q)**2`, averaged over the minibatch: gradient 2/B error."""
    return (td_error**2).mean()


def clipped(td_error, bound=1):
    """The Nature agent's: gradient td_error, clipped to +-bound, summed over the minibatch.

    It is the *gradient* that is clipped. (Clip the error and then square it, and errors beyond the
    bound have no gradient at all: nothing is learnt from the worst mistakes.) So the loss is 1/2
    td_error**2 as far as the bound, and goes on as a straight line. Mnih et al. 2015, Methods,
    "error clipping"; that the sum is meant shows in DeepMind's code only.
    """
    inside = td_error.clip(-bound, bound)
    return (inside * (td_error - inside / 2)).sum()
