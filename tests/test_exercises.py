"""Exercises I and III: each graph against NumPy, its results against scikit-learn and PCA."""

import sys

import numpy as np
import pytensor
import pytensor.tensor as TT
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dqn_symbolic.exercises import (
    autoencoder,
    convolutional_autoencoder,
    denoising_autoencoder,
    logistic_regression,
    mlp,
    stacked_denoising_autoencoders,
)
from dqn_symbolic.exercises.autoencoder import bernoulli_cross_entropy
from dqn_symbolic.exercises.data import catch, digits
from dqn_symbolic.exercises.logistic_regression import cross_entropy
from dqn_symbolic.exercises.training import as_images, error_rate, fit, run
from dqn_symbolic.initialisers import glorot
from dqn_symbolic.optimisers import sgd
from tests.plain import PLAIN

PAGES = [
    logistic_regression,
    mlp,
    autoencoder,
    denoising_autoencoder,
    stacked_denoising_autoencoders,
    convolutional_autoencoder,
]


def some_digits(count=30, seed=0):
    """Random data in the format of the digits: x (N, 64) float32 in 0..1, label (N,) int32."""
    rng = np.random.default_rng(seed)
    return rng.random((count, 64), np.float32), rng.integers(10, size=count, dtype=np.int32)


def softmax(z):
    e = np.exp(z.astype(np.float64))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, np.float64)))


# -- losses ----------------------------------------------------------------------------------------


def value_and_gradient(loss, logits, target):
    z = TT.tensor("z", dtype="float32", shape=(None, *logits.shape[1:]))
    y = TT.tensor("y", dtype=str(target.dtype), shape=(None, *target.shape[1:]))
    return pytensor.function([z, y], [loss(z, y), TT.grad(loss(z, y), z)], mode=PLAIN)(
        logits, target
    )


def test_cross_entropy_by_hand():
    logits = np.log(np.array([[1, 2, 5], [3, 3, 4]], np.float32))  # probabilities times 8 and 10
    value, gradient = value_and_gradient(cross_entropy, logits, np.array([2, 0], np.int32))
    assert value == pytest.approx(-(np.log(5 / 8) + np.log(3 / 10)) / 2)
    expected = np.array([[1 / 8, 2 / 8, 5 / 8 - 1], [3 / 10 - 1, 3 / 10, 4 / 10]]) / 2
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_cross_entropy_is_finite_for_a_label_of_probability_0():
    logits = np.array([[0, 1000]], np.float32)
    value, gradient = value_and_gradient(cross_entropy, logits, np.array([0], np.int32))
    assert value == 1000
    assert gradient.tolist() == [[-1, 1]]


@pytest.mark.parametrize("shape", [(3, 5), (3, 2, 4, 1)])
def test_bernoulli_cross_entropy_is_summed_over_pixels_and_averaged_over_the_batch(shape):
    rng = np.random.default_rng(0)
    logits, x = rng.normal(size=shape).astype("f4"), rng.random(shape, np.float32)
    p = sigmoid(logits)
    value, gradient = value_and_gradient(bernoulli_cross_entropy, logits, x)
    assert value == pytest.approx(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum() / 3, rel=1e-5)
    np.testing.assert_allclose(gradient, (p - x) / 3, rtol=1e-4, atol=1e-6)


def test_bernoulli_cross_entropy_is_finite_for_large_logits():
    logits, x = np.array([[-1000, 1000]], np.float32), np.array([[1, 0]], np.float32)
    value, gradient = value_and_gradient(bernoulli_cross_entropy, logits, x)
    assert value == 2000
    assert gradient.tolist() == [[-1, 1]]


# -- one update of each graph, in NumPy ------------------------------------------------------------


