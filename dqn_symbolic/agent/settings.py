"""Every number of a run, with its unit.

The defaults are chosen for Catch; README holds them against the lecture's, the Nature paper's (Mnih
et al. 2015, Extended Data Table 1) and its released code's.
"""

from dataclasses import dataclass, fields
from math import inf

import pytensor.tensor as TT

from dqn_symbolic.compiling import backends
from dqn_symbolic.symbols import initialisers, losses, networks, optimisers

INITIALISERS = {
    "glorot": initialisers.glorot,
    "uniform_fan_in": initialisers.uniform_fan_in,
    "orthogonal": initialisers.orthogonal,
}
ACTIVATIONS = {"relu": networks.relu, "tanh": TT.tanh}
OPTIMISERS = {
    "sgd": optimisers.sgd,
    "rmsprop": optimisers.rmsprop,
    "adam": optimisers.adam,
}
LOSSES = {"squared": losses.squared, "clipped": losses.clipped}
CHOICES = {
    "backend": backends.MODES,
    "activation": ACTIVATIONS,
    "initialiser": INITIALISERS,
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
}


@dataclass(frozen=True)
class Settings:
    """Raises ValueError, naming the setting, for a value that makes no sense."""

    seed: int = 0  # every random stream of a run derives from it
    steps: int = 50_000  # agent steps: the longest a run may take

    backend: str = "numba"

    filters: tuple = ()  # of each convolution: (how many, size in pixels, stride in pixels)
    hidden: tuple = (128,)  # units of each dense layer after them
    activation: str = "relu"
    initialiser: str = "glorot"

    loss: str = "squared"
    optimiser: str = "adam"
    learning_rate: float = 0.002
    discount: float = 0.99  # gamma, per agent step

    history: int = 1  # frames that the agent sees at a time
    action_repeat: int = 1  # frames of the game in an agent step
    memory_size: int = 10_000  # frames
    batch_size: int = 32  # transitions
    warm_up: int = 2_000  # agent steps of random play before the first update
    update_every: int = 1  # agent steps from one update to the next
    sync_every: int = 100  # updates from one copy to the target network to the next

    epsilon_start: float = 1.0
    epsilon_end: float = 0.1
    epsilon_steps: int = 2_000  # agent steps of annealing, after the warm-up

    evaluate_every: int = 250  # agent steps
    checkpoint_every: int = 1_000  # agent steps

    def __post_init__(self):
        for name in ("hidden", "filters"):
            object.__setattr__(self, name, tuples(getattr(self, name)))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                expect(name, f"one of {', '.join(choices)}", getattr(self, name))
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and field.name != "seed" and value < 1:
                expect(field.name, "at least 1", value)
            if field.type is float and not 0 <= value < inf:
                expect(field.name, "a number from 0 on", value)
        for name in ("discount", "epsilon_start", "epsilon_end"):
            if getattr(self, name) > 1:
                expect(name, "from 0 to 1", getattr(self, name))
        if self.seed < 0:
            expect("seed", "at least 0", self.seed)
        if not all(isinstance(units, int) and units >= 1 for units in self.hidden):
            expect("hidden", "units of each layer, at least 1", self.hidden)
        if not all(isinstance(f, tuple) and len(f) == 3 and min(f) >= 1 for f in self.filters):
            expect("filters", "(how many, size, stride) of each layer, at least 1", self.filters)


def tuples(value):
    """The lists that come from a file, as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value


def expect(name, what, value):
    raise ValueError(f"{name}: expected {what}, got {value!r}")


# Where another network or another game wants other numbers.
PRESETS = {
    "mlp": {},
    "conv": {"filters": ((32, 3, 1), (32, 3, 1))},
    "pixels": {
        # the network of Mnih et al. 2013, a quarter of the later one
        "filters": ((16, 8, 4), (32, 4, 2)),
        "hidden": (256,),
        "history": 4,
        "memory_size": 20_000,
        "evaluate_every": 1_000,
    },
}

# The agent of Mnih et al. 2015, Extended Data Table 1, with the units of the released code.
NATURE = Settings(
    filters=((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    hidden=(512,),
    loss="clipped",
    optimiser="rmsprop",
    learning_rate=0.00025,
    history=4,
    action_repeat=4,
    memory_size=1_000_000,
    warm_up=50_000,
    update_every=4,
    sync_every=10_000,  # parameter updates, as the paper says; the released code counts agent steps
    epsilon_steps=1_000_000,
    steps=50_000_000,
    evaluate_every=250_000,
    checkpoint_every=50_000,
)
