"""The numbers that only Gorila has. The values of both thresholds are ours, not the paper's."""

from dataclasses import dataclass, fields

from dqn_symbolic.settings import checked, setting


@dataclass(frozen=True)
class GorilaSettings:
    """Raises ValueError, naming the setting, for a value that makes no sense."""

    bundles: int = setting(2, "each one actor, one replay memory and one learner", most=1_000)
    shards: int = setting(1, "parameter servers; each has some of the parameters", most=1_000)
    pull_every: int = setting(1, "agent steps of a bundle from one pull to the next")
    stale_after: int = setting(100, "versions: a gradient that is so far behind is dropped")
    outlier_after: float = setting(
        0.0, "standard deviations above the mean loss: there, none is learnt; 0: off", most=1_000
    )

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, checked(field, getattr(self, field.name)))
