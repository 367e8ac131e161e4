"""What a row of notes looks up in the tables of a decode step (`phin.model.folded`). Numpy only, so that a torch-free
runtime can use it.

All of it needs no weights, so it is worked out here once for every engine, and no graph spends operations on it. In
training the network works out the same of whole tunes (`phin.model.transformer.RowEmbedding`).
"""

from math import lcm

import numpy as np
from jaxtyping import Bool, Int

from phin import motif
from phin.music.phrase import STEPS_PER_HONG, STEPS_PER_QUARTER
from phin.tokenizer import (
    DURATION,
    LONGEST_STEP,
    METRE_CONDITION,
    NO_CLOSING,
    NUM_CONDITIONS,
    NUM_FIELDS,
    NUM_PITCHES,
    NUM_SYMBOLS,
    PITCH,
    SIZES,
)

LONGEST_BAR = 16 * STEPS_PER_QUARTER
BARS_COUNTED = 8
"""Bars are counted modulo 8: folk phrases and lines are halves, wholes and doubles of eight."""
HONG_COUNTED = 64
"""Hong that are counted down to the last stroke; where more are left, as many count."""
NUM_COUNTS = HONG_COUNTED + 2
"""Not told, over, and none to `HONG_COUNTED` - 1 whole hong left."""
POSITIONS = ("place", "ends", "began", "melody", "pitch")
"""What heads can hear of a row: which of its tune it is, when its note ends and when it began (steps), the last melody
note's pitch id up to it, and its own."""
BEGAN_AND_ENDS = slice(2, 0, -1)
"""Of POSITIONS."""
assert LONGEST_BAR <= LONGEST_STEP
assert POSITIONS[BEGAN_AND_ENDS] == ("began", "ends")

_SIZES_OF_LOOKUPS = {
    "fields": NUM_FIELDS,
    "interval": 1,
    "began": 3,
    "ends": 3,
    "metre": 1,
    "motif": len(motif.COLUMNS),
    "countdown": 1,
    "conditions": NUM_CONDITIONS,
}
_ENDS = np.cumsum(list(_SIZES_OF_LOOKUPS.values())).tolist()
NUM_LOOKUPS = _ENDS[-1]
LOOKUPS = {name: slice(end - size, end) for (name, size), end in zip(_SIZES_OF_LOOKUPS.items(), _ENDS, strict=True)}
"""Which numbers of a row are what: its ids; the interval from the melody note before it; where it began and where it
ends (in the bar, in the quarter, in which of eight bars); the metre; what it recalls; how much is left; and, on the
START row alone, the conditions, counted from 1."""


def interval_table() -> Int[np.ndarray, "pitch pitch"]:
    """The interval from the second pitch id to the first, counted from 1; 0 where either is no pitch."""
    ids = np.arange(SIZES[PITCH])
    is_pitch = ids >= NUM_SYMBOLS
    return np.where(is_pitch[:, None] & is_pitch, ids[:, None] - ids + NUM_PITCHES, 0)


def metre_table() -> Int[np.ndarray, "bar 3 3"]:
    """For each length of a bar: the place of a moment in three tables is `moment // t[0] % t[1] + t[2]`.

    In bars of unknown length, 0, only the quarter is known.
    """
    table = np.ones((1 + LONGEST_BAR, 3, 3), np.int64)
    length = np.arange(1, 1 + LONGEST_BAR)
    table[:, 1, 1], table[:, 2, 1] = STEPS_PER_QUARTER, 0
    table[0, 2] = 0
    table[1:, 1, 0] = table[1:, 0, 2] = length
    table[1:, 1, 2] = BARS_COUNTED
    return table


_INTERVALS, _METRES = interval_table(), metre_table()
_LASTS = np.maximum(np.arange(SIZES[DURATION]) - NUM_SYMBOLS + 1, 0)
"""Steps, by the id of a duration; 0 where it is none."""
_PERIODS = np.array([STEPS_PER_QUARTER, *(lcm(BARS_COUNTED * n, STEPS_PER_QUARTER) for n in range(1, 1 + LONGEST_BAR))])
"""For each length of a bar, steps after which every place in it comes again."""


def lookups(
    ids: Int[np.ndarray, "tune time 6"],
    melody_before: Int[np.ndarray, "tune time"],
    moments: Int[np.ndarray, "tune 2 time"],
    motif: Int[np.ndarray, "tune time 4"],
    bar: Int[np.ndarray, " tune"],
    closing: Int[np.ndarray, " tune"],
    conditions: Int[np.ndarray, "tune 5"],
    is_start: Bool[np.ndarray, "tune time"],
) -> Int[np.ndarray, "tune time lookup"]:
    """The numbers by LOOKUPS. `moments` are when each row's note began and when it ends, in steps."""
    found = np.zeros((*ids.shape[:2], NUM_LOOKUPS), np.int64)
    found[..., LOOKUPS["fields"]] = ids
    found[..., LOOKUPS["interval"].start] = _INTERVALS[ids[..., PITCH], melody_before]
    of_metre = _METRES[np.minimum(bar, LONGEST_BAR)][:, None, None]
    places = moments[..., None] // of_metre[..., 0, :] % of_metre[..., 1, :] + of_metre[..., 2, :]
    found[..., LOOKUPS["began"]], found[..., LOOKUPS["ends"]] = places[:, 0], places[:, 1]
    found[..., LOOKUPS["metre"]] = conditions[:, None, METRE_CONDITION, None]
    found[..., LOOKUPS["motif"]] = motif
    found[..., LOOKUPS["countdown"].start] = countdown(moments[:, 1], closing[:, None])
    if np.count_nonzero(is_start):
        found[..., LOOKUPS["conditions"]] = is_start[..., None] * (conditions[:, None] + 1)
    return found


def countdown(ends: Int[np.ndarray, "tune time"], closing: Int[np.ndarray, "#tune 1"]) -> Int[np.ndarray, "tune time"]:
    """How many whole hong are left from the end of each row's note to the last stroke, counted from 2; 1 where it is
    over, 0 where nobody says when it comes.
    """
    left = np.maximum((closing - ends) // STEPS_PER_HONG, -1)  # np.clip takes three times as long
    return (np.minimum(left, HONG_COUNTED - 1) + 2) * (closing != NO_CLOSING)


def landing(onset: Int[np.ndarray, " tune"], bar: Int[np.ndarray, " tune"]) -> Int[np.ndarray, "tune 4 3"]:
    """Where a step from `onset` lands: in the tables of the metre at `(t[0] + step) // t[1] % t[2] + t[3]`.

    Nothing of it is below 0, for not every runtime rounds that down.
    """
    bar = np.minimum(bar, LONGEST_BAR)
    found = np.empty((len(bar), 4, 3), np.int64)
    found[:, 0], found[:, 1:] = (onset % _PERIODS[bar])[:, None], _METRES[bar]
    return found


def note_ends(ids: Int[np.ndarray, "tune time 6"], onset: Int[np.ndarray, "tune time"]) -> Int[np.ndarray, "tune time"]:
    """When each row's note ends, in steps; of rows that are no notes, when they began."""
    return onset + _LASTS[ids[..., DURATION]]
