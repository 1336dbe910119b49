"""The parameter server: the parameters, their version, and the optimiser that changes them."""

from collections.abc import Callable

import numpy as np

from dqn_symbolic.compiling.backends import mode, try_out
from dqn_symbolic.q_learning import compiled, shared


class ParameterServer:
    """One shard: some of the parameters. Every gradient that is applied makes a new version.

    params: {name: float32 array}, their first values; optimiser(params, grads) -> updates;
    stale_after: a gradient that is so many versions behind is dropped.
    """

    def __init__(self, params: dict, optimiser: Callable, stale_after: int, backend: str):
        self.params = [shared(value, name) for name, value in params.items()]
        gradients = [p.type(f"gradient.{p.name}") for p in self.params]
        updates = optimiser(self.params, gradients)
        self.apply = compiled(gradients, [], mode(backend), updates=updates)
        zeros = [np.zeros_like(value) for value in params.values()]
        try_out(self.apply, zeros, self.apply.get_shared())
        self.stale_after = stale_after
        self.version = 0  # gradients applied

    def pull(self, known: int | None = None) -> tuple[int, dict[str, np.ndarray] | None]:
        """-> (version, {name: array}); (version, None) if the caller knows this version."""
        if known == self.version:
            return known, None
        return self.version, {p.name: p.get_value() for p in self.params}

    def push(self, gradients: dict[str, np.ndarray], version: int) -> tuple[int, bool]:
        """Applies gradients of the loss at a version of the parameters, if it is not too old.

        A version that is still to come is one from before a crash: it is dropped, too.
        -> (how many versions behind, whether they were applied).
        """
        behind = self.version - version
        applied = 0 <= behind < self.stale_after
        if applied:
            arrays = [gradients[p.name] for p in self.params]  # from Ray, they are read-only
            self.apply(*(np.require(array, requirements="W") for array in arrays))
            self.version += 1
        return behind, applied

    def get_state(self) -> tuple[dict, dict[str, np.ndarray]]:
        """-> (plain data, {name: array}: the parameters and the optimiser's averages)."""
        return {"version": self.version}, {v.name: v.get_value() for v in self.apply.get_shared()}

    def set_state(self, data: dict, arrays: dict[str, np.ndarray]) -> None:
        self.version = data["version"]
        for variable in self.apply.get_shared():
            variable.set_value(arrays[variable.name])


def in_shards(params: dict, shards: int) -> list[dict]:
    """-> `params` in so many parts of about the same size. No array is cut.

    Each, the largest first, goes to the smallest part so far. ValueError if shards exceed arrays.
    """
    if shards > len(params):
        raise ValueError(f"shards: expected at most {len(params)}, the arrays of this network")
    parts = [{} for _ in range(shards)]
    for name in sorted(params, key=lambda name: -params[name].size):
        smallest = min(parts, key=lambda part: sum(value.size for value in part.values()))
        smallest[name] = params[name]
    return parts
