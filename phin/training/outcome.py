"""What a finished run leaves in its folder: reports, bits by tune, and four tunes of its best checkpoint."""

import json
import logging
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from phin.checksum import sha256_of
from phin.corpus.report import with_every_refusal
from phin.data.datamodule import PhinDataModule
from phin.errors import PhinError
from phin.evaluation.bits_table import as_dicts, table
from phin.evaluation.by_tune import TEST_BITS, write_by_tune
from phin.evaluation.runs.run_folder import REPORT
from phin.evaluation.split_bits import by_tune, model_bits, rows_of, split_bits
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import generate
from phin.generation.write import TuneFiles, write_tunes
from phin.model.checkpoint import Identity, find, load
from phin.model.transformer import PhinTransformer
from phin.music.phrase import Phrase
from phin.whole_file import write_text

log = logging.getLogger(__name__)

NUM_TUNES = 4


@dataclass(frozen=True)
class RunResult:
    """What a finished run leaves: the validation score and the tunes."""

    validation: float
    tunes: list[TuneFiles]
    folder: Path
    """Where the tunes are."""


def leave(run: Path, datamodule: PhinDataModule, sampler: SamplerConfig, about: dict[str, Any]) -> RunResult:
    """The run's table and tunes, from its best checkpoint."""
    best = find(run)
    model, identity = load(best)
    test = split_bits(model, datamodule.test_dataloader(), datamodule.store)
    rows = rows_of(test, datamodule.store)
    validation = model_bits(model, datamodule.evaluation_loader("validation"), progress=False)
    score = float(validation.headline.sum() / validation.notes.sum())
    folder = folder_for_tunes(run)
    files = write_tunes(_tunes(model, identity, datamodule.seed, sampler), folder, replace=True)
    ours = [path for file in files for path in file.of.values()]
    report = {
        "finished": True,
        "checkpoint": str(best.relative_to(run)),
        "validation_bits_per_note": score,
        "test": as_dicts(rows),
        "tunes": [file.of[".mid"].name for file in files],
        "tunes_in": folder.name,
        "written": {**written(run), **{str(path.relative_to(run)): _checksum(path) for path in ours}},
        **about,
        "intake": with_every_refusal(datamodule.store),
    }
    write_by_tune(by_tune(test, datamodule.store), run / TEST_BITS)
    write_text(run / "report.txt", table(rows, "test") + "\n")
    write_report(run, report)
    return RunResult(score, files, folder)


def folder_for_tunes(run: Path) -> Path:
    """Where the run's tunes go: `tunes`, or tunes-2 and so on where a tune lies that the run did not write.

    What it wrote is in its report, by checksum; those tunes are its own to write anew.
    """
    own = written(run)
    folders = (run / ("tunes" if number == 1 else f"tunes-{number}") for number in count(1))
    return next(
        folder
        for folder in folders
        if all(own.get(str(file.relative_to(run))) == _checksum(file) for file in folder.glob("tune-*"))
    )


def written(run: Path) -> dict[str, str]:
    """The checksums of the files of tunes that the run has written, by path."""
    found = (_report(run) or {}).get("written")
    return found if isinstance(found, dict) else {}


def _checksum(file: Path) -> str:
    return sha256_of(file)[:16] if file.is_file() else ""


def _tunes(model: PhinTransformer, identity: Identity, seed: int, sampler: SamplerConfig) -> list[Phrase]:
    """New tunes; none, with a warning, from a model that plays without an end: its scores are worth having."""
    try:
        return generate(model, identity, TuneRequest(), NUM_TUNES, seed, sampler)
    except PhinError as error:
        log.warning("no tunes: %s", error)
        return []


def finished_report(run: Path) -> dict[str, Any] | None:
    """The report of a run that came to its end, else None."""
    report = _report(run)
    return report if report and report.get("finished") else None


def _report(run: Path) -> dict[str, Any] | None:
    try:
        report = json.loads((run / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def write_report(run: Path, report: dict[str, Any]) -> None:
    """report.json, whole or not at all."""
    run.mkdir(parents=True, exist_ok=True)
    write_text(run / REPORT, json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False))
