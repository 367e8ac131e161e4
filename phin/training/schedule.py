"""The learning rate over a run."""

import math
from dataclasses import dataclass

from phin.errors import InvalidConfig


@dataclass
class ScheduleConfig:
    """Linear warm-up, then a half cosine down to `final` of the peak rate, over the run's real number of steps."""

    warmup: float = 0.05
    """Share of all steps that the learning rate rises."""
    final: float = 0.02
    """What the rate falls to at the end, as a part of its peak."""

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise InvalidConfig(f"scheduler.warmup={self.warmup}", "is no share of all steps", "take 0 to below 1")
        if not 0 <= self.final <= 1:
            raise InvalidConfig(f"scheduler.final={self.final}", "is no part of the peak", "take 0 to 1")

    def factor(self, step: int, total: int) -> float:
        """What the peak rate is multiplied by at optimiser step `step` (from 0) of `total`."""
        warmup = round(self.warmup * total)
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, total - warmup))
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
