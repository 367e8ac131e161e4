"""What a decode step reads, made of rows and of what a cache holds: all that needs no weights. Numpy only.

Every engine is handed the same, torch's as its tensors, so that none works it out by itself.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.generation.request import Stream
from phin.generation.rows import Rows
from phin.generation.slots import Slots
from phin.lookup import BEGAN_AND_ENDS, POSITIONS, landing, lookups, note_ends
from phin.tokenizer import PITCH


class Reading(NamedTuple):
    """Rows as a step takes them; in arrays, or in tensors. Every tune has a row of these in each stream."""

    lookups: Int[Any, "row time lookup"]
    position: Int[Any, "row 5 time"]
    """By `phin.lookup.POSITIONS`."""
    sees: Bool[Any, "row 1 time seen"]
    """Which of the cached rows, then of the rows themselves, each row sees."""
    began: Int[Any, "row seen"]
    """When those in sight began, in steps."""
    melody: Int[Any, " tune"]
    """The last melody note's pitch id."""
    landing: Int[Any, "tune 4 3"]
    """Where the next step lands (`phin.lookup.landing`)."""


class Mixture(NamedTuple):
    """How much of each row goes into each tune, and which tune each row is of."""

    weights: Float[Any, "tune row"]
    tune: Int[Any, " row"]

    @classmethod
    def of(cls, streams: Sequence[Stream], count: int) -> "Mixture":
        """Of `count` tunes, those of one stream after those of another; without streams each tune is a row."""
        weights = [each.weight for each in streams] or [1.0]
        return cls(
            np.concatenate([weight * np.eye(count) for weight in weights], axis=1),
            np.tile(np.arange(count), len(weights)),
        )


def read(rows: Rows, slots: Slots, streams: Sequence[Stream] = ()) -> Reading:
    """What the next step reads of rows that come after those in the slots, under the conditions of each stream."""
    position = np.empty((len(rows.ids), len(POSITIONS), rows.ids.shape[1]), np.int64)
    columns = rows.place, note_ends(rows.ids, rows.onset), rows.onset, rows.melody, rows.ids[..., PITCH]
    for number, column in enumerate(columns):
        position[:, number] = column
    is_start = rows.place == 0
    looked_up = [
        lookups(
            *(rows.ids, rows.melody_before, position[:, BEGAN_AND_ENDS], rows.motif),
            *(rows.bar, rows.closing, conditions, is_start),
        )
        for conditions in _conditions(rows, streams, differ=bool(np.count_nonzero(is_start)))
    ]
    of_key = np.concatenate([slots.place, rows.place], axis=1)[:, None]
    own, length = rows.place[:, :, None], rows.place.shape[1]
    sees = (of_key >= 0) & (of_key <= own)
    if slots.window is not None:
        sees &= (own - of_key < slots.window) | (of_key == 0)
    if length > 1:  # a row that is none sees itself, for a softmax of nothing is no number
        sees[:, range(length), range(-length, 0)] = True
    of_rows = position, sees[:, None], np.concatenate([slots.onset, rows.onset], axis=1)
    if len(streams) > 1:
        looked_up = looked_up if len(looked_up) > 1 else looked_up * len(streams)
        looked_up = [np.concatenate(looked_up)]
        of_rows = (np.concatenate([part] * len(streams)) for part in of_rows)
    return Reading(looked_up[0], *of_rows, rows.melody[:, -1], landing(rows.onset[:, -1], rows.bar))


def _conditions(rows: Rows, streams: Sequence[Stream], differ: bool) -> list[Int[np.ndarray, "tune 5"]]:
    """The conditions of each stream; of one where no START row reads them, for in their metre all are one."""
    if not streams or not differ:
        return [rows.conditions]
    return [np.broadcast_to(each.conditions, rows.conditions.shape) for each in streams]
