"""Q-networks: functions of a symbolic input x and a list of params, online or target.

network(x, params) -> q      x (B, *obs), q (B, actions)

float32 observations are used as they are. uint8 observations are divided by `highest`, the largest
value in the game's observation space: 255 for pixels.
"""

from functools import partial
from math import prod

import numpy as np
import pytensor.tensor as TT

from dqn_symbolic import initialisers
from dqn_symbolic.compiling.conv import conv2d
from dqn_symbolic.initialisers import biases


def of(settings, space):
    """-> the network(x, params) of these settings; without filters, `conv` is only `mlp`."""
    return partial(
        conv,
        strides=[stride for _, _, stride in settings.filters],
        activation={"relu": relu, "tanh": TT.tanh}[settings.activation],
        centred=settings.centred,
        highest=max(1, int(space.high.max())) if space.dtype == np.uint8 else None,
    )


def first_params(rng, settings, space, actions):
    """-> {name: float32 array}: the first values of the network's parameters."""
    initialiser = getattr(initialisers, settings.initialiser)
    return conv_params(rng, space.shape, settings.filters, settings.hidden, actions, initialiser)


def relu(z):
    return TT.maximum(z, 0)


def mlp(x, params, activation=relu, highest=255):
    """`activation` between dense layers: params = [W1, b1, ..., Wout, bout], W (inputs, outputs)"""
    if x.dtype == "uint8":
        x = x.astype("float32") / highest
    h = x.reshape((x.shape[0], params[0].shape[0]))  # (B, inputs)
    *hidden, Wout, bout = params
    for W, b in zip(hidden[::2], hidden[1::2]):
        h = activation(TT.dot(h, W) + b)  # (B, hidden)
    return TT.dot(h, Wout) + bout  # (B, actions)


def conv(x, params, strides, activation=relu, highest=255, centred=False):
    """Convolutions with the given strides, then `mlp`: params = [K1, k1, ..., W1, b1, ..., bout].

    x (B, height, width, history) or (B, height, width, colours, history); K (size, size, channels,
    filters), where the channels of the first are the history, for each colour. centred: the mean
    pixel of each uint8 x is subtracted from its pixels. A background is then near 0, so the weights
    of a filter do not all grow or shrink together. Pixels count fourfold: their spread is nearer 1.
    """
    h = x  # (B, height, width, channels)
    if strides and x.type.ndim == 5:
        _, height, width, *channels = x.type.shape
        h = x.reshape((-1, height, width, prod(channels)))
    for stride in strides:
        K, k, *params = params
        if h.dtype == "uint8":
            K = K / (highest / 4 if centred else highest)  # instead of x, which has more numbers
            if centred:  # the same as x - mean_pixel(x)
                k = k - mean_pixel(h) * K.sum(axis=(0, 1, 2))
        h = activation(conv2d(h, K, stride) + k)  # (B, height, width, filters)
    return mlp(h, params, activation, highest)


def mean_pixel(x):
    """x (B, height, width, channels) uint8 -> (B, 1, 1, 1) float32"""
    axes = tuple(axis for axis in (1, 2, 3) if not x.type.broadcastable[axis])
    sums = x.sum(axis=axes, keepdims=True, dtype="int32", acc_dtype="int32")  # exact
    return sums.astype("float32") / np.float32(prod(x.type.shape[1:]))


def conv_params(rng, obs_shape, filters, hidden, actions, initialiser):
    """First values of `conv`'s params: {"K1", "k1", ...} and those of `mlp_params`.

    filters: (number, size, stride) of each convolution. Raises ValueError if the observations are
    not pictures, or are smaller than a filter.
    """
    values, frames = {}, tuple(obs_shape[:-1])
    expected = f"frames (height, width) or (height, width, colours), got {frames}"
    if filters and len(frames) not in (2, 3):
        raise ValueError(f"filters: expected {expected}")
    for layer, (number, size, stride) in enumerate(filters, 1):
        height, width, *channels = obs_shape
        if size > min(height, width):
            fits = f"filters of {size} x {size} do not fit into {height} x {width}"
            raise ValueError(f"{fits}: expected {expected}")
        shape = size, size, prod(channels), number
        values[f"K{layer}"] = initialiser(rng, shape)
        values[f"k{layer}"] = biases(rng, shape, initialiser)
        obs_shape = (height - size) // stride + 1, (width - size) // stride + 1, number
    return {**values, **mlp_params(rng, obs_shape, hidden, actions, initialiser)}


def mlp_params(rng, obs_shape, hidden, actions, initialiser):
    """First values of `mlp`'s params, {"W1", "b1", ..., "Wout", "bout"}; hidden: layers' sizes."""
    sizes = [prod(obs_shape), *hidden, actions]
    layers = [*range(1, len(hidden) + 1), "out"]
    values = {}
    for layer, inputs, outputs in zip(layers, sizes[:-1], sizes[1:]):
        values[f"W{layer}"] = initialiser(rng, (inputs, outputs))
        values[f"b{layer}"] = biases(rng, (inputs, outputs), initialiser)
    return values
