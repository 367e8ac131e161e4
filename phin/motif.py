"""What followed the last time the same motif was played. Numpy only, so that a torch-free runtime can use it.

Tunes repeat their motifs, at the same pitch or at another. For each row read, the earlier place is looked up that the
same melodic intervals in the same rhythm led up to: the longest such motif, of those the last. What the melody did next
there is told of the row, moved to where the melody is now: if the tune repeats itself, that is the next note.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from phin.tokenizer import DURATION, FIELDS, LONGEST_STEP, NUM_INTERVALS, NUM_PITCHES, PITCH, is_melody_note

SHORTEST, LONGEST = 2, 8
"""Intervals of a motif: with fewer it counts as none, and more are not compared."""
COLUMNS = ("step", "interval", "duration", "agree")
"""Of what followed: its step from the row's onset, its interval from the melody note before it, its duration's id, and
how many intervals agreed. The first two count from 1; all are 0 where nothing is recalled."""
SIZES = (2 + LONGEST_STEP, 1 + NUM_INTERVALS, FIELDS[DURATION].size, 1 + LONGEST)
_OF_SHAPE = np.array([NUM_INTERVALS, 1, 0])
"""An interval's shape: how long it is and how far, in one number."""
_LONG_AGO, _NO_NOTE = -(2**40), -(2**50)
"""Stands before the first note, whose shape is then nobody's; and what no shape is."""
_ONE, _MOST = np.int8(1), np.int8(LONGEST)
_FROM_ONE = np.array([1, NUM_PITCHES])
"""What is added to a step and an interval that are recalled."""
_BLOCK = 64
"""Notes for which room is made at once."""


def motif_ids(ids: Int[np.ndarray, "row 6"], onset: Int[np.ndarray, " row"]) -> Int[np.ndarray, "row 4"]:
    """What each row recalls (COLUMNS), a function of it and the rows before it alone."""
    (melody,) = np.nonzero(is_melody_note(ids))
    if len(melody) <= SHORTEST:
        return np.zeros((len(ids), len(COLUMNS)), dtype=np.int64)
    notes = Notes(onset[melody], ids[melody, PITCH], ids[melody, DURATION])
    then, agree = _same_motifs(notes)
    latest = np.searchsorted(melody, np.arange(len(ids)), side="right") - 1  # the last melody note up to each row
    then = np.where(latest >= 0, then[latest], -1)
    step = notes.onset[then + 1] - notes.onset[then] - (onset - notes.onset[latest])
    interval = notes.pitch[then + 1] - notes.pitch[then]
    moved = np.stack([step, interval], axis=1)
    return _columns(then >= 0, moved, notes.duration[then + 1], agree[latest])


class Notes(NamedTuple):
    """Melody notes in order; pitch and duration as ids."""

    onset: Int[np.ndarray, " note"]
    pitch: Int[np.ndarray, " note"]
    duration: Int[np.ndarray, " note"]


def _same_motifs(notes: Notes) -> tuple[Int[np.ndarray, " note"], Int[np.ndarray, " note"]]:
    """For each note the earlier one that the same motif led up to, or -1, and how many intervals agree."""
    time, interval = np.diff(notes.onset), np.diff(notes.pitch)  # of the notes from the second on
    same = (time[:, None] == time) & (interval[:, None] == interval) & np.tri(len(time), k=-1, dtype=bool)
    run, agree = same, same.astype(np.int64)
    for _ in range(LONGEST - 1):
        before = np.zeros_like(run)
        before[1:, 1:] = run[:-1, :-1]
        run = same & before
        if not run.any():
            break
        agree += run
    longest = agree.max(axis=1)
    last = len(time) - 1 - (agree[:, ::-1] == longest[:, None]).argmax(axis=1)
    is_motif = longest >= SHORTEST
    return np.append(-1, np.where(is_motif, last + 1, -1)), np.append(0, np.where(is_motif, longest, 0))


