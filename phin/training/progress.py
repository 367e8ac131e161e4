"""One bar for the whole run: steps done of all there are, and the time that is left; one more for each validation."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

from phin.evaluation.bits_table import MONITOR
from phin.training.lit_module import PhinModule


class RunProgress(ProgressBar):
    """Bars on stderr (Lightning's own begins anew each epoch, and knows no end but the epoch's).

    `refresh_rate` is in optimiser steps; 0: no bars.
    """

    def __init__(self, refresh_rate: int = 10) -> None:
        super().__init__()
        self.refresh_rate = refresh_rate
        self._training: tqdm | None = None
        self._validating: tqdm | None = None

    def disable(self) -> None:
        """Shows no bars: Lightning asks it of all processes but the first."""
        self.refresh_rate = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        steps = trainer.max_steps if trainer.max_steps > 0 else None
        self._training = self._bar("training", "step", steps, trainer.global_step)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        bar = self._training
        assert bar is not None
        if bar.disable:
            return
        if trainer.global_step - bar.n >= max(self.refresh_rate, 1) or trainer.global_step == trainer.max_steps:
            self._say(trainer, pl_module)
            bar.update(trainer.global_step - bar.n)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        (batches,) = trainer.num_val_batches or [0]
        self._validating = self._bar("validating", "batch", int(batches), 0, leave=False)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert self._validating is not None
        self._validating.update()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert self._validating is not None
        self._validating.close()
        if self._training is not None:
            self._say(trainer, pl_module)
            self._training.update(trainer.global_step - self._training.n)
            self._training.refresh()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._close()

    def _bar(self, what: str, unit: str, total: int | None, done: int, leave: bool = True) -> tqdm:
        size = {"unit": unit, "total": total, "initial": done, "leave": leave, "dynamic_ncols": True}
        # drawn at each update, however quick: how often that is, is for refresh_rate to say
        return tqdm(desc=what, disable=not self.refresh_rate, mininterval=0, miniters=1, **size)

    def _say(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The loss of the last step and the last score, beside the bar."""
        assert self._training is not None
        assert isinstance(pl_module, PhinModule)
        found = {"loss": pl_module.step_loss, "bits/note": trainer.callback_metrics.get(MONITOR)}
        said = {name: f"{float(value):.3f}" for name, value in found.items() if value is not None}
        self._training.set_postfix(said, refresh=False)

    def _close(self) -> None:
        for bar in (self._validating, self._training):
            if bar is not None:
                bar.close()
        self._validating = self._training = None
