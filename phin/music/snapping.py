"""Snapping: a rhythm moved to where a page can write it, and a line that says how many notes moved and how far.

A page has slots (a sixteenth each), and one, two or three even strokes in a slot (`phin.music.grid`). So triplets and
thirty-seconds that begin with a slot can be written as they are, and only what lies between is moved.
"""

from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from phin.counted import counted
from phin.errors import Defect, InvalidTune
from phin.music.grid import SHARES, STEPS_PER_SLOT
from phin.music.phrase import DURATION, ONSET, Phrase, let_restruck_strings_stop


class Snapped(NamedTuple):
    """A phrase whose rhythm can be written on a page, and what was done to make it so; no lines where nothing was."""

    phrase: Phrase
    changes: tuple[str, ...] = ()


def snap(phrase: Phrase) -> Snapped:
    """The phrase with each stroke on a slot, or on a half or third of one; deviation from the grid is left out.

    A slot whose strokes lie on its halves or thirds already stays as it is. In any other the strokes go where together
    they move the least: all to one kind of share, none to another slot, none past another, and none onto another that
    was struck apart from it; of two ways as near, the earlier. So no note is lost and no order changes. A note that
    ended where a stroke was still ends there. Raises InvalidTune, naming the place, where four or more strokes one
    after another lie in one slot and are not evenly in it.
    """
    moved_to = _moves(phrase)
    rows = phrase.rows.copy()
    ends = rows[:, ONSET] + rows[:, DURATION]
    rows[:, ONSET] = [moved_to.get(step, step) for step in phrase.onset.tolist()]
    ends = np.array([moved_to.get(step, step) for step in ends.tolist()], dtype=np.int64)
    rows[:, DURATION] = np.maximum(ends - rows[:, ONSET], 1)
    distance = np.abs(rows[:, ONSET] - phrase.onset)
    changes = []
    if num_moved := int((distance > 0).sum()):
        changes.append(f"{counted(num_moved, 'note')} moved to slots, by {_how_far(distance[distance > 0])}")
    if phrase.deviation is not None:
        changes.append("its deviation from the grid is left out: a page has none")
    if not changes:
        return Snapped(phrase)
    return Snapped(replace(phrase, rows=let_restruck_strings_stop(rows), deviation=None), tuple(changes))


def _moves(phrase: Phrase) -> dict[int, int]:
    """Where the strokes at a step go, for each step whose strokes cannot stay."""
    moves: dict[int, int] = {}
    onsets = np.unique(phrase.onset)
    slots = onsets // STEPS_PER_SLOT
    for slot in np.unique(slots).tolist():
        within = (onsets[slots == slot] - slot * STEPS_PER_SLOT).tolist()
        places = _nearest_places(within)
        if places is None:
            where = f"{phrase.title or 'phrase'}, step {slot * STEPS_PER_SLOT}"
            reason = f"{len(within)} strokes, one after another, lie in one slot"
            raise InvalidTune(where, Defect.BAD_NOTATION, reason, "keep it as MIDI")
        for step, place in zip(within, places, strict=True):
            if step != place:
                moves[slot * STEPS_PER_SLOT + step] = slot * STEPS_PER_SLOT + place
    return moves


def _nearest_places(within: list[int]) -> tuple[int, ...] | None:
    """The places of one share that strokes so many steps into a slot can go to, in their order; None if too few."""
    choices = [
        places
        for share in SHARES
        for places in combinations(range(0, STEPS_PER_SLOT, STEPS_PER_SLOT // share), len(within))
    ]
    return min(choices, key=lambda places: sum(abs(a - b) for a, b in zip(places, within, strict=True)), default=None)


def _how_far(distance: np.ndarray) -> str:
    """How far notes moved, in words."""
    furthest = int(distance.max())
    return f"{furthest}/{STEPS_PER_SLOT} of a slot{' at most' if len(distance) > 1 else ''}"
