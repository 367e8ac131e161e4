"""A training of seconds, kept in memory: for notebooks, and to try a setting before a run is begun with it.

It is the run's own training (`phin.training.run`) without what makes it a run: no folder, no checkpoint, no report.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning as L
import torch

from phin.data.datamodule import PhinDataModule
from phin.errors import InvalidConfig
from phin.evaluation.runs.curves import METRICS, Curves, read_curves
from phin.model.checkpoint import Identity
from phin.model.loss import LossConfig
from phin.model.transformer import PhinTransformer, TransformerConfig
from phin.training.metrics_file import MetricsFile
from phin.training.run import build, silence_lightning
from phin.training.schedule import ScheduleConfig

LEARNING_RATE = 0.01
"""Some seven times what `optimizer=adamw` takes: a model of a few ten thousand weights bears it, and is in a hurry."""
WEIGHT_DECAY = 0.05


@dataclass(frozen=True)
class Trained:
    """A model as its last step left it, what it is, and how it came there."""

    model: PhinTransformer
    identity: Identity
    curves: Curves


def train_briefly(
    datamodule: PhinDataModule,
    model: TransformerConfig,
    steps: int,
    validations: int = 1,
    learning_rate: float = LEARNING_RATE,
) -> Trained:
    """A model trained on the CPU for so many optimiser steps, by AdamW, a cosine and learned loss weights, which is
    not all as the default run has it; the same one for the same seed.

    The seed is the data module's. It validates so often, evenly, the last time at the end. Nothing is printed. Raises
    InvalidConfig where the steps cannot be shared out so.
    """
    if validations < 1 or steps < 1 or steps % validations:
        reason = f"cannot be shared out evenly among validations={validations}"
        raise InvalidConfig(f"steps={steps}", reason, "take a multiple, as steps=120 with validations=6")
    silence_lightning()
    L.seed_everything(datamodule.seed, workers=True, verbose=False)
    make_optimizer = partial(torch.optim.AdamW, lr=learning_rate, weight_decay=WEIGHT_DECAY)
    module = build(datamodule, model, LossConfig(), make_optimizer, ScheduleConfig())
    with TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=-1,
            max_steps=steps,
            val_check_interval=steps // validations,
            check_val_every_n_epoch=None,
            gradient_clip_val=1.0,
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            logger=MetricsFile(str(Path(folder) / METRICS)),
            default_root_dir=folder,
        )
        trainer.fit(module, datamodule=datamodule)
        curves = read_curves(Path(folder), trainer.global_step)
    return Trained(module.model.eval(), module.identity, curves)
