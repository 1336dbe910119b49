"""The agent: its settings, one step of its life, and how well it plays.

Here the graphs of `symbols` meet the memory of `experience`.
"""
