"""PyTensor's graphs as written, operation by operation in NumPy: no rewrites, nothing compiled."""

from pytensor.compile.mode import Mode

PLAIN = Mode(linker="py", optimizer=None)
