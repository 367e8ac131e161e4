"""What the study runs, as sweep.yaml declares it: read once, here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SWEEP = Path(__file__).with_name("sweep.yaml")


@dataclass(frozen=True)
class Plan:
    """The keys of sweep.yaml, which says what each means; one too many or too few is a TypeError."""

    arms: Mapping[str, dict[str, Any] | None]
    parameters: int
    tolerance: float
    rates: list[float]
    trial_steps: int
    seeds: list[int]
    steps: int
    batch_notes: int
    speed_rounds: int
    speed_steps: int
    betas: list[float]
    weight_decay: float
    clip: float


PLAN = Plan(**yaml.safe_load(SWEEP.read_text(encoding="utf-8")))
