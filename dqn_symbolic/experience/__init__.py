"""What the agent lives through: the frames it sees, how it explores, and what it remembers.

NumPy and Gymnasium; nothing here knows that there is a network.
"""
