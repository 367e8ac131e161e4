"""How long a stretch a melody repeats from other melodies, free of key and tempo.

A melody is a row of turns: from one note to the next, the interval, and how much longer or shorter the step to the note
after is. Transposed, played in other note values, or begun elsewhere in the bar, the turns stay the same. A stretch of
n turns is n + 2 notes long. Stretches are looked up by 64-bit hashes: two unlike ones share one once in 10^19.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt64

from phin.music.phrase import Phrase

_FACTOR = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""
_INVERSE = pow(_FACTOR, -1, 2**64)
_FINEST = 2**20
"""Ratios of steps are told apart to such a part: those of whole numbers up to a thousand never meet."""
SHORTEST, LONGEST = 4, 64
"""Turns of the stretches among which the longest that chance repeats is looked for."""
UNRELATED = 0.99
"""The share of unrelated real tunes that must repeat no stretch so long."""


class Copied(NamedTuple):
    """A stretch of a melody that stands in others: all of it in one, or each part of it in one."""

    notes: int
    first: int
    """Its first melody note, from 0."""
    tune: int
    """The number of the tune that it stands in, or its beginning does."""


def turns(phrase: Phrase) -> UInt64[np.ndarray, " turn"]:
    """A number for each turn of the melody; two turns are alike if and only if their numbers are."""
    melody = phrase.melody
    steps = np.maximum(np.diff(melody.onset), 1).astype(np.int64)
    interval = np.diff(melody.pitch).astype(np.int64)
    if len(steps) < 2:
        return np.zeros(0, np.uint64)
    ratio = steps[1:] * _FINEST // steps[:-1]
    mixed = (interval[:-1].astype(np.uint64) << np.uint64(48)) ^ ratio.astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return mixed ^ (mixed >> np.uint64(32))


def stretches(turned: UInt64[np.ndarray, " turn"], length: int) -> UInt64[np.ndarray, " stretch"]:
    """A hash for each stretch of so many turns."""
    if len(turned) < length:
        return np.zeros(0, np.uint64)
    powers, inverses = (_powers(base, len(turned) + 1) for base in (_FACTOR, _INVERSE))
    with np.errstate(over="ignore"):
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(turned * powers[:-1], dtype=np.uint64)])
        return (sums[length:] - sums[:-length]) * inverses[: len(turned) - length + 1]


def _powers(base: int, count: int) -> UInt64[np.ndarray, " power"]:
    with np.errstate(over="ignore"):
        return np.concatenate([np.ones(1, np.uint64), np.cumprod(np.full(count - 1, base, np.uint64))])


@dataclass(frozen=True)
class CopyIndex:
    """All stretches of `length` turns of some tunes, sorted, each with a tune that it stands in."""

    length: int
    hashes: UInt64[np.ndarray, " stretch"]
    tunes: Int[np.ndarray, " stretch"]

    @classmethod
    def of(cls, turned: Iterable[UInt64[np.ndarray, " _"]], length: int) -> "CopyIndex":
        """Of tunes as `turns` tells them, numbered in their order."""
        found = [stretches(each, length) for each in turned]
        numbers = np.repeat(np.arange(len(found)), [len(each) for each in found])
        hashes, place = np.unique(np.concatenate([np.zeros(0, np.uint64), *found]), return_index=True)
        return cls(length, hashes, numbers[place])

    @classmethod
    def beyond_chance(
        cls, learned: Sequence[UInt64[np.ndarray, " _"]], unrelated: Sequence[UInt64[np.ndarray, " _"]]
    ) -> "CopyIndex":
        """Of the shortest stretches that no more than one in a hundred `unrelated` tunes repeat from `learned` ones."""
        low, high = SHORTEST, LONGEST
        while low < high:
            middle = (low + high) // 2
            index = cls.of(learned, middle)
            free = np.mean([not index.holds(each).any() for each in unrelated]) if unrelated else 1.0
            low, high = (low, middle) if free >= UNRELATED else (middle + 1, high)
        return cls.of(learned, low)

    @property
    def notes(self) -> int:
        """Notes of a stretch."""
        return self.length + 2

    def holds(self, turned: UInt64[np.ndarray, " turn"]) -> np.ndarray:
        """Which stretches of a melody stand in one of the tunes."""
        own = stretches(turned, self.length)
        if not len(self.hashes):
            return np.zeros(len(own), bool)
        place = np.minimum(np.searchsorted(self.hashes, own), len(self.hashes) - 1)
        return self.hashes[place] == own

    def longest(self, phrase: Phrase, new: Bool[np.ndarray, " note"] | None = None) -> Copied | None:
        """The longest run of stretches that each stand in one of the tunes, be it another; of those with a `new` melody
        note alone. None where none does.
        """
        turned = turns(phrase)
        runs = self._runs(turned, new)
        if not runs:
            return None
        first, last = max(runs, key=lambda run: run[1] - run[0])
        return Copied(last - first + self.notes, first, int(self._tunes_of(turned[first:])[0]))

    def longest_in_one(
        self,
        phrase: Phrase,
        turns_of: Callable[[int], UInt64[np.ndarray, " _"]],
        new: Bool[np.ndarray, " note"] | None = None,
    ) -> Copied | None:
        """The longest part of such a run that stands whole in one of the tunes in which its stretches were found.

        `turns_of` tells a tune's `turns` by its number.
        """
        turned, found = turns(phrase), list[Copied]()
        for first, last in self._runs(turned, new):
            own = turned[first : last + self.length]
            for tune in np.unique(self._tunes_of(own)).tolist():
                length, begins = longest_shared(own, turns_of(tune))
                found.append(Copied(length + 2, first + begins, tune))
        return max(found, key=lambda copied: copied.notes, default=None)

    def _runs(
        self, turned: UInt64[np.ndarray, " turn"], new: Bool[np.ndarray, " note"] | None
    ) -> list[tuple[int, int]]:
        """The first and the last stretch of each run of those that stand there, with a `new` note."""
        found = self.holds(turned)
        if new is not None and len(found):
            found &= np.lib.stride_tricks.sliding_window_view(new, self.notes).any(axis=1)
        edges = np.diff(np.concatenate([[0], found.astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
        return list(zip(begins.tolist(), (ends - 1).tolist(), strict=True))

    def _tunes_of(self, turned: UInt64[np.ndarray, " turn"]) -> Int[np.ndarray, " stretch"]:
        """Of each stretch that stands there, a tune that it stands in; it means nothing of another."""
        place = np.searchsorted(self.hashes, stretches(turned, self.length))
        return self.tunes[np.minimum(place, len(self.tunes) - 1)]


def longest_shared(one: UInt64[np.ndarray, " turn"], other: UInt64[np.ndarray, " other_turn"]) -> tuple[int, int]:
    """Turns of the longest stretch that stands in both, and where it begins in the first."""
    longest, ends = 0, 0
    before = np.zeros(len(other) + 1, np.int64)
    for place, turn in enumerate(one):
        run = np.zeros_like(before)
        run[1:] = (before[:-1] + 1) * (other == turn)
        if (most := int(run.max())) > longest:
            longest, ends = most, place + 1
        before = run
    return longest, ends - longest
