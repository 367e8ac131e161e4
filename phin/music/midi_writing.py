"""MIDI out: a phrase is written as it is played, a track and a channel a string, and read back whole.

A channel a string, so that a bend of the melody leaves the ringing drone alone, and a pitch that lies in three places
says in which it was. Only a channel that bends says how far its wheel reaches; a phrase without techniques is written
plainly, its notes as they are.
"""

import io
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pretty_midi
from jaxtyping import Int

from phin.music.grid import to_ticks
from phin.music.midi_limits import (
    DEFAULT_TEMPO,
    MAX_NOTE_SECONDS,
    MAX_SECONDS,
    MAX_TEMPO,
    MAX_TICKS,
    MIN_TEMPO,
    refuse_lengths,
    refuse_size,
    refuse_tempo,
    refuse_ticks,
)
from phin.music.midi_seal import Part, sealed
from phin.music.perform import (
    FINEST,
    MAX_DIVISION,
    RESOLUTION,
    ROW,
    STRING,
    STYLE,
    Performance,
    PerformanceStyle,
    perform,
)
from phin.music.phrase import DURATION, ONSET, STEPS_PER_QUARTER, VELOCITY, Metre, Phrase
from phin.whole_file import whole_file

PROGRAM = 105
"""General MIDI's banjo, counted from 0: the plucked lute nearest to a phin."""

CHANNELS = tuple(channel for channel in range(16) if channel != 9)
"""String 1 is on the first, counted from 0; not on channel 10, where drums are. Strings beyond 15 begin again."""

DENOMINATORS = (1, 2, 4, 8, 16, 32, 64, 128)
"""What a time signature can say: powers of two."""

WHEEL = 8192
WHEEL_EVERY = 0.005
"""Seconds between two positions of the wheel on the way of a bend."""


def write_midi(
    phrase: Phrase, path: str | Path, style: PerformanceStyle = STYLE, rng: np.random.Generator | None = None
) -> None:
    """Writes what `read_midi` gives back whole, as `perform` plays it; the file is there entirely or not at all."""
    data = midi_bytes(phrase, str(path), style, rng)
    with whole_file(path) as partial:
        partial.write_bytes(data)


def midi_bytes(
    phrase: Phrase,
    where: str = "phrase",
    style: PerformanceStyle = STYLE,
    rng: np.random.Generator | None = None,
) -> bytes:
    """The phrase as the bytes of a MIDI file; InvalidMidi where reading would refuse them."""
    buffer = io.BytesIO()
    midi_file(phrase, where, style, rng).save(file=buffer)
    refuse_size(len(buffer.getvalue()), where)
    return buffer.getvalue()


def to_pretty_midi(
    phrase: Phrase, style: PerformanceStyle = STYLE, rng: np.random.Generator | None = None
) -> pretty_midi.PrettyMIDI:
    """The phrase as other programs' object, an instrument a string."""
    return pretty_midi.PrettyMIDI(mido_object=midi_file(phrase, phrase.title or "phrase", style, rng))


def midi_file(
    phrase: Phrase,
    where: str = "phrase",
    style: PerformanceStyle = STYLE,
    rng: np.random.Generator | None = None,
) -> mido.MidiFile:
    """A first track with what concerns all, and a track for each string that sounds; InvalidMidi as `midi_bytes`."""
    if phrase.tempo is not None:
        refuse_tempo(phrase.tempo, where)
    tempo = phrase.tempo or DEFAULT_TEMPO
    performance = perform(replace(phrase, tempo=tempo), style, rng)
    ticks_per_quarter = performance.ticks_per_quarter
    refuse_ticks(performance.strokes[:, :4], where)
    refuse_lengths(performance.strokes[:, :4], ticks_per_quarter, phrase.tempo, where)
    parts = string_parts(performance, tempo)
    head = mido.MidiTrack()
    if phrase.title:
        head.append(mido.MetaMessage("track_name", name=phrase.title.encode(errors="replace").decode()))
    if phrase.tempo is not None:
        head.append(mido.MetaMessage("set_tempo", tempo=phrase.tempo))
    if metre := writable(phrase.metre):
        head.append(mido.MetaMessage("time_signature", numerator=metre.numerator, denominator=metre.denominator))
    head.append(mido.MetaMessage("text", text=sealed(phrase, list(parts.values()), ticks_per_quarter)))
    tracks = [string_track(part, string) for string, part in parts.items()]
    return mido.MidiFile(ticks_per_beat=ticks_per_quarter, charset="utf-8", tracks=[head, *tracks])


