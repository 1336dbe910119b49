"""How graphs become machine code: skip this room on first reading.

Backends (numba, C, JAX), our numba linker, and the convolution that PyTensor lacks.
"""
