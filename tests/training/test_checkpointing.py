"""What a run goes on from: checkpoints that are whole, of whole steps, and one more when it is asked to stop."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from phin.data.dataset import DataConfig
from phin.errors import PhinError, Stopped
from phin.training.checkpointing import LastCheckpoint, WholeCheckpoints
from tests.training.small import parts, trainer_for


class Saves(WholeCheckpoints):
    """Writes down the step of every checkpoint."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        super().save_checkpoint(checkpoint, path, storage_options)
        self.steps.append(checkpoint["global_step"])


class Terminate(L.Callback):
    """Sends this process SIGTERM, once, in a batch of training or of validation."""

    def __init__(self, step: int, stage: str = "training") -> None:
        self.step, self.stage = step, stage

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._send(trainer, "training")

    def on_validation_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        self._send(trainer, "validation")

    def _send(self, trainer: L.Trainer, stage: str) -> None:
        if stage == self.stage and trainer.global_step == self.step:
            self.stage = "done"
            os.kill(os.getpid(), signal.SIGTERM)


def last(folder: Path) -> LastCheckpoint:
    return LastCheckpoint(str(folder / "last.ckpt"), every_n_train_steps=2)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"max_steps": 7, "val_check_interval": 3}, [2, 3, 4, 6]),  # at step 6 once, when the validation is over
        ({"max_steps": 7, "limit_val_batches": 0}, [2, 4, 6]),
        # batches 3 and 9 lie between those of a step, batch 6 ends step 3
        ({"max_steps": 5, "val_check_interval": 3, "accumulate_grad_batches": 2}, [2, 3, 4]),
    ],
)
def test_it_saves_whole_steps_with_no_validation_due(
    corpus: DataConfig, tmp_path: Path, settings: dict[str, Any], steps: list[int]
) -> None:
    """Fails: a run goes on with half a step's gradients lost, or a validation that never comes."""
    module, datamodule = parts(replace(corpus, batch_notes=30))  # six batches an epoch
    saves = Saves()
    trainer_for(tmp_path, last(tmp_path), plugins=[saves], **settings).fit(module, datamodule=datamodule)
    assert saves.steps == steps


@pytest.mark.parametrize(
    ("stage", "step", "accumulate", "saved_at"),
    [
        ("training", 3, 1, 4),  # the step is done, and saved
        ("training", 5, 1, 6),  # after which a validation comes first
        ("validation", 6, 1, 6),
        ("training", 2, 2, 3),  # within a step of two batches
    ],
)
def test_sigterm_ends_a_run_after_the_step_with_a_checkpoint(
    corpus: DataConfig, tmp_path: Path, stage: str, step: int, accumulate: int, saved_at: int
) -> None:
    """Fails: a machine that is shut down, or a queue that takes its turn back, takes minutes of training with it."""
    module, datamodule = parts(corpus)
    before = signal.getsignal(signal.SIGTERM)
    settings = {"max_steps": 20, "val_check_interval": 6, "accumulate_grad_batches": accumulate}
    trainer = trainer_for(tmp_path, Terminate(step, stage), last(tmp_path), plugins=[WholeCheckpoints()], **settings)
    with pytest.raises(Stopped, match=f"stopped at step {saved_at}"):
        trainer.fit(module, datamodule=datamodule)
    stored = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert stored["global_step"] == trainer.global_step == saved_at
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    """Fails: a full disk takes the last good checkpoint with it."""
    io, path = WholeCheckpoints(), tmp_path / "last.ckpt"
    io.save_checkpoint({"step": 1}, path)
    with pytest.raises(TypeError, match="pickle"):
        io.save_checkpoint({"step": 2, "weights": torch.zeros(1000), "lock": (_ for _ in ())}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    with pytest.raises(PhinError, match="cannot be written"):
        io.save_checkpoint({"step": 2}, Path("/proc/last.ckpt"))
