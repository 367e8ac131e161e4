"""phin-train: composes a run and hands it over to `phin.training.run`."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, OmegaConf

from phin.cli.app import run as run_app
from phin.cli.interrupts import loading
from phin.cli.made import made, optimizer_maker
from phin.cli.resume import is_changed, own_overrides, refuse_another_run, remember, settings_to_go_on_with
from phin.cli.sweep import interrupted
from phin.cli.typed import refuse_unheard, typed
from phin.config import RESUME_AUTO, RUN_OF_ALL, in_a_sweep
from phin.corpus.settings import refuse_too_many
from phin.counted import counted
from phin.data.dataset import DataConfig
from phin.errors import InvalidConfig
from phin.evaluation.bits_table import MONITOR
from phin.generation.request import SamplerConfig
from phin.model.loss import LossConfig
from phin.model.transformer import TransformerConfig
from phin.music.measures import MEASURES
from phin.tokenizer import FIELDS, HEADLINE_FIELDS
from phin.training.schedule import ScheduleConfig
from phin.writable import refuse_folder

MONITORED = (
    MONITOR,
    *(f"{MONITOR}/{FIELDS[field].name}" for field in HEADLINE_FIELDS),
    *(f"sample/{measure.name}" for measure in MEASURES),
)
"""What callbacks can watch: numbers that a validation gives."""
PRECISIONS = ("32-true", "32", "64-true", "64", "bf16-mixed", "bf16")
"""Of trainer.precision. In float16 Lightning scales the gradients, which are clipped and watched as they are; weights
in halves were not tried."""


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
    """Of weights, batches, and what is drawn anew each epoch."""
    run: str = MISSING
    """Folder of the run."""
    resume: str | None = None
    """A run's folder to go on with; `auto`: the folder named by `run`, if a run began there."""
    init: str | None = None
    """A checkpoint, a run's folder, or pretrained, whose weights it begins with: to adapt a model to other tunes."""
    monitor: str = MONITOR
    """What says which checkpoint is best, and when to stop."""
    threads: int = 0
    """Threads torch computes with; 0: as many as it likes."""
    compile: bool = False
    """Whether torch compiles the network: a minute or more at the start, worth it on a GPU."""

    def __post_init__(self) -> None:
        for key in ("run", "resume", "init"):
            if getattr(self, key) == "":
                raise InvalidConfig(f"{key}=", "is empty", "name a folder, or leave it out")
        if not 0 <= self.seed < 2**32:
            raise InvalidConfig(f"seed={self.seed}", "is out of range", "take 0 to 4294967295")
        if self.threads < 0:
            raise InvalidConfig(f"threads={self.threads}", "cannot be negative", "take 0 for torch's own choice")
        refuse_too_many("threads", self.threads)
        if (epochs := self.trainer.get("max_epochs")) not in (None, -1):
            _refuse_uncounted("trainer.max_epochs", epochs, least=1)
        clip = self.trainer.get("gradient_clip_val")
        if clip is not None and not (isinstance(clip, int | float) and 0 <= clip < math.inf):
            raise InvalidConfig(f"trainer.gradient_clip_val={clip}", "clips nothing", "take 1.0, or 0 for no clipping")
        for key in ("max_steps", "val_check_interval", "accumulate_grad_batches"):
            _refuse_uncounted(f"trainer.{key}", self.trainer.get(key), least=1)
        for name, callback in self.callbacks.items():
            if not isinstance(callback, dict):
                raise InvalidConfig(
                    f"callbacks.{name}={callback}", "is no callback", f"leave it out: ~callbacks.{name}"
                )
            if "patience" in callback:
                _refuse_uncounted(f"callbacks.{name}.patience", callback["patience"], least=0)
            if callback.get("monitor") is not None and str(callback["monitor"]) not in MONITORED:
                remedy = f"take one of {', '.join(MONITORED)}"
                where = f"callbacks.{name}.monitor={callback['monitor']}"
                raise InvalidConfig(where, "no validation gives that number", remedy)
            if self.is_distributed and str(callback.get("monitor", MONITOR)).startswith("sample/"):
                where = f"callbacks.{name}.monitor={callback['monitor']}"
                raise InvalidConfig(where, "is known to the first process alone", f"watch {MONITOR}")
        if self.is_distributed and not isinstance(self.trainer.get("strategy"), dict):
            raise InvalidConfig(
                "trainer.devices, trainer.num_nodes", "more than one need a process for each", "take trainer=ddp too"
            )
        if (precision := str(self.trainer.get("precision") or PRECISIONS[0])) not in PRECISIONS:
            remedy = f"take one of {', '.join(PRECISIONS)}"
            raise InvalidConfig(f"trainer.precision={precision}", "does not train as phin clips and watches", remedy)
        if (by := self.trainer.get("gradient_clip_algorithm")) not in (None, "norm"):
            reason = "is not how gradients are clipped: by their norm"
            raise InvalidConfig(f"trainer.gradient_clip_algorithm={by}", reason, "leave it out")
        if self.compile and self.is_distributed:
            raise InvalidConfig("compile=true", "was not tried on several devices", "leave one of them out")

    @property
    def is_distributed(self) -> bool:
        """Whether several processes train, or may: one device is a count of one, or a list of one."""
        devices = self.trainer.get("devices", 1)
        return (len(devices) if isinstance(devices, list) else devices) != 1 or self.trainer.get("num_nodes", 1) != 1


