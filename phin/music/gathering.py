"""Strokes gathered into notes: what a phrase calls one note of tremolo, trill or flick, a MIDI file has as several.

Who says how each stroke is played, and with which of them a note begins, says it here (`phin.model.detector`); what
comes back is the phrase that `phin.music.perform` would play as such strokes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int

from phin.music.gesture import TOGETHER
from phin.music.grid import quantise, to_ticks
from phin.music.midi import MidiReading
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.phrase import (
    DURATION,
    ONSET,
    PITCH,
    TECHNIQUE,
    VOICE,
    Column,
    Phrase,
    Voice,
    let_restruck_strings_stop,
)
from phin.music.technique import Technique

OF_SEVERAL_STROKES = (Technique.TREMOLO, Technique.FLICK, Technique.TRILL)
NoteStrokes = Int[np.ndarray, "_"]
"""The rows of one note's strokes, as many as it takes."""
ACCOMPANYING = (Technique.DRONE, Technique.DYAD, Technique.STRUM)
"""Techniques of notes that are never the melody's."""


def gather(reading: MidiReading, technique: Column, begins: Bool[np.ndarray, " note"]) -> list[NoteStrokes]:
    """The rows that make up each note, each in the order of time, in the order of the notes' first strokes.

    A stroke goes on with a note where none begins with it, both are played in one way that takes several strokes, on
    one part, and no more than TOGETHER lies between them; strokes of a tremolo have one pitch, of a trill two.
    """
    rows, ticks_per_quarter = to_ticks(reading.phrase)
    together = TOGETHER * ticks_per_quarter * 1e6 / (reading.phrase.tempo or DEFAULT_TEMPO)
    part = reading.part if len(reading.part) else np.zeros(len(rows), dtype=np.int64)
    notes: list[list[int]] = []
    going: dict[tuple[int, int], list[int]] = {}
    for row in np.lexsort((rows[:, PITCH], rows[:, ONSET])).tolist():
        way = int(part[row]), int(technique[row])
        note = going.get(way)
        pitches = {int(rows[other, PITCH]) for other in [*(note or []), row]}
        most = {Technique.TREMOLO: 1, Technique.TRILL: 2}.get(Technique(way[1]), len(pitches)) if way[1] >= 0 else 0
        if (
            note is not None
            and not begins[row]
            and len(pitches) <= most
            and rows[row, ONSET] - rows[note[-1], ONSET] - rows[note[-1], DURATION] <= together
        ):
            note.append(row)
            continue
        notes.append([row])
        if way[1] in OF_SEVERAL_STROKES:
            going[way] = notes[-1]
    return [np.array(note) for note in notes]


def gathered(phrase: Phrase, notes: Sequence[NoteStrokes], technique: Column) -> tuple[Phrase, Int[np.ndarray, " row"]]:
    """The phrase of such notes, each played in its technique, and the place in `notes` of each of its rows.

    A flick's note is the one that it leads into. A tremolo or trill is its first stroke, as long as all of them. What
    drones, or is struck below another note, is accompaniment.
    """
    ticks, ticks_per_quarter = to_ticks(phrase)
    rows = np.empty((len(notes), ticks.shape[1]), dtype=np.int64)
    for place, note in enumerate(notes):
        rows[place] = ticks[note[-1] if technique[place] == Technique.FLICK else note[0]]
        rows[place, DURATION] = ticks[note[-1], ONSET] + ticks[note[-1], DURATION] - rows[place, ONSET]
        rows[place, TECHNIQUE] = place
    rows = let_restruck_strings_stop(rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))])
    rows, deviation = quantise(rows, ticks_per_quarter)
    place = rows[:, TECHNIQUE].copy()
    rows[:, TECHNIQUE] = technique[place]
    rows[np.isin(rows[:, TECHNIQUE], ACCOMPANYING), VOICE] = Voice.ACCOMPANIMENT
    return replace(phrase, rows=rows, deviation=deviation), place
