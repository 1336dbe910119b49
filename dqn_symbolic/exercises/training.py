"""What the exercises share: minibatches, the rate of errors, pictures of filters, the command."""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dqn_symbolic.experiments.figures import save


def minibatches(rng, epochs, *arrays, size=20, bar=True):
    """Yields [`size` rows of each array, or what is left], in a new order in each epoch."""
    rows = len(arrays[0])
    for _ in tqdm(range(epochs), unit=" epochs", leave=False, disable=None if bar else True):
        order = rng.permutation(rows)
        for first in range(0, rows, size):
            chosen = order[first : first + size]
            yield [array[chosen] for array in arrays]


def error_rate(logits, label):
    """logits (N, classes), label (N,) -> the share for which the likeliest class is another."""
    return float((logits.argmax(axis=1) != label).mean())


def show(axes, images, columns):
    """Draws images (N, height, width), 0 black and 1 white, side by side in so many columns."""
    N, height, width = images.shape
    rows, gap = -(-N // columns), 1 + width // 40
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for n, image in enumerate(images):
        top, left = n // columns * (height + gap), n % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")


def as_images(W):
    """Weights W (64, N) -> (N, 8, 8), each from black (its least) to white (its greatest)."""
    low, high = W.min(axis=0), W.max(axis=0)
    return ((W - low) / (high - low)).T.reshape(-1, 8, 8)


def run(main, about):
    """The command of a page: main(seed) -> matplotlib Figure, which is kept under the page's name.

    Ends the process: status 0, or 2 with one line for bad input, or 130 after Ctrl-C.
    """
    page = main.__globals__["__spec__"].name

    def refuse(complaint, status=2):
        print(f"{page}: {complaint}", file=sys.stderr)
        sys.exit(status)

    parser = argparse.ArgumentParser(
        prog=f"python -m {page}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of all random numbers (0)")
    parser.add_argument("--out", type=Path, default="runs/exercises", help="folder of the picture")
    parser.error = refuse
    given = parser.parse_args()
    path = given.out / f"{page.rpartition('.')[2]}.png"
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=given.out).close()  # or else learn first and complain then
        save(path, main(given.seed))
    except ModuleNotFoundError as error:
        refuse(error)
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        refuse("interrupted", 130)
    print(path)


def whole_number(text):
    number = int(text)
    if number < 0:
        raise ValueError
    return number
