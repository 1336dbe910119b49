"""Stacked denoising autoencoders:  python -m dqn_symbolic.exercises.stacked_denoising_autoencoders

There are many digits, but only a few have labels. Do the digits without labels help?

Pre-training uses no labels. A denoising autoencoder learns the digits. Its hidden layer becomes the
network's first layer. The outputs of this layer are what the next denoising autoencoder learns, and
so on. Then the whole network learns from the labelled digits, as in `mlp` (fine-tuning):

    h_1 = sigmoid(x W_1 + b_1),  h_n = sigmoid(h_n-1 W_n + b_n)
    P(k | x) = softmax_k(h_3 Wout + bout)

The comparison is the same network with random initial weights, and logistic regression.

(Vincent et al. 2010; Deep Learning Tutorials, "Stacked Denoising Autoencoders (SdA)".)
"""

import numpy as np
import pytensor.tensor as TT
from tqdm import tqdm

from dqn_symbolic import initialisers, networks
from dqn_symbolic.exercises import data, denoising_autoencoder, logistic_regression, training
from dqn_symbolic.experiments.figures import STYLES, band, panels

LABELS, SEEDS = (50, 100, 200), 10
HIDDEN, CORRUPTION = (100, 100, 100), (0.1, 0.2, 0.3)  # of each layer
PRE_EPOCHS, UPDATES, BATCH, RATE = 50, 4000, 10, 0.3


def random_params(rng, hidden):
    """-> {"W1", "b1", ..., "Wout", "bout"}. Sigmoids need four times Glorot's weights."""
    params = networks.mlp_params(rng, (data.PIXELS,), hidden, data.CLASSES, initialisers.glorot)
    return {name: value if name == "Wout" else 4 * value for name, value in params.items()}


def pretrained(params, x, rng):
    """-> params, with hidden layers from stacked denoising autoencoders of x (N, 64)."""
    for layer, (hidden, corruption) in enumerate(zip(HIDDEN, CORRUPTION), 1):
        _, encode, W, b = denoising_autoencoder.train(x, rng, hidden, corruption, PRE_EPOCHS)
        params = {**params, f"W{layer}": W, f"b{layer}": b}
        x = encode(x)
    return params


def fine_tuned(functions, first_params, digits, test, labels, seed, updates=UPDATES):
    """-> the test error after training on the first `labels` of digits = (x, label)."""
    learn, forward, params = functions
    for param, value in zip(params, first_params.values()):
        param.set_value(value)
    rng, epochs = np.random.default_rng(seed), updates * BATCH // labels
    training.fit(learn, rng, epochs, *(a[:labels] for a in digits), size=BATCH, bar=False)
    return training.error_rate(forward, *test)


def errors(seeds):
    """-> {method: array (seeds, numbers of labels) of test errors}"""
    # `fine_tuned` sets the params of these two graphs anew.
    first = (random_params(np.random.default_rng(0), hidden) for hidden in (HIDDEN, ()))
    deep, flat = (logistic_regression.classifier(p, RATE, activation=TT.sigmoid) for p in first)
    results = {"pre-trained": [], "random weights": [], "logistic regression": []}
    for seed in tqdm(seeds, unit=" seeds", leave=False, disable=None):
        (digits, test), rng = data.digits(seed), np.random.default_rng(seed)
        random = random_params(rng, HIDDEN)
        stacked = pretrained(random, digits[0], rng)
        methods = (deep, stacked), (deep, random), (flat, random_params(rng, ()))
        for by_seed, method in zip(results.values(), methods):
            by_seed.append([fine_tuned(*method, digits, test, n, seed) for n in LABELS])
    return {name: np.array(by_seed) for name, by_seed in results.items()}


def main(seed):
    results = errors(range(seed, seed + SEEDS))
    print(f"test error, median of {SEEDS} seeds".ljust(34), *(f"{n:4} labels" for n in LABELS))
    figure, axes = panels(6, 4)
    for (name, by_seed), style in zip(results.items(), STYLES):
        print(name.ljust(34), *(f"{error:11.1%}" for error in np.median(by_seed, axis=0)))
        band(axes, dict(zip(LABELS, by_seed.T)), ms=6, label=name, **style)
    better = (results["pre-trained"] < results["random weights"]).sum(axis=0)
    print("seeds in which pre-training helped".ljust(34), *(f"{n:11}" for n in better))
    axes.set(xlabel="labelled digits", ylabel="test error", xticks=LABELS, yticks=np.arange(5) / 20)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9, title=f"{SEEDS} seeds: median, quartiles")
    return figure


if __name__ == "__main__":
    training.run(main, __doc__)
