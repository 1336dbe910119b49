"""Deep Q-learning, symbolically: the lecture's DQN as PyTensor graphs and a plain memory loop.

Start with `lecture`. To understand one update, go on with `symbols.q_learning`, `experience.memory`
and `agent.agent`. These are the rooms. Each imports only from the rooms below it:

    commands        the command line
    exercises       the lecture's exercises I and III, a page each
    experiments     the slides' claims
    runs            a run and its files
    environments    a game and its scoring
    agent           settings, the agent, evaluation
    experience      memory, frames, exploration
    symbols         the maths
    compiling       how graphs become machine code
"""
