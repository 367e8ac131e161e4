"""The cache on disk: a corpus as a few memory-mapped arrays, written tune by tune, and there whole or not at all."""

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.lib.recfunctions import repack_fields

from phin.errors import PhinError
from phin.music.lai import Family, LaiLabel
from phin.music.phrase import LABEL_SOURCES, NUM_COLUMNS, TECHNIQUE, UNKNOWN, VELOCITY, Inferred, Metre, Phrase

FORMAT = 6
"""Raised whenever reading, quantising or labelling changes what a store holds: older caches are then made anew."""

SPLITS = ("train", "validation", "test")

_PIECE = 2**15
"""Rows that are looked at or hashed at a time."""
_FAMILIES = (None, *Family)
_BIT = {kind: 1 << place for place, kind in enumerate(Inferred)}
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
        ("inferred", "u1"),
        ("techniques_from", "i1"),
    ]
)
_NAME = np.dtype([("start", "i8"), ("size", "i4")])
"""Where in names.json a tune's id and title stand, in bytes."""
_UNWRITTEN = ["inferred", "techniques_from"]
"""Columns that are 0 in every tune that is written out in full."""


@dataclass(frozen=True)
class Tune:
    """A tune that was taken in: its phrase (on the grid, in range), what was recognised, its family and split."""

    id: str
    phrase: Phrase
    found: LaiLabel
    family: int = -1
    split: str = "train"


class Store:
    """A corpus opened for reading. Tunes are numbered from 0; all that grows with them is memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.sources: tuple[str, ...] = tuple(about["sources"])
        self.licence: str = about["licence"]
        self.fingerprint: str = about["fingerprint"]
        self.report: dict[str, Any] = about["report"]
        self.rows: Int[np.ndarray, "note 6"] = np.load(folder / "rows.npy", mmap_mode="r")
        self.tunes = np.load(folder / "tunes.npy", mmap_mode="r")
        self._name_places = np.load(folder / "names.npy", mmap_mode="r")
        self._name_bytes = np.memmap(folder / "names.json", mode="r")

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Another process opens the store itself; the notes are not sent to it."""
        return Store, (self.folder,)

    def __len__(self) -> int:
        return len(self.tunes)

    def _name(self, tune: int) -> tuple[str, str]:
        """Id and title."""
        start, size = self._name_places[tune]
        id, title = json.loads(self._name_bytes[start : start + size].tobytes())
        return id, title

    def id(self, tune: int) -> str:
        """The tune's id: source, file, number."""
        return self._name(tune)[0]

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
        return self._is_known(TECHNIQUE)

    @property
    def has_velocity(self) -> bool:
        """Whether any note has a velocity."""
        return self._is_known(VELOCITY)

    def _is_known(self, column: int) -> bool:
        starts = range(0, len(self.rows), _PIECE)
        return any(bool((self.rows[start : start + _PIECE, column] != UNKNOWN).any()) for start in starts)

    @property
    def has_rhythm(self) -> bool:
        """Whether any training tune says when its notes begin."""
        return self._trains_on(Inferred.ONSET)

    @property
    def has_duration(self) -> bool:
        """Whether any training tune says how long its notes last."""
        return self._trains_on(Inferred.DURATION)

    def _trains_on(self, kind: Inferred) -> bool:
        return bool((self.tunes["inferred"][self.split("train")] & _BIT[kind] == 0).any())

    def split(self, name: str) -> Int[np.ndarray, " tune"]:
        """Numbers of the tunes in a split."""
        return np.flatnonzero(self.tunes["split"] == SPLITS.index(name))

    def phrase(self, tune: int) -> Phrase:
        """The tune as a phrase; its lai is not set (see `label`)."""
        row = self.tunes[tune]
        start, notes = int(row["start"]), int(row["notes"])
        return Phrase(
            self.rows[start : start + notes],
            metre=Metre(int(row["numerator"]), int(row["denominator"])) if row["numerator"] else None,
            tempo=int(row["tempo"]) or None,
            title=self._name(tune)[1],
            source=self.sources[row["source"]],
            inferred=frozenset(kind for kind, bit in _BIT.items() if row["inferred"] & bit),
            techniques_from=LABEL_SOURCES[row["techniques_from"]],
        )

    def label(self, tune: int) -> LaiLabel:
        """Set and family as they were labelled at intake."""
        row = self.tunes[tune]
        return LaiLabel(int(row["root"]) if row["root"] >= 0 else None, _FAMILIES[row["lai_family"]])


def write_store(
    folder: Path, tunes: Iterable[Tune], sources: Sequence[str], licence: str, report: dict[str, Any]
) -> Store:
    """The tunes as a store in `folder`, which is there entirely or not at all (see `StoreWriter`)."""
    with StoreWriter(folder, sources, licence) as writer:
        for tune in tunes:
            writer.add(tune)
        return writer.finish(report)


