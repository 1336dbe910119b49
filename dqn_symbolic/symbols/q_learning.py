"""The lecture's Q-learning in minibatch form: one symbolic graph, three compiled functions.

    forward(x)                                  -> q         x (B, *obs), q (B, actions) float32
    learn(x, action, reward, discount, x_tp1)   -> td_error  (B,) float32; updates the parameters
    sync()                                      -> nothing;  target network <- online network

    action (B,) int32, reward (B,) float32, x and x_tp1 (B, *obs).
    discount (B,) float32 is data: gamma, or 0 where the episode terminated with this step. A time
    limit does not terminate: it keeps gamma, and x_tp1 is the real last observation.

The target network has no gradient: grad is taken with respect to `params`, and its parameters are
not among them. All right-hand sides of an update read the values from before it.
"""

import numpy as np
import pytensor
import pytensor.tensor as TT
from pytensor import function, grad

from dqn_symbolic.symbols.losses import squared


def q_learning(network, first_params, obs_shape, obs_dtype, optimiser, loss=squared, mode=None):
    """-> (forward, learn, sync), compiled at their first call.

    network(x, params) -> q; first_params: their first values, {name: float32 array};
    optimiser(params, grads) -> updates; loss(td_error) -> scalar; mode: a PyTensor mode
    (`backends`).
    """
    params = [shared(value, name) for name, value in first_params.items()]
    target_params = [shared(value, f"target.{name}") for name, value in first_params.items()]

    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    x_tp1 = TT.tensor("x_tp1", dtype=obs_dtype, shape=(None, *obs_shape))
    action = TT.ivector("action")
    reward = TT.fvector("reward")
    discount = TT.fvector("discount")

    q = network(x, params)  # (B, A)
    target_q = reward + discount * network(x_tp1, target_params).max(axis=1)  # (B,)
    td_error = target_q - (q * one_hot(action, q.type.shape[1])).sum(axis=1)  # (B,)
    updates = optimiser(params, grad(loss(td_error), params))

    def compiled(inputs, outputs, updates=None):
        # trust_input: arrays come in the types above, so the call need not check and convert them.
        return function(inputs, outputs, updates=updates, mode=mode, trust_input=True)

    forward = compiled([x], q)
    learn = compiled([x, action, reward, discount, x_tp1], td_error, updates)
    sync = compiled([], [], list(zip(target_params, params)))
    return forward, learn, sync


def forward_alone(network, params, obs_shape, obs_dtype, mode=None):
    """-> `q_learning`'s forward for a network that has learnt, without the rest."""
    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    params = [shared(value, name) for name, value in params.items()]
    return function([x], network(x, params), mode=mode, trust_input=True)


def shared(value, name):
    """A parameter: a copy of `value` that the compiled functions read and update in place."""
    return pytensor.shared(np.array(value, order="C"), name=name, shape=value.shape, borrow=True)


def one_hot(action, actions):
    """action (B,) int32 -> (B, actions) float32, 1 where the action was taken.

    The sum over q * one_hot is the slide's q[action], which compiles and runs more slowly.
    """
    return TT.eq(action[:, None], np.arange(actions, dtype="int32")).astype("float32")