def test_one_update_of_logistic_regression():
    x, label = some_digits()
    learn, forward, (W, b) = logistic_regression.graph(PLAIN)
    first = np.random.default_rng(1).normal(size=(64, 10)).astype("f4")
    W.set_value(first)
    error = (softmax(x @ first) - np.eye(10)[label]) / 30
    learn(x, label)
    rate, decay = logistic_regression.RATE, logistic_regression.DECAY
    expected = first - rate * (x.T @ error + decay * first)
    np.testing.assert_allclose(W.get_value(), expected, atol=1e-5)
    np.testing.assert_allclose(b.get_value(), -rate * error.sum(axis=0), atol=1e-5)
    np.testing.assert_allclose(forward(x), x @ W.get_value() + b.get_value(), atol=1e-4)


def test_one_update_of_the_mlp():
    x, label = some_digits()
    learn, forward, params = mlp.graph(np.random.default_rng(0), PLAIN)
    W1, _, Wout, _ = (p.get_value().astype(np.float64) for p in params)
    h = np.tanh(x @ W1)
    np.testing.assert_allclose(forward(x), h @ Wout, atol=1e-5)
    error = (softmax(h @ Wout) - np.eye(10)[label]) / 30
    hidden_error = error @ Wout.T * (1 - h**2)
    gradients = (
        x.T @ hidden_error + mlp.DECAY * W1,
        hidden_error.sum(axis=0),
        h.T @ error + mlp.DECAY * Wout,
        error.sum(axis=0),
    )
    expected = [p.get_value() - mlp.RATE * g for p, g in zip(params, gradients)]
    learn(x, label)
    for param, value in zip(params, expected):
        np.testing.assert_allclose(param.get_value(), value, atol=1e-5)


