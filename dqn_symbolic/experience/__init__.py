"""The frames that the agent sees, its exploration, and its replay memory.

It uses NumPy and Gymnasium, and knows nothing of networks.
"""
