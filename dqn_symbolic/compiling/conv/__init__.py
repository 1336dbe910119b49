"""Convolution, which PyTensor lacks: it, its transpose, its gradients; for numba and JAX, too."""

from dqn_symbolic.compiling.conv import jax, numba  # noqa: F401  each registers what it adds
from dqn_symbolic.compiling.conv.op import conv2d, conv2d_transpose  # noqa: F401
