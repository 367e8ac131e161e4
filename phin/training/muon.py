"""Muon (torch.optim.Muon) for the matrices between hidden layers, AdamW for all other weights, as one optimiser."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import AdamW, Muon, Optimizer

HIDDEN = "hidden"
"""The key of a parameter group that says that it holds matrices between hidden layers, and nothing else."""


class MuonWithAdamW(Optimizer):
    """Muon on the groups marked `hidden`, AdamW on the others, under one learning rate and one weight decay.

    Muon's updates are scaled to the size of AdamW's (`match_rms_adamw`, arXiv 2502.16982), so one rate serves both.
    The state lies in this optimiser as in any other, and a checkpoint of it goes on exactly.
    """

    def __init__(
        self,
        params: Any,
        lr: float | int = 1e-3,
        betas: Sequence[float] = (0.9, 0.95),
        weight_decay: float | int = 0.05,
        momentum: float | int = 0.95,
        fused: bool | None = None,
    ) -> None:
        # what stands in the groups already neither of the two looks at
        for said, value in (("learning rate", lr), ("weight_decay value", weight_decay), ("momentum value", momentum)):
            if not 0 <= value < math.inf:
                raise ValueError(f"Invalid {said}: {value}")
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, HIDDEN: False})
        hidden, others = self._groups(True), self._groups(False)
        self._muon = self._adamw = None
        # each fills in what it needs to know in its groups, which stay this optimiser's
        if hidden:
            self._muon = Muon(hidden, momentum=momentum, adjust_lr_fn="match_rms_adamw")
        if others:
            self._adamw = AdamW(others, betas=(betas[0], betas[1]), fused=fused)

    def _groups(self, hidden: bool) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group[HIDDEN] is hidden]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """A step of both; returns what `closure` does, which is called once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer, hidden in ((self._muon, True), (self._adamw, False)):
            if optimizer is not None:
                # loading a checkpoint replaces the groups and the state of this one
                optimizer.param_groups, optimizer.state = self._groups(hidden), self.state
                optimizer.step()
        return loss
