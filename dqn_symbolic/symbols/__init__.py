"""The maths of the lecture as symbolic graphs: start with q_learning.

It uses PyTensor and NumPy, and knows nothing of games, memories, files or windows.
"""

import dqn_symbolic.compiling  # noqa: F401  it sets float32
