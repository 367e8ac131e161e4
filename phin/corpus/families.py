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
from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from jaxtyping import Int, Int32, UInt32, UInt64

from phin.music.phrase import STEPS_PER_QUARTER, Phrase

NGRAM = 8
SHARED = 0.5
COMMON = 100
"""An n-gram in more tunes than this is a commonplace (a scale, a repeated note) and links none."""
PART = 2**16
"""Numbers that are looked at together."""
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
    """Tunes as they come, and in the end their families; of a tune two numbers of four bytes stay in memory.

    They say how many n-grams it has: any two may be compared. Titles and n-grams go to unnamed files (in `folder`,
    else where the system keeps such) and are looked at a part at a time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._titles = folder, tempfile.TemporaryFile(dir=folder)
        self._kinds = (_NgramFile(folder), _NgramFile(folder))
        self._length = 0

    def __enter__(self) -> "Kinship":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._titles.close()
        for file in self._kinds:
            file.close()

    def __len__(self) -> int:
        return self._length

    def add(self, phrase: Phrase) -> None:
        """The next tune."""
        title, melody = normalised_title(phrase.title), phrase.melody
        self._titles.write(_hash(title or f"the untitled tune {self._length}, which no title is called"))
        for kind, pitch in zip(self._kinds, (melody.pitch, _on_the_beat(melody)), strict=True):
            kind.add(_ngrams(pitch))
        self._length += 1

    def families(self) -> Int32[np.ndarray, " tune"]:
        """The family of each tune, numbered by the first tune in it."""
        parent = array("i", range(len(self)))

        def root(tune: int) -> int:
            while parent[tune] != tune:
                parent[tune] = parent[parent[tune]]
                tune = parent[tune]
            return tune

        for one, other in chain(self._same_title(), *(kind.similar() for kind in self._kinds)):
            a, b = root(one), root(other)
            parent[max(a, b)] = min(a, b)
        for tune in range(len(self)):  # who is nearer to the root comes first
            parent[tune] = parent[parent[tune]]
        return np.frombuffer(parent, dtype=np.int32)

    def _same_title(self) -> Iterator[tuple[int, int]]:
        for tunes, titles in _parts(self._titles, np.uint64, self._folder):
            order = np.argsort(titles, kind="stable")
            titles, tunes = titles[order], tunes[order]
            for place in np.flatnonzero(titles[1:] == titles[:-1]).tolist():
                yield int(tunes[place]), int(tunes[place + 1])


def families(phrases: Iterable[Phrase]) -> Int32[np.ndarray, " tune"]:
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


def largest(
    family: Int[np.ndarray, " tune"], titles: Callable[[], Iterable[str]], count: int = 10
) -> list[tuple[int, str]]:
    """The largest families: how many tunes, and the commonest title. Titles come in the order of the tunes, each time
    they are asked for: what stays of them in memory is a number for each tune of those families.
    """
    sizes, seen = np.bincount(family), np.zeros(family.max(initial=-1) + 1, dtype=bool)

    def ranked() -> Iterator[tuple[int, int, int]]:
        for place, number in enumerate(map(int, family)):
            if not seen[number]:
                seen[number] = True
                yield -int(sizes[number]), place, number

    members = {number: array("Q") for _, _, number in nsmallest(count, ranked())}
    for number, title in zip(map(int, family), titles(), strict=True):
        if number in members:
            members[number].append(_number(title))
    commonest = {number: _commonest(hashes) for number, hashes in members.items()}
    found: dict[int, str] = {}
    for number, title in zip(map(int, family), titles(), strict=True):
        if number in members and number not in found and _number(title) == commonest[number]:
            found[number] = title
    return [(len(hashes), found[number]) for number, hashes in members.items()]


def _commonest(hashes: array) -> int:
    """The number that there is most of; of several, the first."""
    values, first, counts = np.unique(np.frombuffer(hashes, dtype=np.uint64), return_index=True, return_counts=True)
    return int(values[np.lexsort((first, -counts))[0]])


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _number(text: str) -> int:
    return int.from_bytes(_hash(text))


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
        self._sizes = array("I")

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
        sizes = np.frombuffer(self._sizes, dtype=np.uint32)
        ends = sizes.cumsum(dtype=np.int64)
        with tempfile.TemporaryFile(dir=self._folder) as pairs:
            for places, grams in _parts(self._grams, np.uint32, self._folder):
                for together in _tunes_with_one_gram(grams, np.searchsorted(ends, places, side="right")):
                    one, other = np.triu_indices(len(together), k=1)
                    pairs.write((together[one] * len(sizes) + together[other]).tobytes())
            for _, some in _parts(pairs, np.int64, self._folder):
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


def _parts(file: IO[bytes], dtype: type, folder: Path | None) -> Iterator[tuple[Int[np.ndarray, " place"], np.ndarray]]:
    """The numbers in a file and their places, in parts that fit into memory; equal ones are in one part, in order.

    All of them go once to another unnamed file in `folder`, each to its part. (A number that is there a million times
    makes a large part all the same, of 20 bytes each.)
    """
    file.flush()
    count = os.fstat(file.fileno()).st_size // np.dtype(dtype).itemsize
    num_parts = -(-count // PART)
    record = np.dtype([("place", np.int64), ("value", dtype)])

    def pieces() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        for start in range(0, count, PART):
            file.seek(start * np.dtype(dtype).itemsize)
            piece = np.fromfile(file, dtype, count=PART)
            yield start, piece, (_mixed(piece) % np.uint64(num_parts)).astype(np.int64)

    sizes = np.zeros(num_parts, dtype=np.int64)
    for _, _, part in pieces():
        sizes += np.bincount(part, minlength=num_parts)
    begins = sizes.cumsum() - sizes
    with tempfile.TemporaryFile(dir=folder) as apart:
        following = begins.copy()
        for start, piece, part in pieces():
            order = np.argsort(part, kind="stable")
            records = np.empty(len(piece), dtype=record)
            records["place"], records["value"] = start + order, piece[order]
            bounds = np.searchsorted(part[order], np.arange(num_parts + 1))
            for number in np.flatnonzero(np.diff(bounds)).tolist():
                some = records[bounds[number] : bounds[number + 1]]
                apart.seek(int(following[number]) * record.itemsize)
                apart.write(some.tobytes())
                following[number] += len(some)
        apart.flush()
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
            apart.seek(begin * record.itemsize)
            records = np.fromfile(apart, record, count=size)
            yield records["place"], records["value"]


def _mixed(values: np.ndarray) -> UInt64[np.ndarray, " value"]:
    """Numbers in which nothing of the values' order or factors is left: parts made by them are of like size."""
    return (values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
