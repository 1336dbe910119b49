"""The maths of the lecture as symbolic graphs: start with q_learning.

PyTensor and NumPy, and nothing about games, memories, files or windows.
"""

import dqn_symbolic.compiling  # noqa: F401  which makes everything float32
