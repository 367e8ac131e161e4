"""The baseline to beat: a Markov model of orders 0 to 5 with back-off, over the same fields of the same tunes.

It reads melodies by interval, so every transposition of a tune is the same to it: what augmentation has to teach the
transformer, it has for nothing. Pitch is predicted from the last k intervals; step and duration from the last k
(step, duration), and duration also from where in its bar the note begins: whole rows as contexts would hardly be met
again. Orders are blended by the rule of Witten and Bell (1991), P_k = (n(c, x) + a t(c) P_{k-1}) / (n(c) + a t(c)),
where t(c) counts the distinct symbols seen after c; below order 0 lies the uniform distribution. The caution a = 12
from order 2 on keeps long contexts, which few notes have followed, from outvoting the short ones. It and the contexts
of each field were chosen on the validation split, to make the baseline strong.

What is inferred is read and neither counted nor scored, as for the transformer: durations, and the steps of a rhythm
that nobody wrote down. A pitch whose octave is inferred is scored by its class, the sum over its octaves in the
vocabulary. Tunes with such pitches are counted for each other, as they are read, and never for written pitches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from phin.evaluation.metrics import TuneBits
from phin.music.phrase import STEPS_PER_QUARTER, Inferred, Phrase
from phin.tokenizer import (
    DURATION,
    FIELDS,
    LONGEST_STEP,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    STEP,
    UNKNOWN_ID,
    Tokenizer,
)

NUM_ORDERS = 6
"""0 to 5."""

CAUTION = 12
"""How much a context of two rows or more leans on the shorter one (see above)."""

ANY_OCTAVE = NUM_FIELDS
"""Counts of pitches for tunes whose octaves are inferred, kept as if they were of one more field."""
_OCTAVES = range(-3, 4)
"""As many as lie in the vocabulary above or below any pitch, and no fewer."""

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
    """Step and duration as ids, pitch as interval."""
    pitch: Int[np.ndarray, " row"]
    tune: Int[np.ndarray, " row"]
    place: Int[np.ndarray, " row"]
    in_bar: Int[np.ndarray, " row"]
    onset_inferred: Bool[np.ndarray, " row"]
    octave_inferred: Bool[np.ndarray, " row"]

    def is_label(self, field: int) -> Bool[np.ndarray, " row"]:
        """Where somebody wrote the field down; of a pitch at least its class."""
        known = ~np.isin(self.fields[field], (PAD_ID, UNKNOWN_ID))
        return known & ~self.onset_inferred if field == STEP else known


class _Counts(NamedTuple):
    """What followed the contexts of one field and order: sorted hashes, and their counts."""

    contexts: Hashes
    total: Int[np.ndarray, " context"]
    distinct: Int[np.ndarray, " context"]
    continuations: Hashes
    times: Int[np.ndarray, " continuation"]


@dataclass(frozen=True)
class MarkovModel:
    """Counts by field (or ANY_OCTAVE) and order."""

    counts: dict[tuple[int, int], _Counts]

    @classmethod
    def fit(cls, phrases: Sequence[Phrase]) -> "MarkovModel":
        """Counts every melody once."""
        symbols = _symbols(phrases)
        counts = {}
        for field, order, context in _contexts(symbols):
            continuation, there = _mix(context, symbols.fields[field]), symbols.is_label(field)
            if field == PITCH:
                counts[ANY_OCTAVE, order] = _count(context, continuation, there)
                if not symbols.octave_inferred.any():
                    counts[PITCH, order] = counts[ANY_OCTAVE, order]
                    continue
                there &= ~symbols.octave_inferred
            counts[field, order] = _count(context, continuation, there)
        return cls(counts)

    def bits(self, phrases: Sequence[Phrase], numbers: Sequence[int]) -> TuneBits:
        """Bits of every melody, by tune; `numbers` are the tunes' numbers in their store."""
        symbols = _symbols(phrases)
        bits, labels = np.zeros((len(phrases), NUM_FIELDS)), np.zeros((len(phrases), NUM_FIELDS), dtype=np.int64)
        probability = {field: np.full(len(symbols.tune), 1 / size) for field, size in _DRAWABLE.items()}
        of_class = np.flatnonzero(symbols.octave_inferred & symbols.is_label(PITCH))
        in_octave = {octave: np.full(len(of_class), 1 / _DRAWABLE[PITCH]) for octave in _OCTAVES}
        for field, order, context in _contexts(symbols):
            column, shorter = symbols.fields[field], probability[field]
            probability[field] = _blended(self.counts[field, order], order, context, column, shorter)
            if field == PITCH and len(of_class):
                for octave, shorter in in_octave.items():
                    known, moved = self.counts[ANY_OCTAVE, order], column[of_class] + 12 * octave
                    in_octave[octave] = _blended(known, order, context[of_class], moved, shorter)
        probability[PITCH][of_class] = 0
        for octave, p in in_octave.items():
            pitch = symbols.pitch[of_class] + 12 * octave
            inside = (pitch >= NUM_SYMBOLS) & (pitch < FIELDS[PITCH].size)
            probability[PITCH][of_class] += np.where(inside, p, 0)
        for field, p in probability.items():
            there = symbols.is_label(field)
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
    fields = {STEP: rows[:, STEP], PITCH: interval, DURATION: rows[:, DURATION]}
    inferred = [
        np.repeat([kind in phrase.inferred for phrase in phrases], lengths)
        for kind in (Inferred.ONSET, Inferred.OCTAVE)
    ]
    return _Symbols(fields, pitch, tune, place, in_bar, *inferred)


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


def _blended(
    known: _Counts, order: int, context: Hashes, column: Int[np.ndarray, " row"], shorter: Float[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """P of each row's symbol after its context, blended with what the shorter context says."""
    total, distinct = _look_up(known.contexts, context, known.total, known.distinct)
    (count,) = _look_up(known.continuations, _mix(context, column), known.times)
    escape = distinct * (CAUTION if order >= 2 else 1)
    return np.where(total > 0, (count + escape * shorter) / np.maximum(total + escape, 1), shorter)


def _look_up(keys: UInt64[np.ndarray, " key"], wanted: Hashes, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each column's value at the wanted keys, 0 where a key is not known."""
    if not len(keys):
        return tuple(np.zeros(len(wanted), dtype=column.dtype) for column in columns)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    known = keys[place] == wanted
    return tuple(np.where(known, column[place], 0) for column in columns)
