"""Runs as they lie on the disk: settings, what the user set, the report; and what tells one run from another."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from phin.difference import MISSING, flat, is_below, key_of, moved
from phin.errors import PhinError
from phin.evaluation.bits_table import BitsRow

SETTINGS, OVERRIDES, REPORT = "config.yaml", "overrides.yaml", "report.json"
PLACE = ("run", "resume")
"""Settings that say where a run lies, and nothing else."""
SEED = "seed"
REVISION_LETTERS = 12
FREE = ("data.loader_workers", "data.workers", "data.cache", "data.file_seconds", "data.file_megabytes")
"""Settings of the machine's share in the work on the data; they leave a run the same run."""
LOOKED_AT = ("logger", "callbacks.progress", "callbacks.samples")
"""Settings of what is shown and kept of a run, and what lies below them."""
OUTSIDE = ("threads", *LOOKED_AT, *FREE)
"""Settings of the machine and of what is looked at: with others of them it is the same run, with the same end."""
SAME_ARM = (SEED, *OUTSIDE)
"""Settings in which runs of one arm may differ: luck, the machine, and what is looked at."""
MAY_CHANGE = (
    *PLACE,
    *OUTSIDE,
    "sampler",
    "callbacks",
    "trainer.max_steps",
    "trainer.max_time",
    "trainer.log_every_n_steps",
)
"""Settings that may change in a run that goes on: of place, machine and looks, how it is listened to, how long it
trains."""
_DECIDES = ("callbacks.best", "callbacks.early_stopping.monitor")
"""But not these, which decide which of its checkpoints counts."""


@dataclass(frozen=True)
class Finished:
    """What the report of a run says that came to its end."""

    steps: int
    seconds: float
    """Of training, also before it went on."""
    validation: float
    """Bits per note of the best checkpoint."""
    rows: list[BitsRow]
    machine: dict[str, Any]
    revision: str
    """Of the code, as `git describe` says it, in short; empty where there was no checkout."""


@dataclass(frozen=True)
class Run:
    """A run's folder, read."""

    folder: Path
    overrides: list[str]
    settings: dict[str, Any]
    """By dotted key, without PLACE; its own folder is written `RUN` in them."""
    finished: Finished | None

    @property
    def seed(self) -> int:
        """The seed."""
        return self.settings[SEED]

    @cached_property
    def arm(self) -> dict[str, Any]:
        """The settings that another run of the same arm has too."""
        return {key: value for key, value in self.settings.items() if not is_below(key, SAME_ARM)}


def may_change(key: str) -> bool:
    """Whether a run that goes on is the same run with another value of a setting, named by its dotted key."""
    return is_below(key, MAY_CHANGE) and not is_below(key, _DECIDES)


def is_run(folder: Path) -> bool:
    """Whether a run began in a folder."""
    return (folder / SETTINGS).is_file()


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """The folders of runs, each once: those named, and for the folder of a sweep all in it, in the order they ran.

    Raises PhinError where a folder is none, holds no run, or adds none to those before it.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            reason = "is a file" if folder.exists() else "there is no such folder"
            raise PhinError(folder, reason, "name the folder of a phin-train run, or of a sweep")
        runs = [folder] if is_run(folder) else sorted(filter(is_run, folder.iterdir()), key=_number)
        if not runs:
            raise PhinError(folder, "holds no runs", "name the folder of a phin-train run, or one that holds such")
        new = {run.resolve(): run for run in runs if run.resolve() not in found}
        if not new:
            raise PhinError(folder, "is named already", "leave it out")
        found |= new
    return list(found.values())


def _number(folder: Path) -> tuple[int, str]:
    return (int(folder.name) if folder.name.isdecimal() else 0), folder.name


def read_run(folder: Path) -> Run:
    """A run's settings and report. Raises PhinError where one is torn."""
    settings, overrides = _yaml(folder / SETTINGS, dict), _yaml(folder / OVERRIDES, list)
    if not isinstance(settings.get(SEED), int):
        raise PhinError(folder / SETTINGS, "has no seed, so it is not of phin-train", "name the folder of another run")
    alike = moved(settings, str(settings.get("run", "")), "RUN")
    flattened = {key: value for key, value in flat(alike) if key not in PLACE}
    return Run(folder, [str(text) for text in overrides], flattened, _finished(folder))


def _yaml(path: Path, kind: type) -> Any:
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = f"cannot be read ({getattr(error, 'strerror', None) or 'it is torn'})"
        raise PhinError(path, reason, "leave this run out") from None
    if not isinstance(held, kind):
        raise PhinError(path, "holds something else than phin-train writes", "leave this run out")
    return held


def _finished(folder: Path) -> Finished | None:
    path = folder / REPORT
    if not path.is_file():
        return None
    remedy = f"write it anew with phin-train resume={folder}, or leave this run out"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PhinError(path, "cannot be read, it is torn", remedy) from None
    try:
        if not report["finished"]:
            return None
        rows = [_row(row) for row in report["test"]]
        steps, seconds = int(report["steps"]), float(report["seconds_training"])
        score, machine = float(report["validation_bits_per_note"]), dict(report["machine"])
        finished = Finished(steps, seconds, score, rows, machine, _revision(report.get("git")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"is no report that this version of phin knows ({error})".replace("\n", " ")
        raise PhinError(path, reason, remedy) from None
    if not rows:
        raise PhinError(path, "has no row of the test split", remedy)
    return finished


def _revision(git: dict[str, Any] | None) -> str:
    return f"{git['revision']:.{REVISION_LETTERS}}{'-dirty' if git['dirty'] else ''}" if git else ""


def _row(row: dict[str, Any]) -> BitsRow:
    kinds: dict[Any, Any] = {str: str, int: int, float: float, tuple[float, float]: _interval}
    return BitsRow(**{field.name: kinds.get(field.type, dict)(row[field.name]) for field in fields(BitsRow)})


def _interval(pair: Sequence[Any]) -> tuple[float, float]:
    low, high = pair
    return float(low), float(high)


def differing(tables: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The settings that are not the same in all, by key, with each table's value (MISSING where it has none)."""
    keys = dict.fromkeys(key for table in tables for key in table)
    columns = {key: [table.get(key, MISSING) for table in tables] for key in keys}
    return {key: values for key, values in columns.items() if any(value != values[0] for value in values)}


def arm_names(runs: Sequence[Run], beside: Sequence[str] = ()) -> list[str]:
    """Of each run what tells its arm from those of the others, as the user set it; `default` where that is nothing.

    Settings of `beside` are told elsewhere. What was typed and makes no difference is not told; where what was typed
    cannot tell two arms apart (the files of conf/ changed between them), the settings themselves do.
    """
    differ = [key for key in differing([run.arm for run in runs]) if not is_below(key, beside)]
    shared = set.intersection(*(set(run.overrides) for run in runs))
    own = [[text for text in run.overrides if text not in shared and _makes(text, differ)] for run in runs]
    arms = [{key: run.arm.get(key, MISSING) for key in differ} for run in runs]
    names = [" ".join(own[place]) or "default" for place in (arms.index(arm) for arm in arms)]
    alike = {name: differing([arm for arm, other in zip(arms, names, strict=True) if other == name]) for name in names}
    return [
        " ".join([name, *(f"{key}={arm[key]}" for key in alike[name])]) for arm, name in zip(arms, names, strict=True)
    ]


def _makes(override: str, differ: Sequence[str]) -> bool:
    """Whether an override sets a setting of `differ`: itself, or with all of its group."""
    key = key_of(override)
    return any(is_below(one, [key]) or is_below(key, [one]) for one in differ)
