"""Every number of a run, with its unit; the command line makes its options from these fields.

The defaults are chosen for Catch. This file imports nothing that takes time.
"""

import dataclasses


def setting(default, meaning, choices=None, most=None):
    """A field of a dataclass. The command line shows `meaning`, which includes the unit.

    most: the largest value; None means 2 billion for a whole number, 1 for any other.
    """
    metadata = {"meaning": meaning, "choices": choices, "most": most}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Raises a ValueError that names the setting if its value makes no sense."""

    seed: int = setting(0, "every random stream of a run comes from it", most=2**63 - 1)
    steps: int = setting(50_000, "agent steps after which the run ends at the latest")

    backend: str = setting("numba", "compiles the graphs", ("numba", "c", "jax"))
    threads: int = setting(1, "processor threads of a convolutional learn step", most=64)
    beside: bool = setting(False, "update while the game plays on: acting is one update behind")

    filters: tuple = setting((), "NUMBERxSIZExSTRIDE of each convolution, in pixels; '' for none")
    hidden: tuple = setting((128,), "units of each dense layer after the filters; '' for none")
    centred: bool = setting(False, "uint8 pixels without their mean, four times as strong")
    activation: str = setting("relu", "after every layer except the last", ("relu", "tanh"))
    initialiser: str = setting(
        "glorot", "draws the initial weights", ("glorot", "uniform_fan_in", "orthogonal", "nature")
    )

    clip_rewards: bool = setting(False, "learn from rewards clipped to [-1, 1]; scores are not")
    loss: str = setting("squared", "a function of the TD errors", ("squared", "clipped"))
    optimiser: str = setting("adam", "makes the updates", ("sgd", "rmsprop", "adam", "adagrad"))
    learning_rate: float = setting(0.002, "step size of the optimiser", most=1_000)
    adam_epsilon: float = setting(1e-8, "added to the root of Adam's mean squared gradient")
    anneal_learning_rate: bool = setting(False, "it falls to 0 in the second half of the updates")
    discount: float = setting(0.99, "gamma, per agent step")
    n_step: int = setting(1, "rewards that a target adds before it estimates the rest", most=1_000)

    history: int = setting(1, "frames that the agent sees at a time", most=100)
    memory_size: int = setting(10_000, "frames in the replay memory")
    batch_size: int = setting(32, "transitions in a minibatch", most=4_096)
    warm_up: int = setting(2_000, "agent steps before the first update")
    update_every: int = setting(1, "agent steps from one update to the next")
    sync_every: int = setting(100, "updates from one sync of the target network to the next")

    epsilon_start: float = setting(1.0, "probability of a random action until the first update")
    epsilon_end: float = setting(0.1, "probability of a random action after the annealing")
    epsilon_steps: int = setting(2_000, "agent steps of the annealing, which follows the warm-up")

    evaluate_every: int = setting(250, "agent steps from one evaluation to the next")
    evaluation_episodes: int = setting(100, "of one evaluation (Catch: all starts)", most=100_000)
    evaluation_epsilon: float = setting(0.0, "probability of a random action in an evaluation")
    evaluation_steps: int = setting(10_000, "agent steps after which an evaluation cuts an episode")
    checkpoint_every: int = setting(1_000, "agent steps from one checkpoint to the next")
    one_game: bool = setting(False, "one game at a time: evaluations play in it, too")

    @property
    def updates(self):
        """How many there are: one every `update_every` agent steps, from `warm_up` to `steps`."""
        return max(self.steps // self.update_every - (self.warm_up - 1) // self.update_every, 0)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, checked(field, getattr(self, field.name)))
        expect("adam_epsilon", self.adam_epsilon > 1e-30, "more than 1e-30", self.adam_epsilon)
        can = self.threads == 1 or (self.filters and self.backend == "numba")
        expect("threads", can, "1, but for convolutions on numba", self.threads)
        expect("centred", self.filters or not self.centred, "False without filters", self.centred)
        units = "the units of each layer, whole numbers from 1 to a million"
        expect("hidden", are_counts(self.hidden), units, self.hidden)
        layers = "(number, size, stride) of each layer, whole numbers from 1 to a million"
        triples = [type(n) is tuple and len(n) == 3 and are_counts(n) for n in self.filters]
        expect("filters", len(triples) <= 100 and all(triples), layers, self.filters)


def checked(field, value):
    """-> the value of a field, in the field's own type."""
    most = field.metadata["most"] or (1 if field.type is float else 2 * 10**9)
    if field.type is int:
        least = int(field.name != "seed")
        expect(field.name, type(value) is int, "a whole number", value)
        expect(field.name, value >= least, f"at least {least}", value)
        expect(field.name, value <= most, f"at most {most:,}", value)
    elif field.type is float:
        is_number = isinstance(value, int | float) and type(value) is not bool
        expect(field.name, is_number and 0 <= value <= most, f"a number from 0 to {most:,}", value)
        return float(value)
    elif field.type is tuple:
        is_list, expected = isinstance(value, list | tuple), "a list, with a value for each layer"
        expect(field.name, is_list, expected, value)
        return tuple(tuple(part) if isinstance(part, list) else part for part in value)
    elif field.type is bool:
        expect(field.name, type(value) is bool, "True or False", value)
    else:
        choices = field.metadata["choices"]
        expect(field.name, value in choices, f"one of {', '.join(choices)}", value)
    return value


