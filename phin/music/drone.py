"""The drone (sieng sep, เสียงเสพ): which notes sound under a tune, and when they are struck.

Every drone that Chaichana (2022, pp. 102, 104) transcribes for phin and pong lang is the tonic; which open string has
it is the fretboard's matter (`phin.music.fretboard.drone`). How often it is struck is our judgement, no source's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from phin.errors import PhinError
from phin.music.fretboard import Tuning, drone, tuning_of
from phin.music.lai import lai_named
from phin.music.phrase import STEPS_PER_HONG, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique

DRONE_LOUDNESS = 58
"""MIDI velocity of a drone's stroke: below the melody's, which is heard over it."""


def strokes(first: int, end: int, every: int, taken: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int]]:
    """(onset, duration) of strokes every so many steps in `first` to `end`, counted from step 0 (slot 4 of a hong).

    Each rings until the next. While its string is `taken`, from one step to another, it is silent.
    """
    for onset in range(-(-first // every) * every, end, every):
        if not any(start <= onset < over for start, over in taken):
            yield onset, min([onset + every, *(start for start, _ in taken if onset < start < onset + every)]) - onset


def with_drone(phrase: Phrase, every: int = STEPS_PER_HONG) -> Phrase:
    """The phrase with its drone struck under it, every so many steps: a stroke a hong, with its slot 4.

    What drones is what the phrase says, else the open string that suits its lai; techniques that nobody has said stay
    so. A stroke that would meet the melody's own note of its pitch is left out. Raises PhinError where a drone is
    struck already, and where none is known.
    """
    if not len(phrase):
        return phrase
    where = phrase.title or "phrase"
    if not phrase.is_melody.all():
        raise PhinError(where, "already has a drone or chords under its melody", "leave the drone out")
    pitches = phrase.drone or _of_lai(phrase, tuning_of(phrase))
    if not pitches:
        remedy = "write `drone:` and its letters, or `lai:` and its name, on a line of its own above the notes"
        raise PhinError(where, "nothing says what its drone is", remedy)
    first, end = int(phrase.onset[0]), int(phrase.end.max())
    struck = [
        (onset, duration, pitch, DRONE_LOUDNESS, Technique.DRONE, Voice.ACCOMPANIMENT)
        for pitch in pitches
        for onset, duration in strokes(first, end, every, _taken(phrase, pitch))
    ]
    rows = np.array([*phrase.rows.tolist(), *struck], dtype=np.int64)
    return replace(phrase, rows=rows_from_columns(*rows.T), drone=pitches, deviation=None)


def _of_lai(phrase: Phrase, tuning: Tuning) -> tuple[int, ...]:
    """The pitch that drones under the lai of a phrase, if it names one."""
    lai = lai_named(phrase.lai)
    held = drone(lai, tuning) if lai else None
    return (held.pitch,) if held else ()


def _taken(phrase: Phrase, pitch: int) -> list[tuple[int, int]]:
    mine = phrase.pitch == pitch
    return list(zip(phrase.onset[mine].tolist(), phrase.end[mine].tolist(), strict=True))
