"""What is heard of a run while it trains: tunes drawn at each validation, measured, kept, and sent to W&B."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import lightning as L
from lightning.pytorch.loggers import WandbLogger

from phin.errors import InvalidConfig, PhinError
from phin.evaluation.metrics import TuneMeasures
from phin.generation.play import refuse_unlearned
from phin.generation.request import SamplerConfig, TuneRequest, refuse_draw
from phin.generation.torch_engine import generate
from phin.generation.write import TuneFiles, write_tunes
from phin.music.measures import measures
from phin.music.phrase import Phrase
from phin.training.lit_module import PhinModule

SHOWN = ("mid", "wav", "png")
"""Forms of the tunes of a model half trained: to hear and to see, not yet to play from."""

SEEN = ("step", "title", "piano roll", "sound")
"""First columns of W&B's table of tunes; the measures follow."""

log = logging.getLogger(__name__)


class SampleTunes(L.Callback):
    """Draws the same `count` tunes (by seed) at every validation and logs their measures as `sample/...`.

    The first `show` go to the run's folder, and with W&B on they are heard and seen there.
    """

    def __init__(
        self,
        folder: str,
        count: int = 8,
        lines: int = 2,
        seed: int = 0,
        show: int = 2,
        sampler: SamplerConfig | None = None,
    ) -> None:
        refuse_draw(count, seed)
        if show < 0:
            raise InvalidConfig(f"show={show}", "is no count", "take 0 to keep none")
        self.folder, self.count, self.seed, self.show = Path(folder), count, seed, show
        self.request, self.sampler = TuneRequest(lines=lines), sampler

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, PhinModule)
        refuse_unlearned(pl_module.identity, self.sampler)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, PhinModule)
        try:
            tunes = generate(pl_module.model, pl_module.identity, self.request, self.count, self.seed, self.sampler)
        except PhinError as error:  # a model half trained may play without an end: no reason to stop training it
            log.warning("no tunes at step %d: %s", trainer.global_step, error)
            return
        metric = TuneMeasures(sync_on_compute=False)  # one process draws for all, and the others do not wait
        metric.update(tunes)
        means = {name: float(mean) for name, mean in metric.compute().items()}
        if not any(tune.is_melody.any() for tune in tunes):
            means = dict.fromkeys(means, 0.0)  # of what plays no melody there is none of anything
        pl_module.found({f"sample/{name}": mean for name, mean in means.items() if math.isfinite(mean)})
        self._show(trainer, tunes[: self.show])

    def _show(self, trainer: L.Trainer, tunes: Sequence[Phrase]) -> None:
        if not tunes:
            return
        folder = self.folder / f"step-{trainer.global_step:06d}"
        written = write_tunes(tunes, folder, replace=True, formats=SHOWN)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                _send(logger, trainer.global_step, tunes, written)


def _send(logger: WandbLogger, step: int, tunes: Sequence[Phrase], written: Sequence[TuneFiles]) -> None:
    """A table with a row a tune: seen, heard and measured."""
    import wandb

    values = [measures(tune) for tune in tunes]
    rows = [
        [step, tune.title, wandb.Image(str(files.of[".png"])), wandb.Audio(str(files.of[".wav"])), *measured.values()]
        for tune, files, measured in zip(tunes, written, values, strict=True)
    ]
    logger.log_table("samples", [*SEEN, *values[0]], rows, step=step - 1)  # Lightning's loggers count from 0
