"""Every number of a run, with its unit; the command line makes its options from these fields.

The defaults are chosen for Catch. This file imports nothing that takes time.
"""

import dataclasses
from math import inf


def setting(default, meaning, choices=None, option=None):
    """A field of a dataclass. The command line shows `meaning`, which includes the unit.

    option: the name of the command line option, if it differs from the field's name.
    """
    return dataclasses.field(
        default=default, metadata={"meaning": meaning, "choices": choices, "option": option}
    )


@dataclasses.dataclass(frozen=True)
class Settings:
    """Raises a ValueError that names the setting if its value makes no sense."""

    seed: int = setting(0, "every random stream of a run comes from it")
    steps: int = setting(50_000, "agent steps after which the run ends at the latest")

    backend: str = setting("numba", "compiles the graphs", ("numba", "c", "jax"))
    threads: int = setting(1, "processor threads of a convolutional learn step")

    filters: tuple = setting((), "NUMBERxSIZExSTRIDE of each convolution, in pixels; '' for none")
    hidden: tuple = setting((128,), "units of each dense layer after them; '' for none")
    centred: bool = setting(False, "subtract from the pixels that a network sees their mean")
    activation: str = setting("relu", "after every layer except the last", ("relu", "tanh"))
    initialiser: str = setting(
        "glorot", "draws the first weights", ("glorot", "uniform_fan_in", "orthogonal", "nature")
    )

    clip_rewards: bool = setting(False, "learn from rewards clipped to [-1, 1]; scores are not")
    loss: str = setting("squared", "a function of the TD errors", ("squared", "clipped"))
    optimiser: str = setting(
        "adam", "turns gradients into updates", ("sgd", "rmsprop", "adam", "adagrad")
    )
    learning_rate: float = setting(0.002, "step size of the optimiser")
    anneal_learning_rate: bool = setting(
        False, "the learning rate falls to 0 in the second half of the steps"
    )
    discount: float = setting(0.99, "gamma, per agent step")
    n_step: int = setting(1, "rewards that a target adds up before it estimates the rest")

    history: int = setting(1, "frames that the agent sees at a time")
    action_repeat: int = setting(1, "frames of the game in one agent step")
    memory_size: int = setting(10_000, "frames in the replay memory")
    batch_size: int = setting(32, "transitions in a minibatch")
    warm_up: int = setting(2_000, "agent steps before the first update")
    update_every: int = setting(1, "agent steps from one update to the next")
    sync_every: int = setting(100, "updates from one sync of the target network to the next")

    epsilon_start: float = setting(1.0, "probability of a random action until the first update")
    epsilon_end: float = setting(0.1, "the same after the annealing")
    epsilon_steps: int = setting(2_000, "agent steps of the annealing, which follows the warm-up")

    evaluate_every: int = setting(250, "agent steps from one evaluation to the next")
    evaluation_episodes: int = setting(100, "episodes of one evaluation (Catch: every start)")
    evaluation_epsilon: float = setting(0.0, "probability of a random action in an evaluation")
    evaluation_steps: int = setting(10_000, "agent steps after which an evaluation cuts an episode")
    checkpoint_every: int = setting(1_000, "agent steps from one checkpoint to the next")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, checked(field, getattr(self, field.name)))
        for name in ("discount", "epsilon_start", "epsilon_end", "evaluation_epsilon"):
            if getattr(self, name) > 1:
                expect(name, "a number from 0 to 1", getattr(self, name))
        if self.threads > 1 and not (self.filters and self.backend == "numba"):
            expect("threads", "1, but for convolutions on numba", self.threads)
        if self.centred and not self.filters:
            expect("centred", "False without filters", self.centred)
        if not all(is_whole(units) and units >= 1 for units in self.hidden):
            expect("hidden", "the units of each layer, whole numbers of at least 1", self.hidden)
        if not all(
            isinstance(layer, tuple)
            and len(layer) == 3
            and all(map(is_whole, layer))
            and min(layer) >= 1
            for layer in self.filters
        ):
            expect(
                "filters",
                "(number, size, stride) of each layer, whole numbers of at least 1",
                self.filters,
            )


def checked(field, value):
    """-> the value of a field, in the field's own type."""
    if field.type is int and not is_whole(value):
        expect(field.name, "a whole number", value)
    if field.type is int and value < (field.name != "seed"):
        expect(field.name, "at least 0" if field.name == "seed" else "at least 1", value)
    if field.type is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
            expect(field.name, "a number, 0 or more", value)
        return float(value)
    if field.type is tuple:
        if not isinstance(value, list | tuple):
            expect(field.name, "a list, with a value for each layer", value)
        return tuple(tuple(part) if isinstance(part, list) else part for part in value)
    if field.type is bool and type(value) is not bool:
        expect(field.name, "True or False", value)
    if field.type is str and value not in field.metadata["choices"]:
        expect(field.name, f"one of {', '.join(field.metadata['choices'])}", value)
    return value


def is_whole(value):
    return type(value) is int


def expect(name, expected, value):
    raise ValueError(f"{name}: expected {expected}, got {value!r}")


# Groups of settings with a name: for a game, a network or a paper.
PRESETS = {
    "catch": {},
    "conv": {"filters": ((32, 3, 1), (32, 3, 1))},
    # Catch in 84 x 84 pixels, with the network of Mnih et al. 2013: a quarter of the 2015 network
    "pixels": {
        "filters": ((16, 8, 4), (32, 4, 2)),
        "hidden": (256,),
        "history": 4,
        "memory_size": 20_000,
        "evaluate_every": 1_000,
    },
    # CartPole and other games whose observations are a few numbers and whose episodes are long
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
    # Atari with Adam and the network of Mnih et al. 2013, for half a million agent steps.
    # Runs of Pong that led to these numbers: environments/README.md.
    "atari": {
        "filters": ((16, 8, 4), (32, 4, 2)),
        "hidden": (256,),
        "centred": True,
        "initialiser": "orthogonal",
        "clip_rewards": True,
        "loss": "clipped",
        "learning_rate": 0.0005,
        "anneal_learning_rate": True,
        "discount": 0.97,
        "n_step": 3,
        "history": 4,
        "memory_size": 100_000,
        "warm_up": 5_000,
        "update_every": 4,
        "sync_every": 250,
        "epsilon_steps": 25_000,
        "steps": 500_000,
        "evaluate_every": 50_000,
        "evaluation_episodes": 10,
        "evaluation_epsilon": 0.05,
        "evaluation_steps": 4_500,
        "checkpoint_every": 100_000,
    },
    # The whole Nature agent (Mnih et al. 2015, Extended Data Table 1), in the units of its code.
    # The game does the action repeat, the maximum of two frames and the no-ops: environments/atari.
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
        "evaluation_steps": 4_500,  # five minutes at 60 frames a second, 4 frames an agent step
        "checkpoint_every": 50_000,
    },
}
