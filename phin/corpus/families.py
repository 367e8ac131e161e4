"""Which tunes are one tune: families, so that no tune stands on both sides of a split.

Two tunes are of one family when they have the same normalised title, or share at least half of their eight-interval
n-grams (of the one that has fewer), intervals taken modulo the octave; the same is asked of the notes that sound on the
beats, so that an ornamented version is found as well. Families are the connected components.
"""

import hashlib
import os
import re
import tempfile
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from jaxtyping import Int, UInt32, UInt64

from phin.music.phrase import STEPS_PER_QUARTER, Phrase

NGRAM = 8
SHARED = 0.5
COMMON = 100
"""An n-gram in more tunes than this is a commonplace (a scale, a repeated note) and links none."""
PART = 2**18
"""Numbers that are looked at together: some 10 megabytes of memory."""
FEWEST_NGRAMS = 4
"""A tune with fewer distinct n-grams than this is too short for a share of them to mean anything."""

_VERSION_WORDS = re.compile(
    r"\b(the|a|an|der|die|das|\d+(st|nd|rd|th)|first|second|third|setting|version|variant|part|reel|jig|hornpipe|strathspey"
    r"|air|march|quick ?step|waltz|polka)\b"
)
_THAI_VERSION_WORDS = re.compile(
    r"(สามชั้น|สองชั้น|ชั้นเดียว|\d*\s*ชั้น|ทาง\S*|เถา|จะเข้|ขิม|ขลุ่ย\S*|ซอ\S*|ฆ้อง\S*|อังกะลุง|ระนาด\S*)"
)


class Kinship:
    """Tunes as they come, and in the end their families; of a tune only four numbers stay in memory.

    N-grams go to unnamed files (in `folder`, else where the system keeps such) and are looked at a part at a time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._titles = array("Q")  # hashes
        self._kinds = (_NgramFile(folder), _NgramFile(folder))

    def __enter__(self) -> "Kinship":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._kinds:
            file.close()

    def __len__(self) -> int:
        return len(self._titles)

    def add(self, phrase: Phrase) -> None:
        """The next tune."""
        title, melody = normalised_title(phrase.title), phrase.melody
        self._titles.append(int.from_bytes(hashlib.blake2b(title.encode(), digest_size=8).digest()) if title else 0)
        for kind, pitch in zip(self._kinds, (melody.pitch, _on_the_beat(melody)), strict=True):
            kind.add(_ngrams(pitch))

    def families(self) -> Int[np.ndarray, " tune"]:
        """The family of each tune, numbered by the first tune in it."""
        parent = array("q", range(len(self)))

        def root(tune: int) -> int:
            while parent[tune] != tune:
                parent[tune] = parent[parent[tune]]
                tune = parent[tune]
            return tune

        for one, other in chain(self._same_title(), *(kind.similar() for kind in self._kinds)):
            a, b = root(one), root(other)
            parent[max(a, b)] = min(a, b)
        return np.array([root(tune) for tune in range(len(self))], dtype=np.int64)

    def _same_title(self) -> Iterator[tuple[int, int]]:
        titles = np.array(self._titles, dtype=np.uint64)
        _, first, which = np.unique(titles, return_index=True, return_inverse=True)
        for tune in np.flatnonzero(titles != 0).tolist():
            yield int(first[which[tune]]), tune


def families(phrases: Iterable[Phrase]) -> Int[np.ndarray, " tune"]:
    """The family of each tune, numbered by the first tune in it."""
    with Kinship() as kinship:
        for phrase in phrases:
            kinship.add(phrase)
        return kinship.families()


def normalised_title(title: str) -> str:
    """A title without accents, punctuation, articles, numbering, kind of dance, chan, way and instrument."""
    plain = _THAI_VERSION_WORDS.sub(" ", title)
    decomposed = unicodedata.normalize("NFKD", plain.casefold())
    letters = "".join(
        c if c.isalnum() or (unicodedata.category(c) == "Mn" and ord(c) > 0x0E00) else " "
        for c in decomposed
        if not (unicodedata.category(c) == "Mn" and ord(c) < 0x0E00)
    )
    return " ".join(_VERSION_WORDS.sub(" ", letters).split())


def largest(family: Int[np.ndarray, " tune"], titles: Iterable[str], count: int = 10) -> list[tuple[int, str]]:
    """The largest families: how many tunes, and the commonest title. Titles come in the order of the tunes."""
    numbers, first, sizes = np.unique(family, return_index=True, return_counts=True)
    ranked = np.lexsort((first, -sizes))[:count]
    members: dict[int, Counter[str]] = {int(numbers[place]): Counter() for place in ranked}
    for number, title in zip(family.tolist(), titles, strict=True):
        if number in members:
            members[number][title] += 1
    return [(counted.total(), counted.most_common(1)[0][0]) for counted in members.values()]


def split_of(family_id: str, held_out: float = 0.1) -> str:
    """The split a family falls into by a hash of its first tune's id: `held_out` each to validation and test."""
    place = _place(family_id)
    if place < held_out:
        return "test"
    return "validation" if place < 2 * held_out else "train"


