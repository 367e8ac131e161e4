"""Muon for the matrices between hidden layers, AdamW for all other weights, as one optimiser.

torch.optim.Muon makes a step orthogonal in bfloat16 wherever it runs. On a processor that has no instructions for it
that took eight times as long as all the rest of a step of training. So the step stands here, and computes in the
precision of the weights; on a GPU in bfloat16. A test holds it to torch's.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

HIDDEN = "hidden"
"""The key of a parameter group that says that it holds matrices between hidden layers, and nothing else."""
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""The odd polynomial of fifth degree that takes singular values towards 1: its coefficients, from the lowest."""
ITERATIONS = 5
MOMENTUM = "momentum_buffer"
"""In the state of a matrix; torch's Muon calls it so too, and a checkpoint of the one is one of the other."""


def orthogonalized(matrix: Tensor, precision: torch.dtype) -> Tensor:
    """A matrix with the singular vectors of this one and singular values near 1 (between 0.7 and 1.2), where they were
    not almost nothing beside the largest: Newton-Schulz iterations on the smaller side, as
    https://kellerjordan.github.io/posts/muon says.
    """
    first, third, fifth = NEWTON_SCHULZ
    is_tall = matrix.size(0) > matrix.size(1)
    found = matrix.to(precision)
    found = found.mT if is_tall else found
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = found @ found.mT
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), found, beta=first)
    return found.mT if is_tall else found


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
        # AdamW looks at no setting that stands in its groups already
        for said, value in (("learning rate", lr), ("weight_decay value", weight_decay), ("momentum value", momentum)):
            if not 0 <= value < math.inf:
                raise ValueError(f"Invalid {said}: {value}")
        if momentum >= 1:
            raise ValueError(f"Invalid momentum value: {momentum}")
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, HIDDEN: False})
        self._adamw = None
        if others := self._groups(False):
            # it fills in what it needs to know in its groups, which stay this optimiser's
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
        for group in self._groups(True):
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._step_of_muon(matrix, matrix.grad, group)
        if self._adamw is not None:
            # loading a checkpoint replaces the groups and the state of this one
            self._adamw.param_groups, self._adamw.state = self._groups(False), self.state
            self._adamw.step()
        return loss

    def _step_of_muon(self, matrix: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """In the direction of Nesterov's momentum, made orthogonal, and as long as a step of AdamW is."""
        state = self.state[matrix]
        if MOMENTUM not in state:
            state[MOMENTUM] = torch.zeros_like(gradient)
        momentum = state[MOMENTUM].lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(momentum, group["momentum"])
        direction = orthogonalized(direction, torch.bfloat16 if matrix.is_cuda else matrix.dtype)
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(direction, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
