"""Deep Q-learning, symbolically: the lecture's DQN as PyTensor graphs and a plain memory loop.

Floors, each importing only from those below it:

    3  experiments: comparison, and one module an experiment
    2  the loop:    run, training, evaluation, checkpoints, files, plots, settings
    1  experience:  memory, frames, exploration, tabular
    0  symbols:     q_learning, policy_gradient, losses, networks, conv, optimisers, initialisers,
                    backends, numba_linker

`lecture` stands by itself: the slides, as they are.
"""

import pytensor

# float32 throughout: with this, the plain numbers in a graph do not turn it into float64.
pytensor.config.floatX = "float32"
