"""The learn step on several threads: the numbers of one thread, and the same bits every time."""

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dqn_symbolic.commands.training import resumed
from dqn_symbolic.compiling import backends
from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.guard.errors import BadInput
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.losses import clipped, squared
from dqn_symbolic.networks import conv, conv_params
from dqn_symbolic.optimisers import adam, sgd
from dqn_symbolic.q_learning import functions, q_learning
from dqn_symbolic.settings import Settings
from run_catch import DOOR, main
from tests.test_determinism import arguments, differences, outcome
from tests.test_q_learning import BATCH, graph

EPS = np.finfo(np.float32).eps


# Worked out in test_q_learning: the TD errors are 1 and -4.
@pytest.mark.parametrize(
    ("loss", "expected"),
    [(squared, [[1, 2.1], [2.6, 4]]), (clipped, [[1, 2.1], [2.9, 4]])],
    ids=["a mean", "a sum"],
)
def test_one_update_by_hand(loss, expected):
    """First one transition for each thread, then a single transition for both threads."""
    table_graph = graph([[1, 2], [3, 4]], partial(sgd, learning_rate=0.1), loss)
    _, learn, _ = functions(table_graph, MODES["numba"], threads=2)
    W = table_graph.params[0]
    assert learn(*BATCH).tolist() == [1, -4]
    np.testing.assert_allclose(W.get_value(), expected, rtol=1e-6)
    assert {v.name for v in table_graph.variables} == {"W", "target.W"}

    W.set_value(np.array([[1, 2], [3, 4]], np.float32))
    assert learn(*(array[:1] for array in BATCH)).tolist() == [1]
    increase = {squared: 0.2, clipped: 0.1}[loss]
    np.testing.assert_allclose(W.get_value(), [[1, 2 + increase], [3, 4]], rtol=1e-6)

    # A mean over three transitions: the second thread has two of them.
    W.set_value(np.array([[1, 2], [3, 4]], np.float32))
    x, action, reward, discount, x_tp1 = (array[[0, 1, 1]] for array in BATCH)
    assert learn(x, action, reward, discount, x_tp1).tolist() == [1, -4, -4]
    increases = {squared: (0.2 / 3, -1.6 / 3), clipped: (0.1, -0.2)}[loss]
    expected = [[1, 2 + increases[0]], [3 + increases[1], 4]]
    np.testing.assert_allclose(W.get_value(), expected, rtol=1e-6)


def two_threads():
    return functions(
        graph([[1, 2], [3, 4]], partial(sgd, learning_rate=0.1), squared), MODES["numba"], threads=2
    )[1]


