"""From ticks to the grid of 24 steps a quarter, and back; and from steps to the slots, hong and lines of a page.

The performance is kept, not rounded away: what lies off the grid is remembered, what lies off the slots is refused.

On a page a hong (ห้อง) has four slots, each a sixteenth, and its beat is slot 4: the strong stroke ends the group (T.
Chaichana, Jazz Orchestra Portraits of Thailand, 2022, p. 75). Eight hong make a line.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from phin.errors import Defect, InvalidTune
from phin.music.phrase import (
    DURATION,
    HONG_PER_LINE,
    ONSET,
    PITCH,
    STEPS_PER_HONG,
    STEPS_PER_QUARTER,
    Deviation,
    Metre,
    Phrase,
    Rows,
    hong_before_zero,
)

SLOTS_PER_HONG = 4
STEPS_PER_SLOT = STEPS_PER_HONG // SLOTS_PER_HONG
SLOTS_PER_LINE = SLOTS_PER_HONG * HONG_PER_LINE
BEAT = (SLOTS_PER_HONG - 1) * STEPS_PER_SLOT
"""Steps from the beginning of a hong to its beat."""
SHARES = (1, 2, 3)
"""How many strokes may share a slot on a page."""


def quantise(rows: Rows, ticks_per_quarter: int) -> tuple[Rows, Deviation | None]:
    """Rows in steps, and how far each note lay from them (None where every note lay on the grid).

    `rows` is (note, 6) with onsets and durations in ticks, sorted by (onset, pitch). Onsets go to the nearest step. A
    note lasts a step at least. Two strokes on one pitch never share a step: the later moves to the next free one, and
    the earlier ends where it begins. No note is lost, and `to_ticks` undoes all of it.
    """
    ticks = rows.astype(np.int64)
    steps = ticks.copy()
    steps[:, ONSET] = nearest_step(ticks[:, ONSET], ticks_per_quarter)
    steps[:, DURATION] = np.maximum(nearest_step(ticks[:, DURATION], ticks_per_quarter), 1)
    _separate_strokes(steps)
    order = np.lexsort((steps[:, PITCH], steps[:, ONSET]))
    ticks, steps = ticks[order], steps[order]
    off = ticks[:, [ONSET, DURATION]] * STEPS_PER_QUARTER - steps[:, [ONSET, DURATION]] * ticks_per_quarter
    deviation = Deviation(ticks_per_quarter, off[:, 0], off[:, 1]) if off.any() else None
    return steps.astype(np.int32), deviation


def nearest_step(ticks: Int[np.ndarray, "*note"], ticks_per_quarter: int) -> Int[np.ndarray, "*note"]:
    """Half a step rounds up, so that the same rhythm gives the same steps wherever it stands."""
    return (2 * STEPS_PER_QUARTER * ticks + ticks_per_quarter) // (2 * ticks_per_quarter)


def to_ticks(phrase: Phrase, ticks_per_quarter: int | None = None) -> tuple[Rows, int]:
    """Rows in ticks as they were performed, and the ticks a quarter they are counted in.

    A phrase without deviation is on the grid, in any multiple of 24 ticks a quarter that is asked for (24 if none is).
    Rows keep the order of `phrase.rows`.
    """
    rows = phrase.rows.astype(np.int64)
    if phrase.deviation is None:
        resolution = ticks_per_quarter or STEPS_PER_QUARTER
        assert resolution % STEPS_PER_QUARTER == 0, "the grid needs a multiple of 24 ticks a quarter"
        rows[:, [ONSET, DURATION]] *= resolution // STEPS_PER_QUARTER
        return rows, resolution
    resolution = phrase.deviation.ticks_per_quarter
    rows[:, ONSET] = (rows[:, ONSET] * resolution + phrase.deviation.onset) // STEPS_PER_QUARTER
    rows[:, DURATION] = (rows[:, DURATION] * resolution + phrase.deviation.duration) // STEPS_PER_QUARTER
    return rows, resolution


def whole_bars(metre: Metre | None, ticks_per_quarter: int) -> int:
    """Ticks in a bar, or in as many bars as make whole ticks; in a quarter where there is no metre."""
    bar = (metre.bar if metre else STEPS_PER_QUARTER) * ticks_per_quarter
    return bar // gcd(bar, STEPS_PER_QUARTER)


def silent_bars(first: int, metre: Metre | None, ticks_per_quarter: int) -> int:
    """Ticks of the whole bars of silence before a tune whose first note begins at tick `first`.

    From half a step before a bar line a note belongs to the bar behind it, as it does on the grid.
    """
    bars = whole_bars(metre, ticks_per_quarter)
    return (2 * STEPS_PER_QUARTER * first + ticks_per_quarter) // (2 * STEPS_PER_QUARTER * bars) * bars


def page_begins(metre: Metre | None, first: int = 0) -> int:
    """The step at which slot 1 of hong 1 begins: -42 in 2/4, where slot 4 of hong 2 is step 0.

    Where the `first` note's onset lies before that, the page begins as many whole lines earlier as it takes.
    """
    usual, line = -hong_before_zero(metre) * STEPS_PER_HONG - BEAT, HONG_PER_LINE * STEPS_PER_HONG
    return usual + min((first - usual) // line, 0) * line


def begin_of(phrase: Phrase) -> int:
    """The step at which a phrase's page begins (`page_begins`)."""
    return page_begins(phrase.metre, int(phrase.onset.min(initial=0)))