def is_plainly_writable(phrase: Phrase) -> bool:
    """Whether a phrase, be it forged, is so far from every limit that `midi_file` refuses nothing of it.

    Performing it would say so exactly, and takes over ten times as long as reading the file that it stands in.
    """
    texts, tempo, off = (phrase.title, phrase.source), phrase.tempo, phrase.deviation
    are_texts = all(isinstance(text, str) for text in (*texts, phrase.lai or "", phrase.tuning or ""))
    if not are_texts or not (tempo is None or (type(tempo) is int and MIN_TEMPO <= tempo <= MAX_TEMPO)):
        return False
    if off and not (type(off.ticks_per_quarter) is int and 0 < off.ticks_per_quarter <= MAX_DIVISION):
        return False
    if not len(phrase):
        return True
    rows, ticks_per_quarter = to_ticks(phrase)
    first, last, longest = rows[:, ONSET].min(), rows[:, :2].sum(axis=1).max(), rows[:, DURATION].max()
    if first < -MAX_TICKS or last > MAX_TICKS or longest > MAX_TICKS:
        return False
    bar = phrase.metre.bar / STEPS_PER_QUARTER if phrase.metre else 1
    seconds = (tempo or DEFAULT_TEMPO) / 1e6
    finest = ticks_per_quarter + max(RESOLUTION, seconds / FINEST)  # ticks a quarter that a technique may ask for
    quarters = (last - min(first, 0)) / ticks_per_quarter + 2 * bar + 2  # a flick begins before its note
    return bool(
        quarters * finest <= MAX_TICKS
        and quarters * seconds <= MAX_SECONDS
        and longest / ticks_per_quarter * seconds < MAX_NOTE_SECONDS / 2
    )


def string_parts(performance: Performance, tempo: int) -> dict[int, Part]:
    """What each string's channel holds, by the string's number; `tempo` is in microseconds a quarter."""
    every = max(int(WHEEL_EVERY * performance.ticks_per_quarter * 1e6 / tempo), 1)
    parts = {}
    for string in np.unique(performance.strokes[:, STRING]).tolist():
        strokes = performance.strokes[performance.strokes[:, STRING] == string]
        notes = strokes[:, :4].copy()
        notes[:, VELOCITY] = notes[:, VELOCITY].clip(min=1)  # to MIDI a stroke of velocity 0 is a release
        parts[string] = Part(notes, _wheel(performance, strokes, every), 100 * performance.bend_range)
    return parts


def _wheel(performance: Performance, strokes: Int[np.ndarray, "stroke 6"], every: int) -> Int[np.ndarray, "bend 2"]:
    """Where the wheel of a string stands, (tick, wheel), at each tick where it moves: back before the next stroke."""
    turns = [np.empty((0, 2), dtype=np.int64)]
    for place, (onset, duration) in enumerate(strokes[:, :2].tolist()):
        curve = performance.bends.get(int(strokes[place, ROW]))
        if curve is None:
            continue
        end = onset + duration
        rest = int(strokes[place + 1, ONSET]) if place + 1 < len(strokes) else end
        last = min(end, rest, int(curve[-1, 0]) + 1)
        tick = np.unique(
            np.concatenate([np.arange(onset, last, every), curve[:, 0].astype(np.int64).clip(onset, last - 1)])
        )
        wheel = np.rint(np.interp(tick, curve[:, 0], curve[:, 1]) / performance.bend_range * WHEEL).astype(np.int64)
        turns += [np.stack([tick, wheel.clip(-WHEEL, WHEEL - 1)], axis=1), np.array([[rest, 0]])]
    wheel = np.concatenate(turns)
    wheel = wheel[np.diff(wheel[:, 0], append=-1) != 0]  # back and away again at one tick is one movement
    return wheel[np.diff(wheel[:, 1], prepend=0) != 0]


def string_track(part: Part, string: int) -> mido.MidiTrack:
    """A string on a channel of its own."""
    channel = CHANNELS[(string - 1) % len(CHANNELS)]
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=f"string {string}")])
    track.append(mido.Message("program_change", program=PROGRAM, channel=channel))
    if len(part.bends):
        reach = ((101, 0), (100, 0), (6, part.bend_cents // 100), (38, part.bend_cents % 100), (101, 127), (100, 127))
        track += [
            mido.Message("control_change", control=number, value=value, channel=channel) for number, value in reach
        ]
    # at one tick a release comes first, then the wheel, then the stroke that it bends
    events = [(onset + duration, 0, pitch, 0) for onset, duration, pitch, _ in part.notes.tolist()]
    events += [(tick, 1, wheel, 0) for tick, wheel in part.bends.tolist()]
    events += [(onset, 2, pitch, velocity) for onset, _, pitch, velocity in part.notes.tolist()]
    now = 0
    for tick, kind, value, velocity in sorted(events):
        time, now = tick - now, tick
        if kind == 1:
            track.append(mido.Message("pitchwheel", channel=channel, pitch=value, time=time))
        else:
            name = "note_on" if kind else "note_off"
            track.append(mido.Message(name, channel=channel, note=value, velocity=velocity, time=time))
    return track


def writable(metre: Metre | None) -> Metre | None:
    """The metre where MIDI can say it: a time signature's denominator is a power of two."""
    return metre if metre and metre.numerator < 256 and metre.denominator in DENOMINATORS else None
