"""From the settings and the game to the graph, and from the graph to compiled functions."""

from functools import partial

import numpy as np

from dqn_symbolic.compiling.backends import try_out
from dqn_symbolic.symbols import initialisers, losses, networks, optimisers
from dqn_symbolic.symbols.q_learning import Graph, functions, q_learning


def network_of(env, settings):
    """-> the network(x, params) of these settings. env: the game as the agent sees it."""
    space = env.observation_space
    return partial(
        networks.conv,
        strides=[stride for _, _, stride in settings.filters],
        activation=getattr(networks, settings.activation),
        centred=settings.centred,
        highest=max(1, int(space.high.max())) if space.dtype == np.uint8 else None,
    )


def first_params(rng, env, settings, initialiser=None):
    """-> {name: float32 array}: the first values of the network's parameters."""
    return networks.conv_params(
        rng,
        env.observation_space.shape,
        settings.filters,
        settings.hidden,
        int(env.action_space.n),
        initialiser or getattr(initialisers, settings.initialiser),
    )


def graph_of(agent) -> Graph:
    """-> the symbolic graph of a learner with the agent's first weights."""
    s, space = agent.settings, agent.env.observation_space
    loss, network = getattr(losses, s.loss), network_of(agent.env, s)
    return q_learning(network, agent.first_params, space.shape, space.dtype, optimiser_of(s), loss)


def optimiser_of(settings):
    """-> the optimiser(params, grads) of these settings."""
    optimiser = getattr(optimisers, settings.optimiser)
    if settings.anneal_learning_rate:
        optimiser = optimisers.annealed(optimiser, settings.steps / settings.update_every)
    return partial(optimiser, learning_rate=settings.learning_rate)


def compilation(agent):
    """-> [(description, call), ...]: the calls compile forward, learn and sync in turn."""

    def build():
        agent.forward, agent.learn, agent.sync = functions(
            graph_of(agent), agent.mode, agent.settings.threads
        )

    batch = example(agent)
    return [
        ("building the graph", build),
        ("compiling forward", lambda: try_out(agent.forward, batch[0][:1])),
        ("compiling learn", lambda: try_out(agent.learn, *batch)),
        ("compiling sync", lambda: agent.sync()),  # the two networks are still the same
    ]


def example(agent) -> list[np.ndarray]:
    """-> a minibatch of zeros, to compile for."""
    space, size = agent.env.observation_space, agent.settings.batch_size
    x = np.zeros((size, *space.shape), space.dtype)
    action, reward = np.zeros(size, np.int32), np.zeros(size, np.float32)
    return [x, action, reward, reward, x]
