"""A training run from its parts to its folder: it fits, or goes on, and then leaves what `outcome` says."""

import logging
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException

from phin.corpus.report import with_every_refusal
from phin.corpus.store import Store
from phin.data.datamodule import PhinDataModule
from phin.errors import CannotWrite, InvalidCheckpoint, InvalidConfig, Stopped, came_of
from phin.generation.request import SamplerConfig
from phin.model.adapting import adapted
from phin.model.checkpoint import PHIN_KEY, Identity, read
from phin.model.loss import LossConfig, PhinLoss
from phin.model.transformer import PhinTransformer, TransformerConfig
from phin.tokenizer import DURATION, FIELDS, STEP, TECHNIQUE, VELOCITY
from phin.training import loggers
from phin.training.checkpointing import LastCheckpoint
from phin.training.lit_module import MakeOptimizer, PhinModule
from phin.training.outcome import RunResult, finished_report, leave, write_report, written
from phin.training.provenance import provenance
from phin.training.schedule import ScheduleConfig
from phin.whole_file import remove_partials
from phin.writable import alone_in

log = logging.getLogger(__name__)

LAST = Path("checkpoints") / "last.ckpt"
NOISE = (
    ".*LeafSpec.*",
    ".*smaller than the logging interval.*",
    ".*exists and is not empty.*",
    ".*sync_dist=True.*",  # what is logged of a validation is of all processes already
    ".*broadcast_buffers.*",  # its successor is not in torch 2.11
)


def silence_lightning() -> None:
    """Lightning's remarks on its own affairs, and on what going on means, stay out of the terminal."""
    for library in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for noise in NOISE:
        warnings.filterwarnings("ignore", message=noise)


def validated_once(trainer: dict[str, Any]) -> dict[str, Any]:
    """A trainer's settings under which a run of few steps is validated too, at its end."""
    batches = trainer["max_steps"] * trainer["accumulate_grad_batches"]
    return {**trainer, "val_check_interval": min(trainer["val_check_interval"], batches)}


def identity_of(
    model: TransformerConfig, datamodule: PhinDataModule, start: tuple[PhinTransformer, Identity] | None = None
) -> Identity:
    """What a run on this corpus will have trained, from nothing or from `start`."""
    store = datamodule.store
    fresh = Identity(
        model=model,
        tokenizer=datamodule.tokenizer,
        corpus=datamodule.config.name,
        corpus_fingerprint=store.fingerprint,
        licence=store.licence,
        learned_fields=learned_fields(store),
    )
    if start is None:
        return fresh
    before = start[1]
    return replace(
        fresh,
        model=replace(before.model, dropout=model.dropout),
        licence=" ".join(dict.fromkeys([before.licence, store.licence])),
        learned_fields=tuple(any(pair) for pair in zip(before.learned_fields, fresh.learned_fields, strict=True)),
        adapted_from=f"{before.corpus} {before.corpus_fingerprint}",
    )


def learned_fields(store: Store) -> tuple[bool, ...]:
    """Which fields some training tune has labels for."""
    known = [True] * len(FIELDS)
    known[TECHNIQUE], known[VELOCITY] = store.has_technique, store.has_velocity
    known[STEP], known[DURATION] = store.has_rhythm, store.has_duration
    return tuple(known)


def build(
    datamodule: PhinDataModule,
    model: TransformerConfig,
    loss: LossConfig,
    make_optimizer: MakeOptimizer,
    schedule: ScheduleConfig,
    start: tuple[PhinTransformer, Identity] | None = None,
) -> PhinModule:
    """A module for a corpus: a fresh one, whose weights depend on the global seed, or `start` with its weights.

    Of `model` only the dropout counts beside a start; the data module's tokenizer must then be the start's, with more
    sources (`phin.model.adapting.with_sources`).
    """
    identity = identity_of(model, datamodule, start)
    if start is None:
        network = PhinTransformer(model, identity.tokenizer.condition_sizes)
    else:
        network = adapted(*start, identity.tokenizer, model.dropout)
    return PhinModule(network, PhinLoss(loss), make_optimizer, schedule, identity)