class MotifMemory:
    """The same for `count` tunes side by side, row after row, each as it is drawn."""

    def __init__(self, count: int) -> None:
        self._last = np.full((count, len(Notes._fields)), _LONG_AGO)
        """The last note of each tune, by the fields of `Notes`."""
        self._heard = np.zeros(count, np.int64)
        """Melody notes of each tune."""
        self._most_heard = 0
        """As many as any tune has, at most."""
        self._notes = np.zeros((count, _BLOCK, len(Notes._fields)), np.int64)
        """By the fields of `Notes`."""
        self._shape = np.full((count, _BLOCK), _NO_NOTE)
        """Of the interval that leads up to each note: how far, and how long from the note before."""
        self._agree = np.zeros((count, _BLOCK), np.int8)
        """How many intervals agree of the motifs up to each note and up to the last note."""
        self._tunes = np.arange(count)

    def hear(
        self,
        ids: Int[np.ndarray, "tune 6"],
        onset: Int[np.ndarray, " tune"],
        is_melody: Bool[np.ndarray, " tune"] | None = None,
    ) -> Int[np.ndarray, "tune 4"]:
        """Takes in the next row of each tune, and tells what it recalls (COLUMNS). `is_melody` says which rows are
        notes of the melody, if not all are that look so.
        """
        (played,) = (is_melody_note(ids) if is_melody is None else is_melody).nonzero()
        if len(played):
            self._add(played, ids, onset)
        then = self._agree.shape[1] - 1 - self._agree[:, ::-1].argmax(axis=1)  # of the longest ones the last
        agree = self._agree[self._tunes, then]
        is_motif = agree >= SHORTEST
        then *= is_motif
        was, followed = self._notes[self._tunes, then], self._notes[self._tunes, then + is_motif]
        moved = followed[:, :2] - was[:, :2]
        moved[:, 0] -= onset - self._last[:, 0]
        return _columns(is_motif, moved, followed[:, 2], agree)

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Of some of the tunes only."""
        for name in ("_last", "_heard", "_notes", "_shape", "_agree"):
            setattr(self, name, getattr(self, name)[which])
        self._tunes = np.arange(len(which))

    @property
    def last_onset(self) -> Int[np.ndarray, " tune"]:
        """When the last melody note of each tune began; 0 before the first."""
        return self._last[:, 0] * (self._heard > 0)

    @property
    def melodies(self) -> Int[np.ndarray, "tune note"]:
        """Pitch ids of the melody notes of each tune, the last ones in the last columns; 0 before the first."""
        last = int(self._heard.max(initial=0))
        place = np.arange(last) + self._heard[:, None] - last
        return np.where(place >= 0, np.take_along_axis(self._pitch, np.maximum(place, 0), axis=1), 0)

    def ways_on(
        self,
    ) -> tuple[Int[np.ndarray, "tune note"], Int[np.ndarray, "tune note"], Int[np.ndarray, "tune note"]]:
        """For each earlier note how many intervals agree of the motifs up to it and up to the last note; and, if the
        tune went on as it did there, the step from the last melody note and the pitch id of the next.
        """
        notes = np.arange(self._agree.shape[1] - 1)
        agree = np.where(notes < self._heard[:, None] - 1, self._agree[:, :-1], 0)
        now = self._last[:, 1, None]
        return agree, np.diff(self._notes[:, :, 0], axis=1), now + np.diff(self._pitch, axis=1)

    @property
    def _pitch(self) -> Int[np.ndarray, "tune note"]:
        return self._notes[:, :, 1]

    def _add(
        self, played: Int[np.ndarray, " played"], ids: Int[np.ndarray, "tune 6"], onset: Int[np.ndarray, " tune"]
    ) -> None:
        """Takes in the note of each tune that played one."""
        while self._most_heard >= self._shape.shape[1]:
            self._grow()
        note = np.empty(self._last.shape, np.int64)
        note[:, 0], note[:, 1], note[:, 2] = onset, ids[:, PITCH], ids[:, DURATION]
        shape = (note - self._last) @ _OF_SHAPE
        if len(played) == len(ids):
            those, self._last = slice(None), note
        else:
            those, self._last[played] = played, note[played]
        agreed = np.minimum(self._agree[those, :-1] + _ONE, _MOST)
        agreed *= self._shape[those, 1:] == shape[those, None]
        self._agree[those, 1:] = agreed
        at = self._heard[those]
        self._notes[played, at], self._shape[played, at] = note[those], shape[those]
        self._heard[those] += _ONE
        self._most_heard += 1

    def _grow(self) -> None:
        of_notes, of_place = ((0, 0), (0, _BLOCK), (0, 0)), ((0, 0), (0, _BLOCK))
        self._notes, self._agree = np.pad(self._notes, of_notes), np.pad(self._agree, of_place)
        self._shape = np.pad(self._shape, of_place, constant_values=_NO_NOTE)


def _columns(
    is_motif: Bool[np.ndarray, " row"],
    moved: Int[np.ndarray, "row 2"],
    duration: Int[np.ndarray, " row"],
    agree: Int[np.ndarray, " row"],
) -> Int[np.ndarray, "row 4"]:
    """COLUMNS, all 0 where no motif came before or what followed is past or too far off; `moved` are the step and the
    interval to it, from 0.
    """
    is_told = is_motif & (moved[:, 0].view(np.uint64) <= LONGEST_STEP)  # what is past is huge so
    columns = np.empty((len(moved), len(COLUMNS)), np.int64)
    np.add(moved, _FROM_ONE, out=columns[:, :2])
    columns[:, 2], columns[:, 3] = duration, agree
    columns *= is_told[:, None]
    return columns
