"""What tunes share: with the tunes that were learned from, and with each other; free of key and note values.

Real tunes of other families repeat each other too: what is copied is read beside what they share with the same training
tunes by chance.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt64

from phin.corpus.store import Store
from phin.music.copying import LONGEST, UNRELATED, CopyIndex, stretches, turns
from phin.music.phrase import Phrase
from phin.music.structure import MOTIF

NEAR = 6
"""Turns of the stretches by which the nearest training tune is found: eight notes."""
BEGINNING = 64
"""Turns of each tune that others are looked through for, so that a long tune is no likelier to be met."""
_Turns = Sequence[UInt64[np.ndarray, " _"]]


class Copying(NamedTuple):
    """What each tune has of one training tune, a number a tune."""

    longest: Int[np.ndarray, " tune"]
    """The notes of the longest stretch that stands in it: 66 at most, 0 for fewer than 6."""
    nearest: Int[np.ndarray, " tune"]
    """The number of the one that has most of its stretches of eight notes; -1 where none has any."""
    nearest_share: Float[np.ndarray, " tune"]
    """Their share; NaN where the tune has none."""


def copying(tunes: Sequence[Phrase], store: Store) -> Copying:
    """What the tunes have of a corpus's training tunes."""
    numbers = store.split("train")
    learned = [turns(store.phrase(number)) for number in numbers.tolist()]
    heard = [turns(tune) for tune in tunes]
    nearest, share = nearest_tunes(heard, learned)
    return Copying(longest_copies(heard, learned), np.where(nearest < 0, -1, numbers[nearest]), share)


def longest_copies(heard: _Turns, learned: _Turns) -> Int[np.ndarray, " tune"]:
    """The notes of the longest stretch of each melody, as its turns, that stands in one of the learned ones."""
    notes = np.zeros(len(heard), np.int64)
    left = list(range(len(heard)))
    for length in range(MOTIF, LONGEST + 1):
        known = CopyIndex.of(learned, length)
        left = [tune for tune in left if known.holds(heard[tune]).any()]
        notes[left] = known.notes
        if not left:
            break
    return notes


def longest_shared(tunes: Sequence[Phrase], family: Int[np.ndarray, " tune"]) -> Int[np.ndarray, " tune"]:
    """The notes of the longest stretch of each tune that one of another family has too, as `Copying.longest` counts."""
    heard = [turns(tune) for tune in tunes]
    notes, left, kin = np.zeros(len(heard), np.int64), np.arange(len(heard)), np.unique(family, return_inverse=True)[1]
    for length in range(MOTIF, LONGEST + 1):
        found = [np.unique(stretches(heard[tune], length)) for tune in left]
        tune, stretch = np.repeat(left, [len(each) for each in found]), np.concatenate([np.zeros(0, np.uint64), *found])
        _, place = np.unique(stretch, return_inverse=True)
        first, last = np.full(len(stretch), len(heard)), np.full(len(stretch), -1)
        np.minimum.at(first, place, kin[tune])
        np.maximum.at(last, place, kin[tune])
        left = np.unique(tune[(first < last)[place]])
        if not len(left):
            break
        notes[left] = length + 2
    return notes


def beyond_chance(unrelated: Int[np.ndarray, " tune"]) -> tuple[int, float]:
    """The fewest notes that no more than one in a hundred unrelated tunes copy, and how likely one more copies so many.

    Of n tunes the longest copies of k are beyond it: one more is as likely to stand anywhere among them, so it is
    beyond in (k + 1) of (n + 1) cases at most.
    """
    allowed = int((1 - UNRELATED) * len(unrelated))
    notes = int(np.sort(unrelated)[::-1][allowed]) + 1
    return max(notes, MOTIF + 2), (allowed + 1) / (len(unrelated) + 1)


def nearest_tunes(heard: _Turns, learned: _Turns) -> tuple[Int[np.ndarray, " tune"], Float[np.ndarray, " tune"]]:
    """The place of the learned melody that has most of each melody's stretches of eight notes, and the share."""
    grams = [np.unique(stretches(each, NEAR)) for each in learned]
    tune = np.repeat(np.arange(len(grams)), [len(each) for each in grams])
    gram = np.concatenate([np.zeros(0, np.uint64), *grams])
    order = np.argsort(gram, kind="stable")
    gram, tune = gram[order], tune[order]
    nearest, share = np.full(len(heard), -1), np.full(len(heard), np.nan)
    for place, each in enumerate(heard):
        own = np.unique(stretches(each, NEAR))
        if not len(own):
            continue
        begins, ends = (np.searchsorted(gram, own, side=side) for side in ("left", "right"))
        met = np.concatenate([tune[begin:end] for begin, end in zip(begins, ends, strict=True)])
        share[place] = 0.0
        if len(met):
            times = np.bincount(met)
            nearest[place], share[place] = int(times.argmax()), float(times.max() / len(own))
    return nearest, share


def distinct_between(tunes: Sequence[Phrase], family: Int[np.ndarray, " tune"]) -> Float[np.ndarray, " tune"]:
    """The share of each tune's motifs (six notes) that another tune does not have, on average over the others.

    Others are those of other families; of each the beginning counts. More tunes change nothing: it is a mean over
    pairs, not a count of distinct motifs, which falls as a set grows. NaN for a tune without a motif or without others.
    """
    motifs = [np.unique(stretches(turns(tune)[:BEGINNING], MOTIF)) for tune in tunes]
    tune = np.repeat(np.arange(len(tunes)), [len(each) for each in motifs])
    motif = np.concatenate([np.zeros(0, np.uint64), *motifs])
    _, place = np.unique(motif, return_inverse=True)
    has = np.zeros((len(tunes), int(place.max(initial=-1)) + 1), dtype=np.float32)
    has[tune, place] = 1
    size = has.sum(axis=1)
    others = (family[:, None] != family[None]) & (size > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (has @ has.T * others).sum(axis=1) / (size * others.sum(axis=1))
