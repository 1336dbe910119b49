"""Each optimiser, compared with its recursion in NumPy float64."""

import numpy as np
import pytensor
import pytensor.tensor as TT
import pytest

from dqn_symbolic import optimisers
from dqn_symbolic.losses import clipped
from dqn_symbolic.optimisers import adagrad, adam, rmsprop, sgd
from dqn_symbolic.settings import Settings
from games.catch import Catch
from tests.plain import PLAIN, plain


def trajectory(optimiser, grads, start):
    """-> (T, N): the values of a parameter after each of the T gradients."""
    p = pytensor.shared(start.astype(np.float32), name="p")
    gp = TT.fvector("gp")
    step = pytensor.function([gp], [], updates=optimiser([p], [gp]), mode=PLAIN)
    values = []
    for g in grads:
        step(g.astype(np.float32))
        values.append(p.get_value())
    return np.array(values)


@pytest.fixture
def grads():
    return np.random.default_rng(0).normal(size=(50, 4)) * [1, 10, 0.1, 0.001]


START = np.zeros(4)  # float32 is most precise near 0


def test_sgd(grads):
    values = trajectory(lambda p, g: sgd(p, g, learning_rate=0.1), grads, START)
    np.testing.assert_allclose(values, START - 0.1 * np.cumsum(grads, axis=0), rtol=1e-4, atol=1e-5)


def test_rmsprop_is_the_nature_agents(grads):
    """The recursion of NeuralQLearner.lua: g, g2, then a step by sqrt(g2 - g * g + 0.01)."""
    w, g, g2 = START.copy(), np.zeros(4), np.zeros(4)
    expected = []
    for dw in grads:
        g = g * 0.95 + 0.05 * dw
        g2 = g2 * 0.95 + 0.05 * (dw * dw)
        tmp = np.sqrt(g2 - g * g + 0.01)
        w = w - 0.00025 * dw / tmp
        expected.append(w)
    values = trajectory(rmsprop, grads, START)
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-8)


def test_rmsprops_epsilon_is_inside_the_root():
    """A tiny gradient gives the step lr g / sqrt(.01) = 10 lr g; outside it would be 100 lr g."""
    values = trajectory(lambda p, g: rmsprop(p, g, 1.0), np.full((1, 1), 1e-6), np.zeros(1))
    assert values.item() == pytest.approx(-1e-5, rel=1e-3)


def test_rmsprop_is_centred():
    """A constant gradient has no variance, so the step becomes lr g / sqrt(epsilon)."""
    values = trajectory(lambda p, g: rmsprop(p, g, 1.0), np.ones((400, 1)), np.zeros(1))
    assert values[-1] - values[-2] == pytest.approx(-10, rel=1e-3)


@pytest.mark.parametrize("epsilon", [1e-8, 0.5])
def test_adam(grads, epsilon):
    """Algorithm 1 of Kingma & Ba 2015, with its bias corrections."""
    w, m, v = START.copy(), np.zeros(4), np.zeros(4)
    expected = []
    for t, g in enumerate(grads, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + epsilon)
        expected.append(w)
    optimiser = optimisers.of(Settings(learning_rate=0.001, adam_epsilon=epsilon))
    values = trajectory(optimiser, grads, START)
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-8)


def test_adagrad(grads):
    """Figure 1 of Duchi et al. 2011: s is the norm of all gradients so far, H = delta + s."""
    expected = START - np.cumsum(
        [0.01 * g / (1e-8 + np.linalg.norm(grads[: t + 1], axis=0)) for t, g in enumerate(grads)],
        axis=0,
    )
    np.testing.assert_allclose(trajectory(adagrad, grads, START), expected, rtol=1e-4, atol=1e-8)


def test_adagrads_epsilon_is_outside_the_root():
    """A gradient of .01 is divided by .01 + 1; inside the root it would be by sqrt(.0001 + 1)."""
    values = trajectory(lambda p, g: adagrad(p, g, 1.0, 1.0), np.full((1, 1), 0.01), np.zeros(1))
    assert values.item() == pytest.approx(-0.01 / 1.01, rel=1e-4)