def test_one_update_of_the_denoising_autoencoder():
    """The tied weights learn in both layers; the loss compares with x, not with its corruption."""
    x, _ = some_digits()
    corrupted = x * (np.random.default_rng(5).random(x.shape) < 0.5)
    rate, rng = denoising_autoencoder.RATE, np.random.default_rng(0)
    learn, reconstruct, encode, W, b = autoencoder.graph(rng, 64, 7, False, sgd, rate, PLAIN)
    first = W.get_value().astype(np.float64)
    h = sigmoid(corrupted @ first)
    reconstruction = sigmoid(h @ first.T)
    np.testing.assert_allclose(encode(corrupted), h, atol=1e-5)
    np.testing.assert_allclose(reconstruct(corrupted), reconstruction, atol=1e-5)
    error = (reconstruction - x) / len(x)
    hidden_error = error @ first * h * (1 - h)
    learn(corrupted, x)
    expected = first - rate * (corrupted.T @ hidden_error + error.T @ h)
    np.testing.assert_allclose(W.get_value(), expected, atol=1e-5)
    np.testing.assert_allclose(b.get_value(), -rate * hidden_error.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("linear", [True, False])
def test_the_autoencoders_loss_and_reconstruction(linear):
    x, _ = some_digits()
    learn, reconstruct, *_ = autoencoder.graph(
        np.random.default_rng(0), 64, 5, linear, sgd, 0.01, PLAIN
    )
    W = glorot(np.random.default_rng(0), (64, 5)).astype(np.float64)
    activation = (lambda z: z) if linear else sigmoid
    reconstruction = activation(activation(x @ W) @ W.T)
    np.testing.assert_allclose(reconstruct(x), reconstruction, atol=1e-5)
    cross_entropies = -(
        x * np.log(sigmoid(x))
        if linear
        else x * np.log(reconstruction) + (1 - x) * np.log(1 - reconstruction)
    )
    expected = ((reconstruction - x) ** 2 if linear else cross_entropies).sum(axis=1).mean()
    assert learn(x, x) == pytest.approx(expected, rel=1e-4)
    assert learn(x, x) < expected


def test_the_convolutional_autoencoder_restores_the_size_and_learns():
    """The windows leave out a line of 13 x 11 pixels; the decoder restores the full size."""
    x = np.zeros((6, 13, 11, 1), np.float32)
    x[np.arange(6), 2 + np.arange(6), 1 + np.arange(6)] = 1
    learn, encode, reconstruct = convolutional_autoencoder.graph(
        np.random.default_rng(0), (13, 11, 1), ((3, 4, 2), (2, 2, 1)), PLAIN
    )
    assert encode(x).shape == (6, 4, 3, 2)
    assert encode(x).min() == 0
    reconstruction = reconstruct(x)
    assert reconstruction.shape == x.shape
    loss = -(x * np.log(reconstruction) + (1 - x) * np.log(1 - reconstruction)).sum() / 6
    assert learn(x) == pytest.approx(loss, rel=1e-4)
    for _ in range(100):
        last = learn(x)
    assert last < loss / 3


def test_the_convolutional_autoencoder_has_the_sizes_of_its_docstring():
    x = np.zeros((2, 84, 84, 1), np.float32)
    _, encode, reconstruct = convolutional_autoencoder.graph(
        np.random.default_rng(0), (84, 84, 1), mode=PLAIN
    )
    assert encode(x).shape == (2, 9, 9, 4)
    assert reconstruct(x).shape == (2, 84, 84, 1)


# -- shared functions ------------------------------------------------------------------------------


def test_each_epoch_has_every_row_once_in_a_new_order():
    x, y = np.arange(7), np.arange(7) * 10
    batches = []
    fit(lambda *batch: batches.append(batch), np.random.default_rng(0), 2, x, y, size=3)
    assert [len(x) for x, _ in batches] == [3, 3, 1] * 2
    assert all((y == 10 * x).all() for x, y in batches)
    first, second = (np.concatenate([x for x, _ in batches[n : n + 3]]) for n in (0, 3))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first.tolist() != second.tolist()


def test_error_rate_by_hand():
    logits = np.array([[1, 2], [3, 0], [0, 1], [5, 4]])
    assert error_rate(lambda x: x, logits, np.array([1, 0, 0, 0])) == 0.25


def test_weights_as_images_range_from_0_to_1():
    images = as_images(np.random.default_rng(0).normal(size=(64, 3)))
    assert images.shape == (3, 8, 8)
    assert images.min(axis=(1, 2)).tolist() == [0] * 3
    assert images.max(axis=(1, 2)).tolist() == [1] * 3


def test_corruption_sets_a_share_of_the_pixels_to_0():
    x = np.full((100, 100), 0.7, np.float32)
    corrupted = denoising_autoencoder.corrupt(np.random.default_rng(0), x, 0.3)
    assert corrupted.dtype == np.float32
    assert set(np.unique(corrupted)) == {0, np.float32(0.7)}
    assert (corrupted == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert (denoising_autoencoder.corrupt(np.random.default_rng(0), x, 0) == x).all()


def test_the_error_of_pca_is_the_sum_of_the_smallest_eigenvalues():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) + 3
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))  # smallest first
    for code in range(7):
        error = autoencoder.squared_error(autoencoder.pca(x, code)(x), x)
        assert error == pytest.approx(eigenvalues[: 6 - code].sum(), abs=1e-9)


