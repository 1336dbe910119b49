"""The convolutional network against NumPy, and the network of the Nature agent."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from dqn_symbolic.agent import Agent
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.frames import History
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.networks import conv, conv_params, first_params, mlp, mlp_params
from dqn_symbolic.q_learning import forward_alone
from dqn_symbolic.settings import PRESETS, Settings
from games.catch import Catch
from tests.plain import PLAIN

NATURE = Settings(**PRESETS["nature"])


def convolved(x, K, k, stride):
    """-> a convolution and its rectifier, one window at a time."""
    size, corners = K.shape[0], range(0, x.shape[1] - K.shape[0] + 1, stride)
    rows = [
        [
            np.tensordot(x[:, i : i + size, j : j + size], K, axes=([1, 2, 3], [0, 1, 2])) + k
            for j in corners
        ]
        for i in corners
    ]
    return np.maximum(np.moveaxis(np.array(rows), 2, 0), 0)


@pytest.mark.parametrize(
    ("dtype", "centred"), [(np.uint8, False), (np.float32, False), (np.uint8, True)]
)
def test_convolutions_then_dense_layers(dtype, centred):
    rng = np.random.default_rng(0)
    values = conv_params(rng, (9, 9, 2), ((4, 3, 2), (5, 2, 1)), (7,), 3, glorot)
    values = {n: v + rng.normal(size=v.shape).astype("f4") * 0.1 for n, v in values.items()}
    assert list(values) == ["K1", "k1", "K2", "k2", "W1", "b1", "Wout", "bout"]
    x = rng.integers(0, 256, (3, 9, 9, 2)).astype(dtype)
    K1, k1, K2, k2, W1, b1, Wout, bout = (v.astype(np.float64) for v in values.values())
    pixels = np.array([4 * (one - one.mean()) for one in x]) if centred else x
    h = convolved(pixels / 255 if dtype == np.uint8 else x, K1, k1, 2)  # (3, 4, 4, 4)
    h = convolved(h, K2, k2, 1)  # (3, 3, 3, 5)
    expected = np.maximum(h.reshape(3, 45) @ W1 + b1, 0) @ Wout + bout

    def network(x, params):
        return conv(x, params, strides=[2, 1], centred=centred)

    forward = forward_alone(network, values, (9, 9, 2), np.dtype(dtype).name, PLAIN)
    np.testing.assert_allclose(forward(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "mode",
    [PLAIN, pytest.param(MODES["numba"], marks=pytest.mark.slow)],
    ids=["plain", "numba"],
)
def test_colours_and_history_become_channels(mode):
    """x (B, height, width, colours, history): a window is multiplied by the kernel and summed."""
    rng = np.random.default_rng(0)
    values = conv_params(rng, (5, 6, 3, 2), ((4, 3, 2),), (), 3, glorot)
    assert values["K1"].shape == (3, 3, 3 * 2, 4)
    x = rng.integers(0, 256, (2, 5, 6, 3, 2), dtype=np.uint8)
    K1, k1, Wout, bout = (v.astype(np.float64) for v in values.values())
    h = np.zeros((2, 2, 2, 4))
    for b, i, j, f in np.ndindex(h.shape):
        window = x[b, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] / 255  # (3, 3, colours, history)
        h[b, i, j, f] = max(0, (window * K1[..., f].reshape(3, 3, 3, 2)).sum() + k1[f])

    def network(x, params):
        return conv(x, params, strides=[2])

    forward = forward_alone(network, values, (5, 6, 3, 2), "uint8", mode)
    np.testing.assert_allclose(forward(x), h.reshape(2, -1) @ Wout + bout, rtol=1e-4, atol=1e-4)


def test_conv_without_filters_equals_mlp():
    values = conv_params(np.random.default_rng(0), (6, 6, 1), (), (4,), 3, glorot)
    mlp_values = mlp_params(np.random.default_rng(0), (6, 6, 1), (4,), 3, glorot)
    assert all((values[name] == mlp_values[name]).all() for name in mlp_values)
    x = np.random.default_rng(1).integers(0, 256, (2, 6, 6, 1), dtype=np.uint8)
    result, expected = (
        forward_alone(network, values, (6, 6, 1), "uint8", PLAIN)(x)
        for network in (lambda x, params: conv(x, params, strides=[]), mlp)
    )
    assert (result == expected).all()


def test_filters_that_do_not_fit_are_refused():
    message = r"filters of 4 x 4 do not fit into 3 x 3: .*\(height, width, colours\), got \(8, 8\)"
    with pytest.raises(ValueError, match=message):
        conv_params(np.random.default_rng(0), (8, 8, 1), ((2, 4, 2), (2, 4, 1)), (), 3, glorot)


def test_the_nature_network_has_the_papers_sizes():
    """84 x 84 x 4 -> 20 x 20 x 32 -> 9 x 9 x 64 -> 7 x 7 x 64 -> 512 (Methods, "Architecture")."""
    values = conv_params(
        np.random.default_rng(0), (84, 84, 4), NATURE.filters, NATURE.hidden, 4, glorot
    )
    assert {name: value.shape for name, value in values.items() if name[0] in "KW"} == {
        "K1": (8, 8, 4, 32),
        "K2": (4, 4, 32, 64),
        "K3": (3, 3, 64, 64),
        "W1": (7 * 7 * 64, 512),
        "Wout": (512, 4),
    }
    assert sum(value.size for value in values.values()) == 1_686_180


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_network_for_its_game(name):
    game = Catch(pixels=84) if name in ("pixels", "atari", "nature") else Catch()
    settings = Settings(**PRESETS[name])
    space = History(game, settings.history).observation_space
    values = first_params(np.random.default_rng(0), settings, space, 3)
    assert values["Wout"].shape[1] == 3


@pytest.mark.slow
def test_the_nature_agent_learns():
    """Four updates on a game of 84 x 84 pixels, with a smaller memory and a shorter warm-up."""
    settings = replace(NATURE, memory_size=1_000, warm_up=20, sync_every=2)
    agent = Agent(Catch(rows=42, pixels=84), settings)
    first = agent.weights()
    for _ in range(32):
        agent.step()
    assert agent.updates == 4  # at agent steps 20, 24, 28 and 32
    after = agent.weights()
    assert all((after[name] != first[name]).any() for name in first)
    assert np.isfinite(agent.mean_loss())


def test_centred_pixels_of_a_single_frame(capfd):
    """One channel: PyTensor must not reduce over its axis, which has one element."""
    values = conv_params(np.random.default_rng(0), (6, 6, 1), ((3, 3, 1),), (), 2, glorot)
    forward = forward_alone(
        partial(conv, strides=[1], centred=True), values, (6, 6, 1), "uint8", MODES["numba"]
    )
    x = np.random.default_rng(1).integers(256, size=(4, 6, 6, 1), dtype=np.uint8)
    centred = 4 * (x - x.mean(axis=(1, 2, 3), keepdims=True)) / 255
    K, k, W, b = (values[name] for name in ("K1", "k1", "Wout", "bout"))
    h = convolved(centred, K, k, 1)
    np.testing.assert_allclose(forward(x), h.reshape(4, -1) @ W + b, rtol=1e-4, atol=1e-5)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("initialiser", ["nature", "glorot"])
def test_first_biases_are_those_of_the_initialiser(initialiser):
    settings = Settings(initialiser=initialiser, filters=((4, 3, 1),), hidden=(5,))
    space = History(Catch(), 1).observation_space
    values = first_params(np.random.default_rng(0), settings, space, 3)
    drawn = [bool(values[name].any()) for name in ("k1", "b1", "bout")]
    assert drawn == [initialiser == "nature"] * 3
