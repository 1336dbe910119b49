"""Q-networks: functions of a symbolic input x and a list of params, the same for online and target.

network(x, params) -> q      x (B, *obs), q (B, actions)
"""

from math import prod

import pytensor.tensor as TT

from dqn_symbolic.initialisers import zeros


def relu(z):
    return TT.maximum(z, 0)


def mlp(x, params, activation=relu):
    """Dense layers with `activation` between them: params = [W1, b1, ..., Wout, bout].

    x (B, *obs): uint8 are pixels and are divided by 255 here, in the graph; W (inputs, outputs).
    """
    h = brightness(x).flatten(2)  # (B, inputs)
    *hidden, Wout, bout = params
    for W, b in zip(hidden[::2], hidden[1::2]):
        h = activation(TT.dot(h, W) + b)  # (B, hidden)
    return TT.dot(h, Wout) + bout  # (B, actions)


def mlp_params(rng, obs_shape, hidden, actions, initialiser):
    """First values of `mlp`'s params: {"W1", "b1", ..., "Wout", "bout": float32 array}, biases 0.

    hidden: the sizes of the hidden layers.
    """
    sizes = [prod(obs_shape), *hidden, actions]
    layers = [*range(1, len(hidden) + 1), "out"]
    values = {}
    for layer, inputs, outputs in zip(layers, sizes[:-1], sizes[1:]):
        values[f"W{layer}"] = initialiser(rng, (inputs, outputs))
        values[f"b{layer}"] = zeros(outputs)
    return values


def brightness(x):
    """Pixels 0..255 (uint8) -> 0..1; float32 observations pass as they are."""
    return x.astype("float32") / 255 if x.dtype == "uint8" else x
