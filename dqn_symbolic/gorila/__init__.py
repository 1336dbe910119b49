"""Gorila, the lecture's last architecture: several agents, and one set of parameters.

Plain classes; the scheduler runs them in one process, in a fixed order, and `on_ray` in many.
"""