@pytest.mark.parametrize(
    ("learners", "rates"),
    [
        # Updates after 15, 20, ... 40 agent steps. The last has 2 / 6 of the rate, a seventh none.
        (1, [1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0]),
        # Two bundles of 20 agent steps, with updates after 15 and 20.
        (2, [1, 1, 1, 1 / 2, 0, 0, 0, 0]),
    ],
)
def test_an_annealed_learning_rate_falls_to_0_in_the_second_half_of_the_updates(learners, rates):
    settings = Settings(
        **{"optimiser": "sgd", "learning_rate": 0.1, "anneal_learning_rate": True},
        **{"steps": 40, "update_every": 5, "warm_up": 11},
    )
    optimiser = optimisers.of(settings, learners)
    values = trajectory(optimiser, np.ones((8, 1)), np.zeros(1))
    np.testing.assert_allclose(values[:, 0], -0.1 * np.cumsum(rates), rtol=1e-6)


@pytest.mark.parametrize(
    ("warm_up", "update_every"), [(1, 1), (7, 1), (7, 4), (8, 4), (9, 4), (50, 1), (60, 3)]
)
def test_the_number_of_updates_is_that_of_an_agent(warm_up, update_every):
    settings = Settings(
        **{"steps": 50, "warm_up": warm_up, "update_every": update_every, "batch_size": 2},
        **{"hidden": (2,), "memory_size": 60},
    )
    agent = plain(Catch(), settings)
    agent.learn = lambda x, *_: np.zeros(len(x), np.float32)
    for _ in range(50):
        agent.step()
    assert settings.updates == agent.updates


def test_the_counter_of_an_annealed_rate_counts_beyond_float32():
    """A float32 stays at 16,777,216."""
    settings = Settings(anneal_learning_rate=True, optimiser="sgd", steps=10**8, warm_up=1)
    p, gp = pytensor.shared(np.zeros(1, np.float32), name="p"), TT.fvector("gp")
    updates = optimisers.of(settings)([p], [gp])
    counter = next(variable for variable, _ in updates if variable.name == "updates")
    step = pytensor.function([gp], [], updates=updates, mode=PLAIN)
    counter.set_value(np.asarray(16_777_216, counter.dtype))
    step(np.ones(1, np.float32))
    step(np.ones(1, np.float32))
    assert counter.get_value() == 16_777_218


@pytest.mark.parametrize("optimiser", [adam, rmsprop])
def test_the_averages_of_a_dead_parameter_become_zero_and_not_subnormal(optimiser):
    """Processors are slow with subnormal numbers, and .9 times the smallest of them is itself."""
    p, gp = pytensor.shared(np.ones(2, np.float32), name="p"), TT.fvector("gp")
    updates = optimiser([p], [gp])
    step = pytensor.function([gp], [], updates=updates, mode=PLAIN)
    averages = [variable for variable, _ in updates if variable.name.startswith("p.")]
    smallest_normal = 2.0**-126
    for gradient in [5e-18, 1e-20] + [0] * 2_000:
        step(np.array([gradient, 1e-3], np.float32))
        for average in averages:
            dead, alive = average.get_value()
            assert dead == 0 or abs(dead) >= smallest_normal
            assert alive != 0
    assert [average.get_value()[0] for average in averages] == [0, 0]


def test_sum_with_clip_1_equals_mean_with_scaled_clip_and_epsilon():
    """A sum, clip 1 and epsilon .01 equal a mean, clip 1/32 and epsilon .01/32**2."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=5).astype(np.float32)
    summed, averaged = (pytensor.shared(w, name=name) for name in ("summed", "averaged"))
    x, y = TT.fmatrix("x"), TT.fvector("y")
    sum_loss = clipped(y - TT.dot(x, summed), bound=1)
    # Half the mean square, with the gradient of each error bounded by 1/32.
    error = pytensor.gradient.grad_clip(y - TT.dot(x, averaged), -1 / 32, 1 / 32)
    mean_loss = (error**2 / 2).mean()
    steps = [
        pytensor.function(
            [x, y], [], updates=rmsprop([p], TT.grad(loss, [p]), epsilon=epsilon), mode=PLAIN
        )
        for p, loss, epsilon in ((summed, sum_loss, 0.01), (averaged, mean_loss, 0.01 / 32**2))
    ]
    for _ in range(200):
        batch = rng.normal(size=(32, 5)).astype(np.float32), rng.normal(size=32).astype(np.float32)
        for step in steps:
            step(*batch)
    np.testing.assert_allclose(summed.get_value(), averaged.get_value(), rtol=1e-5)
    assert abs(summed.get_value() - w).max() > 0.01
