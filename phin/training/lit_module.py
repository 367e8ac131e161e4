"""The LightningModule: losses, optimiser and schedule around the transformer. It computes no music."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from phin.batch import PARTS, PhinBatch
from phin.errors import InvalidConfig, PhinError
from phin.evaluation.metrics import BitsPerNote
from phin.model.checkpoint import PHIN_KEY, Identity
from phin.model.loss import TERMS, PhinLoss
from phin.model.transformer import PhinTransformer
from phin.training.schedule import ScheduleConfig

MONITOR = "val/bits_per_note"
"""What stops, chooses and compares: plain bits, never the weighted total."""

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]


class PhinModule(L.LightningModule):
    """Trains a transformer by the five weighed terms; validates by bits per note."""

    def __init__(
        self,
        model: PhinTransformer,
        loss: PhinLoss,
        make_optimizer: MakeOptimizer,
        schedule: ScheduleConfig,
        identity: Identity,
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.make_optimizer, self.schedule, self.identity = make_optimizer, schedule, identity
        self.bits = BitsPerNote()
        self._random_states: tuple[Tensor, list[Tensor]] | None = None

    def training_step(self, batch: PhinBatch, batch_idx: int) -> Tensor:
        """This batch's part of its optimiser step's loss.

        Lightning divides what is returned by the number of accumulated batches and averages gradients over processes;
        the terms are already divided by what the whole step counts, so both are undone here.
        """
        if batch.step_counts is not None and self.trainer.world_size > 1:
            counts = self.trainer.strategy.reduce(batch.step_counts, reduce_op="sum")
            batch = replace(batch, step_counts=counts)
        logits, _ = self.model(batch)
        out = self.loss(logits, batch)
        if not torch.isfinite(out.total):
            raise PhinError(
                f"step {self.trainer.global_step}", "the loss is no longer finite", "train with a lower optimizer.lr"
            )
        self._log_loss(out.total, out.parts, out.terms)
        return out.total * self.trainer.accumulate_grad_batches * self.trainer.world_size

    def validation_step(self, batch: PhinBatch, batch_idx: int) -> None:
        logits, _ = self.model(batch)
        self.bits.update(logits, batch)

    def on_validation_epoch_end(self) -> None:
        for name, value in self.bits.compute().items():
            self.log(f"{MONITOR}/{name}" if name else MONITOR, value.float(), prog_bar=not name)
        self.bits.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Matrices decay; norms, biases and the learned loss weights do not."""
        decaying = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        groups: list[dict[str, Any]] = [{"params": decaying}, {"params": others, "weight_decay": 0.0}]
        if weights := list(self.loss.parameters()):
            groups.append({"params": weights, "weight_decay": 0.0})
        try:
            optimizer = self.make_optimizer(groups)
        except (TypeError, ValueError) as error:
            raise InvalidConfig("optimizer", str(error), "mend the setting it names") from None
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule.factor(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """A step, after which the learned loss weights are within their bounds."""
        super().optimizer_step(*args, **kwargs)
        self.loss.keep_within_bounds()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what the run is, and torch's random states: nothing else is drawn from in training."""
        checkpoint[PHIN_KEY] = self.identity.to_dict()
        checkpoint["random_state"] = torch.get_rng_state()
        checkpoint["cuda_random_states"] = torch.cuda.get_rng_state_all()  # none where there is no GPU

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another run; keeps the random state until training goes on."""
        self.identity.refuse_other(checkpoint.get(PHIN_KEY, {}), "checkpoint")
        self._random_states = checkpoint["random_state"], checkpoint["cuda_random_states"]

    def on_train_batch_start(self, batch: PhinBatch, batch_idx: int) -> None:
        """The random state returns last, so that nothing on the way here has drawn from it."""
        if self._random_states is not None:
            torch.set_rng_state(self._random_states[0])
            torch.cuda.set_rng_state_all(self._random_states[1][: torch.cuda.device_count()])
            self._random_states = None

    def _log_loss(self, total: Tensor, parts: Tensor, terms: Tensor) -> None:
        batches = self.trainer.accumulate_grad_batches * self.trainer.world_size  # of which this is one share
        self.log("train/loss", total * batches, prog_bar=True)
        parts, terms = parts * batches, terms * batches
        self.log_dict({f"train/{name}": value for name, value in zip(PARTS, parts.unbind(), strict=True)})
        self.log_dict({f"train/term/{name}": value for name, value in zip(TERMS, terms.unbind(), strict=True)})
        weights = self.loss.weights.detach()
        self.log_dict({f"loss_weight/{name}": value for name, value in zip(TERMS, weights.unbind(), strict=True)})
