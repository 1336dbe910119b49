"""Every number of a run, with its unit; the command line makes its options from these fields.

The defaults are chosen for Catch. This file imports nothing that takes time.
"""

from dataclasses import dataclass, field, fields
from math import inf


def setting(default, meaning, choices=None, option=None):
    """A field of a dataclass; the command line shows its `meaning`, with its unit.

    option: its name there, where that is not the field's own.
    """
    return field(
        default=default, metadata={"meaning": meaning, "choices": choices, "option": option}
    )


@dataclass(frozen=True)
class Settings:
    """Raises ValueError, naming the setting, for a value that makes no sense."""

    seed: int = setting(0, "every random stream of a run comes from it")
    steps: int = setting(50_000, "agent steps: the longest a run may take")

    backend: str = setting("numba", "compiles the graphs", ("numba", "c", "jax"))
    threads: int = setting(1, "processor threads of a convolutional learn step")

    filters: tuple = setting((), "NUMBERxSIZExSTRIDE of each convolution, in pixels; '' for none")
    hidden: tuple = setting((128,), "units of each dense layer after them; '' for none")
    activation: str = setting("relu", "after each layer but the last", ("relu", "tanh"))
    initialiser: str = setting(
        "glorot", "of the first weights", ("glorot", "uniform_fan_in", "orthogonal", "nature")
    )

    clip_rewards: bool = setting(False, "learn from rewards cut to -1 and +1; scores stay whole")
    loss: str = setting("squared", "of the TD errors", ("squared", "clipped"))
    optimiser: str = setting("adam", "what follows the gradient", ("sgd", "rmsprop", "adam"))
    learning_rate: float = setting(0.002, "of the optimiser")
    discount: float = setting(0.99, "gamma, per agent step")

    history: int = setting(1, "frames that the agent sees at a time")
    action_repeat: int = setting(1, "frames of the game in one agent step")
    memory_size: int = setting(10_000, "frames in the replay memory")
    batch_size: int = setting(32, "transitions in a minibatch")
    warm_up: int = setting(2_000, "agent steps before the first update")
    update_every: int = setting(1, "agent steps from one update to the next")
    sync_every: int = setting(100, "updates from one copy to the target network to the next")

    epsilon_start: float = setting(1.0, "probability of a random action, up to the first update")
    epsilon_end: float = setting(0.1, "the same, at the end of the annealing")
    epsilon_steps: int = setting(2_000, "agent steps of annealing, after the warm-up")

    evaluate_every: int = setting(250, "agent steps from one evaluation to the next")
    evaluation_episodes: int = setting(100, "episodes of one evaluation (Catch: every start)")
    evaluation_epsilon: float = setting(0.0, "probability of a random action in an evaluation")
    evaluation_steps: int = setting(10_000, "agent steps: the most in one such episode")
    checkpoint_every: int = setting(1_000, "agent steps from one checkpoint to the next")

    def __post_init__(self):
        for one in fields(self):
            object.__setattr__(self, one.name, checked(one, getattr(self, one.name)))
        for name in ("discount", "epsilon_start", "epsilon_end", "evaluation_epsilon"):
            if getattr(self, name) > 1:
                expect(name, "a number from 0 to 1", getattr(self, name))
        if self.threads > 1 and not (self.filters and self.backend == "numba"):
            expect("threads", "1, but for convolutions on numba", self.threads)
        if not all(is_whole(units) and units >= 1 for units in self.hidden):
            expect("hidden", "the units of each layer, whole numbers from 1", self.hidden)
        if not all(
            isinstance(layer, tuple)
            and len(layer) == 3
            and all(map(is_whole, layer))
            and min(layer) >= 1
            for layer in self.filters
        ):
            expect(
                "filters",
                "(number, size, stride) of each layer, whole numbers from 1",
                self.filters,
            )


def checked(one, value):
    """-> the value of a field, in the field's own type."""
    if one.type is int and not is_whole(value):
        expect(one.name, "a whole number", value)
    if one.type is int and value < (one.name != "seed"):
        expect(one.name, "at least 0" if one.name == "seed" else "at least 1", value)
    if one.type is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
            expect(one.name, "a number from 0 on", value)
        return float(value)
    if one.type is tuple:
        if not isinstance(value, list | tuple):
            expect(one.name, "a list, with a value for each layer", value)
        return tuple(tuple(part) if isinstance(part, list) else part for part in value)
    if one.type is bool and type(value) is not bool:
        expect(one.name, "True or False", value)
    if one.type is str and value not in one.metadata["choices"]:
        expect(one.name, f"one of {', '.join(one.metadata['choices'])}", value)
    return value


def is_whole(value):
    return type(value) is int


def expect(name, what, value):
    raise ValueError(f"{name}: expected {what}, got {value!r}")


# Names for settings that go together: of a game, a network or a paper.
PRESETS = {
    "catch": {},
    "conv": {"filters": ((32, 3, 1), (32, 3, 1))},
    # Catch in 84 x 84 pixels, by the network of Mnih et al. 2013, a quarter of the later one's size
    "pixels": {
        "filters": ((16, 8, 4), (32, 4, 2)),
        "hidden": (256,),
        "history": 4,
        "memory_size": 20_000,
        "evaluate_every": 1_000,
    },
    # CartPole and other games of a few numbers, whose episodes are long
    "classic": {
        "steps": 100_000,
        "hidden": (128, 128),
        "learning_rate": 0.001,
        "memory_size": 50_000,
        "batch_size": 64,
        "warm_up": 1_000,
        "sync_every": 250,
        "epsilon_end": 0.05,
        "epsilon_steps": 10_000,
        "evaluate_every": 2_500,
        "checkpoint_every": 10_000,
    },
    # Atari in under an hour on two cores
    "atari": {
        "filters": ((16, 8, 4), (32, 4, 2)),
        "hidden": (256,),
        "clip_rewards": True,
        "loss": "clipped",
        "learning_rate": 0.00025,
        "history": 4,
        "memory_size": 100_000,
        "warm_up": 5_000,
        "update_every": 4,
        "sync_every": 250,
        "epsilon_end": 0.02,
        "epsilon_steps": 50_000,
        "steps": 1_000_000,
        "evaluate_every": 50_000,
        "evaluation_episodes": 10,
        "evaluation_epsilon": 0.05,
        "evaluation_steps": 4_500,
        "checkpoint_every": 100_000,
    },
    # The Nature agent, whole (Mnih et al. 2015, Extended Data Table 1), in the units of its code.
    # The action repeat, the two frames' maximum and the no-ops are the game's: environments/atari.
    "nature": {
        "filters": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
        "hidden": (512,),
        "initialiser": "nature",
        "clip_rewards": True,
        "loss": "clipped",
        "optimiser": "rmsprop",
        "learning_rate": 0.00025,
        "history": 4,
        "memory_size": 1_000_000,
        "warm_up": 50_000,
        "update_every": 4,
        "sync_every": 10_000,  # updates, as the paper says; the released code counts agent steps
        "epsilon_steps": 1_000_000,
        "steps": 50_000_000,
        "evaluate_every": 250_000,
        "evaluation_episodes": 30,
        "evaluation_epsilon": 0.05,
        "evaluation_steps": 4_500,  # five minutes of 60 frames a second, 4 to an agent step
        "checkpoint_every": 50_000,
    },
}