def split_families(family_ids: Sequence[str], held_out: float = 0.1) -> list[str]:
    """The split of each family; of a few families, one at least is held out for validation and one for testing.

    Where a split of three or more families would be empty, the split that has most gives it the family whose hash lies
    nearest; fewer than three families all go to training.
    """
    splits = {family: split_of(family, held_out) for family in family_ids}
    if len(splits) < 3:
        return ["train"] * len(family_ids)
    for empty in ("test", "validation", "train"):
        if empty not in splits.values():
            most = Counter(splits.values()).most_common(1)[0][0]
            candidates = sorted((family for family, split in splits.items() if split == most), key=_place)
            splits[candidates[-1 if empty == "train" else 0]] = empty
    return [splits[family] for family in family_ids]


def _place(family_id: str) -> float:
    """A number from 0 to 1 that depends on the id alone."""
    return int.from_bytes(hashlib.sha256(f"phin:{family_id}".encode()).digest()[:8]) / 2**64


def _ngrams(pitch: Int[np.ndarray, " note"]) -> UInt32[np.ndarray, " ngram"]:
    """The distinct eight-interval n-grams of a melody, as numbers in base 12: below 12 ** 8, so four bytes hold one."""
    intervals = np.diff(pitch.astype(np.int64)) % 12
    if len(intervals) < NGRAM:
        return np.zeros(0, dtype=np.uint32)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, NGRAM)
    return np.unique(windows @ 12 ** np.arange(NGRAM)).astype(np.uint32)


def _on_the_beat(melody: Phrase) -> Int[np.ndarray, " beat"]:
    """The pitch that begins on each quarter that has one."""
    return melody.pitch[melody.onset % STEPS_PER_QUARTER == 0]


class _NgramFile:
    """The n-grams of each tune, one tune after the other, on the disk."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._grams = tempfile.TemporaryFile(dir=folder)
        self._sizes = array("L")

    def add(self, grams: UInt32[np.ndarray, " ngram"]) -> None:
        """Those of the next tune; of a tune with few, none are looked at."""
        kept = grams if len(grams) >= FEWEST_NGRAMS else grams[:0]
        self._grams.write(kept.tobytes())
        self._sizes.append(len(kept))

    def close(self) -> None:
        """The file is gone."""
        self._grams.close()

    def similar(self) -> Iterator[tuple[int, int]]:
        """Pairs of tunes that share enough n-grams."""
        sizes = np.array(self._sizes, dtype=np.int64)
        ends = sizes.cumsum()
        with tempfile.TemporaryFile(dir=self._folder) as pairs:
            for places, grams in _parts(self._grams, np.uint32):
                for together in _tunes_with_one_gram(grams, np.searchsorted(ends, places, side="right")):
                    one, other = np.triu_indices(len(together), k=1)
                    pairs.write((together[one] * len(sizes) + together[other]).tobytes())
            for _, some in _parts(pairs, np.int64):
                pair, shared = np.unique(some, return_counts=True)
                one, other = np.divmod(pair, len(sizes))
                close = shared >= SHARED * np.minimum(sizes[one], sizes[other])
                yield from zip(one[close].tolist(), other[close].tolist(), strict=True)


def _tunes_with_one_gram(
    grams: UInt32[np.ndarray, " place"], tune: Int[np.ndarray, " place"]
) -> Iterator[Int[np.ndarray, " _"]]:
    """The tunes that have an n-gram, in order, for each that is in two or more and is no commonplace."""
    order = np.argsort(grams, kind="stable")
    grams, tune = grams[order], tune[order]
    starts = np.flatnonzero(np.r_[True, grams[1:] != grams[:-1]])
    runs = np.diff(np.r_[starts, len(grams)])
    shared = (runs >= 2) & (runs <= COMMON)
    for start, run in zip(starts[shared].tolist(), runs[shared].tolist(), strict=True):
        yield tune[start : start + run]


def _parts(file: IO[bytes], dtype: type) -> Iterator[tuple[Int[np.ndarray, " place"], np.ndarray]]:
    """The numbers in a file and their places, in parts that fit into memory; equal ones are in one part, in order."""
    file.flush()
    count = os.fstat(file.fileno()).st_size // np.dtype(dtype).itemsize
    num_parts = -(-count // PART)
    for part in range(num_parts):
        places, values = [], []
        for start in range(0, count, PART):
            file.seek(start * np.dtype(dtype).itemsize)
            piece = np.fromfile(file, dtype, count=PART)
            inside = np.flatnonzero(_mixed(piece) % num_parts == part)
            places.append(start + inside)
            values.append(piece[inside])
        yield np.concatenate(places), np.concatenate(values)


def _mixed(values: np.ndarray) -> UInt64[np.ndarray, " value"]:
    """Numbers in which nothing of the values' order or factors is left: parts made by them are of like size."""
    return (values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
