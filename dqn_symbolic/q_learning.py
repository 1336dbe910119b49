"""The lecture's Q-learning in minibatch form: one symbolic graph, and functions compiled from it.

    forward(x)                                     -> q           x (B, *obs), q (B, A) float32
    learn(x, action, reward, discount, x_tp1)      -> td_error    (B,) float32; updates the params
    sync()                                         -> nothing;    target network <- online network

    gradient(x, action, reward, discount, x_tp1)   -> td_error, *gradients; updates nothing

B transitions, A actions; x_tp1 as x; action (B,) int32, reward and discount (B,) float32. discount
is gamma, or 0 where the episode terminated with this step. A time limit keeps gamma, and x_tp1 is
the real last observation. With n rewards (fewer at an episode's or the memory's end), reward is
their discounted sum, discount gamma**n, x_tp1 n steps later. `beside`: np.asarray(td_error) waits.
"""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as TT
from pytensor import function, grad

from dqn_symbolic.compiling.beside import beside
from dqn_symbolic.compiling.threads import in_parts
from dqn_symbolic.losses import squared


class Graph(NamedTuple):
    """Symbolic variables; B is free, all other sizes are fixed."""

    x: TT.TensorVariable
    q: TT.TensorVariable  # of `forward`
    batch: list  # x, action, reward, discount, x_tp1
    target_q: TT.TensorVariable
    td_error: TT.TensorVariable
    params: list  # shared variables
    acting: list  # those of `forward`: params, or a copy that is one update behind
    target_params: list
    loss: Callable  # of the TD errors
    gradients: list  # of the loss, one for each of params
    updates: list  # [(shared variable, new value), ...]

    @property
    def variables(self):
        """All shared variables: both networks, and what the optimiser remembers."""
        updated = [variable for variable, _ in self.updates]
        return list(dict.fromkeys([*self.params, *self.acting, *self.target_params, *updated]))


def q_learning(
    network: Callable,
    first_params: dict[str, np.ndarray],
    obs_shape: tuple,
    obs_dtype: str,
    optimiser: Callable,
    loss: Callable = squared,
    beside: bool = False,
) -> Graph:
    """The slides "Q-learning in Theano?" and "Target network" as one graph.

    network(x, params) -> q; first_params: their first values, {name: float32 array};
    optimiser(params, grads) -> updates; loss(td_error) -> scalar. beside: the game goes on while an
    update is computed, and a copy of the params acts.
    """

    def copies(prefix):
        return [shared(value, prefix + name) for name, value in first_params.items()]

    params, target_params = copies(""), copies("target.")
    acting = copies("acting.") if beside else params

    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    x_tp1 = TT.tensor("x_tp1", dtype=obs_dtype, shape=(None, *obs_shape))
    action = TT.ivector("action")
    reward = TT.fvector("reward")
    discount = TT.fvector("discount")

    q = network(x, params)  # (B, A)
    target_q = reward + discount * network(x_tp1, target_params).max(axis=1)  # (B,)
    td_error = target_q - (q * one_hot(action, q.type.shape[1])).sum(axis=1)  # (B,)
    gradients = grad(loss(td_error), params)  # not of target_params: the target stands still
    updates = optimiser(params, gradients)

    batch, variables = [x, action, reward, discount, x_tp1], (params, acting, target_params)
    acting_q = network(x, acting) if beside else q
    return Graph(x, acting_q, batch, target_q, td_error, *variables, loss, gradients, updates)


def functions(graph: Graph, mode=None, threads=1) -> tuple[Callable, Callable, Callable]:
    """-> (forward, learn, sync). mode: a PyTensor mode; numba and JAX compile at the first call."""
    forward = compiled([graph.x], graph.q, mode)
    sync = compiled([], [], mode, updates=list(zip(graph.target_params, graph.params)))
    if is_beside := graph.acting is not graph.params:
        hand_over = compiled([], [], mode, updates=list(zip(graph.acting, graph.params)))
        x, action, reward, discount, x_tp1 = graph.batch
        target = compiled([reward, discount, x_tp1], graph.target_q, mode)
        graph = graph._replace(batch=[x, action, graph.target_q])  # `learn` is given the target
    if threads == 1:
        learn = compiled(graph.batch, graph.td_error, mode, updates=graph.updates)
    else:
        learn = in_parts(*partial_gradients(graph, mode, threads), threads)
    if is_beside:
        learn, sync = beside(learn, sync, hand_over, target)
    return forward, learn, sync


def gradient_alone(graph: Graph, mode=None) -> Callable:
    """-> `gradient`, for those who apply it elsewhere."""
    return compiled(graph.batch, [graph.td_error, *graph.gradients], mode)


def partial_gradients(graph: Graph, mode, parts: int) -> tuple[Callable, Callable]:
    """-> (gradient, apply) of a minibatch that is cut into parts.

    gradient(*part, B) -> td_error, *gradients, where B is the size of the whole minibatch;
    apply(*gradients of all parts, part after part) adds them up in this order.
    """
    size = TT.lscalar("size")
    # Errors of the whole minibatch, 0 outside the part: a mean in the loss is then over all B.
    td_error = TT.zeros(size)[: graph.td_error.shape[0]].set(graph.td_error)
    outputs = [graph.td_error, *grad(graph.loss(td_error), graph.params)]
    gradient = compiled([*graph.batch, size], outputs, mode, on_unused_input="ignore")
    of_parts = [[p.type() for p in graph.params] for _ in range(parts)]
    givens = [(g, reduce(add, of_p)) for g, of_p in zip(graph.gradients, zip(*of_parts))]
    inputs = [g for of_part in of_parts for g in of_part]
    return gradient, compiled(inputs, [], mode, updates=graph.updates, givens=givens)


def forward_alone(network, params, obs_shape, obs_dtype, mode=None) -> Callable:
    """-> only `forward`, of a network with these values of its params."""
    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    return compiled([x], network(x, [shared(value, name) for name, value in params.items()]), mode)


def compiled(inputs, outputs, mode, **options):
    # trust_input: the arrays have the types above, so a call does not check and convert them.
    return function(inputs, outputs, mode=mode, trust_input=True, **options)


def shared(value, name):
    """A parameter: a copy of `value` that the compiled functions read and update in place."""
    return pytensor.shared(np.array(value, order="C"), name=name, shape=value.shape, borrow=True)


def one_hot(action, actions):
    """action (B,) int32 -> (B, actions) float32, 1 where the action was taken.

    The sum over q * one_hot is the slide's q[action], which compiles and runs more slowly.
    """
    return TT.eq(action[:, None], np.arange(actions, dtype="int32")).astype("float32")
