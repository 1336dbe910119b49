"""The agent: its settings, one agent step, and its evaluation.

Here the graphs of `symbols` meet the memory of `experience`.
"""
