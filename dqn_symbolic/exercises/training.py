"""What the exercises share: the learning, the error rate, pictures of filters, the command."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dqn_symbolic.experiments.figures import save


def fit(learn, rng, epochs, *arrays, size, bar=True):
    """Calls learn(*minibatch of the arrays (N, ...)), N rows an epoch, each time in a new order."""
    N = len(arrays[0])
    for _ in tqdm(range(epochs), unit=" epochs", leave=False, disable=None if bar else True):
        for chosen in np.split(rng.permutation(N), range(size, N, size)):
            learn(*(array[chosen] for array in arrays))


def error_rate(forward, x, label):
    """x (N, ...), label (N,) -> how often, 0..1, the largest of forward(x) is not the label's."""
    return float((forward(x).argmax(axis=1) != label).mean())


def print_errors(forward, **data):
    """data: {name: (x, label)}"""
    for name, (x, label) in data.items():
        print(f"{name} error {error_rate(forward, x, label):.1%} of {len(x):,} digits")


def show(axes, images, columns, title, names=()):
    """Draws images (rows * columns, height, width), 0 black to 1 white, in rows with names."""
    gap = 1 + images.shape[2] // 40
    framed = np.pad(images, ((0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    sheet = np.vstack([np.hstack(row) for row in framed.reshape(-1, columns, *framed.shape[1:])])
    axes.imshow(sheet[:-gap, :-gap], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(frame_on=False, xticks=[])
    axes.set_yticks((np.arange(len(names)) + 0.5) * framed.shape[1], names, fontsize=8)
    axes.tick_params(left=False, grid_alpha=0)
    axes.set_title(title, fontsize=9)


def as_images(W):
    """Weights W (64, N) -> images (N, 8, 8): the smallest weight of each is 0, the largest 1."""
    low, high = W.min(axis=0), W.max(axis=0)
    return ((W - low) / (high - low)).T.reshape(-1, 8, 8)


def run(main, description):
    """The command of a page: saves the Figure main(seed). Bad input: one line, status 2."""
    page = f"{__package__}.{Path(main.__globals__['__file__']).stem}"
    parser = argparse.ArgumentParser(prog=f"python -m {page}", description=description)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter

    def fail(message, status=2):
        parser.exit(status, f"{page}: {message}\n")

    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parser.add_argument("--out", type=Path, default="runs/exercises", help="folder of the picture")
    parser.error = fail
    options = parser.parse_args()
    if not 0 <= options.seed < 2**63:
        fail(f"argument --seed: expected 0 to {2**63 - 1:,}, got {options.seed!s:.100}")
    path = options.out / f"{page.rpartition('.')[2]}.png"
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.out).close()  # fails now, not after the training
        save(path, main(options.seed), f"{path.stem.replace('_', ' ')}, seed {options.seed}")
    except ModuleNotFoundError as error:
        fail(f'{error.name} is not installed: pip install -e ".[exercises]"')
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        fail("interrupted", 130)
    print(path)
