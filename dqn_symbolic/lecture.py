"""The lecture's three code slides ("Q-learning in Theano?"):  python -m dqn_symbolic.lecture

Online Q-learning by SGD, one transition at a time: no replay, no minibatch, no target network. The
slides' names and shapes are kept; where a line differs, a comment says why. `memory`, which the
slides leave open, is here the stream of transitions of an epsilon-greedy player.
"""

from itertools import islice

import gymnasium
import numpy as np
import pytensor
import pytensor.tensor as TT
from pytensor import shared

pytensor.config.floatX = "float32"

# %% before the slides: the weights

rng = np.random.default_rng(0)
inputs, hidden, actions = 10 * 10, 128, 3  # Catch: the board's cells; left, stay and right


def first_weights(outputs, inputs):
    """Uniform in +-sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010)."""
    bound = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)


W = shared(first_weights(hidden, inputs), "W")  # a variable with a value, which `learn` updates
b = shared(np.zeros(hidden, np.float32), "b")
Wout = shared(first_weights(actions, hidden), "Wout")
bout = shared(np.zeros(actions, np.float32), "bout")


def relu(z):  # PyTensor has no TT.nnet.relu
    return TT.maximum(z, 0)


# %% slide 1: forward

x = TT.vector("x")  # a symbol, without a value
# The slide closes dot's bracket after bout, which would add an output bias to the hidden layer.
q = TT.dot(Wout, relu(TT.dot(W, x) + b)) + bout
forward = pytensor.function([x], q)  # compiled: forward(value of x) -> value of q

# %% slide 2: learn

params = [W, b, Wout, bout]
target_q = TT.scalar("target_q")
action = TT.iscalar("action")
lr = TT.scalar("lr")
gp = TT.grad((q[action] - target_q) ** 2, params)
learn = pytensor.function(
    [x, action, target_q, lr], [], updates=[(p, p - lr * gp) for p, gp in zip(params, gp)]
)

# %% slide 3: the loop


def q_learning(memory, lr=1e-3):
    """memory: (x, x_tp1, act, reward), values instead of symbols; x_tp1 is None at a game's end."""
    for _, (x, x_tp1, act, reward) in enumerate(memory):
        # The slide leaves out that nothing follows the end of a game.
        target_q = reward + (forward(x_tp1).max() if x_tp1 is not None else 0)
        learn(x, act, target_q, lr)


# %% and something to remember


def play(env, epsilon):
    """Plays epsilon-greedily for ever: yields (x, x_tp1, act, reward)."""
    while True:
        x, terminated, truncated = pixels(env.reset()[0]), False, False
        while not (terminated or truncated):
            explore = rng.random() < epsilon
            act = rng.integers(actions) if explore else forward(x).argmax()
            observation, reward, terminated, truncated, _ = env.step(act)
            x_tp1 = pixels(observation)
            yield x, (None if terminated else x_tp1), act, reward
            x = x_tp1


def pixels(observation):
    """The board as a vector, 0..1."""
    return observation.ravel().astype(np.float32) / np.float32(255)


# %% does it learn?


def learning_curve(transitions=100_000):
    """Learns; after every 10,000 transitions yields (transitions, mean reward of a greedy game)."""
    training, testing = (gymnasium.make("games:Catch-v0") for _ in range(2))
    training.reset(seed=0)
    testing.reset(seed=1)
    memory = play(training, epsilon=0.1)  # a generator: it plays on when q_learning asks
    for step in range(10_000, transitions + 1, 10_000):
        q_learning(islice(memory, 10_000), lr=1e-2)
        greedy = islice(play(testing, epsilon=0), 5_000)  # 555 games of 9 steps
        yield step, np.mean([reward for _, x_tp1, _, reward in greedy if x_tp1 is None])


if __name__ == "__main__":
    for step, score in learning_curve():
        print(f"{step:7,} transitions: {score:+.3f} a game", flush=True)