def are_counts(numbers):
    return len(numbers) <= 100 and all(type(n) is int and 1 <= n <= 10**6 for n in numbers)


def expect(name, is_so, expected, got):
    """Raises ValueError, in one line, unless `is_so`."""
    if not is_so:
        raise ValueError(" ".join(f"{name}: expected {expected}, got {got!r:.100}".split()))


# What every agent of Atari has. The game does the action repeat.
ATARI = {
    "clip_rewards": True,
    "loss": "clipped",
    "history": 4,
    "update_every": 4,
    "evaluation_epsilon": 0.05,
    "evaluation_steps": 4_500,  # five minutes at 60 frames a second, 4 frames an agent step
}
ATARI_FRAME_SIZE = 42  # pixels of each side, for the preset "atari"
NETWORK_2013 = {"filters": ((16, 8, 4), (32, 4, 2)), "hidden": (256,)}  # Mnih et al. 2013

# Groups of settings with a name: for a game, a network or a paper.
PRESETS = {
    "catch": {},
    "conv": {"filters": ((32, 3, 1), (32, 3, 1))},
    # Catch in 84 x 84 pixels
    "pixels": {**NETWORK_2013, "history": 4, "memory_size": 20_000, "evaluate_every": 1_000},
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
    # Atari with Adam, in minutes: frames of ATARI_FRAME_SIZE
    "atari": {
        "filters": ((16, 4, 2), (32, 4, 3)),
        **ATARI,
        "hidden": (256,),
        "beside": True,
        "centred": True,
        "initialiser": "orthogonal",
        "learning_rate": 0.001,
        "adam_epsilon": 0.005,  # Rainbow's 1.5e-4 is for a mean: the loss sums over 32
        "anneal_learning_rate": True,
        "discount": 0.98,
        "n_step": 5,
        "memory_size": 200_000,
        "warm_up": 5_000,
        "update_every": 5,
        "sync_every": 250,
        "epsilon_steps": 25_000,
        "steps": 750_000,
        "evaluate_every": 125_000,
        "evaluation_episodes": 10,
        "checkpoint_every": 125_000,
    },
    # The whole Nature agent (Mnih et al. 2015, Extended Data Table 1), in the units of its code.
    "nature": {
        "filters": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
        **ATARI,
        "hidden": (512,),
        "initialiser": "nature",
        "optimiser": "rmsprop",
        "learning_rate": 0.00025,
        "memory_size": 1_000_000,
        "warm_up": 50_000,
        "sync_every": 10_000,  # updates, as the paper says; the released code counts agent steps
        "epsilon_steps": 1_000_000,
        "steps": 50_000_000,
        "evaluate_every": 250_000,
        "evaluation_episodes": 30,
        "checkpoint_every": 50_000,
    },
}
