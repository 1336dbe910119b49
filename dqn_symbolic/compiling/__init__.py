"""How graphs become machine code: skip this room on first reading.

Backends (numba, C, JAX), our numba linker, and the convolution that PyTensor lacks.
"""

import pytensor

# float32 throughout: with this, the plain numbers in a graph do not turn it into float64.
pytensor.config.floatX = "float32"
