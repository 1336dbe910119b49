import numpy as np
import pytensor
import pytensor.tensor as TT

from dqn_symbolic.losses import clipped, squared
from tests.plain import PLAIN

ERRORS = np.array([-3, -1, -0.5, 0, 0.25, 1, 7], np.float32)


def value_and_gradient(loss):
    td_error = TT.fvector("td_error")
    return pytensor.function(
        [td_error], [loss(td_error), TT.grad(loss(td_error), td_error)], mode=PLAIN
    )(ERRORS)


def test_squared_is_the_mean_square_without_a_half():
    value, gradient = value_and_gradient(squared)
    assert value == np.mean(ERRORS**2)
    np.testing.assert_allclose(gradient, 2 * ERRORS / len(ERRORS), rtol=1e-6)


def test_clipped_has_the_clipped_error_as_gradient():
    """Beyond the bound, it is not 0 (clipped before squaring) and not doubled (no half)."""
    value, gradient = value_and_gradient(clipped)
    assert gradient.tolist() == [-1, -1, -0.5, 0, 0.25, 1, 1]
    assert value == 2.5 + 0.5 + 0.125 + 0 + 0.03125 + 0.5 + 6.5


def test_the_bound_can_be_set():
    _, gradient = value_and_gradient(lambda td_error: clipped(td_error, bound=0.5))
    assert gradient.tolist() == [-0.5, -0.5, -0.5, 0, 0.25, 0.5, 0.5]
