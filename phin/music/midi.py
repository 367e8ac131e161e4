"""MIDI in and out: a file becomes a Phrase or is refused by name, and a Phrase that is written is read back whole.

Reading takes a file's word for nothing: its size is looked at before anything is parsed, its division before any tick
is believed, its ticks before anything is laid out by them. What can be mended is mended and said
(`MidiReading.repairs`); what cannot is one line of `InvalidMidi`.

A phrase that we wrote stands whole beside its notes (`phin.music.midi_seal`); how it is written is in
`phin.music.midi_writing`, whose functions are to be had here as well.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
from jaxtyping import Int
from symusic.core import ScoreTick

from phin.counted import counted
from phin.errors import Defect, InvalidMidi, PhinError
from phin.music.grid import quantise, silent_bars
from phin.music.melody import PartName, find_melody
from phin.music.midi_limits import (
    AGAIN,
    DEFAULT_TEMPO,
    MAX_BYTES,
    MAX_TEMPO,
    MAX_TICKS,
    MIN_TEMPO,
    Notes,
    refuse_lengths,
    refuse_size,
    refuse_tempo,
    refuse_ticks,
)
from phin.music.midi_line import part_name, read_line
from phin.music.midi_seal import DEFAULT_BEND_CENTS, SEALED, STORED, Part, unseal
from phin.music.midi_writing import (
    WHEEL,
    is_plainly_writable,
    midi_bytes,
    midi_file,
    to_pretty_midi,
    writable,
    write_midi,
)
from phin.music.opening import bytes_of
from phin.music.perform import MAX_DIVISION, Curve
from phin.music.phrase import (
    STEPS_PER_QUARTER,
    VOICE,
    Column,
    Metre,
    Phrase,
    rows_from_columns,
)

__all__ = [
    "MAX_BYTES",
    "MAX_TEMPO",
    "MIN_NOTES",
    "MIN_TEMPO",
    "MidiReading",
    "from_pretty_midi",
    "midi_bytes",
    "read_midi",
    "read_midi_bytes",
    "to_pretty_midi",
    "write_midi",
]

MIN_NOTES = 8
"""Two hong of sixteenths: fewer notes show neither a mode nor a rhythm."""

RPN_COARSE, RPN_FINE, DATA_COARSE, DATA_FINE = 101, 100, 6, 38
"""Controllers: which registered parameter is set, and to what; parameter 0 is how far the wheel bends."""

_TORN = re.compile("Unexpected EOF|Invalid chunk length")
"""What symusic says where a track, or an event in it, is longer than the file."""


@dataclass(frozen=True)
class MidiReading:
    """A phrase, and what had to be mended to take it in, one line each.

    `bends` has a curve of (steps after the onset, semitones) for each row whose note was bent, and none where the
    phrase is the one that was written: there a bend is a technique. The wheel jumps, so two points may share a step.
    `part` has the number of each row's channel of a track (a string, where the file has a channel a string), and
    nothing where the phrase is the one that was written.
    """

    phrase: Phrase
    repairs: tuple[str, ...] = ()
    bends: Mapping[int, Curve] = field(default_factory=dict)
    part: Column = field(default_factory=lambda: np.empty(0, dtype=np.int32))


@dataclass(frozen=True)
class _Contents:
    """What a MIDI file says, before any of it is believed."""

    ticks_per_quarter: int
    parts: list[Part]
    tempos: Int[np.ndarray, "change 2"]  # tick, microseconds a quarter
    metres: list[tuple[int, int]]
    num_drum_strokes: int
    stored: re.Match[bytes] | None

    @cached_property
    def part_of(self) -> Int[np.ndarray, " note"]:
        """The part that each of `notes` belongs to."""
        return np.repeat(np.arange(len(self.parts)), [len(part.notes) for part in self.parts])

    @cached_property
    def notes(self) -> Notes:
        return np.concatenate([np.empty((0, 4), dtype=np.int64), *(part.notes for part in self.parts)])


def read_midi(path: str | Path, min_notes: int = MIN_NOTES) -> MidiReading:
    """The tune in a file; InvalidMidi where there is none to be had."""
    return read_midi_bytes(bytes_of(path, MAX_BYTES, InvalidMidi), str(path), min_notes)


def read_midi_bytes(data: bytes, where: str, min_notes: int = MIN_NOTES) -> MidiReading:
    """The tune in the bytes of a MIDI file; `where` is what an error calls them."""
    score = _score(data, where)
    line = None if SEALED in data else read_line(score, min_notes)
    if line is not None:
        phrase, part = line
        return MidiReading(phrase, part=part)
    return _interpret(_contents(score, data), where, min_notes)


def from_pretty_midi(pm: pretty_midi.PrettyMIDI, where: str = "PrettyMIDI object") -> Phrase:
    """The phrase in other programs' object, of however few notes; InvalidMidi as for a file."""
    pitched = [note for instrument in pm.instruments if not instrument.is_drum for note in instrument.notes]
    if not np.isfinite([(note.start, note.end) for note in pitched]).all():
        raise InvalidMidi(where, Defect.ABSURD_TICKS, "has a note at no finite time", "remove that note")
    tick = pm.time_to_tick
    tempos = [(tick(time), round(60e6 / per_minute)) for time, per_minute in zip(*pm.get_tempo_changes(), strict=True)]
    contents = _Contents(
        ticks_per_quarter=pm.resolution,
        parts=[_instrument_part(pm, instrument) for instrument in pm.instruments if not instrument.is_drum],
        tempos=np.array(tempos, dtype=np.int64).reshape(-1, 2),
        metres=[(signature.numerator, signature.denominator) for signature in pm.time_signature_changes],
        num_drum_strokes=sum(len(instrument.notes) for instrument in pm.instruments if instrument.is_drum),
        stored=STORED.search("".join(event.text for event in pm.text_events).encode(errors="replace")),
    )
    return _interpret(contents, where, min_notes=0).phrase


