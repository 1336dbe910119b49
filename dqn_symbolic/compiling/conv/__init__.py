"""The convolution that PyTensor lacks, its transpose and their gradients, for every backend."""

from dqn_symbolic.compiling.conv import jax, numba  # noqa: F401  each registers its functions
from dqn_symbolic.compiling.conv.op import conv2d, conv2d_transpose  # noqa: F401