def train(
    run: Path,
    trainer: L.Trainer,
    module: PhinModule,
    datamodule: PhinDataModule,
    sampler: SamplerConfig,
    keep_settings: Callable[[], None] = lambda: None,
) -> RunResult | None:
    """Fits (going on from the run's last checkpoint if it has one), evaluates the best checkpoint, plays four tunes.

    `keep_settings` is called once the folder is this process's own and its checkpoint fits, before anything else.
    Of several processes that train together the first does all but the fitting; the others get None.
    """
    module.run_folder = run
    if not trainer.is_global_zero:
        with suppress(Stopped):  # of which the first tells; if one that it started failed, Lightning would kill it
            _fit(run, trainer, module, datamodule)
        return None
    with alone_in("run", run, "training"):
        remove_partials(run)
        remove_partials((run / LAST).parent)
        _refuse_checkpoints(run, trainer, module)
        keep_settings()
        try:
            return _train(run, trainer, module, datamodule, sampler)
        except KeyboardInterrupt:  # also while it evaluates
            raise KeyboardInterrupt(f"Go on with resume={run}") from None
        except Stopped as stopped:
            raise Stopped(f"{run}: {stopped}. Go on with resume={run}.") from None


def _refuse_checkpoints(run: Path, trainer: L.Trainer, module: PhinModule) -> None:
    """Raises InvalidCheckpoint or InvalidConfig where the run cannot go on from what it has, or would begin again."""
    last, instead = run / LAST, "begin a new run"
    if (best := last.with_name("best.ckpt")).is_file():
        instead = f"copy {best} over it to go on from there, or {instead}"
    if last.is_file():
        stored = _checkpoint(last, instead)
        module.identity.refuse_other(stored[PHIN_KEY], last)  # in one line, before Lightning reads it
        _refuse_fewer_steps(run, trainer.max_steps, stored.get("global_step", 0))
        if best.is_file():  # of which the report is made, in the end
            kept = _checkpoint(best, f"remove it: {last.name} then counts as the best, until a better one comes")
            module.identity.refuse_other(kept[PHIN_KEY], best)
    elif finished_report(run):
        raise InvalidCheckpoint(last, "is not there, and the run was finished", instead)
    elif best.is_file():
        log.warning(
            "%s is not there, and the run begins again: stop, and copy %s over it, to go on from there", last, best
        )


def _checkpoint(path: Path, remedy: str) -> dict[str, Any]:
    """What a checkpoint of the run holds. Raises InvalidCheckpoint, with what helps here, where it cannot be read."""
    try:
        return read(path)
    except InvalidCheckpoint as error:
        raise InvalidCheckpoint(path, error.reason, remedy) from None


def _refuse_fewer_steps(run: Path, max_steps: int, done: int) -> None:
    if 0 <= max_steps < done:
        raise InvalidConfig(
            f"trainer.max_steps={max_steps}", f"{run} has come to step {done} already", "take more steps"
        )


def _train(
    run: Path, trainer: L.Trainer, module: PhinModule, datamodule: PhinDataModule, sampler: SamplerConfig
) -> RunResult:
    made_with = provenance(datamodule.config.name, datamodule.store)  # now: the code may change while it trains
    intake = with_every_refusal(datamodule.store)
    write_report(run, {"finished": False, "written": written(run), **made_with, "intake": intake})
    loggers.log_config(trainer.loggers, made_with)
    began = time.perf_counter()
    _fit(run, trainer, module, datamodule)
    kept = [callback.seconds for callback in trainer.callbacks if isinstance(callback, LastCheckpoint)]  # pyright: ignore
    seconds = max(kept, default=time.perf_counter() - began)
    about = {**made_with, "seconds_training": round(seconds, 1), "steps": trainer.global_step}
    return leave(run, datamodule, sampler, about)


def _fit(run: Path, trainer: L.Trainer, module: PhinModule, datamodule: PhinDataModule) -> None:
    last, ended_well = run / LAST, False
    try:
        trainer.fit(module, datamodule=datamodule, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
        trainer.save_checkpoint(last)  # where it stopped, however far that is from the last regular one
        loggers.send_best(trainer.loggers, trainer.checkpoint_callbacks, module.identity)
        ended_well = True
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None
    except (MisconfigurationException, RuntimeError) as error:
        if came_of(error, KeyboardInterrupt):  # torch cannot close the file that it was writing
            raise KeyboardInterrupt from None
        if isinstance(error, MisconfigurationException) or "conditioned on metric" in str(error):
            reason = f"cannot watch what this validation did not give ({' '.join(str(error).split())[:200]})"
            raise InvalidConfig("callbacks", reason, "watch val/bits_per_note, which each gives") from None
        raise
    except CannotWrite as error:
        raise CannotWrite(error.where, error.reason, f"make room, and go on with resume={run}") from error
    finally:
        loggers.close(trainer.loggers, ended_well)
