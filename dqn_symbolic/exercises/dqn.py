"""From the online rule to DQN:  python -m dqn_symbolic.exercises.dqn

The slides from "But learning can be tricky" to "Other details", as settings of one agent. Each part
makes one change, and trains on Catch again.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of BLAS would only wait for each other

from dqn_symbolic import Agent, Settings, training
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.environments.task import scorer

# %% an agent and its learning curve

catch = task("games:Catch-v0")
curves = {}  # {name: [the row of each evaluation]}


def learn(name, settings, game=catch):
    """Trains an agent on a game. Keeps its curve under this name. -> the agent"""
    agent, rows = Agent(game.make(), Settings(**settings)), curves.setdefault(name, [])
    try:
        for row in training(agent, scorer(game, agent)):
            rows.append(row)
        print(f"{name}: {row['catch_rate']:.0%} caught after {agent.steps:,} agent steps")
    except FloatingPointError as error:
        print(f"{name}: after {agent.steps:,} agent steps {error}")
    return agent


# %% the online rule

online = {"memory_size": 1, "batch_size": 1, "sync_every": 1, "optimiser": "sgd"}
online |= {"learning_rate": 0.03, "steps": 15_000, "evaluate_every": 1_000}
agent = learn("online", online)

# %% correlated samples and the replay buffer

replay = {**online, "memory_size": 10_000}
agent = learn("replay", replay)

# %% high variance and minibatches

minibatches = {**replay, "batch_size": 32}
agent = learn("minibatches", minibatches)
agent = learn("minibatches, ten times the rate", {**minibatches, "learning_rate": 0.3})

# %% the moving target and the target network

agent = learn("moving target, rate 1", {**minibatches, "learning_rate": 1.0})
target = {**minibatches, "learning_rate": 1.0, "sync_every": 100}
agent = learn("target network, rate 1", target)

# %% RMSprop

rmsprop = {**target, "optimiser": "rmsprop", "learning_rate": 0.03}
agent = learn("RMSprop", rmsprop)

# %% pixels: convolutions, and four frames at a time

pixels = {**rmsprop, "filters": ((16, 4, 2), (32, 4, 3)), "history": 4}
pixels |= {"learning_rate": 0.003, "steps": 6_000, "evaluate_every": 500}
agent = learn("pixels", pixels, task("games:Catch-v0", pixels=42))