class StoreWriter:
    """Writes a store tune by tune, to the disk at once, under a name that nobody reads until it is finished.

    If another run has put a store there meanwhile, that one stays and ours is thrown away: both hold the same.
    """

    def __init__(self, folder: Path, sources: Sequence[str], licence: str) -> None:
        self.folder, self.sources, self.licence = folder, list(sources), licence

    def __enter__(self) -> "StoreWriter":
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=_prefix(self.folder))
        self.half = Path(self._temporary.name) / "store"
        """Where other files that belong to the store can be put before it is finished."""
        self.half.mkdir()
        self._rows = _GrowingArray(self.half / "rows.npy", np.zeros((0, NUM_COLUMNS), np.int32))
        self._tunes = _GrowingArray(self.half / "tunes.npy", np.zeros(0, _TUNE))
        self._name_places = _GrowingArray(self.half / "names.npy", np.zeros(0, _NAME))
        self._names = open(self.half / "names.json", "wb")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in (self._rows.file, self._tunes.file, self._name_places.file, self._names):
            file.close()
        self._temporary.cleanup()

    def add(self, tune: Tune) -> None:
        """Appends a tune."""
        phrase, found = tune.phrase, tune.found
        facts = np.zeros(1, dtype=_TUNE)
        facts["start"], facts["notes"] = len(self._rows), len(phrase)
        facts["numerator"] = phrase.metre.numerator if phrase.metre else 0
        facts["denominator"] = phrase.metre.denominator if phrase.metre else 0
        facts["tempo"] = phrase.tempo or 0
        facts["source"] = self.sources.index(phrase.source)
        facts["root"] = -1 if found.root is None else found.root
        facts["lai_family"] = _FAMILIES.index(found.family)
        facts["family"], facts["split"] = tune.family, SPLITS.index(tune.split)
        facts["inferred"] = sum(_BIT[kind] for kind in phrase.inferred)
        facts["techniques_from"] = LABEL_SOURCES.index(phrase.techniques_from)
        name = json.dumps([tune.id, phrase.title], ensure_ascii=False).encode()
        self._names.write(b",\n" if len(self._tunes) else b"[\n")
        self._name_places.append(np.array([(self._names.tell(), len(name))], dtype=_NAME))
        self._names.write(name)
        self._tunes.append(facts)
        self._rows.append(phrase.rows)

    def titles(self) -> Iterator[str]:
        """The title of each tune so far, its id where it has none."""
        self._names.flush()
        for id, title in _names_in(self.half):
            yield title or id

    def finish(self, report: dict[str, Any]) -> Store:
        """Gives the store its name, and opens it."""
        self._names.write(b"\n]" if len(self._tunes) else b"[]")
        self._names.close()
        self._name_places.finish()
        self._rows.finish()
        self._tunes.finish()
        about = {
            "format": FORMAT,
            "sources": self.sources,
            "licence": self.licence,
            "fingerprint": _fingerprint(self.half),
            "report": report,
        }
        (self.half / "about.json").write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
        if self.folder.exists() and not is_store(self.folder):
            shutil.rmtree(self.folder)
        try:
            os.rename(self.half, self.folder)
        except OSError:
            if not is_store(self.folder):
                raise
        return Store(self.folder)


def remove_halves(folder: Path) -> None:
    """Removes what killed writers of the store in `folder` have left; nobody may be writing it now."""
    for half in folder.parent.glob(f"{glob.escape(_prefix(folder))}*"):
        shutil.rmtree(half, ignore_errors=True)


def is_store(folder: Path) -> bool:
    """Whether a whole store lies in `folder`."""
    return (folder / "about.json").is_file()


def open_store(folder: Path) -> Store:
    """The store in `folder`. Raises PhinError where it cannot be read."""
    try:
        return Store(folder)
    except (OSError, EOFError, TypeError, ValueError, KeyError) as error:
        raise PhinError(folder, f"is no readable cache ({error})", "remove the folder; it will be made anew") from None


class _GrowingArray:
    """An .npy file that rows are appended to; its header, which numpy leaves room in, is written again at the end."""

    def __init__(self, path: Path, nothing: np.ndarray) -> None:
        self.dtype, self.row = nothing.dtype, nothing.shape[1:]
        self.file = open(path, "w+b")
        self._length = 0
        self._write_header()
        self._begin = self.file.tell()

    def __len__(self) -> int:
        return self._length

    def append(self, rows: np.ndarray) -> None:
        assert rows.dtype == self.dtype, "other rows would be read than were written"
        assert rows.shape[1:] == self.row, "other rows would be read than were written"
        self.file.write(rows.tobytes())
        self._length += len(rows)

    def finish(self) -> None:
        self.file.seek(0)
        self._write_header()
        assert self.file.tell() == self._begin, "numpy leaves room in a header for a length of any size"
        self.file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self._length, *self.row),
        }
        np.lib.format.write_array_header_1_0(self.file, header)


def _prefix(folder: Path) -> str:
    """What the temporary folders of a store's writers begin with."""
    return f".{folder.name}-"


def _fingerprint(folder: Path) -> str:
    """Hash of the notes, the table of tunes and their names, read a piece at a time.

    What is unwritten (`_UNWRITTEN`) is hashed where there is any: a corpus without keeps the hash it always had.
    """
    digest, known = hashlib.sha256(), [name for name in _TUNE.names or () if name not in _UNWRITTEN]
    for piece in _pieces(folder / "rows.npy"):
        digest.update(piece.tobytes())
    for piece in _pieces(folder / "tunes.npy"):
        digest.update(repack_fields(piece[known]).tobytes())
    for piece in _pieces(folder / "tunes.npy"):
        if any(piece[name].any() for name in _UNWRITTEN):
            digest.update(repack_fields(piece[["start", *_UNWRITTEN]]).tobytes())
    before = "["
    for pair in _names_in(folder):
        digest.update((before + json.dumps(pair)).encode())
        before = ", "
    digest.update(b"[]" if before == "[" else b"]")
    return digest.hexdigest()[:16]


def _pieces(path: Path) -> Iterator[np.ndarray]:
    """The rows of an array on the disk, some at a time, so that never more of them are in memory."""
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        width = int(np.prod(shape[1:], dtype=np.int64))
        while len(piece := np.fromfile(file, dtype, count=_PIECE * width)):
            yield piece.reshape(-1, *shape[1:])


def _names_in(folder: Path) -> Iterator[list[str]]:
    """Id and title of each tune in names.json, which has them a line each."""
    with open(folder / "names.json", encoding="utf-8") as file:
        for line in file:
            if (pair := line.rstrip(",\n")) not in "[]":
                yield json.loads(pair)
