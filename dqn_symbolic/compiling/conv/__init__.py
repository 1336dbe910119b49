"""Convolution, which PyTensor lacks: the operation, its gradients, and both for numba and JAX."""

from dqn_symbolic.compiling.conv import jax, numba  # noqa: F401  each registers what it adds
from dqn_symbolic.compiling.conv.op import conv2d  # noqa: F401
