"""The LightningModule: losses, optimiser and schedule around the transformer. It computes no music."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from phin.batch import PARTS, PhinBatch
from phin.errors import InvalidCheckpoint, InvalidConfig, PhinError
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.metrics import BitsPerNote
from phin.model.checkpoint import PHIN_KEY, Identity
from phin.model.loss import TERMS, PhinLoss
from phin.model.transformer import PhinTransformer
from phin.training.muon import HIDDEN
from phin.training.schedule import ScheduleConfig
from phin.whole_file import whole_file

RANDOM_STATES = "random_states"
"""Under which a checkpoint keeps torch's random states: for each process, of its CPU and of its GPUs."""
BROKEN_STEP = "broken_step.pt"
"""The batches of the step whose loss or gradients were no numbers; of several processes each keeps its own, by its
number."""

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]


def weight_groups(model: PhinTransformer, loss: PhinLoss) -> list[dict[str, Any]]:
    """The groups of an optimizer: matrices decay (those of hidden layers are marked `hidden`), while norms, biases and
    loss weights do not.
    """
    hidden = model.hidden_matrices()
    known = set(map(id, hidden))
    decaying = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in known]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": hidden, HIDDEN: True},
        {"params": decaying},
        {"params": others, "weight_decay": 0.0},
    ]
    if weights := list(loss.parameters()):
        groups.append({"params": weights, "weight_decay": 0.0})
    return groups


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
        self.run_folder: Path | None = None
        """Where the batches of a step are kept that broke the run down; None: nowhere."""
        self.step_loss: Tensor | None = None
        """Of the last step as a whole, over all of its batches and processes; None before there was one."""
        self._found: dict[str, float] = {}
        self._step_batches: list[PhinBatch] = []
        self._step_losses: list[Tensor] = []
        self._gradient_norm = torch.zeros(())
        self._random_states: tuple[Tensor, list[Tensor]] | None = None

    def training_step(self, batch: PhinBatch, batch_idx: int) -> Tensor:
        """This batch's part of its optimiser step's loss.

        Lightning divides what is returned by the number of accumulated batches and averages gradients over processes;
        the terms are already divided by what the whole step counts, so both are undone here.
        """
        if batch.step_counts is not None and self.trainer.world_size > 1:
            # of a copy: it is summed in place, and the step's other batches hold the same tensor
            counts = self.trainer.strategy.reduce(batch.step_counts.clone(), reduce_op="sum")
            batch = replace(batch, step_counts=counts)
        logits, _ = self.model(batch)
        out = self.loss(logits, batch)
        self._step_batches.append(batch)
        self._step_losses.append(torch.cat([out.total[None], out.parts, out.terms]).detach())
        return out.total * self.trainer.accumulate_grad_batches * self.trainer.world_size

    def validation_step(self, batch: PhinBatch, batch_idx: int) -> None:
        logits, _ = self.model(batch)
        self.bits.update(logits, batch)

    def found(self, metrics: dict[str, float]) -> None:
        """What a callback has found at this validation: others can watch it, and it is logged beside the scores."""
        self.log_dict(metrics, logger=False, rank_zero_only=True)
        self._found |= metrics

    def on_validation_epoch_end(self) -> None:
        scores = {f"{MONITOR}/{name}" if name else MONITOR: value for name, value in self.bits.compute().items()}
        self.bits.reset()
        self.log_dict({name: value.float() for name, value in scores.items()}, logger=False)
        if not self.trainer.sanity_checking:
            found = {**self._found, **{name: float(value) for name, value in scores.items()}}
            self._tell_loggers(found, step=self.trainer.global_step - 1)
        self._found = {}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        try:
            optimizer = self.make_optimizer(weight_groups(self.model, self.loss))
        except (TypeError, ValueError) as error:
            raise InvalidConfig("optimizer", str(error), "mend the setting it names") from None
        total = int(self.trainer.estimated_stepping_batches)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule.factor(step, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clips by the norm of all gradients together, and ends a run whose numbers are no numbers any more."""
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        self._gradient_norm = clip_grad_norm_(weights, gradient_clip_val or math.inf)
        if not torch.isfinite(self._gradient_norm + torch.stack(self._step_losses)[:, 0].sum()):
            self._break_off()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """A step, after which the loss weights are brought up to date and the step's numbers are logged."""
        weights = self.loss.weights.detach().clone()
        super().optimizer_step(*args, **kwargs)
        losses = torch.stack(self._step_losses).sum(dim=0)
        if self.trainer.world_size > 1:
            losses = self.trainer.strategy.reduce(losses, reduce_op="sum")
        self.loss.after_step(losses[-len(TERMS) :])
        self.step_loss = losses[0]
        every: int = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]: it sets it unsaid
        if every and (self.trainer.global_step + 1) % every == 0:
            self._log_step(losses, weights)
        self._step_batches, self._step_losses = [], []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds what the run is, and torch's random states of each process: nothing else is drawn from in training."""
        checkpoint[PHIN_KEY] = self.identity.to_dict()
        # those to return to, where it went on and has not come to a batch; of GPUs there may be none
        mine = self._random_states or (torch.get_rng_state(), torch.cuda.get_rng_state_all())
        of_all = [mine] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(of_all, mine)
        checkpoint[RANDOM_STATES] = of_all

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint of another run; keeps the random state until training goes on."""
        self.identity.refuse_other(checkpoint.get(PHIN_KEY, {}), "checkpoint")
        if RANDOM_STATES not in checkpoint:
            remedy = "go on with that version, or begin a new run"
            raise InvalidCheckpoint("checkpoint", "was written by an earlier version of phin", remedy)
        self._random_states = checkpoint[RANDOM_STATES][self.trainer.global_rank]

    def on_train_batch_start(self, batch: PhinBatch, batch_idx: int) -> None:
        """The random state returns last, so that nothing on the way here has drawn from it."""
        if self._random_states is not None:
            torch.set_rng_state(self._random_states[0])
            torch.cuda.set_rng_state_all(self._random_states[1][: torch.cuda.device_count()])
            self._random_states = None

    def _log_step(self, losses: Float[Tensor, " number"], weights: Float[Tensor, " term"]) -> None:
        """The losses of the whole step, how they were weighed, the learning rate and the gradients before clipping.

        Straight to the loggers: Lightning would log after the step's checkpoint is saved, and a run that goes on from
        that would never log them.
        """
        names = ["train/loss", *(f"train/{name}" for name in PARTS), *(f"train/term/{name}" for name in TERMS)]
        metrics = dict(zip(names, losses.tolist(), strict=True))
        metrics |= {f"loss_weight/{name}": weight for name, weight in zip(TERMS, weights.tolist(), strict=True)}
        (schedule,) = self.trainer.lr_scheduler_configs
        metrics |= {"learning_rate": schedule.scheduler.get_last_lr()[0], "gradient_norm": float(self._gradient_norm)}
        self._tell_loggers(metrics, step=self.trainer.global_step)

    def _tell_loggers(self, metrics: dict[str, float], step: int) -> None:
        """Not through Lightning, whose count of steps is one too many after some checkpoints. Steps count from 0."""
        for logger in self.trainer.loggers:
            logger.log_metrics({**metrics, "epoch": self.current_epoch}, step=step)

    def _break_off(self) -> None:
        """Raises PhinError, after keeping the step's batches in the run's folder."""
        losses = torch.stack(self._step_losses)[:, 0]
        what = "gradient" if bool(torch.isfinite(losses).all()) else "loss"
        remedy = "train with a lower optimizer.lr"
        if self.run_folder is not None:
            of_process = f"-{self.trainer.global_rank}" if self.trainer.world_size > 1 else ""
            path = self.run_folder / BROKEN_STEP.replace(".pt", f"{of_process}.pt")
            with whole_file(path) as partial, partial.open("wb") as file:
                torch.save([vars(batch) for batch in self._step_batches], file)
            remedy += f"; what it was learning from is in {path}"
        raise PhinError(f"step {self.trainer.global_step}", f"the {what} is no longer finite", remedy)