def _instrument_part(pm: pretty_midi.PrettyMIDI, instrument: pretty_midi.Instrument) -> Part:
    tick = pm.time_to_tick
    notes = [(tick(n.start), tick(n.end) - tick(n.start), n.pitch, n.velocity) for n in instrument.notes]
    bends = sorted((tick(bend.time), bend.pitch) for bend in instrument.pitch_bends if np.isfinite(bend.time))
    controls = [(control.number, control.value) for control in instrument.control_changes]
    return Part(
        np.array(notes, dtype=np.int64).reshape(-1, 4),
        np.array(bends, dtype=np.int64).reshape(-1, 2),
        _bend_cents(controls) if bends else DEFAULT_BEND_CENTS,
        PartName(instrument.name, int(instrument.program)),
    )


def _score(data: bytes, where: str) -> ScoreTick:
    """What the bytes say; InvalidMidi where they are no MIDI file, or count time in something else than beats."""
    _refuse_header(data, where)
    try:
        return ScoreTick.from_midi(data)
    except RuntimeError as error:
        what = "it breaks off within a track" if _TORN.search(str(error)) else "something in it is no MIDI"
        raise InvalidMidi(where, Defect.UNREADABLE, f"is damaged: {what}", AGAIN) from error


def _contents(score: ScoreTick, data: bytes) -> _Contents:
    """The same as tables."""
    signatures = score.time_signatures.numpy()
    return _Contents(
        ticks_per_quarter=score.tpq,
        parts=[_track_part(track) for track in score.tracks if not track.is_drum],
        tempos=_stack(score.tempos, "time mspq"),
        metres=list(zip(signatures["numerator"].tolist(), signatures["denominator"].tolist(), strict=True)),
        num_drum_strokes=sum(len(track.notes) for track in score.tracks if track.is_drum),
        stored=STORED.search(data),  # symusic keeps no text events
    )


def _track_part(track: Any) -> Part:
    """What a track of symusic's holds, which is what one channel of one track held."""
    bends = _stack(track.pitch_bends, "time value")
    cents = _bend_cents(_stack(track.controls, "number value").tolist()) if len(bends) else DEFAULT_BEND_CENTS
    name = part_name(track)
    return Part(_stack(track.notes, "time duration pitch velocity"), bends, cents, name)


