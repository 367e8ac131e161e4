"""A melody on the grid of hong and lines: what of it returns, after how long, and where its half lines come to rest.

The grid is fixed: four slots a hong, eight hong a line, whatever the tune's metre, so that a number means the same for
all. What returns is held against chance, which is what the tune's own hong in any other order would show.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from phin.music.copying import stretches, turns
from phin.music.grid import BEAT, SLOTS_PER_HONG, STEPS_PER_SLOT, begin_of
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG, Phrase

NOTHING = -1
"""In a slot in which nothing is struck."""
LAGS = (1, 2, 4, HONG_PER_LINE, 2 * HONG_PER_LINE)
"""Hong: to the next one, half a line, a line, two lines."""
MOTIF = 4
"""Turns of a motif (`phin.music.copying`): six notes."""
REMEMBERED = 4 * HONG_PER_LINE
"""Hong after which a motif's return no longer counts, so that a long tune has no more chances than a short one."""
HALF_LINE = HONG_PER_LINE // 2


def above_chance(value: float, chance: float) -> float:
    """A share as a part of what it can be above chance: 1 is all, 0 no more than by accident.

    Where chance is all already the tune could not be otherwise, which is no merit: 0.
    """
    return 0.0 if chance > 1 - 1e-9 else (value - chance) / (1 - chance)


def slots_of(phrase: Phrase) -> Int[np.ndarray, "hong 4"]:
    """The pitch first struck in each slot of the melody's page, from its first hong on; NOTHING where none is."""
    melody = phrase.melody
    slot = (melody.onset.astype(np.int64) - begin_of(melody)) // STEPS_PER_SLOT
    slot -= slot[:1] // SLOTS_PER_HONG * SLOTS_PER_HONG
    page = np.full((int(slot.max(initial=-1)) // SLOTS_PER_HONG + 1) * SLOTS_PER_HONG, NOTHING)
    page[slot[::-1]] = melody.pitch[::-1]  # of those that share a slot the first is written last
    return page.reshape(-1, SLOTS_PER_HONG)


def likeness(phrase: Phrase) -> Float[np.ndarray, "hong hong"]:
    """How alike any two hong are: the slots in which both strike the same pitch, of those in which either strikes.

    NaN where neither does.
    """
    page = slots_of(phrase)
    one, other = page[:, None], page[None]
    either = ((one != NOTHING) | (other != NOTHING)).sum(axis=2)
    both = ((one == other) & (one != NOTHING)).sum(axis=2)
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)


def self_similarity(phrase: Phrase) -> dict[int, float]:
    """By lag in hong (LAGS): how much more alike hong so far apart are than any two of the tune's; 1 is a true return.

    NaN for a lag that is longer than the tune. One line again and again has 1 at its lags, one note again and again 0
    at all of them: there, no order of hong would be another.
    """
    alike = likeness(phrase)
    pairs = alike[np.triu_indices(len(alike), k=1)]
    pairs = pairs[~np.isnan(pairs)]
    found = {}
    for lag in LAGS:
        apart = np.diagonal(alike, lag) if lag < len(alike) else np.zeros(0)
        apart = apart[~np.isnan(apart)]
        found[lag] = above_chance(float(apart.mean()), float(pairs.mean())) if len(apart) else np.nan
    return found


def returns(phrase: Phrase) -> Float[np.ndarray, " motif"]:
    """For each six notes in a row, hong since the same were played last, free of key and note values; NaN for never.

    What was played more than REMEMBERED hong ago is forgotten.
    """
    melody = phrase.melody
    motifs, onset = stretches(turns(melody), MOTIF), melody.onset.astype(np.int64)
    since = np.full(len(motifs), np.nan)
    order = np.argsort(motifs, kind="stable")
    for before, now in pairwise(order.tolist()):
        if motifs[before] == motifs[now]:
            since[now] = (onset[now] - onset[before]) / STEPS_PER_HONG
    since[since > REMEMBERED] = np.nan
    return since


def returning_share(phrase: Phrase) -> float:
    """The share of motifs that were played before, of those that could have been; NaN where there is one or none."""
    since = returns(phrase)
    return float(np.mean(~np.isnan(since[1:]))) if len(since) > 1 else np.nan


def returns_in_step(phrase: Phrase) -> float:
    """Of motifs that return, the share that does so whole half lines later, above the quarter of hong that are such.

    NaN where nothing returns.
    """
    since = returns(phrase)
    since = since[~np.isnan(since)]
    return above_chance(float(np.mean(since % HALF_LINE == 0)), 1 / HALF_LINE) if len(since) else np.nan


def luk_tok(phrase: Phrase) -> Int[np.ndarray, " close"]:
    """The pitches on which hong 4 and 8 of each line close (luk tok, ลูกตก), the tune's very last stroke left out.

    That is the note that sounds, or was struck last, on slot 4: those strokes make the skeleton of a Thai classical
    tune; that they do so in Isan is our assumption. Empty in metres that have no hong 4 and 8, and for no notes.
    """
    melody = phrase.melody
    if not len(melody) or (phrase.metre and not phrase.metre.divides_a_line):
        return np.zeros(0, np.int64)
    first, last = int(melody.onset[0]), int(melody.onset[-1])
    half_line = HALF_LINE * STEPS_PER_HONG
    closes = np.arange(begin_of(melody) + half_line - STEPS_PER_HONG + BEAT, last, half_line)
    closes = closes[closes >= first]
    return melody.pitch[np.searchsorted(melody.onset, closes, side="right") - 1].astype(np.int64)


def luk_tok_at_home(phrase: Phrase) -> float:
    """The share of luk tok on the pitch class of the tune's final; NaN where there are none."""
    closes = luk_tok(phrase)
    return float(np.mean(closes % 12 == phrase.melody.pitch[-1] % 12)) if len(closes) else np.nan
