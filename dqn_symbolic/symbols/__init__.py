"""The maths of the lecture as symbolic graphs: start with q_learning.

PyTensor and NumPy, and nothing about games, memories, files or windows.
"""
