"""On JAX, the network stays on the device, and an update writes over what it replaces."""

from functools import partial

import numpy as np
import pytest

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.settings import Settings
from games.catch import Catch
from tests.benchmarks.learners import a_batch
from tests.plain import halves

jax = pytest.importorskip("jax")

SMALL = {"hidden": (8,), "batch_size": 4, "backend": "jax"}
NETWORKS = {"dense": {}, "conv": {"filters": ((3, 4, 1),)}}
OPTIMISERS = ("sgd", "rmsprop", "adam", "adagrad")
ALL = [(network, rule, annealed) for network in NETWORKS for rule in OPTIMISERS
       for annealed in (False, True)]  # fmt: skip
QUICK = "dense", "adam", True
CASES = [pytest.param(*case, marks=[] if case == QUICK else pytest.mark.slow) for case in ALL]


def agent_with(**settings):
    """-> (an agent, a minibatch on the device)"""
    agent = Agent(Catch(rows=5, columns=4, paddle_width=1), Settings(**{**SMALL, **settings}))
    batch = a_batch(4, agent.env.observation_space.shape)
    return agent, [jax.device_put(array) for array in batch]


def arrays(variables):
    return {v.name: v.container.storage[0] for v in variables}


@pytest.mark.parametrize(("network", "optimiser", "annealed"), CASES)
def test_an_update_moves_nothing_but_the_minibatch_and_the_td_errors(network, optimiser, annealed):
    choices = {"optimiser": optimiser, "anneal_learning_rate": annealed}
    agent, batch = agent_with(**NETWORKS[network], **choices)
    variables = agent.graph.variables
    assert any(v.dtype == "int32" for v in variables) == annealed  # the number of updates
    agent.learn(*batch)
    for variable in variables:
        variable.set_value(variable.get_value())  # as when a run is resumed
    nothing = partial(jax.transfer_guard, "disallow_explicit")
    with nothing(), pytest.raises(Exception, match="host-to-device"):
        agent.learn(*batch)  # the guard notices what has to move once
    agent.learn(*batch)
    agent.forward(batch[0])
    for _ in range(3):
        with nothing():
            td_error = agent.learn(*batch)
            agent.forward(batch[0])
            agent.sync()
        with jax.transfer_guard("disallow"):
            assert np.isfinite(jax.device_get(td_error)).all()
    for name, array in arrays(variables).items():
        assert isinstance(array, jax.Array), name
    for function in (agent.forward, agent.learn, agent.sync):
        assert function.vm.jit_fn._cache_size() == 1  # compiled once


@pytest.mark.parametrize("beside", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_update_takes_the_memory_of_what_it_replaces_and_no_other(beside):
    agent, batch = agent_with(beside=beside)
    graph = agent.graph
    np.asarray(agent.learn(*batch))
    agent.sync()
    kept, before = [p.get_value() for p in graph.params], arrays(graph.variables)
    targets = {v.name: np.array(before[v.name]) for v in graph.target_params}
    np.asarray(agent.learn(*batch))
    after = arrays(graph.variables)
    assert {name for name in before if before[name].is_deleted()} == {
        v.name for v, _ in graph.updates
    }
    for param, acting, value in zip(graph.params, graph.acting, kept):
        assert (after[param.name] != value).any()
        if beside:  # one update behind
            assert (after[acting.name] == value).all()
    for name, value in targets.items():
        assert (after[name] == value).all()
    agent.sync()
    for param, target in zip(graph.params, graph.target_params):
        assert (param.get_value() == target.get_value()).all()


def test_an_array_that_was_given_or_taken_never_changes():
    agent, batch = agent_with()
    params = agent.graph.params
    gradient, apply = halves(agent.graph, mode("jax"))
    given = [np.full(p.get_value().shape, 0.5, np.float32) for p in params]
    for param, value in zip(params, given):
        param.set_value(value)
    _, *gradients = gradient(*batch)
    taken = [p.get_value() for p in params]
    weights = agent.weights().values()
    apply(*gradients)
    apply(*gradients)
    for arrays in zip(given, taken, weights):
        assert all((np.asarray(array) == 0.5).all() for array in arrays)
    assert all((p.get_value() != 0.5).any() for p in params)