def hong_of(phrase: Phrase, begins: int) -> int:
    """How many hong a page of a phrase has: to the last that is struck, or to where the last melody note ends.

    One that rings no longer than a hong, as the last of any page does, is not waited for.
    """
    if not len(phrase):
        return 1
    melody = phrase.melody if phrase.is_melody.any() else phrase
    rings = int(melody.duration[-1]) if melody.duration[-1] > STEPS_PER_HONG else 1
    end = max(int(melody.onset[-1]) + rings, int(phrase.onset[-1]) + 1)
    return -(-(end - begins) // STEPS_PER_HONG)


class SlotPlace(NamedTuple):
    """A place on a page, all counted from 0: the slot, and which part of how many it is shared in."""

    slot: int
    part: int
    share: int


def slot_places(phrase: Phrase, begins: int) -> list[SlotPlace]:
    """Where each note of a phrase stands on a page that begins at a step (`page_begins`).

    Raises InvalidTune, naming line, hong and slot, where a note begins off the slots and off halves and thirds of them.
    """
    slot, within = np.divmod(phrase.onset.astype(np.int64) - begins, STEPS_PER_SLOT)
    shares = {int(place): _share(phrase, within[slot == place], int(place)) for place in np.unique(slot)}
    return [
        SlotPlace(place, step * shares[place] // STEPS_PER_SLOT, shares[place])
        for place, step in zip(slot.tolist(), within.tolist(), strict=True)
    ]


def slot_name(slot: int) -> str:
    """A slot of a page, counted from 0, in words: line 1, hong 2, slot 4."""
    line, slot = divmod(slot, SLOTS_PER_LINE)
    return f"line {line + 1}, {in_hong(*divmod(slot, SLOTS_PER_HONG))}"


def in_hong(hong: int, slot: int, late: bool = False) -> str:
    """A slot of a hong, both counted from 0, in words: hong 2, slot 4; or what comes late in it."""
    return f"hong {hong + 1}, {'after ' if late else ''}slot {slot + 1}"


def _share(phrase: Phrase, within: Int[np.ndarray, " stroke"], slot: int) -> int:
    """The fewest equal parts of a slot that strokes so many steps into it fall on."""
    for share in SHARES:
        if not (within % (STEPS_PER_SLOT // share)).any():
            return share
    reason = f"{slot_name(slot)}: its rhythm lies off the slots, and off halves and thirds of them"
    remedy = "move its notes to slots (phin-convert --snap), or keep it as MIDI"
    raise InvalidTune(phrase.title or "phrase", Defect.BAD_NOTATION, reason, remedy)


def _separate_strokes(steps: Rows) -> None:
    """Moves strokes of one pitch apart, in place; rows are sorted by the time they were played."""
    by_pitch = steps[np.argsort(steps[:, PITCH], kind="stable")]
    one, other = by_pitch[:-1], by_pitch[1:]
    meet = (one[:, PITCH] == other[:, PITCH]) & (one[:, ONSET] + one[:, DURATION] > other[:, ONSET])
    if not meet.any():
        return  # as in most files: to go through them note by note would be a fifth of the time of reading one
    free: dict[int, tuple[int, int]] = {}  # pitch -> (row of the stroke before, its onset)
    rows = np.flatnonzero(np.isin(steps[:, PITCH], one[meet, PITCH]))  # nor does one pitch concern another
    for row, (onset, pitch) in zip(rows.tolist(), steps[rows][:, [ONSET, PITCH]].tolist(), strict=True):
        if pitch in free:
            before, start = free[pitch]
            onset = max(onset, start + 1)
            steps[row, ONSET] = onset
            steps[before, DURATION] = min(steps[before, DURATION], onset - start)
        free[pitch] = (row, onset)
