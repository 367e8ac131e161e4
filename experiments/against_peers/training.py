"""How every arm is trained and measured: one loop, one optimiser, one schedule, one thread."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.optim import AdamW

from experiments.against_peers.arm import Arm
from experiments.against_peers.corpus import Example, side_by_side
from experiments.against_peers.plan import PLAN
from phin.errors import PhinError
from phin.training.schedule import ScheduleConfig

_FINE = 10_000
"""Parts that all steps together count for in the schedule: the first step of a short run is at the start of its warm-up
too, and not in the middle."""


class Spent(NamedTuple):
    """What a run took; seconds are the processor's, of making batches too."""

    steps: int
    notes: int
    seconds: float


class Bits(NamedTuple):
    """Bits of held-out tunes, and what to divide and group them by."""

    bits: Float[np.ndarray, " tune"]
    notes: Int[np.ndarray, " tune"]
    tune: Int[np.ndarray, " tune"]

    @property
    def a_note(self) -> float:
        return float(self.bits.sum() / self.notes.sum())


def optimizer_for(arm: Arm) -> AdamW:
    """AdamW as phin's: matrices decay, norms and biases do not."""
    matrices = [p for p in arm.parameters() if p.ndim >= 2]
    others = [p for p in arm.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": PLAN.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups, lr=0.0, betas=tuple(PLAN.betas), fused=True)


def train(arm: Arm, batches: Iterator[Sequence[Example]], rate: float, steps: int) -> Spent:
    """Trains for so many steps, over which the learning rate warms up and falls."""
    optimizer, schedule = optimizer_for(arm), ScheduleConfig()
    began, notes = time.process_time(), 0
    arm.train()
    for step in range(steps):
        examples = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule.factor(_FINE * step // steps, _FINE)
        loss = arm.loss(examples)
        if not torch.isfinite(loss):
            raise PhinError(f"step {step}", "the loss is no longer finite", f"leave the rate {rate:g} out")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(arm.parameters(), PLAN.clip)
        optimizer.step()
        arm.after_step()
        notes += sum(example.notes for example in examples)
    return Spent(steps, notes, time.process_time() - began)


@torch.inference_mode()
def measure(arm: Arm, examples: Sequence[Example]) -> Bits:
    """Bits of each tune, in the order of their numbers."""
    arm.eval()
    columns: dict[str, list[float]] = {"bits": [], "notes": [], "tune": []}
    for batch in side_by_side(examples):
        columns["bits"] += (arm.scores(batch).nats.double() / math.log(2)).tolist()
        columns["notes"] += [example.notes for example in batch]
        columns["tune"] += [example.item.tune for example in batch]
    order = np.argsort(columns["tune"], kind="stable")
    return Bits(*(np.array(column)[order] for column in columns.values()))
