"""A run and its files: training until it is solved, checkpoints, the learning curve.

All distrust of files lives here.
"""