def test_the_same_seed_gives_the_same_bits():
    data = some_digits()
    first, again, other = (
        mlp.train(data, seed, epochs=2, mode=PLAIN)[1].tobytes() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_each_layer_is_pretrained_on_the_codes_of_the_layer_below(monkeypatch):
    calls = []

    def train(x, rng, hidden, corruption, epochs):
        calls.append((x, corruption))
        return None, lambda x: x + 1, f"W of {len(calls)}", f"b of {len(calls)}"

    monkeypatch.setattr(denoising_autoencoder, "train", train)
    stacked = stacked_denoising_autoencoders
    first = stacked.random_params(np.random.default_rng(0), stacked.HIDDEN)
    params = stacked.pretrained(first, 0, None)
    assert calls == [(0, 0.1), (1, 0.2), (2, 0.3)]
    assert [params[name] for name in ("W1", "b1", "W3", "b3")] == [
        *("W of 1", "b of 1", "W of 3", "b of 3")
    ]
    assert params["Wout"] is first["Wout"]
    assert list(params) == list(first)
    assert isinstance(first["W1"], np.ndarray)


def test_fine_tuning_starts_from_the_given_weights_and_uses_only_20_labels():
    data, stacked = some_digits(), stacked_denoising_autoencoders
    first = stacked.random_params(np.random.default_rng(0), (4,))
    learn, forward, params = logistic_regression.classifier(
        stacked.random_params(np.random.default_rng(1), (4,)), 0.3, 0.0, TT.sigmoid, PLAIN
    )
    seen, started = set(), []

    def recording_learn(x, label):
        if not seen:
            started.extend(param.get_value() for param in params)
        seen.update(map(bytes, x))
        return learn(x, label)

    functions = recording_learn, forward, params
    stacked.fine_tuned(functions, first, data, data, 20, seed=0, updates=6)
    assert seen == set(map(bytes, data[0][:20]))
    assert all((a == b).all() for a, b in zip(started, first.values()))


# -- data ------------------------------------------------------------------------------------------


@pytest.mark.slow  # needs scikit-learn
def test_each_digit_is_once_in_the_training_or_test_data():
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    data = digits(0)
    assert [part.shape for half in data for part in half] == [
        (1297, 64),
        (1297,),
        (500, 64),
        (500,),
    ]
    assert [part.dtype for half in data for part in half] == [np.float32, np.int32] * 2
    x, label = map(np.concatenate, zip(*data))
    pixels, target = load_digits(return_X_y=True)
    rows, expected = (
        sorted(zip(map(bytes, np.asarray(a, np.uint8)), b.tolist()))
        for a, b in ((x * 16, label), (pixels, target))
    )
    assert rows == expected
    (first, _), _ = data
    assert (digits(0)[0][0] == first).all()
    assert (digits(1)[0][0] != first).any()


def test_catch_test_balls_are_in_positions_without_training_balls():
    x, test_x = catch(0)
    assert x.shape == test_x.shape == (360, 84, 84, 1)
    assert x.dtype == np.float32

    def balls(frames):  # only the ball is white
        return {tuple(np.argwhere(frame[..., 0] == 1).min(axis=0)) for frame in frames}

    assert len(balls(x)) == len(balls(test_x)) == 45
    assert not balls(x) & balls(test_x)
    assert len(set(map(bytes, np.concatenate([x, test_x])))) == 720
    assert (catch(0)[0] == x).all()
    assert (catch(1)[0] != x).any()


# -- the command -----------------------------------------------------------------------------------


def command(monkeypatch, main, *arguments):
    """-> exit status of the command of the page `mlp`, with another `main`."""
    monkeypatch.setattr(sys, "argv", ["page", *map(str, arguments)])
    monkeypatch.setitem(main.__globals__, "__file__", mlp.__file__)
    try:
        run(main, mlp.__doc__)
    except SystemExit as end:
        return end.code
    return 0


def picture(seed):
    figure = Figure(figsize=(1, 1))
    figure.text(0, 0, str(seed))
    return figure


def test_the_seed_reaches_the_page(monkeypatch, tmp_path):
    seeds = []

    def main(seed):
        seeds.append(seed)
        return picture(seed)

    assert command(monkeypatch, main, "--seed", 3, "--out", tmp_path) == 0
    assert seeds == [3]


def test_the_picture_is_named_after_the_page(monkeypatch, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert command(monkeypatch, picture, "--seed", 3, "--out", out) == 0
    with Image.open(out / "mlp.png") as drawn:
        assert drawn.size == (100, 100)
    assert capsys.readouterr().out == f"{out / 'mlp.png'}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1"], f"argument --seed: expected 0 to {2**63 - 1:,}, got -1"),
        (["--seed", "9" * 400], f"argument --seed: expected 0 to {2**63 - 1:,}, got {'9' * 100}"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--sede", "1"], "unrecognized arguments: --sede 1"),
        (["--out", __file__], f"{__file__}: File exists"),
    ],
)
def test_bad_input_is_refused_in_one_line(monkeypatch, capsys, arguments, message):
    assert command(monkeypatch, picture, *arguments) == 2
    assert capsys.readouterr().err == f"dqn_symbolic.exercises.mlp: {message}\n"


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert command(monkeypatch, mlp.main, "--out", tmp_path) == 2
    assert capsys.readouterr().err == (
        "dqn_symbolic.exercises.mlp: sklearn.datasets is not installed:"
        ' pip install -e ".[exercises]"\n'
    )


