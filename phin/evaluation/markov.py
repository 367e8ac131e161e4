"""The baseline to beat: a Markov model of orders 0 to 5 with back-off, over the same fields of the same tunes.

It reads melodies by interval, so every transposition of a tune is the same to it: what augmentation has to teach the
transformer, it has for nothing. Pitch is predicted from the last k intervals; step and duration from the last k
(step, duration), and duration also from where in its bar the note begins. Orders are blended by the rule of Witten
and Bell (1991), P_k = (n(c, x) + a t(c) P_{k-1}) / (n(c) + a t(c)), where t(c) counts the distinct symbols seen after
c; below order 0 lies the uniform distribution. The caution a = 12 from order 2 on, and which context each field
takes, were chosen on the validation split to make the baseline strong: 3.9 bits a note there, against 4.8 with a = 1
and whole rows as contexts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt64

from phin.evaluation.metrics import TuneBits
from phin.music.phrase import STEPS_PER_QUARTER, Phrase
from phin.tokenizer import DURATION, FIELDS, LONGEST_STEP, NUM_FIELDS, PAD_ID, PITCH, STEP, Tokenizer

NUM_ORDERS = 6
"""0 to 5."""

CAUTION = 12
"""How much a context of two rows or more leans on the shorter one (see above)."""

_DRAWABLE = {f: FIELDS[f].highest - FIELDS[f].lowest + 1 + (f == STEP) for f in (STEP, PITCH, DURATION)}
"""Values a field can take; the end of the tune is one more step."""
_UNISON = 500
"""Added to intervals, so that none is negative."""
_FIRST_PITCH = 1000
"""Added to the pitch of a first note, which has no interval, so that it is a symbol of its own."""
_BEFORE_START = np.uint64(0x5BD1E995)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Hashes = UInt64[np.ndarray, " row"]


class _Symbols(NamedTuple):
    """All rows of many tunes, one after the other; the last row of each tune is its end."""

    fields: dict[int, Int[np.ndarray, " row"]]
    tune: Int[np.ndarray, " row"]
    place: Int[np.ndarray, " row"]
    in_bar: Int[np.ndarray, " row"]


class _Counts(NamedTuple):
    """What followed the contexts of one field and order: sorted hashes, and their counts."""

    contexts: Hashes
    total: Int[np.ndarray, " context"]
    distinct: Int[np.ndarray, " context"]
    continuations: Hashes
    times: Int[np.ndarray, " continuation"]


@dataclass(frozen=True)
class MarkovModel:
    """Counts by field and order."""

    counts: dict[tuple[int, int], _Counts]

    @classmethod
    def fit(cls, phrases: Sequence[Phrase]) -> "MarkovModel":
        """Counts every melody once."""
        symbols = _symbols(phrases)
        counts = {}
        for field, order, context in _contexts(symbols):
            counts[field, order] = _count(
                context, _mix(context, symbols.fields[field]), symbols.fields[field] != PAD_ID
            )
        return cls(counts)

    def bits(self, phrases: Sequence[Phrase], numbers: Sequence[int]) -> TuneBits:
        """Bits of every melody, by tune; `numbers` are the tunes' numbers in their store."""
        symbols = _symbols(phrases)
        bits, labels = np.zeros((len(phrases), NUM_FIELDS)), np.zeros((len(phrases), NUM_FIELDS), dtype=np.int64)
        probability = {field: np.full(len(symbols.tune), 1 / size) for field, size in _DRAWABLE.items()}
        for field, order, context in _contexts(symbols):
            known = self.counts[field, order]
            total, distinct = _look_up(known.contexts, context, known.total, known.distinct)
            (count,) = _look_up(known.continuations, _mix(context, symbols.fields[field]), known.times)
            escape = distinct * (CAUTION if order >= 2 else 1)
            blended = (count + escape * probability[field]) / np.maximum(total + escape, 1)
            probability[field] = np.where(total > 0, blended, probability[field])
        for field, p in probability.items():
            there = symbols.fields[field] != PAD_ID
            np.add.at(bits[:, field], symbols.tune[there], -np.log2(p[there]))
            labels[:, field] = np.bincount(symbols.tune[there], minlength=len(phrases))
        notes = np.array([len(phrase.melody) for phrase in phrases], dtype=np.int64)
        return TuneBits(bits, labels, notes, np.asarray(numbers, dtype=np.int64))


def _symbols(phrases: Sequence[Phrase]) -> _Symbols:
    tokenizer = Tokenizer()
    encoded = [tokenizer.encode(phrase.melody) for phrase in phrases]
    rows = np.concatenate([tune.ids[1:] for tune in encoded]).astype(np.int64)
    lengths = np.array([len(tune.ids) - 1 for tune in encoded])
    tune = np.repeat(np.arange(len(encoded)), lengths)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    bar = np.repeat([tune.bar or STEPS_PER_QUARTER for tune in encoded], lengths)
    in_bar = np.concatenate([tune.onset[1:] for tune in encoded]) % bar + LONGEST_STEP * bar
    pitch = rows[:, PITCH]
    interval = np.where(place > 0, pitch - np.roll(pitch, 1) + _UNISON, pitch + _FIRST_PITCH)
    interval[pitch == PAD_ID] = PAD_ID
    return _Symbols({STEP: rows[:, STEP], PITCH: interval, DURATION: rows[:, DURATION]}, tune, place, in_bar)


def _contexts(symbols: _Symbols) -> Iterator[tuple[int, int, Hashes]]:
    """Field, order, and the hash of every row's context for them; orders from 0 up."""
    step, interval, duration = (symbols.fields[field] for field in (STEP, PITCH, DURATION))
    rhythm = _hash_of(step, duration)
    beside = {
        STEP: (_hash_of(np.full_like(step, STEP)), rhythm),
        PITCH: (_hash_of(np.full_like(step, PITCH), symbols.place.clip(max=1)), _hash_of(interval)),
        DURATION: (_hash_of(np.full_like(step, DURATION), symbols.in_bar), rhythm),
    }
    for field, (context, history) in beside.items():
        for order in range(NUM_ORDERS):
            if order:
                before = np.where(symbols.place >= order, np.roll(history, order), _BEFORE_START)
                context = _mix(context, before)
            yield field, order, context


def _hash_of(*columns: Int[np.ndarray, " row"]) -> Hashes:
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        hashes = _mix(hashes, column)
    return hashes


def _mix(hashes: Hashes, column: np.ndarray) -> Hashes:
    """A hash of both; 64 bits, so that a million contexts collide with a chance of about one in ten million."""
    mixed = (hashes ^ (column.astype(np.uint64) * _FACTOR)) * np.uint64(0xFF51AFD7ED558CCD)
    return (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xC4CEB9FE1A85EC53) ^ (mixed >> np.uint64(29))


def _count(context: Hashes, continuation: Hashes, there: np.ndarray) -> _Counts:
    continuations, first, count = np.unique(continuation[there], return_index=True, return_counts=True)
    contexts, place = np.unique(context[there][first], return_inverse=True)
    total = np.bincount(place, weights=count).astype(np.int64)
    return _Counts(contexts, total, np.bincount(place), continuations, count)


def _look_up(keys: UInt64[np.ndarray, " key"], wanted: Hashes, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each column's value at the wanted keys, 0 where a key is not known."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    known = keys[place] == wanted
    return tuple(np.where(known, column[place], 0) for column in columns)
