"""The frames that the agent sees, its exploration, and its replay memory.

It knows nothing of networks.
"""