def test_ctrl_c_is_one_line(monkeypatch, capsys, tmp_path):
    def interrupted(seed):
        raise KeyboardInterrupt

    assert command(monkeypatch, interrupted, "--out", tmp_path) == 130
    assert capsys.readouterr().err == "dqn_symbolic.exercises.mlp: interrupted\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__.rpartition(".")[2])
def test_a_page_begins_with_its_command_and_is_short(page):
    assert page.__doc__.splitlines()[0].endswith(f":  python -m {page.__name__}")
    with open(page.__file__) as file:
        assert len(file.readlines()) <= 120


# -- results of training ---------------------------------------------------------------------------


@pytest.mark.slow
def test_logistic_regression_reaches_the_optimum_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    (x, label), test = digits(0)
    decay = logistic_regression.DECAY
    reference = linear_model.LogisticRegression(C=1 / (len(x) * decay), tol=1e-8, max_iter=10_000)
    reference.fit(x, label)
    forward, W, b = logistic_regression.train((x, label), 0)

    def loss(W, b):
        p = softmax(x @ W + b)[np.arange(len(x)), label]
        return -np.log(p).mean() + decay / 2 * (W**2).sum()

    assert 1 <= loss(W, b) / loss(reference.coef_.T, reference.intercept_) < 1.005
    reference_error = 1 - reference.score(*test)
    assert error_rate(forward, *test) == pytest.approx(reference_error, abs=0.005)


