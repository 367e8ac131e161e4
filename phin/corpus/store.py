"""The cache on disk: a corpus as a few memory-mapped arrays, written whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from phin.errors import PhinError
from phin.music.lai import Family, LaiLabel
from phin.music.phrase import NUM_COLUMNS, TECHNIQUE, UNKNOWN, VELOCITY, Metre, Phrase

FORMAT = 2
"""Raised whenever reading, quantising or labelling changes what a store holds: older caches are then made anew."""

SPLITS = ("train", "validation", "test")

_FAMILIES = (None, *Family)
_TUNE = np.dtype(
    [
        ("start", "i8"),
        ("notes", "i4"),
        ("numerator", "i2"),
        ("denominator", "i2"),
        ("tempo", "i4"),
        ("source", "i2"),
        ("root", "i1"),
        ("lai_family", "i1"),
        ("family", "i4"),
        ("split", "i1"),
    ]
)


@dataclass(frozen=True)
class Tune:
    """A tune that was taken in: its phrase (on the grid, in range), what was recognised, its family and split."""

    id: str
    phrase: Phrase
    found: LaiLabel
    family: int = -1
    split: str = "train"


class Store:
    """A corpus opened for reading. Tunes are numbered from 0; `rows` and `tunes` are memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.sources: tuple[str, ...] = tuple(about["sources"])
        self.licence: str = about["licence"]
        self.fingerprint: str = about["fingerprint"]
        self.report: dict[str, Any] = about["report"]
        self.rows: Int[np.ndarray, "note 6"] = np.load(folder / "rows.npy", mmap_mode="r")
        self.tunes = np.load(folder / "tunes.npy", mmap_mode="r")

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Another process opens the store itself; the notes are not sent to it."""
        return Store, (self.folder,)

    def __len__(self) -> int:
        return len(self.tunes)

    @cached_property
    def _names(self) -> list[list[str]]:
        return json.loads((self.folder / "names.json").read_text(encoding="utf-8"))

    def id(self, tune: int) -> str:
        """The tune's id: source, file, number."""
        return self._names[tune][0]

    @property
    def lengths(self) -> Int[np.ndarray, " tune"]:
        """Notes of each tune."""
        return self.tunes["notes"]

    @property
    def families(self) -> Int[np.ndarray, " tune"]:
        """The family each tune belongs to."""
        return self.tunes["family"]

    @property
    def source_of(self) -> Int[np.ndarray, " tune"]:
        """Index into `sources` of each tune."""
        return self.tunes["source"]

    @property
    def has_technique(self) -> bool:
        """Whether any note has a technique."""
        return bool((self.rows[:, TECHNIQUE] != UNKNOWN).any())

    @property
    def has_velocity(self) -> bool:
        """Whether any note has a velocity."""
        return bool((self.rows[:, VELOCITY] != UNKNOWN).any())

    def split(self, name: str) -> Int[np.ndarray, " tune"]:
        """Numbers of the tunes in a split."""
        return np.flatnonzero(self.tunes["split"] == SPLITS.index(name))

    def phrase(self, tune: int) -> Phrase:
        """The tune as a phrase; its lai is not set (see `recognition`)."""
        row = self.tunes[tune]
        start, notes = int(row["start"]), int(row["notes"])
        return Phrase(
            self.rows[start : start + notes],
            metre=Metre(int(row["numerator"]), int(row["denominator"])) if row["numerator"] else None,
            tempo=int(row["tempo"]) or None,
            title=self._names[tune][1],
            source=self.sources[row["source"]],
        )

    def recognition(self, tune: int) -> LaiLabel:
        """Set and family as they were recognised at intake."""
        row = self.tunes[tune]
        return LaiLabel(int(row["root"]) if row["root"] >= 0 else None, _FAMILIES[row["lai_family"]])


def write_store(
    folder: Path, tunes: Sequence[Tune], sources: Sequence[str], licence: str, report: dict[str, Any]
) -> Store:
    """The tunes as a store in `folder`: all of it appears at once, under its final name, or nothing does.

    If another run has put a store there meanwhile, that one stays and ours is thrown away: both hold the same.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        half = Path(temporary) / "store"
        half.mkdir()
        _write_into(half, tunes, sources, licence, report)
        if folder.exists() and not is_store(folder):
            shutil.rmtree(folder)
        try:
            os.rename(half, folder)
        except OSError:
            if not is_store(folder):
                raise
    return Store(folder)


def is_store(folder: Path) -> bool:
    """Whether a whole store lies in `folder`."""
    return (folder / "about.json").is_file()


def open_store(folder: Path) -> Store:
    """The store in `folder`. Raises PhinError where it cannot be read."""
    try:
        return Store(folder)
    except (OSError, ValueError, KeyError) as error:
        raise PhinError(folder, f"is no readable cache ({error})", "remove the folder; it will be made anew") from None


def _write_into(folder: Path, tunes: Sequence[Tune], sources: Sequence[str], licence: str, report: dict) -> None:
    table = np.zeros(len(tunes), dtype=_TUNE)
    lengths = [len(tune.phrase) for tune in tunes]
    rows = np.concatenate([tune.phrase.rows for tune in tunes] or [np.zeros((0, NUM_COLUMNS), np.int32)])
    table["notes"], table["start"] = lengths, np.cumsum(lengths) - lengths
    for place, tune in enumerate(tunes):
        phrase, found = tune.phrase, tune.found
        table[place]["numerator"] = phrase.metre.numerator if phrase.metre else 0
        table[place]["denominator"] = phrase.metre.denominator if phrase.metre else 0
        table[place]["tempo"] = phrase.tempo or 0
        table[place]["source"] = sources.index(phrase.source)
        table[place]["root"] = -1 if found.root is None else found.root
        table[place]["lai_family"] = _FAMILIES.index(found.family)
        table[place]["family"], table[place]["split"] = tune.family, SPLITS.index(tune.split)
    names = [[tune.id, tune.phrase.title] for tune in tunes]
    np.save(folder / "rows.npy", rows)
    np.save(folder / "tunes.npy", table)
    (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
    about = {
        "format": FORMAT,
        "sources": list(sources),
        "licence": licence,
        "fingerprint": _fingerprint(rows, table, names),
        "report": report,
    }
    (folder / "about.json").write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")


def _fingerprint(rows: np.ndarray, table: np.ndarray, names: list[list[str]]) -> str:
    digest = hashlib.sha256()
    for part in (rows.tobytes(), table.tobytes(), json.dumps(names).encode()):
        digest.update(part)
    return digest.hexdigest()[:16]