def _bend_cents(controls: Iterable[Sequence[int]]) -> int:
    """How far the wheel bends, in cents, by RPN 0: the last word on it, or the standard's where there is none."""
    state = {RPN_COARSE: 127, RPN_FINE: 127}
    semitones, cents = divmod(DEFAULT_BEND_CENTS, 100)
    for number, value in controls:
        if number in state:
            state[number] = value
        elif number in (DATA_COARSE, DATA_FINE) and not any(state.values()):
            semitones, cents = (value, 0) if number == DATA_COARSE else (semitones, value)
    return 100 * semitones + cents


def _stack(events: Any, names: str) -> Int[np.ndarray, "event field"]:
    """Some fields of a list of symusic's events."""
    columns = names.split()
    stacked = np.empty((len(events), len(columns)), dtype=np.int64)
    if len(events):
        table = events.numpy()
        for place, name in enumerate(columns):
            stacked[:, place] = table[name]
    return stacked


def _interpret(contents: _Contents, where: str, min_notes: int) -> MidiReading:
    """The phrase that was stored where its seal holds, else the one that the notes themselves make."""
    notes, ticks_per_quarter, repairs = contents.notes, contents.ticks_per_quarter, list[str]()
    _refuse_few(len(notes), contents.num_drum_strokes, min_notes, where)
    if contents.num_drum_strokes:
        repairs.append(f"{counted(contents.num_drum_strokes, 'drum stroke')} on channel 10 left out")
    refuse_ticks(notes, where)
    tempo, metre = _tempo(contents, repairs, where), _metre(contents, repairs)
    refuse_lengths(notes, ticks_per_quarter, tempo, where)

    phrase = _stored_phrase(contents)
    if phrase is not None:  # an empty phrase is a phrase
        # a tempo or metre set in another program holds; where the file says what was written, so does the phrase
        kept = (phrase.tempo or DEFAULT_TEMPO) == (tempo or DEFAULT_TEMPO)
        tempo = phrase.tempo if kept else tempo
        metre = phrase.metre if writable(phrase.metre) == metre else metre
        return MidiReading(replace(phrase, tempo=tempo, metre=metre), tuple(repairs))
    if contents.stored:
        repairs.append("changed since it was written: its techniques and mode left out")
    bent, silence = _bent_notes(contents.parts, repairs), int(notes[:, 0].min(initial=MAX_TICKS))
    mended = _mend(notes, ticks_per_quarter, repairs)
    part = _part_of_mended(mended, contents)
    notes = _without_silence(mended, ticks_per_quarter, metre, repairs)
    silence -= int(notes[:, 0].min(initial=MAX_TICKS))
    rows, deviation = quantise(rows_from_columns(*notes.T, voice=part), ticks_per_quarter)
    part = rows[:, VOICE].copy()
    rows[:, VOICE] = find_melody(rows, part, [part.name for part in contents.parts])
    phrase = Phrase(rows, metre, tempo, deviation=deviation)
    _refuse_few(int(np.count_nonzero(phrase.is_melody)), 0, min_notes, where)
    bends = _bends_by_row(phrase, bent, silence, ticks_per_quarter) if bent else {}
    return MidiReading(phrase, tuple(repairs), bends, part)


def _stored_phrase(contents: _Contents) -> Phrase | None:
    """The phrase that stands beside the notes, if it is what was written there."""
    phrase = contents.stored and unseal(contents.stored, contents.parts, contents.ticks_per_quarter)
    if phrase is None or is_plainly_writable(phrase):
        return phrase
    try:
        midi_file(phrase)  # what could not be written was not
    except Exception:  # whatever is wrong with a phrase that somebody forged, the notes are there to be read
        return None
    return phrase


