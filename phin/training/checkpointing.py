"""Checkpoints to go on from: whole on disk, only ever of whole steps, and never with a validation still due.

So a run that was killed, at whatever moment, goes on from its last one as the run that was not: what came after it is
done again, bit for bit.
"""

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from phin.errors import InvalidConfig, Stopped
from phin.training.metrics_file import MetricsFile
from phin.whole_file import whole_file

STANDING = "standing"
"""Under which a checkpoint keeps what Lightning does not: whether training was to stop, what was logged, its time."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its name first. (Lightning writes in the system's folder for temporary files and
    moves; between two disks that is a copy, which can be cut short.)
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, durable=True) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint, and knows it again where the run's folder was moved.

    (Lightning would look for a best one anew, and write over it.)
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        paths = {name: here(state_dict[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path")}
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": scores, "dirpath": self.dirpath})


class LastCheckpoint(Checkpoint):
    """Keeps the checkpoint that a run goes on from: every so many steps, after each validation, and on SIGTERM.

    After a step that a validation follows it waits for the end of that. Where one falls between the batches of a step
    (`trainer.accumulate_grad_batches`) it does not save, for half a step's gradients are in no checkpoint. Of several
    processes the first saves for all, and all stop after the same step, whichever of them was asked to.
    """

    def __init__(self, path: str, every_n_train_steps: int = 100) -> None:
        if every_n_train_steps < 1:
            where = f"every_n_train_steps={every_n_train_steps}"
            raise InvalidConfig(where, "is no number of steps", "take 1 or more")
        self.path, self.every_n_train_steps = Path(path), every_n_train_steps
        self._steps, self._within_a_step = 0, False
        self._should_stop, self._asked_to_stop = False, False
        self._handler_before: Any = None
        self._began, self._seconds_before = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """How long it has trained, before it went on too; what was lost with a process that was killed is not in it."""
        return self._seconds_before + time.perf_counter() - self._began

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._steps, self._within_a_step = trainer.global_step, False
        self._began = time.perf_counter()
        trainer.should_stop = self._should_stop  # early stopping had spoken, and Lightning forgets it
        # instead of Lightning's own, by which several processes leave without saving, if the first of them was asked
        if threading.current_thread() is threading.main_thread():
            self._handler_before = signal.signal(signal.SIGTERM, self._ask_to_stop)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._within_a_step = trainer.global_step == self._steps
        self._steps = trainer.global_step
        if self._within_a_step or _validation_follows(trainer):
            return
        if (stops := self._stops(trainer)) or trainer.global_step % self.every_n_train_steps == 0:
            self._save(trainer, stops)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.sanity_checking and not self._within_a_step:
            self._should_stop = trainer.should_stop
            self._save(trainer, self._stops(trainer))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._give_back_the_handler()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._give_back_the_handler()

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint[STANDING] = {
            "should_stop": self._should_stop,
            "rows_logged": [logger.num_rows for logger in _metrics_files(trainer)],
            "seconds": self.seconds,
        }

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        self._should_stop = checkpoint[STANDING]["should_stop"]
        self._seconds_before = checkpoint[STANDING]["seconds"]
        for logger, num_rows in zip(_metrics_files(trainer), checkpoint[STANDING]["rows_logged"], strict=False):
            logger.cut_back(num_rows)

    def _stops(self, trainer: L.Trainer) -> bool:
        """Whether to stop now. Several processes ask each other after each step (a quarter of a millisecond for two on
        one CPU): the signal may come to one of them alone, or to each in another step, and who left alone would be
        waited for.
        """
        return trainer.strategy.reduce_boolean_decision(self._asked_to_stop, all=False)

    def _save(self, trainer: L.Trainer, stops: bool) -> None:
        trainer.save_checkpoint(self.path)
        if stops:
            raise Stopped(f"stopped at step {trainer.global_step}")

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def _give_back_the_handler(self) -> None:
        if self._handler_before is not None:
            signal.signal(signal.SIGTERM, self._handler_before)
            self._handler_before = None


def _metrics_files(trainer: L.Trainer) -> list[MetricsFile]:
    return [logger for logger in trainer.loggers if isinstance(logger, MetricsFile)]


def _validation_follows(trainer: L.Trainer) -> bool:
    """Whether a validation comes right after this batch: Lightning's own answer, which it gives to nobody else."""
    fetcher: Any = trainer.fit_loop._data_fetcher
    return trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)