def test_all_learners_of_a_process_share_one_helper():
    two_threads()(*BATCH)
    before = threading.active_count()
    for learn in two_threads(), two_threads():
        learn(*BATCH)
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_a_helper_of_its_own():
    """A fork copies the learner, but not its threads. `learn` would wait for them for ever."""
    script = (
        "import os, signal\n"
        "from tests.test_threads import BATCH, two_threads\n"
        "learn = two_threads()\n"
        "learn(*BATCH)\n"
        "if os.fork() == 0:\n"
        "    signal.alarm(20)\n"
        "    learn(*BATCH)\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert done.stdout == "0\n"


FILTERS, SHAPE = ((4, 3, 2), (5, 2, 1)), (10, 10, 2)
VALUES = conv_params(np.random.default_rng(0), SHAPE, FILTERS, (16,), 3, glorot)


def learner(loss, threads, optimiser=sgd):
    """-> learn, and its shared variables. With SGD at a rate of 1, an update is the gradient."""
    network = partial(conv, strides=[stride for _, _, stride in FILTERS])
    rule = partial(optimiser, learning_rate=1.0 if optimiser is sgd else 0.001)
    graph = q_learning(network, VALUES, SHAPE, "uint8", rule, loss)
    return functions(graph, MODES["numba"], threads)[1], graph.variables


def a_batch(size, rng):
    x, x_tp1 = rng.integers(0, 256, (2, size, *SHAPE), np.uint8)
    action, reward = rng.integers(0, 3, size), rng.normal(size=size)
    discount = np.full(size, 0.9, np.float32)
    return x, action.astype(np.int32), reward.astype(np.float32), discount, x_tp1


def gradient_by(learner, batch):
    """-> (td_error, {name: gradient}). Restores the weights afterwards."""
    learn, variables = learner
    shared = [v for v in variables if v.name in VALUES]
    td_error = learn(*batch)
    gradients = {v.name: VALUES[v.name] - v.get_value() for v in shared}
    for variable in shared:
        variable.set_value(VALUES[variable.name])
    return td_error, gradients


@pytest.mark.slow
@pytest.mark.parametrize("loss", [squared, clipped])
def test_the_gradient_equals_that_of_one_thread_to_rounding(loss):
    """It also equals the sum of the gradients of the single transitions, each on one thread.

    Sums of n numbers in two orders differ by at most 2 n eps times the sum of their magnitudes
    (Higham 2002, section 4.2). Here n is at most the transitions times the 16 positions of a
    filter. The weights from which a gradient is subtracted are rounded to eps.
    """
    alone = learner(loss, 1)
    several = {threads: learner(loss, threads) for threads in (2, 3)}
    for size in 1, 2, 3, 7, 32:
        batch = a_batch(size, np.random.default_rng(size))
        single = [gradient_by(alone, [array[[b]] for array in batch])[1] for b in range(size)]
        share = 1 / size if loss is squared else 1
        one_thread = gradient_by(alone, batch)
        for on_threads in several.values():
            td_error, gradients = gradient_by(on_threads, batch)
            np.testing.assert_allclose(td_error, one_thread[0], rtol=0, atol=64 * EPS)
            for name, gradient in gradients.items():
                magnitudes = share * sum(np.abs(g[name]) for g in single).max()
                bound = EPS * (2 * 16 * size * magnitudes + np.abs(VALUES[name]).max())
                summed = share * sum(g[name].astype(np.float64) for g in single)
                for expected in one_thread[1][name], summed:
                    np.testing.assert_allclose(gradient, expected, rtol=0, atol=bound)
            assert any(gradient.any() for gradient in gradients.values())


@pytest.mark.slow
def test_fifty_updates_repeat_exactly_and_stay_close_to_one_thread():
    results = []
    for threads in 1, 2, 2:
        (learn, variables), rng = learner(squared, threads, adam), np.random.default_rng(0)
        errors = [learn(*a_batch(9, rng)) for _ in range(50)]
        results.append({v.name: v.get_value() for v in variables} | {"errors": errors})
    one_thread, two_threads, repeated = results
    assert one_thread.keys() == two_threads.keys() >= {"t", "K1.m", "W1.v", "target.K1"}
    for name, value in two_threads.items():
        assert np.array_equal(value, repeated[name]), name
        np.testing.assert_allclose(value, one_thread[name], rtol=1e-4, atol=1e-4, err_msg=name)
    assert any(not np.array_equal(v, one_thread[name]) for name, v in two_threads.items())


@pytest.mark.slow
def test_a_resumed_run_keeps_its_threads_and_has_the_same_bits(tmp_path):
    uninterrupted, stopped = tmp_path / "uninterrupted", tmp_path / "stopped"
    options = {"filters": "4x3x1,4x2x1", "threads": 2}
    assert main(["--quiet", *arguments(uninterrupted, **options)]) == 0
    assert main(["--quiet", *arguments(stopped, steps=150, **options)]) == 0
    assert main(["--quiet", "--no-window", "--resume", str(stopped), "--steps", "240"]) == 0
    (expected, settings), (state, _) = outcome(uninterrupted), outcome(stopped)
    assert settings["threads"] == 2
    assert differences(expected, state) == []
    with pytest.raises(BadInput, match="threads was 2, not 1"):
        resumed(stopped, DOOR, {"threads": 1}, "train")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "threads: expected 1, but for convolutions on numba, got 2"),
        ({"filters": ((4, 3, 1),), "backend": "c"}, "convolutions on numba, got 2"),
        ({"filters": ((4, 3, 1),), "backend": "jax"}, "convolutions on numba, got 2"),
        ({"filters": ((4, 3, 1),), "threads": 0}, "threads: expected at least 1, got 0"),
    ],
)
def test_threads_without_convolutions_on_numba_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**{"threads": 2, **settings})


def test_more_threads_than_cores_give_one_line_of_advice(monkeypatch):
    monkeypatch.setattr(backends, "cores", lambda: 2)
    assert backends.advice("numba", threads=2) is None
    assert backends.advice("numba", threads=3) == (
        "threads: 3, but there are 2 processor cores for them: with 2 it would learn faster"
    )


def test_the_c_backend_without_blas_gets_one_line_of_advice(monkeypatch):
    config = SimpleNamespace(blas__ldflags="")
    monkeypatch.setattr(backends, "pytensor", SimpleNamespace(config=config))
    assert "the c backend has no BLAS" in backends.advice("c")
    assert backends.advice("numba") is None
    config.blas__ldflags = "-lopenblas"
    assert backends.advice("c") is None