def _bent_notes(parts: Iterable[Part], repairs: list[str]) -> dict[tuple[int, int], Curve]:
    """A curve of (ticks after the onset, semitones) for each note that is bent, by its onset in ticks and its pitch.

    The wheel is where it was put last when the note is struck, and jumps from place to place until the note ends.
    """
    bent: dict[tuple[int, int], Curve] = {}
    num_left_out = 0
    for part in parts:
        if not len(part.bends):
            continue
        tick, semitones = part.bends[:, 0], part.bends[:, 1] * part.bend_cents / (100 * WHEEL)
        onsets, durations = part.notes[:, 0], part.notes[:, 1]
        firsts = np.searchsorted(tick, onsets, "right")
        lasts = np.searchsorted(tick, onsets + durations, "left")  # before the first for a note without length
        starts = np.append(0.0, semitones)[firsts]
        num_away = np.append(0, np.cumsum(semitones != 0))
        is_bent = (starts != 0) | (num_away[lasts] > num_away[firsts])
        begun_less_ended = np.zeros(len(tick) + 1, dtype=np.int64)  # bent notes that a turn of the wheel begins or ends
        begins = np.maximum(firsts[is_bent] - 1, 0)
        np.add.at(begun_less_ended, begins, 1)
        np.add.at(begun_less_ended, np.maximum(lasts[is_bent], begins), -1)
        heard = (semitones == 0) | (begun_less_ended.cumsum()[:-1] > 0)
        chosen = (onsets, part.notes[:, 2], firsts, np.maximum(lasts, firsts), starts)
        for onset, pitch, first, last, start in zip(*(column[is_bent].tolist() for column in chosen), strict=True):
            points = np.empty((2 * (last - first) + 1, 2))
            points[0], points[1::2, 0], points[2::2, 0] = (0, start), tick[first:last] - onset, tick[first:last] - onset
            points[1::2, 1], points[2::2, 1] = np.append(start, semitones[first:last])[:-1], semitones[first:last]
            if len(points) > len(bent.get((onset, pitch), ())):
                bent[onset, pitch] = points
        num_left_out += int((~heard).sum())
    if bent:
        repairs.append(f"{counted(len(bent), 'bent note')}: the bends are no part of the phrase")
    if num_left_out:
        repairs.append(f"{counted(num_left_out, 'pitch bend')} between notes left out")
    return bent


def _bends_by_row(
    phrase: Phrase, bent: Mapping[tuple[int, int], Curve], silence: int, ticks_per_quarter: int
) -> dict[int, Curve]:
    """The curves of bent notes by their rows, in steps; `silence` is how many ticks the notes were moved."""
    off = phrase.deviation.onset if phrase.deviation else 0
    onset = (phrase.onset.astype(np.int64) * ticks_per_quarter + off) // STEPS_PER_QUARTER + silence
    keys = zip(onset.tolist(), phrase.pitch.tolist(), strict=True)
    scale = np.array([STEPS_PER_QUARTER / ticks_per_quarter, 1])
    return {row: bent[key] * scale for row, key in enumerate(keys) if key in bent}


def _refuse_header(data: bytes, where: str) -> None:
    refuse_size(len(data), where)
    division = int.from_bytes(data[12:14], "big")
    match data[:4]:
        case b"":
            raise InvalidMidi(where, Defect.EMPTY, "is empty", AGAIN)
        case b"RIFF":
            raise InvalidMidi(where, Defect.UNREADABLE, "is wrapped in RIFF", "save it as a standard MIDI file (.mid)")
        case b"MThd" if len(data) < 14:
            raise InvalidMidi(where, Defect.UNREADABLE, "ends within its header", "copy or download it again")
        case b"MThd" if division == 0:
            raise InvalidMidi(where, Defect.BAD_DIVISION, "division is 0 ticks a quarter", AGAIN)
        case b"MThd" if division > MAX_DIVISION:
            reason = "counts time in film frames (SMPTE), not in beats"
            raise InvalidMidi(where, Defect.BAD_DIVISION, reason, "export it with ticks per quarter note")
        case b"MThd":
            return
    raise InvalidMidi(where, Defect.UNREADABLE, "does not begin as MIDI does (MThd)", "check what kind of file it is")


def _refuse_few(num_notes: int, num_drum_strokes: int, min_notes: int, where: str) -> None:
    if num_notes >= min_notes:
        return
    if num_notes:
        reason = f"has {counted(num_notes, 'note')}, fewer than {min_notes}"
        raise InvalidMidi(where, Defect.TOO_SHORT, reason, f"give a tune of {counted(min_notes, 'note')} or more")
    if num_drum_strokes:
        raise InvalidMidi(where, Defect.DRUMS_ONLY, "has drums only", "add a melody on a channel other than 10")
    raise InvalidMidi(where, Defect.NO_NOTES, "has no notes", "export it again with its notes")