def classifier(**options):
    """-> scikit-learn's classifier, with the layers and updates of the page `mlp`."""
    neural_network = pytest.importorskip("sklearn.neural_network")
    return neural_network.MLPClassifier(
        (mlp.HIDDEN,),
        activation="tanh",
        solver="sgd",
        momentum=0,
        batch_size=mlp.BATCH,
        learning_rate_init=mlp.RATE,
        alpha=mlp.DECAY * mlp.BATCH,  # scikit-learn divides it by the size of the minibatch
        **options,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # it stops before it converges
def test_the_mlp_is_as_good_as_scikit_learns():
    errors, reference_errors = [], []
    for seed in 0, 1:
        data, test = digits(seed)
        reference = classifier(max_iter=mlp.EPOCHS, n_iter_no_change=mlp.EPOCHS, random_state=seed)
        reference_errors.append(1 - reference.fit(*data).score(*test))
        forward, _ = mlp.train(data, seed)
        errors.append(error_rate(forward, *test))
    np.testing.assert_allclose(errors, reference_errors, atol=0.01)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.slow  # needs scikit-learn
def test_the_mlps_updates_equal_scikit_learns():
    """Both start from the same weights and take the same minibatches in the same order."""
    reference = classifier(max_iter=1, shuffle=False, warm_start=True)
    (x, _), _ = digits(0)
    x, label = x[:100], np.arange(100, dtype=np.int32) % 10
    reference.fit(x, label)
    learn, _, params = mlp.graph(np.random.default_rng(0), PLAIN)
    W1, b1, Wout, bout = (param.get_value().astype(x.dtype) for param in params)
    reference.coefs_, reference.intercepts_ = [W1.copy(), Wout.copy()], [b1.copy(), bout.copy()]
    reference.fit(x, label)
    for first in range(0, 100, mlp.BATCH):
        learn(x[first : first + mlp.BATCH], label[first : first + mlp.BATCH])
    expected = (
        reference.coefs_[0],
        reference.intercepts_[0],
        reference.coefs_[1],
        reference.intercepts_[1],
    )
    for param, value in zip(params, expected):
        np.testing.assert_allclose(param.get_value(), value, atol=1e-5)
    assert abs(params[0].get_value() - W1).max() > 1e-3


@pytest.mark.slow
def test_the_linear_autoencoder_reaches_pca():
    """On its training data, its error is at most 1% above that of PCA, which is the minimum.

    Baldi & Hornik 1989.
    """
    decomposition = pytest.importorskip("sklearn.decomposition")
    (x, _), _ = digits(0)
    for code in autoencoder.CODE_SIZES:
        reference = decomposition.PCA(code).fit(x)
        pca = ((reference.inverse_transform(reference.transform(x)) - x) ** 2).sum() / len(x)
        own_pca = autoencoder.pca(x, code)
        assert autoencoder.squared_error(own_pca(x), x) == pytest.approx(pca, rel=1e-3)
        reconstruct = autoencoder.train(x, 0, code, linear=True)
        error = autoencoder.squared_error(reconstruct(x), x)
        assert 0.9999 < error / pca < 1.01


@pytest.mark.slow
def test_the_denoising_autoencoder_restores_better_than_any_linear_map():
    pytest.importorskip("sklearn")
    (x, _), (test_x, _) = digits(0)
    page, rng = denoising_autoencoder, np.random.default_rng(0)
    restore, *_ = page.train(x, rng, page.HIDDEN, page.CORRUPTION)
    corrupted = page.corrupt(rng, test_x, page.CORRUPTION)
    error, linear_error = (
        ((restored - test_x) ** 2).sum()
        for restored in (restore(corrupted), page.linear(x, rng)(corrupted))
    )
    assert error < 0.9 * linear_error


@pytest.mark.slow
def test_pretraining_helps_with_few_labels():
    pytest.importorskip("sklearn")
    errors = stacked_denoising_autoencoders.errors(range(3))
    pretrained, unpretrained = (
        errors[way].mean(axis=0) for way in ("pre-trained", "random weights")
    )
    assert (pretrained < unpretrained).all()


@pytest.mark.slow
def test_the_convolutional_autoencoder_restores_balls_in_new_positions():
    x, test_x = catch(0)
    _, reconstruct = convolutional_autoencoder.train(x, 0, epochs=60)
    flat, test = (part.reshape(len(part), -1) for part in (x, test_x))
    pca_error = autoencoder.squared_error(autoencoder.pca(flat, 324)(test), test)
    assert autoencoder.squared_error(reconstruct(test_x), test_x) < 0.2 * pca_error


def test_the_best_linear_map_restores_what_other_pixels_tell():
    rng = np.random.default_rng(0)
    x = rng.random((200, 1)) * np.ones((1, 64))  # every pixel of an image is the same
    corrupted = denoising_autoencoder.corrupt(rng, x, 0.3)
    restored = denoising_autoencoder.linear(x, rng)(corrupted)
    error = autoencoder.squared_error(restored, x)
    assert error < 0.1 * autoencoder.squared_error(corrupted, x)


def test_weights_of_sigmoids_are_four_times_glorots():
    params = stacked_denoising_autoencoders.random_params(np.random.default_rng(0), (100,))
    bound = np.sqrt(6 / (64 + 100))
    assert 3.9 * bound < abs(params["W1"]).max() <= 4 * bound * (1 + 1e-6)
    assert abs(params["Wout"]).max() <= np.sqrt(6 / (100 + 10)) * (1 + 1e-6)
