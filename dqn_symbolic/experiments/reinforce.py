"""The lecture's digression, "Policy based methods": the policy as a symbolic graph.

    forward(x)               -> pi      x (B, *obs), pi (B, actions) float32: probabilities
    learn(x, action, r)      -> log_pi  (B,) float32, of the actions; updates the parameters
    gradient(x, action, r)   -> log_pi, *gradients of -J; updates nothing

action (B,) int32. r (B,) float32 is the slide's r: the return after the action, minus a
baseline if you use one, divided by the number of episodes that the B steps come from. Then the sum
over the steps of (d log pi / d theta) r is the gradient of J, the expected return.
"""

import pytensor.tensor as TT
from pytensor import grad
from pytensor.tensor.special import log_softmax

from dqn_symbolic.symbols.q_learning import compiled, one_hot, shared


def policy_gradient(network, first_params, obs_shape, obs_dtype, optimiser, mode=None):
    """-> (forward, learn, gradient), compiled at their first call.

    network(x, params) -> the logits of the policy (B, actions). The other arguments are those of
    `q_learning`.
    """
    params = [shared(value, name) for name, value in first_params.items()]

    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    action = TT.ivector("action")
    r = TT.fvector("r")

    log_pi = log_softmax(network(x, params), axis=1)  # (B, A)
    log_pi_a = (log_pi * one_hot(action, log_pi.type.shape[1])).sum(axis=1)  # (B,)
    J = (log_pi_a * r).sum()  # (): this is not J, but it has the gradient of J
    gradients = grad(-J, params)

    forward = compiled([x], TT.exp(log_pi), mode)
    learn = compiled([x, action, r], log_pi_a, mode, updates=optimiser(params, gradients))
    gradient = compiled([x, action, r], [log_pi_a, *gradients], mode)
    return forward, learn, gradient
