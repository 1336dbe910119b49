"""The exercises' data, none of it downloaded: scikit-learn's digits, and frames of Catch."""

import gymnasium
import numpy as np

PIXELS, CLASSES = 64, 10  # a digit has 8 x 8 pixels; the classes are 0 to 9
TEST = 500  # of the 1,797 digits


def digits(seed):
    """-> (x, label) of 1,297 training digits, (x, label) of 500 test digits, by the seed.

    x (N, 64) float32, 0..1 (white); label (N,) int32, 0..9. ModuleNotFoundError: no scikit-learn.
    """
    from sklearn.datasets import load_digits

    pixels, label = load_digits(return_X_y=True)  # 0..16, by Alpaydin & Kaynak 1998
    x, label = (pixels / 16).astype(np.float32), label.astype(np.int32)
    test, train = np.split(np.random.default_rng(seed).permutation(len(x)), [TEST])
    return (x[train], label[train]), (x[test], label[test])


def catch(seed):
    """-> x, test_x (360, 84, 84, 1) float32, 0..1: the shuffled frames of a falling ball.

    Think of the board as a chessboard. Frames with the ball on a black cell are for training, on a
    white cell for testing. So every test ball is in a cell that held no ball in training.
    """
    env = gymnasium.make("games:Catch-v0", pixels=84).unwrapped
    states = [start._replace(ball_row=row) for start in env.starts() for row in range(env.rows - 1)]
    frames = np.stack([env.reset(options={"state": state})[0] for state in states])[..., None]
    white = np.array([(state.ball_row + state.ball_column) % 2 == 1 for state in states])
    parts = (np.float32(frames[chosen] / 255) for chosen in (~white, white))
    return tuple(map(np.random.default_rng(seed).permutation, parts))
