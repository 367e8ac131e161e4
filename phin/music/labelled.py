"""Synthetic performances whose techniques are known, as another program's MIDI file would hold them.

A composer's piece is played in some style, written as a MIDI file without the phrase that phin's own files store beside
the notes, and read again: what comes back has strokes, velocities, channels and bends, and nothing else. Each stroke
keeps the label of the note that it belongs to. Some files have less to tell: `Told` says what.
"""

import io
from dataclasses import dataclass

import mido
import numpy as np
from jaxtyping import Bool

from phin.music.grid import to_ticks
from phin.music.midi import MidiReading, read_midi_bytes
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.midi_writing import string_parts, string_track
from phin.music.perform import ROW, PerformanceStyle, perform
from phin.music.phrase import ONSET, PITCH, Column, Phrase

EVEN = 80
"""The velocity of all strokes where a program writes but one."""


@dataclass(frozen=True)
class Told:
    """What a file tells of a performance."""

    bends: bool = True
    velocities: bool = True
    strings: bool = True
    """A channel and a track a string; else one for all, whose wheel bends whatever sounds."""


EVERYTHING = Told()


@dataclass(frozen=True, eq=False)
class LabelledReading:
    """What was read, and of each of its rows the technique it was played with and whether a note begins with it.

    A note of several strokes (a tremolo, a trill, a flick) begins with the first.
    """

    reading: MidiReading
    technique: Column
    begins: Bool[np.ndarray, " note"]


def read_performed(
    phrase: Phrase, style: PerformanceStyle, rng: np.random.Generator, told: Told = EVERYTHING
) -> LabelledReading:
    """The phrase as it is read from a file in which someone else played it."""
    performance = perform(phrase, style, rng)
    tempo = phrase.tempo or DEFAULT_TEMPO
    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    tracks = [string_track(part, string) for string, part in string_parts(performance, tempo).items()]
    if not told.strings:
        tracks = [mido.merge_tracks(tracks)]
    for message in (message for track in tracks for message in track):
        if not told.strings and not message.is_meta:
            message.channel = 0
        if not told.velocities and message.type == "note_on" and message.velocity:
            message.velocity = EVEN
    if not told.bends:
        tracks = [mido.MidiTrack(_without_wheel(track)) for track in tracks]
    buffer = io.BytesIO()
    mido.MidiFile(ticks_per_beat=performance.ticks_per_quarter, tracks=[head, *tracks]).save(file=buffer)
    reading = read_midi_bytes(buffer.getvalue(), phrase.title or "phrase", min_notes=1)

    strokes = performance.strokes
    ticks, ticks_per_quarter = to_ticks(reading.phrase)
    read = ticks[:, [ONSET, PITCH]]
    read[:, 0] = read[:, 0] * performance.ticks_per_quarter // ticks_per_quarter
    read[:, 0] += strokes[:, ONSET].min() - read[:, 0].min()
    first = {}
    for stroke in strokes[::-1].tolist():  # of strokes in unison the first stays
        first[stroke[ONSET], stroke[PITCH]] = stroke[ROW]
    row = np.array([first[onset, pitch] for onset, pitch in read.tolist()])
    begin = dict(zip(strokes[::-1, ROW].tolist(), strokes[::-1, ONSET].tolist(), strict=True))
    begins = np.array([begin[number] == onset for number, onset in zip(row.tolist(), read[:, 0].tolist(), strict=True)])
    return LabelledReading(reading, phrase.technique[row], begins)


def _without_wheel(track: mido.MidiTrack) -> list[mido.Message | mido.MetaMessage]:
    """The messages of a track but those of its wheel; each of the others at its time."""
    kept, waited = [], 0
    for message in track:
        if message.type in ("pitchwheel", "control_change"):
            waited += message.time
        else:
            kept.append(message.copy(time=message.time + waited))
            waited = 0
    return kept
