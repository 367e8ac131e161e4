"""Folders of runs as phin-train leaves them, with numbers that a test chooses."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from phin.evaluation.bits_table import ALL, BitsRow
from phin.evaluation.by_tune import TEST_BITS, ByTune, write_by_tune
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.runs.curves import METRICS
from phin.evaluation.runs.run_folder import OVERRIDES, REPORT, SETTINGS


def tunes(seed: int = 0, count: int = 30) -> ByTune:
    """Tunes of two sources, two a family; their notes and content by number, their bits by `seed`."""
    notes = np.random.default_rng(99).integers(20, 60, count)
    bits = np.random.default_rng(seed).uniform(0.5, 2, (count, 6)) * notes[:, None]
    numbers = range(count)
    return ByTune(
        id=[f"folk/{number}" for number in numbers],
        content=[f"{number:012x}" for number in numbers],
        source=[("essen", "han")[number % 4 > 1] for number in numbers],
        family=np.arange(count) // 2,
        notes=notes,
        bits=bits,
    )


def rows_of(read: ByTune) -> list[BitsRow]:
    """What a report would say of them."""
    sources = np.array(read.source)
    groups = {name: sources == name for name in dict.fromkeys(read.source)} | {ALL: sources == sources}
    return [_row(name, read, chosen) for name, chosen in groups.items()]


def _row(name: str, read: ByTune, chosen: np.ndarray) -> BitsRow:
    notes, family, bits = read.notes[chosen], read.family[chosen], read.bits[chosen]
    ours, markov = bits[:, :3].sum(axis=1), bits[:, 3:].sum(axis=1)
    step, pitch, duration = (bits[:, :3].sum(axis=0) / notes.sum()).tolist()
    means = [float(sums.sum() / notes.sum()) for sums in (ours, markov, ours - markov)]
    intervals = [interval_by_family(sums, notes, family) for sums in (ours, markov, ours - markov)]
    return BitsRow(
        *(name, len(notes), len(np.unique(family)), int(notes.sum()), step, pitch, duration, {}, {}),
        *(value for pair in zip(means, intervals, strict=True) for value in pair),
    )


def write_run(
    folder: Path,
    overrides: Sequence[str] = (),
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    read: ByTune | None = None,
    finished: bool = True,
    **report: Any,
) -> Path:
    """A run whose test tunes are `read`; `settings` by dotted key beside a few that every run has."""
    config = OmegaConf.create(
        {"optimizer": {"lr": 0.1}, "trainer": {"max_steps": 20}, "run": str(folder), "seed": seed}
    )
    config.callbacks = {"best": {"dirpath": f"{folder}/checkpoints"}}
    for key, value in (settings or {}).items():
        OmegaConf.update(config, key, value)
    folder.mkdir(parents=True)
    OmegaConf.save(config, folder / SETTINGS)
    OmegaConf.save(OmegaConf.create(list(overrides)), folder / OVERRIDES)
    read = read or tunes(seed)
    if finished:
        write_by_tune(read, folder / TEST_BITS)
    about = {
        "finished": finished,
        "validation_bits_per_note": 3.5,
        "test": [asdict(row) for row in rows_of(read)],
        "machine": {"torch": "2.13.0", "threads": 1},
        "steps": 20,
        "seconds_training": 4.0,
    }
    (folder / REPORT).write_text(json.dumps(about | report), encoding="utf-8")
    write_log(folder, [(9, {"train/loss": 5.0}), (9, {"val/bits_per_note": 4.5}), (19, {"val/bits_per_note": 3.5})])
    return folder


def write_log(folder: Path, rows: Sequence[tuple[int, dict[str, float]]]) -> Path:
    """What the CSV logger writes, a row a call."""
    names = ["step", "train/loss", "val/bits_per_note"]
    lines = [names, *([str(step), *(str(row.get(name, "")) for name in names[1:])] for step, row in rows)]
    path = folder / METRICS
    path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")
    return path
