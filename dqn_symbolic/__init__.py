"""Deep Q-learning, symbolically: the lecture's DQN as PyTensor graphs and a plain memory loop.

Start with `lecture`. Then `symbols.q_learning`, `experience.memory` and `agent.agent`: one update.
The rooms, each importing only from those below it:

    commands        the command line
    exercises       the lecture's exercises I and III, a page each
    experiments     the slides' claims
    runs            a run and its files
    environments    what the learner needs to know of a game
    agent           settings, the agent, evaluation
    experience      memory, frames, exploration
    symbols         the maths
    compiling       how graphs become machine code
"""
