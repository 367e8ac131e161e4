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
_NO_SHAPE = 0
"""Of the first note, which no interval leads up to."""
_BLOCK = 64
"""Notes for which room is made at once."""
_OF_A_NOTE = ("_onset", "_pitch", "_duration", "_shape", "_agree")


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
    return _columns(then >= 0, step, interval, notes.duration[then + 1], agree[latest])


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
    """The same for `count` tunes side by side, row after row, each as it is drawn.

    With `most` no more than the last so many melody notes of each are surely remembered, and never twice as many.
    """

    def __init__(self, count: int, most: int | None = None) -> None:
        self.most = most
        self._heard = np.zeros(count, dtype=np.int64)
        """Melody notes of each tune that are remembered."""
        self._onset, self._pitch, self._duration = np.zeros((3, count, _BLOCK), np.int64)
        self._shape, self._agree = np.zeros((count, _BLOCK), np.int32), np.zeros((count, _BLOCK), np.int8)
        """Of each note: besides its own, the shape of its interval (how far and how long from the note before), and how
        many intervals agree of the motifs up to it and up to the last note."""

    def hear(self, ids: Int[np.ndarray, "tune 6"], onset: Int[np.ndarray, " tune"]) -> Int[np.ndarray, "tune 4"]:
        """Takes in the next row of each tune, and tells what it recalls (COLUMNS)."""
        played = is_melody_note(ids)
        if played.any():
            self._add(played, ids, onset)
        tunes, longest = np.arange(len(ids)), self._agree.max(axis=1)
        then = self._agree.shape[1] - 1 - (self._agree[:, ::-1] == longest[:, None]).argmax(axis=1)
        is_motif = longest >= SHORTEST
        then, latest = np.where(is_motif, then, 0), np.maximum(self._heard - 1, 0)
        after = np.where(is_motif, then + 1, 0)
        step = self._onset[tunes, after] - self._onset[tunes, then] - (onset - self._onset[tunes, latest])
        interval = self._pitch[tunes, after] - self._pitch[tunes, then]
        return _columns(is_motif, step, interval, self._duration[tunes, after], longest)

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Of some of the tunes only."""
        self._heard = self._heard[which]
        for name in _OF_A_NOTE:
            setattr(self, name, getattr(self, name)[which])

    @property
    def last_onset(self) -> Int[np.ndarray, " tune"]:
        """When the last melody note of each tune began; 0 before the first."""
        return self._onset[np.arange(len(self._heard)), np.maximum(self._heard - 1, 0)]

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
        now = np.take_along_axis(self._pitch, np.maximum(self._heard - 1, 0)[:, None], axis=1)
        return agree, np.diff(self._onset, axis=1), now + np.diff(self._pitch, axis=1)

    def _add(
        self, played: Bool[np.ndarray, " tune"], ids: Int[np.ndarray, "tune 6"], onset: Int[np.ndarray, " tune"]
    ) -> None:
        """Takes in the note of each tune that played one."""
        if self.most is not None and self._heard.max() >= 2 * self.most:
            self._forget(self.most)
        number, tunes = self._heard, np.arange(len(ids))
        while number.max() >= self._onset.shape[1]:
            self._grow()
        before = np.maximum(number - 1, 0)
        time, interval = onset - self._onset[tunes, before], ids[:, PITCH] - self._pitch[tunes, before]
        shape = np.where(number > 0, 1 + time * NUM_INTERVALS + interval + NUM_PITCHES, _NO_SHAPE).astype(np.int32)
        agreed = np.minimum(self._agree[:, :-1] + 1, LONGEST)
        agreed *= (self._shape[:, 1:] == shape[:, None]) & (shape != _NO_SHAPE)[:, None]
        self._agree[played, 0] = 0  # also where notes before it were forgotten
        np.copyto(self._agree[:, 1:], agreed, where=played[:, None])
        which, at = tunes[played], number[played]
        self._onset[which, at], self._pitch[which, at] = onset[played], ids[played, PITCH]
        self._duration[which, at], self._shape[which, at] = ids[played, DURATION], shape[played]
        self._heard = number + played

    def _forget(self, most: int) -> None:
        """All but the last `most` notes of each tune."""
        first = np.maximum(self._heard - most, 0)
        place = first[:, None] + np.arange(self._onset.shape[1])
        is_there = place < self._heard[:, None]
        place = np.minimum(place, self._onset.shape[1] - 1)
        for name in _OF_A_NOTE:
            notes = getattr(self, name)
            setattr(self, name, np.where(is_there, np.take_along_axis(notes, place, axis=1), 0).astype(notes.dtype))
        self._heard = self._heard - first

    def _grow(self) -> None:
        for name in _OF_A_NOTE:
            notes = getattr(self, name)
            setattr(self, name, np.concatenate([notes, np.zeros((len(notes), _BLOCK), notes.dtype)], axis=1))


def _columns(
    is_motif: Bool[np.ndarray, " row"],
    step: Int[np.ndarray, " row"],
    interval: Int[np.ndarray, " row"],
    duration: Int[np.ndarray, " row"],
    agree: Int[np.ndarray, " row"],
) -> Int[np.ndarray, "row 4"]:
    """COLUMNS, all 0 where no motif came before or what followed it is past or too far off."""
    is_told = is_motif & (step >= 0) & (step <= LONGEST_STEP)
    columns = np.empty((len(step), len(COLUMNS)), np.int64)
    columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3] = step + 1, interval + NUM_PITCHES, duration, agree
    columns *= is_told[:, None]
    return columns
