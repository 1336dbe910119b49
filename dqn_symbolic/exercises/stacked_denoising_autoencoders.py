"""Stacked denoising autoencoders:  python -m dqn_symbolic.exercises.stacked_denoising_autoencoders

Digits are many, labels are few. Does it help to learn from the digits before the labels?

Pre-training: the first layer learns as a denoising autoencoder of the digits, the second as one of
what the first makes of them, and so on, without a label. Then all of it is one network,

    h_n = sigmoid(h_n-1 W_n + b_n),  P(k | x) = softmax_k(h Wout + bout),

which learns from the labelled digits as in `mlp` ("fine-tuning"). The same network from random
weights is what it is compared with.

(Vincent et al. 2010; Deep Learning Tutorials, "Stacked Denoising Autoencoders (SdA)".)
"""

import numpy as np
import pytensor.tensor as TT
from matplotlib.figure import Figure
from pytensor import grad
from tqdm import tqdm

from dqn_symbolic.compiling.backends import MODES
from dqn_symbolic.exercises import denoising_autoencoder
from dqn_symbolic.exercises.data import CLASSES, PIXELS, digits
from dqn_symbolic.exercises.training import error_rate, minibatches, run
from dqn_symbolic.experiments.figures import STYLES
from dqn_symbolic.symbols.initialisers import glorot
from dqn_symbolic.symbols.networks import mlp, mlp_params
from dqn_symbolic.symbols.optimisers import sgd
from dqn_symbolic.symbols.q_learning import compiled, shared
from dqn_symbolic.symbols.supervised import cross_entropy

LABELS, SEEDS = (50, 100, 200), 10
HIDDEN, CORRUPTION = (100, 100, 100), (0.1, 0.2, 0.3)  # of each layer
EPOCHS, BATCH = 50, 10
PRE_EPOCHS = 50


def first_params(rng):
    """-> {"W1", "b1", ..., "Wout", "bout"}: random. Sigmoids get four times Glorot's weights."""
    params = mlp_params(rng, (PIXELS,), HIDDEN, CLASSES, glorot)
    return {name: 4 * value if name != "Wout" else value for name, value in params.items()}


def pretrained(params, x, rng, epochs=PRE_EPOCHS, mode=MODES["numba"]):
    """-> params, where the hidden layers are those of stacked denoising autoencoders of x (N, 64)."""
    params = dict(params)
    for layer, (hidden, corruption) in enumerate(zip(HIDDEN, CORRUPTION), 1):
        _, encode, W, b = denoising_autoencoder.train(x, rng, hidden, corruption, epochs, mode)
        params |= {f"W{layer}": W, f"b{layer}": b}
        x = encode(x)
    return params
