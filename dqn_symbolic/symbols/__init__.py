"""The maths of the lecture as symbolic graphs: start with q_learning.

PyTensor and NumPy, and nothing about games, memories, files or windows.
"""

import pytensor

# float32 throughout: with this, the plain numbers in a graph do not turn it into float64.
pytensor.config.floatX = "float32"
