"""Weights & Biases: what a run is called there, what it says of itself, and what it sends.

Offline unless the person is logged in.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.loggers import Logger, WandbLogger

from phin.difference import is_below, key_of
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.runs.run_folder import FREE
from phin.model.checkpoint import Identity
from phin.tokenizer import FIELDS, HEADLINE_FIELDS
from phin.wandb_access import begun, mode_of
from phin.whole_file import write_text

ID = "wandb_id"
SCORES = (MONITOR, *(f"{MONITOR}/{FIELDS[field].name}" for field in HEADLINE_FIELDS))
"""Of these W&B's table of runs shows the least value, not the last."""
LONGEST_NAME = 100
SAY_NOTHING = ("logger", "callbacks", "threads", "data.path", "data.download", *FREE)
"""Settings that do not tell one run from another; what was read is in the corpus's name and fingerprint."""

_DATA_DIR = os.environ.get("WANDB_DATA_DIR")


class RunLabel(NamedTuple):
    """What a run is found by among others."""

    name: str
    group: str
    tags: list[str]


def run_label(overrides: Sequence[str], choices: Mapping[str, str], sweep: Path | None = None) -> RunLabel:
    """Named for what was set, grouped by its sweep or else by data and model, tagged with the choices of groups.

    `choices` are those of every group, of which `overrides` set some anew. A sweep whose folder is called `runs` is
    called as what holds it: a study.
    """
    telling = [text for text in overrides if not is_below(key_of(text), SAY_NOTHING)]
    name = " ".join(text.replace("'", "") for text in telling) or "default"
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1].rstrip() + "…"
    chosen = {key: value for key, _, value in (text.partition("=") for text in telling) if key in choices}
    if sweep is not None:
        group = sweep.parent.name if sweep.name == "runs" else sweep.name
    else:
        group = " ".join({**choices, **chosen}[key] for key in ("data", "model"))
    return RunLabel(name, group, [f"{key}={value}" for key, value in chosen.items()])


def wandb_logger(
    project: str,
    save_dir: str,
    offline: bool | None = None,
    name: str | None = None,
    group: str | None = None,
    tags: list[str] | None = None,
) -> WandbLogger:
    """A logger that writes under `save_dir`; what is not given of its label, `describe` gives.

    `offline` None means: online for those who are logged in. WANDB_MODE, where it is set, counts more. An offline run
    is sent later with `wandb sync <run>/wandb/offline-run-*`.
    """
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    # not Lightning's own `offline`, which sets WANDB_MODE for all that comes after in the process
    mode = mode_of(offline)
    logger = WandbLogger(project=project, save_dir=save_dir, name=name, group=group, tags=tags, mode=mode)
    # Lightning 2.6 hands it on even where nobody set it, and W&B 0.31 warns at each start that it does nothing
    logger._wandb_init.pop("anonymous", None)
    return logger


def describe(loggers: Sequence[Logger], label: RunLabel, config: dict[str, Any]) -> None:
    """Begins the run at W&B, if it is logged there: with its label, its id, its settings, and what counts as best.

    Raises PhinError where W&B cannot be reached that was asked for.
    """
    for logger in _wandb(loggers):
        folder, given = Path(logger.save_dir or "."), logger._wandb_init
        given.update({key: value for key, value in label._asdict().items() if given.get(key) is None})
        given["id"] = given.get("id") or run_id(folder)
        # what tables and checkpoints are sent from stays with the run, not in the home folder
        os.environ["WANDB_DATA_DIR"] = _DATA_DIR or str(folder.absolute() / "wandb")
        with begun("logger.wandb", "leave it offline"):
            run = logger.experiment
        for name in SCORES:  # each by its name: a pattern would lose against Lightning's own, `*`
            run.define_metric(name, summary="min", step_metric="trainer/global_step", step_sync=True)
        logger.log_hyperparams(config)


def run_id(folder: Path) -> str:
    """The run's id at W&B: that of its beginning where it goes on from a checkpoint, else a new one, kept from now."""
    kept = folder / ID
    if not (kept.is_file() and any((folder / "checkpoints").glob("*.ckpt"))):
        write_text(kept, secrets.token_hex(4))
    return kept.read_text(encoding="utf-8")


def log_config(loggers: Sequence[Logger], config: dict[str, Any]) -> None:
    """Adds to the run's config at W&B."""
    for logger in _wandb(loggers):
        logger.log_hyperparams(config)


def send_best(loggers: Sequence[Logger], checkpoints: Sequence[Checkpoint], identity: Identity) -> None:
    """The best score and, where W&B is online, the checkpoint it belongs to, as an artifact.

    The score is that of all parts of a run that went on, of which W&B's own summary knows the last. Lightning's
    `log_model` would send the last checkpoint too, and call it the best.
    """
    for best in checkpoints:
        if not (isinstance(best, ModelCheckpoint) and best.monitor and best.best_model_score is not None):
            continue
        score = float(best.best_model_score)
        for logger in _wandb(loggers):
            run = logger.experiment
            run.summary[best.monitor] = {best.mode: score}
            if run.offline or run.disabled:
                continue
            import wandb

            about = {"monitor": best.monitor, "score": score, "corpus": identity.corpus}
            about |= {"corpus_fingerprint": identity.corpus_fingerprint, "licence": identity.licence}
            artifact = wandb.Artifact(f"model-{run.id}", type="model", metadata=about)
            artifact.add_file(best.best_model_path, policy="immutable")
            run.log_artifact(artifact, aliases=["best"])


def close(loggers: Sequence[Logger], ended_well: bool) -> None:
    """Ends W&B's run, which says there whether it ended well; the next job of a sweep begins one of its own."""
    for logger in _wandb(loggers):
        logger.experiment.finish(exit_code=0 if ended_well else 1)


def _wandb(loggers: Sequence[Logger]) -> Iterator[WandbLogger]:
    return (logger for logger in loggers if isinstance(logger, WandbLogger))
