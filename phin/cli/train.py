"""phin-train: composes a run and hands it over to `phin.training.run`."""

import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import MISSING, OmegaConf

from phin.cli.app import run as run_app
from phin.config import RESUME_AUTO
from phin.data.dataset import DataConfig
from phin.errors import InvalidConfig
from phin.generation.request import SamplerConfig
from phin.model.loss import LossConfig
from phin.model.transformer import TransformerConfig
from phin.training.schedule import ScheduleConfig

OVERRIDES = "overrides.yaml"
MAY_CHANGE = ("trainer.max_steps=", "trainer.max_time=", "threads=", "logger", "callbacks", "data.loader_workers=")
"""Settings that a run may go on with changed; any other would make it another run."""


@dataclass
class TrainConfig:
    """Settings of phin-train."""

    data: DataConfig = MISSING
    model: TransformerConfig = field(default_factory=TransformerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: dict[str, Any] = MISSING
    scheduler: ScheduleConfig = field(default_factory=ScheduleConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    callbacks: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = MISSING
    seed: int = 0
    run: str = MISSING
    """Folder of the run."""
    resume: str | None = None
    """A run's folder to go on with; `auto`: the folder named by `run`, if a run began there."""
    monitor: str = "val/bits_per_note"
    threads: int = 0
    """Threads torch computes with; 0: as many as it likes."""


def main() -> None:
    """Console script."""
    run_app("train", TrainConfig, train)


def train(config: TrainConfig) -> float:
    """Trains, or goes on; prints the table and where the tunes are. Returns validation bits per note, for sweeps."""
    folder = Path(config.run)
    if config.resume:
        config = _as_it_began(config, folder)
    elif (folder / OVERRIDES).exists():
        raise InvalidConfig(
            f"run={folder}", "holds a run already", f"go on with resume={folder}, or name another folder"
        )

    import lightning as L
    import torch

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for noise in (".*LeafSpec.*", ".*smaller than the logging interval.*"):  # Lightning's own affairs
        warnings.filterwarnings("ignore", message=noise)

    from phin.corpus.summary import summary
    from phin.data.datamodule import PhinDataModule
    from phin.training import run

    report = run.finished_report(folder) if config.resume == RESUME_AUTO else None
    if report:
        print((folder / "report.txt").read_text(encoding="utf-8"))
        print(f"{folder} is finished; its tunes are in {folder / 'tunes'}. Remove the folder to train anew.")
        return float(report["validation_bits_per_note"])
    if config.threads:
        torch.set_num_threads(config.threads)
    L.seed_everything(config.seed, workers=True, verbose=False)
    datamodule = PhinDataModule(config.data, config.seed)
    print(summary(datamodule.store))
    _remember(config, folder)
    module = run.build(datamodule, config.model, config.loss, instantiate(config.optimizer), config.scheduler)
    trainer = instantiate(
        config.trainer,
        callbacks=[instantiate(callback) for callback in config.callbacks.values()],
        logger=[instantiate(logger) for logger in config.logger.values()],
    )
    result = run.train(folder, trainer, module, datamodule, config.sampler)
    print((folder / "report.txt").read_text(encoding="utf-8"))
    print(f"{len(result.tunes)} new tunes (.mid, .wav, .png): {folder / 'tunes'}")
    return result.validation


def _as_it_began(config: TrainConfig, folder: Path) -> TrainConfig:
    """The settings a run began with, under those given now."""
    if not (folder / OVERRIDES).is_file():
        if config.resume == RESUME_AUTO:
            return config
        raise InvalidConfig(f"resume={folder}", "no run began there", "name the folder of a phin-train run")
    began_with = [str(text) for text in OmegaConf.load(folder / OVERRIDES)]
    now = [text for text in _own_overrides() if text not in began_with]
    if fixed := [text for text in now if not text.startswith(MAY_CHANGE)]:
        raise InvalidConfig(
            fixed[0], f"cannot change in a run that goes on ({folder})", "leave it out, or begin a new run with it"
        )
    composed = compose("train", overrides=[*began_with, *now, f"run={folder}", f"resume={config.resume}"])
    return OmegaConf.to_object(composed)  # type: ignore[return-value]


def _remember(config: TrainConfig, folder: Path) -> None:
    """Keeps the settings a run began with: as a whole for people, as overrides for resuming."""
    if not (folder / OVERRIDES).exists():
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.structured(config), folder / "config.yaml")
        OmegaConf.save(OmegaConf.create(_own_overrides()), folder / OVERRIDES)


def _own_overrides() -> list[str]:
    """What the user set, but for where the run lies."""
    return [text for text in HydraConfig.get().overrides.task if not text.startswith(("resume=", "run="))]
