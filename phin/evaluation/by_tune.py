"""The test split tune by tune, kept in a run's folder: what paired differences between runs are made of."""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from phin.errors import PhinError
from phin.music.phrase import Phrase
from phin.tokenizer import FIELDS, HEADLINE_FIELDS
from phin.whole_file import write_text

TEST_BITS = "test_bits.csv"
_NAMES = tuple(FIELDS[field].name for field in HEADLINE_FIELDS)
_COUNTS = ("family", "notes")
_BITS = (*_NAMES, *(f"markov_{name}" for name in _NAMES))
COLUMNS = ("id", "content", "source", *_COUNTS, *_BITS)


@dataclass(frozen=True)
class ByTune:
    """A row a tune: bits of step, pitch and duration, the model's and then the Markov model's."""

    id: list[str]
    content: list[str]
    """A hash of what was read. Two corpora can hold different tunes under one id: files that were edited meanwhile."""
    source: list[str]
    family: Int[np.ndarray, " tune"]
    """Numbers that hold in this run's corpus alone."""
    notes: Int[np.ndarray, " tune"]
    bits: Float[np.ndarray, "tune 6"]

    @property
    def headline(self) -> Float[np.ndarray, " tune"]:
        """The model's bits of step, pitch and duration together."""
        return self.bits[:, : len(_NAMES)].sum(axis=1)


def content_of(phrase: Phrase) -> str:
    """A hash of what is read of a tune: its melody, its metre, and what of it was inferred."""
    rows = np.ascontiguousarray(phrase.melody.rows, dtype="<i4").tobytes()
    inferred = ",".join(sorted(phrase.inferred))
    return hashlib.sha256(rows + f"{phrase.metre} {inferred}".encode()).hexdigest()[:12]


def write_by_tune(tunes: ByTune, path: Path) -> None:
    """A CSV of COLUMNS, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    counts = zip(tunes.family.tolist(), tunes.notes.tolist(), tunes.bits.tolist(), strict=True)
    names = zip(tunes.id, tunes.content, tunes.source, strict=True)
    for name, (family, notes, bits) in zip(names, counts, strict=True):
        writer.writerow([*name, family, notes, *(f"{value:.6f}" for value in bits)])
    write_text(path, text.getvalue())


def read_by_tune(path: Path) -> ByTune:
    """The rows of a CSV. Raises PhinError where it is torn, or holds a tune twice."""
    try:
        text = path.read_text(encoding="utf-8")
        head, *rows = csv.reader(io.StringIO(text)) if text else [[]]
        if tuple(head) != COLUMNS or not rows or not text.endswith("\n"):
            raise ValueError("it has other columns, no rows, or no end")
        columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        family, notes = (np.array(columns[name], dtype=np.int64) for name in _COUNTS)
        bits = np.array([columns[name] for name in _BITS], dtype=np.float64).T
        if (notes < 1).any() or not np.isfinite(bits).all() or len(set(columns["id"])) < len(rows):
            raise ValueError("a tune stands in it twice, without notes or without bits")
    except (OSError, ValueError, csv.Error) as error:
        reason = f"cannot be read ({error})".replace("\n", " ")
        raise PhinError(path, reason, "remove it, and compare without paired differences") from None
    return ByTune(columns["id"], columns["content"], columns["source"], family, notes, bits)