def _refuse_uncounted(key: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise InvalidConfig(f"{key}={value}", "is no count", f"take a whole number of at least {least}")


def _refuse_another_model(overrides: list[str], init: str) -> None:
    for text in overrides:
        name = text.lstrip("+~")
        if name.startswith("model") and not name.startswith("model.dropout="):
            raise InvalidConfig(
                text, f"means nothing beside init={init}, which says the model", "leave one of them out"
            )


def _sweep(folder: Path) -> Path | None:
    """The sweep that the run in `folder` is a job of, also when it goes on alone: Hydra leaves a file in a sweep's."""
    if in_a_sweep():
        return Path(HydraConfig.get().sweep.dir)
    return folder.absolute().parent if (folder.parent / "multirun.yaml").is_file() else None


def main() -> None:
    """Console script."""
    run_app("train", TrainConfig, train)


def train(config: TrainConfig) -> float:
    """Trains, or goes on; prints the table and where the tunes are. Returns validation bits per note, for sweeps."""
    folder = Path(config.run)
    resume = config.resume
    kept = settings_to_go_on_with(folder, resume, TrainConfig)
    if kept:
        config = cast(TrainConfig, kept.settings)
        if kept.begins_again:
            print(f"{folder} has no checkpoint yet: it begins again, with the settings kept in it")
        if kept.drift:
            print(f"{folder} goes on with the settings kept in it; conf/ says otherwise: {kept.drift}")
    if in_a_sweep():
        refuse_another_run(folder, config)
        if config.is_distributed:
            raise InvalidConfig("trainer", "cannot use several devices in a sweep", "take one device a job")
    refuse_folder("run", folder)
    overrides = kept.overrides if kept else own_overrides()
    if config.init is not None:
        _refuse_another_model(overrides, config.init)
    elif not config.model.countdown:
        reason = "means nothing to a model that does not count down to the last stroke"
        refuse_unheard(["data.drop_closing"], reason, "leave it out, or take model.countdown=true")

    with loading(interrupted()):
        import lightning as L
        import torch
        from lightning.pytorch.loggers import Logger

        from phin.corpus.intake import prepare
        from phin.corpus.summary import summary
        from phin.data.datamodule import PhinDataModule
        from phin.model.adapting import with_sources
        from phin.model.checkpoint import find, load
        from phin.training import run
        from phin.training.checkpointing import WholeCheckpoints
        from phin.training.loggers import describe, run_label
        from phin.training.outcome import finished_report

    run.silence_lightning()
    goes_on = resume == RESUME_AUTO or in_a_sweep()
    report = finished_report(folder) if goes_on and not is_changed(folder, config) else None
    if report:
        print((folder / "report.txt").read_text(encoding="utf-8"))
        tunes = folder / report.get("tunes_in", "tunes")
        print(f"{folder} is finished; its tunes are in {tunes}. To train anew, name another folder or remove this one.")
        return float(report["validation_bits_per_note"])
    trained_by = run.validated_once(config.trainer)
    make_optimizer = optimizer_maker(config.optimizer)
    callbacks = [made(f"callbacks.{name}", callback, L.Callback) for name, callback in config.callbacks.items()]
    # what a trainer refuses, it refuses before the work; and of several processes one speaks
    is_first = made("trainer", trained_by, L.Trainer, logger=False).is_global_zero
    if config.threads:
        torch.set_num_threads(config.threads)
    L.seed_everything(config.seed, workers=True, verbose=False)
    start = load(find(config.init)) if config.init else None
    store = prepare(config.data, progress=is_first)
    if is_first:
        print(summary(store))
        os.environ[RUN_OF_ALL] = str(folder)  # where the processes that this one may start find it
    tokenizer = with_sources(start[1].tokenizer, store.sources) if start else None
    datamodule = PhinDataModule(config.data, config.seed, store=store, tokenizer=tokenizer)
    least = datamodule.least_batch
    if is_first and config.data.batch_notes < least and typed("data.batch_notes"):
        asked = f"data.batch_notes={config.data.batch_notes}"
        print(f"{asked}: batches hold {least:,} notes, two tunes as long as the longest")
    module = run.build(datamodule, config.model, config.loss, make_optimizer, config.scheduler, start)
    loggers = [made(f"logger.{name}", logger, Logger) for name, logger in config.logger.items()]
    parts = {"callbacks": callbacks, "logger": loggers, "plugins": [WholeCheckpoints()]}
    trainer = made("trainer", trained_by, L.Trainer, **parts)
    if trainer.world_size > (there := len(datamodule.validated)):
        reason = f"of the {trainer.world_size} processes some would have none of {counted(there, 'validation tune')}"
        raise InvalidConfig("trainer.devices, trainer.num_nodes", reason, f"take {there} at most")
    if config.compile:
        module.model.compile()

    def keep_settings() -> None:
        remember(config, folder, overrides)
        settings: Any = OmegaConf.to_container(OmegaConf.structured(config), resolve=True, enum_to_str=True)
        describe(loggers, run_label(overrides, HydraConfig.get().runtime.choices, _sweep(folder)), settings)

    result = run.train(folder, trainer, module, datamodule, config.sampler, keep_settings)
    if result is None:
        return math.nan  # a process that helped another
    print((folder / "report.txt").read_text(encoding="utf-8"))
    print(f"{len(result.tunes)} new tunes, to hear, to see and to play from: {result.folder}")
    return result.validation
