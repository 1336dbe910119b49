"""Compiles a graph with JAX, and keeps the shared variables on JAX's device.

PyTensor's own linker copies a shared variable to the device in each call until an update computes
it, so the target network was copied again and again until its first sync. Here that is done once.
And the new value of a variable takes the memory of the old one (JAX calls this a donation), which
is gone then: hold no array of a shared variable but a copy, as `get_value` makes it.
"""

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.link.jax.linker import JAXLinker


class OnDeviceLinker(JAXLinker):
    def create_jitable_thunk(self, compute_map, order, input_storage, output_storage, storage_map):
        import jax
        from pytensor.link.jax.dispatch import jax_funcify

        inputs, updated = self.fgraph.inputs, self.fgraph.update_mapping.values()
        run = jax.jit(jax_funcify(self.fgraph), donate_argnums=tuple(updated))
        cells = [storage_map[v] for v in inputs]
        shared = [storage_map[v] for v in inputs if isinstance(v, SharedVariable)]

        def call():
            for cell in shared:
                if isinstance(cell[0], np.ndarray):  # its first value, or one of `set_value`
                    cell[0] = jax.device_put(cell[0])
            return run(*[cell[0] for cell in cells])

        return [call], [], run