def _tempo(contents: _Contents, repairs: list[str], where: str) -> int | None:
    """The tempo that half of the tune's time is faster and half slower than; None where the file names none."""
    if len(contents.tempos) == 0:
        return None
    changes = contents.tempos[np.argsort(contents.tempos[:, 0], kind="stable")]
    for tempo in (changes[:, 1].min(), changes[:, 1].max()):
        refuse_tempo(int(tempo), where)
    if len(contents.notes) == 0:
        return int(changes[0, 1])
    first, last = contents.notes[:, 0].min(), contents.notes[:, :2].sum(axis=1).max()
    if len(changes) == 1 and changes[0, 0] <= first:
        return int(changes[0, 1])
    if changes[0, 0] > first:  # until the first of its tempos a file is played at the standard's
        changes = np.concatenate([[(first, DEFAULT_TEMPO)], changes])
    tempos = changes[:, 1]
    time = np.diff(np.append(changes[:, 0], MAX_TICKS).clip(first, last)) * tempos
    order = np.argsort(tempos, kind="stable")
    passed = time[order].cumsum()
    median = int(tempos[order][np.searchsorted(passed, passed[-1] / 2)])
    if (num_heard := len(np.unique(tempos[time > 0]))) > 1:
        repairs.append(f"{num_heard} tempos reduced to their median, {60e6 / median:.1f} quarters a minute")
    return median


def _metre(contents: _Contents, repairs: list[str]) -> Metre | None:
    """The metre of the whole tune; None where the file names none, or more than one."""
    metres = [f"{numerator}/{denominator}" for numerator, denominator in dict.fromkeys(contents.metres)]
    if len(metres) > 1:
        repairs.append(f"metre left out: it changes ({', '.join(metres[:4])})")
    if len(metres) != 1:
        return None
    try:
        return Metre.parse(metres[0])
    except PhinError:
        repairs.append(f"metre left out: {metres[0]} has no bar on the grid")
        return None


def _mend(notes: Notes, ticks_per_quarter: int, repairs: list[str]) -> Int[np.ndarray, "kept 4"]:
    """One sounding note a pitch, each with a length; sorted by pitch."""
    if num_empty := int((notes[:, 1] == 0).sum()):
        repairs.append(f"{counted(num_empty, 'note')} without length lengthened to a step")
        notes = np.where((notes == 0) & [False, True, False, False], ceil(ticks_per_quarter / STEPS_PER_QUARTER), notes)
    notes = notes[np.lexsort((-notes[:, 1], notes[:, 0], notes[:, 2]))]

    room = _room(notes)
    if num_doubled := int(np.count_nonzero(room == 0)):
        repairs.append(f"{counted(num_doubled, 'note')} doubling another in unison left out")
        notes = notes[np.append(True, room > 0)]
        room = _room(notes)
    if num_cut := int((notes[:-1, 1] > room).sum()):
        repairs.append(f"{counted(num_cut, 'note')} cut short where the same pitch is struck again")
        notes[:-1, 1] = np.minimum(notes[:-1, 1], room)
    return notes


def _room(notes: Notes) -> Int[np.ndarray, " before"]:
    """Ticks from each stroke but the last to the next on its pitch; notes are sorted by pitch and onset."""
    one, other = notes[:-1], notes[1:]
    return np.where(one[:, 2] == other[:, 2], other[:, 0] - one[:, 0], MAX_TICKS)


def _part_of_mended(mended: Notes, contents: _Contents) -> Int[np.ndarray, " kept"]:
    """The part of each mended note: that of the longest note which was struck there."""
    if len(contents.parts) == 1:
        return np.zeros(len(mended), dtype=np.int64)
    before = contents.notes
    order = np.lexsort((-before[:, 1], before[:, 2], before[:, 0]))
    struck = before[order, 0] * 128 + before[order, 2]
    return contents.part_of[order[np.searchsorted(struck, mended[:, 0] * 128 + mended[:, 2])]]


def _without_silence(notes: Notes, ticks_per_quarter: int, metre: Metre | None, repairs: list[str]) -> Notes:
    """The notes moved by whole bars, so that the first lies in the first bar, where in its bar it was."""
    first = int(notes[:, 0].min(initial=MAX_TICKS)) if len(notes) else 0
    if silence := silent_bars(first, metre, ticks_per_quarter):
        repairs.append(f"{silence / ticks_per_quarter:g} quarters of silence before the first note left out")
    return notes - [silence, 0, 0, 0]
