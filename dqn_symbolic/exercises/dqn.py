"""From the online rule to DQN:  python -m dqn_symbolic.exercises.dqn

The slides from "But learning can be tricky" to "Other details", as settings of one agent. Each part
makes one change, and trains on Catch again.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of BLAS would only wait for each other

from dqn_symbolic.experiments import learning

# %% a learning curve

curves = {}  # {name: [a row for each evaluation]}


def learn(name, settings, **game):
    """Trains an agent on Catch, and keeps its curve under this name."""
    condition = {"agent": {"evaluate_every": 1_000} | settings, "game": game}
    curves[name] = list(learning.rows(condition, seed=0))
    print(f"{name}: {curves[name][-1]['catch_rate']:.0%} caught at the end")


# %% the online rule

online = {"memory_size": 1, "batch_size": 1, "sync_every": 1, "optimiser": "sgd"}
online |= {"learning_rate": 0.03, "steps": 15_000}
learn("online", online)

# %% correlated samples and the replay buffer

replay = online | {"memory_size": 10_000}
learn("replay", replay)

# %% high variance and minibatches

minibatches = replay | {"batch_size": 32}
learn("minibatches", minibatches)
fast = minibatches | {"learning_rate": 0.3}
learn("ten times the rate", fast)
learn("narrow paddle", fast, paddle_width=1)
learn("narrow paddle, latest 32 frames", fast | {"memory_size": 32}, paddle_width=1)

# %% the moving target and the target network

moving = minibatches | {"learning_rate": 1.0}
learn("moving target, rate 1", moving)
target = moving | {"sync_every": 100}
learn("target network, rate 1", target)

# %% RMSprop

rmsprop = target | {"optimiser": "rmsprop", "learning_rate": 0.03}
learn("RMSprop", rmsprop)

# %% pixels: convolutions, and four frames at a time

pixels = rmsprop | {"filters": [(16, 4, 2), (32, 4, 3)], "history": 4, "learning_rate": 0.003}
learn("pixels", pixels | {"steps": 6_000, "evaluate_every": 500}, pixels=42)
