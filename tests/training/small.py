"""Small real trainings: the parts that phin-train would compose, without files of settings."""

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.evaluation.bits_table import MONITOR
from phin.model.loss import LossConfig
from phin.training.lit_module import MakeOptimizer, PhinModule
from phin.training.run import build
from phin.training.schedule import ScheduleConfig
from tests.tiny import tiny_config

ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.05)


def parts(
    corpus: DataConfig,
    seed: int = 0,
    loss: LossConfig | None = None,
    make_optimizer: MakeOptimizer = ADAMW,
    **settings: object,
) -> tuple[PhinModule, PhinDataModule]:
    """A fresh module and its data, as a command makes them for a seed."""
    L.seed_everything(seed, workers=True, verbose=False)
    datamodule = PhinDataModule(corpus, seed, progress=False)
    return build(
        datamodule, tiny_config(**settings), loss or LossConfig(), make_optimizer, ScheduleConfig()
    ), datamodule


def trainer_for(folder: Path, *callbacks: L.Callback, **settings: Any) -> L.Trainer:
    """conf/trainer/cpu.yaml in short, with neither bar nor logger."""
    plain = {
        "accelerator": "cpu",
        "max_epochs": -1,
        "check_val_every_n_epoch": None,
        "gradient_clip_val": 1.0,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
        "logger": False,
        "log_every_n_steps": 1,
    }
    return L.Trainer(default_root_dir=folder, callbacks=list(callbacks), **{**plain, **settings})


class Losses(L.Callback):
    """Writes down the loss of every batch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, *_: Any) -> None:
        self.seen.append(float(outputs["loss"]))


class Scores(L.Callback):
    """Writes down the optimiser step and the score of every validation."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seen.append((trainer.global_step, float(trainer.callback_metrics[MONITOR])))
