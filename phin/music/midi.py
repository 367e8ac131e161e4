"""MIDI in and out: a file becomes a Phrase or is refused by name, and a Phrase that is written is read back whole.

Reading takes a file's word for nothing: its size is looked at before anything is parsed, its division before any tick
is believed, its ticks before anything is laid out by them. What can be mended is mended and said
(`MidiReading.repairs`); what cannot is one line of `InvalidMidi`.

A MIDI file has no place for techniques, a mode, what is unknown, or a beat before the first bar. So a text event beside
the notes stores the phrase, sealed with a hash of the notes that sound: whoever edits a note in another program breaks
the seal, and from then on the notes themselves are believed.
"""

import base64
import io
import json
import re
import zlib
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import ceil, gcd
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pretty_midi
from jaxtyping import Int
from symusic.core import ScoreTick

from phin.errors import Defect, InvalidMidi, PhinError
from phin.music.grid import quantise, to_ticks
from phin.music.phrase import (
    DURATION,
    ONSET,
    PITCH,
    STEPS_PER_QUARTER,
    UNKNOWN,
    VELOCITY,
    VOICE,
    Deviation,
    Inferred,
    Metre,
    Phrase,
    Rows,
    Voice,
    rows_from_columns,
)
from phin.whole_file import whole_file

MAX_BYTES = 2_000_000
"""Some 250,000 notes: more than any tune, and few enough that the worst file costs about a second."""

MIN_NOTES = 8
"""Two hong of sixteenths: fewer notes show neither a mode nor a rhythm."""

MAX_TICKS = 10_000_000
"""pretty_midi's own limit: what is taken in here opens there. 87 minutes at 960 ticks a quarter and 120 a minute."""

MAX_SECONDS = 3600
"""A whole set of a mor lam night fits; one tune does not last longer."""

MAX_NOTE_SECONDS = 600
"""No string rings for ten minutes: the end of such a note was lost."""

MIN_TEMPO, MAX_TEMPO = 60_000, 0xFFFFFF
"""Microseconds a quarter: a thousand quarters a minute, and the most that the three bytes of a tempo event can say."""

DEFAULT_TEMPO = 500_000
"""What a file without a tempo is played at, by the MIDI standard. Nobody chose it, so such a phrase has tempo None."""

RESOLUTION = 480
"""Ticks a quarter of what is written on the grid: a multiple of 24 that every program knows."""

PROGRAM = 105
"""General MIDI's banjo, counted from 0: the plucked lute nearest to a phin."""

SOUNDING_VELOCITY = 80
"""How loud a note of unknown velocity is played; it stays unknown in the phrase."""

_MAX_DIVISION = 0x7FFF  # the sixteenth bit of a division says SMPTE
_MAX_STORED = 8 * MAX_BYTES  # what a stored phrase may unpack to, so that no small file fills the memory
_STORED = re.compile(rb"phin1:([0-9a-f]{16}):([A-Za-z0-9+/=]+);")
_AGAIN = "export it again from the program that made it"

Notes = Int[np.ndarray, "note 4"]
"""Onset, duration, pitch and velocity in ticks, int64: the columns of a row that MIDI has."""


@dataclass(frozen=True)
class MidiReading:
    """A phrase, and what had to be mended to take it in, one line each."""

    phrase: Phrase
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Performance:
    """What a MIDI file says, before any of it is believed."""

    ticks_per_quarter: int
    notes: Notes
    tempos: Int[np.ndarray, "change 2"]  # tick, microseconds a quarter
    metres: list[tuple[int, int]]
    num_drum_strokes: int
    num_bends: int
    stored: re.Match[bytes] | None


def read_midi(path: str | Path, min_notes: int = MIN_NOTES) -> MidiReading:
    """The tune in a file; InvalidMidi where there is none to be had."""
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
        raise InvalidMidi(path, Defect.UNREADABLE, "cannot be opened (it is no file)", "check the path")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidMidi(path, Defect.UNREADABLE, f"cannot be opened ({error.strerror})", "check the path") from error
    return read_midi_bytes(data, str(path), min_notes)


def read_midi_bytes(data: bytes, where: str, min_notes: int = MIN_NOTES) -> MidiReading:
    """The tune in the bytes of a MIDI file; `where` is what an error calls them."""
    return _interpret(_parse(data, where), where, min_notes)


def from_pretty_midi(pm: pretty_midi.PrettyMIDI, where: str = "PrettyMIDI object") -> Phrase:
    """The phrase in other programs' object, of however few notes; InvalidMidi as for a file."""
    pitched = [note for instrument in pm.instruments if not instrument.is_drum for note in instrument.notes]
    if not np.isfinite([(note.start, note.end) for note in pitched]).all():
        raise InvalidMidi(where, Defect.ABSURD_TICKS, "has a note at no finite time", "remove that note")
    tick = pm.time_to_tick
    notes = [(tick(n.start), tick(n.end) - tick(n.start), n.pitch, n.velocity) for n in pitched]
    tempos = [(tick(time), round(60e6 / per_minute)) for time, per_minute in zip(*pm.get_tempo_changes(), strict=True)]
    performance = _Performance(
        ticks_per_quarter=pm.resolution,
        notes=np.array(notes, dtype=np.int64).reshape(-1, 4),
        tempos=np.array(tempos, dtype=np.int64).reshape(-1, 2),
        metres=[(signature.numerator, signature.denominator) for signature in pm.time_signature_changes],
        num_drum_strokes=sum(len(instrument.notes) for instrument in pm.instruments if instrument.is_drum),
        num_bends=sum(len(instrument.pitch_bends) for instrument in pm.instruments),
        stored=_STORED.search("".join(event.text for event in pm.text_events).encode(errors="replace")),
    )
    return _interpret(performance, where, min_notes=0).phrase


def write_midi(phrase: Phrase, path: str | Path) -> None:
    """Writes what `read_midi` gives back whole; the file is there entirely or not at all."""
    data = midi_bytes(phrase, str(path))
    with whole_file(path) as partial:
        partial.write_bytes(data)


def midi_bytes(phrase: Phrase, where: str = "phrase") -> bytes:
    """The phrase as the bytes of a MIDI file; InvalidMidi where reading would refuse them."""
    buffer = io.BytesIO()
    _midi_file(phrase, where).save(file=buffer)
    _refuse_size(len(buffer.getvalue()), where)
    return buffer.getvalue()


def to_pretty_midi(phrase: Phrase) -> pretty_midi.PrettyMIDI:
    """The phrase as other programs' object, melody and accompaniment an instrument each."""
    return pretty_midi.PrettyMIDI(mido_object=_midi_file(phrase, phrase.title or "phrase"))


def skyline(rows: Rows) -> Rows:
    """The rows with their voices guessed: the highest note that sounds is the melody, what is struck below it is not.

    The simplest rule that is right for a melody over a drone. To tell a melody below a drone, or from strings that are
    left ringing, takes more than this looks at.
    """
    rows = rows.copy()
    voice = [Voice.ACCOMPANIMENT] * len(rows)
    ringing: list[tuple[int, int]] = []  # (pitch, end) of melody notes, the highest last: none starts below another
    onsets, durations, pitches = rows[:, ONSET].tolist(), rows[:, DURATION].tolist(), rows[:, PITCH].tolist()
    for row in np.lexsort((-rows[:, PITCH], rows[:, ONSET])).tolist():
        while ringing and ringing[-1][1] <= onsets[row]:
            ringing.pop()
        if not ringing or pitches[row] > ringing[-1][0]:
            ringing.append((pitches[row], onsets[row] + durations[row]))
            voice[row] = Voice.MELODY
    rows[:, VOICE] = voice
    return rows


def _parse(data: bytes, where: str) -> _Performance:
    """What the bytes say; InvalidMidi where they are no MIDI file, or count time in something else than beats."""
    _refuse_header(data, where)
    try:
        score = ScoreTick.from_midi(data)
    except RuntimeError as error:
        reason = f"is damaged ({' '.join(str(error).split())})"
        raise InvalidMidi(where, Defect.UNREADABLE, reason, _AGAIN) from error
    signatures = score.time_signatures.numpy()
    return _Performance(
        ticks_per_quarter=score.tpq,
        notes=_stack([track.notes for track in score.tracks if not track.is_drum], "time duration pitch velocity"),
        tempos=_stack([score.tempos], "time mspq"),
        metres=list(zip(signatures["numerator"].tolist(), signatures["denominator"].tolist(), strict=True)),
        num_drum_strokes=sum(len(track.notes) for track in score.tracks if track.is_drum),
        num_bends=sum(len(track.pitch_bends) for track in score.tracks),
        stored=_STORED.search(data),  # symusic keeps no text events
    )


def _stack(lists: list[Any], names: str) -> Int[np.ndarray, "event field"]:
    """The fields of symusic's lists of events, one list under the other."""
    tables = [events.numpy() for events in lists if len(events)]
    columns = [[table[name] for table in tables] for name in names.split()]
    if not tables:
        return np.empty((0, len(columns)), dtype=np.int64)
    return np.stack([np.concatenate(column).astype(np.int64) for column in columns], axis=1)


def _interpret(performance: _Performance, where: str, min_notes: int) -> MidiReading:
    """The phrase that was stored where its seal holds, else the one that the notes themselves make."""
    notes, ticks_per_quarter, repairs = performance.notes, performance.ticks_per_quarter, list[str]()
    _refuse_few(len(notes), performance.num_drum_strokes, min_notes, where)
    if performance.num_drum_strokes:
        repairs.append(f"{_count(performance.num_drum_strokes, 'drum stroke')} on channel 10 left out")
    _refuse_ticks(notes, where)
    tempo, metre = _tempo(performance, repairs, where), _metre(performance, repairs)
    _refuse_lengths(notes, ticks_per_quarter, tempo, where)

    phrase = performance.stored and _unseal(performance.stored, notes, ticks_per_quarter)
    if phrase is not None:  # an empty phrase is a phrase
        # a tempo or metre set in another program holds; where the file says what was written, so does the phrase
        kept = (phrase.tempo or DEFAULT_TEMPO) == (tempo or DEFAULT_TEMPO)
        tempo = phrase.tempo if kept else tempo
        metre = phrase.metre if _writable(phrase.metre) == metre else metre
        return MidiReading(replace(phrase, tempo=tempo, metre=metre), tuple(repairs))
    if performance.stored:
        repairs.append("changed since it was written: its techniques and mode left out")
    if performance.num_bends:
        repairs.append(f"{_count(performance.num_bends, 'pitch bend')} left out")
    notes = _without_silence(_mend(notes, ticks_per_quarter, repairs), ticks_per_quarter, metre, repairs)
    rows, deviation = quantise(rows_from_columns(*notes.T), ticks_per_quarter)
    return MidiReading(Phrase(skyline(rows), metre, tempo, deviation=deviation), tuple(repairs))


def _refuse_size(num_bytes: int, where: str) -> None:
    if num_bytes > MAX_BYTES:
        raise InvalidMidi(where, Defect.TOO_LARGE, f"has more than {MAX_BYTES:,} bytes", "cut it into single tunes")


def _refuse_header(data: bytes, where: str) -> None:
    _refuse_size(len(data), where)
    division = int.from_bytes(data[12:14], "big")
    match data[:4]:
        case b"":
            raise InvalidMidi(where, Defect.EMPTY, "is empty", _AGAIN)
        case b"RIFF":
            raise InvalidMidi(where, Defect.UNREADABLE, "is wrapped in RIFF", "save it as a standard MIDI file (.mid)")
        case b"MThd" if len(data) < 14:
            raise InvalidMidi(where, Defect.UNREADABLE, "ends within its header", "copy or download it again")
        case b"MThd" if division == 0:
            raise InvalidMidi(where, Defect.BAD_DIVISION, "division is 0 ticks a quarter", _AGAIN)
        case b"MThd" if division > _MAX_DIVISION:
            reason = "counts time in film frames (SMPTE), not in beats"
            raise InvalidMidi(where, Defect.BAD_DIVISION, reason, "export it with ticks per quarter note")
        case b"MThd":
            return
    raise InvalidMidi(where, Defect.UNREADABLE, "does not begin as MIDI does (MThd)", "check what kind of file it is")


def _refuse_few(num_notes: int, num_drum_strokes: int, min_notes: int, where: str) -> None:
    if num_notes >= min_notes:
        return
    if num_notes:
        reason = f"has {_count(num_notes, 'note')}, fewer than {min_notes}"
        raise InvalidMidi(where, Defect.TOO_SHORT, reason, f"give a tune of {_count(min_notes, 'note')} or more")
    if num_drum_strokes:
        raise InvalidMidi(where, Defect.DRUMS_ONLY, "has drums only", "add a melody on a channel other than 10")
    raise InvalidMidi(where, Defect.NO_NOTES, "has no notes", "export it again with its notes")


def _refuse_ticks(notes: Notes, where: str) -> None:
    """InvalidMidi where ticks have overflowed."""
    if len(notes) and (notes[:, :2].min() < 0 or notes[:, :2].sum(axis=1).max() > MAX_TICKS):
        raise InvalidMidi(where, Defect.ABSURD_TICKS, f"has notes outside tick 0 to {MAX_TICKS:,}", _AGAIN)


def _refuse_lengths(notes: Notes, ticks_per_quarter: int, tempo: int | None, where: str) -> None:
    """InvalidMidi where a note or the tune lasts longer than music does."""
    if len(notes) == 0:
        return
    duration, last = notes[:, 1], notes[:, :2].sum(axis=1).max()
    seconds = (tempo or DEFAULT_TEMPO) / 1e6 / ticks_per_quarter
    if (longest := duration.max() * seconds) > MAX_NOTE_SECONDS:
        reason = f"has a note of {longest / 60:.0f} minutes"
        raise InvalidMidi(where, Defect.NOTE_TOO_LONG, reason, "end that note where it stops sounding")
    if last * seconds > MAX_SECONDS:
        reason = f"lasts {last * seconds / 3600:.1f} hours"
        raise InvalidMidi(
            where, Defect.ABSURD_TICKS, reason, "cut it into single tunes, or move the note that is far off"
        )


def _refuse_tempo(tempo: int, where: str) -> None:
    if not MIN_TEMPO <= tempo <= MAX_TEMPO:
        reason = f"has a tempo of {tempo} microseconds a quarter"
        raise InvalidMidi(where, Defect.ABSURD_TEMPO, reason, f"set a tempo from {MIN_TEMPO:,} to {MAX_TEMPO:,}")


def _tempo(performance: _Performance, repairs: list[str], where: str) -> int | None:
    """The tempo that half of the tune's time is faster and half slower than; None where the file names none."""
    if len(performance.tempos) == 0:
        return None
    changes = performance.tempos[np.argsort(performance.tempos[:, 0], kind="stable")]
    for tempo in (changes[:, 1].min(), changes[:, 1].max()):
        _refuse_tempo(int(tempo), where)
    if len(performance.notes) == 0:
        return int(changes[0, 1])
    first, last = performance.notes[:, 0].min(), performance.notes[:, :2].sum(axis=1).max()
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


def _metre(performance: _Performance, repairs: list[str]) -> Metre | None:
    """The metre of the whole tune; None where the file names none, or more than one."""
    metres = [f"{numerator}/{denominator}" for numerator, denominator in dict.fromkeys(performance.metres)]
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
        repairs.append(f"{_count(num_empty, 'note')} without length lengthened to a step")
        notes = np.where((notes == 0) & [False, True, False, False], ceil(ticks_per_quarter / STEPS_PER_QUARTER), notes)
    notes = notes[np.lexsort((-notes[:, 1], notes[:, 0], notes[:, 2]))]

    doubled = (np.diff(notes[:, [0, 2]], axis=0, prepend=-1) == 0).all(axis=1)
    if doubled.any():
        repairs.append(f"{_count(int(doubled.sum()), 'note')} doubling another in unison left out")
        notes = notes[~doubled]

    room = np.where(np.diff(notes[:, 2]) == 0, np.diff(notes[:, 0]), MAX_TICKS)
    if num_cut := int((notes[:-1, 1] > room).sum()):
        repairs.append(f"{_count(num_cut, 'note')} cut short where the same pitch is struck again")
        notes[:-1, 1] = np.minimum(notes[:-1, 1], room)
    return notes


def _without_silence(notes: Notes, ticks_per_quarter: int, metre: Metre | None, repairs: list[str]) -> Notes:
    """The notes moved by whole bars, so that the first lies in the first bar, where in its bar it was."""
    bars = _whole_bars(metre, ticks_per_quarter)
    first = int(notes[:, 0].min(initial=MAX_TICKS)) if len(notes) else 0
    # from half a step before a bar line a note belongs to the bar behind it, as it does on the grid
    silence = (2 * STEPS_PER_QUARTER * first + ticks_per_quarter) // (2 * STEPS_PER_QUARTER * bars) * bars
    if silence:
        repairs.append(f"{silence / ticks_per_quarter:g} quarters of silence before the first note left out")
    return notes - [silence, 0, 0, 0]


def _whole_bars(metre: Metre | None, ticks_per_quarter: int) -> int:
    """Ticks in a bar, or in as many bars as make whole ticks; in a quarter where there is no metre."""
    bar = (metre.bar if metre else STEPS_PER_QUARTER) * ticks_per_quarter
    return bar // gcd(bar, STEPS_PER_QUARTER)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _midi_file(phrase: Phrase, where: str) -> mido.MidiFile:
    """A first track with what concerns all, and a track for each voice that has notes."""
    notes, ticks_per_quarter = _sounding(phrase)
    _refuse_ticks(notes, where)
    _refuse_lengths(notes, ticks_per_quarter, phrase.tempo, where)
    head = mido.MidiTrack()
    if phrase.title:
        head.append(mido.MetaMessage("track_name", name=phrase.title.encode(errors="replace").decode()))
    if phrase.tempo is not None:
        _refuse_tempo(phrase.tempo, where)
        head.append(mido.MetaMessage("set_tempo", tempo=phrase.tempo))
    if metre := _writable(phrase.metre):
        head.append(mido.MetaMessage("time_signature", numerator=metre.numerator, denominator=metre.denominator))
    head.append(mido.MetaMessage("text", text=_sealed(phrase, notes, ticks_per_quarter)))
    tracks = [_track(notes[phrase.voice == voice], voice) for voice in Voice if (phrase.voice == voice).any()]
    return mido.MidiFile(ticks_per_beat=ticks_per_quarter, charset="utf-8", tracks=[head, *tracks])


def _track(notes: Notes, voice: Voice) -> mido.MidiTrack:
    """A voice on a channel of its own, so that a bend of the melody leaves the ringing drone alone."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=voice.name.lower())])
    track.append(mido.Message("program_change", program=PROGRAM, channel=voice))
    strokes = [(onset, "note_on", pitch, velocity) for onset, _, pitch, velocity in notes.tolist()]
    releases = [(onset + duration, "note_off", pitch, 0) for onset, duration, pitch, _ in notes.tolist()]
    now = 0
    for tick, kind, pitch, velocity in sorted(releases + strokes):  # at one tick "note_off" comes before "note_on"
        track.append(mido.Message(kind, channel=voice, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    return track


def _sounding(phrase: Phrase) -> tuple[Notes, int]:
    """The notes as a file holds them, in rows' order, and its division: no tick below 0, no silent or empty note."""
    rows, ticks_per_quarter = to_ticks(phrase, RESOLUTION)
    notes = rows[:, [ONSET, DURATION, PITCH, VELOCITY]]
    if ticks_per_quarter > _MAX_DIVISION:
        notes[:, :2] = notes[:, :2] * RESOLUTION // ticks_per_quarter
        ticks_per_quarter = RESOLUTION
    bars = _whole_bars(phrase.metre, ticks_per_quarter)
    notes[:, 0] -= notes[:, 0].min(initial=0) // bars * bars
    notes[:, 1] = notes[:, 1].clip(min=1)
    notes[:, 3] = np.where(notes[:, 3] == UNKNOWN, SOUNDING_VELOCITY, notes[:, 3].clip(1, 127))
    return notes, ticks_per_quarter


def _writable(metre: Metre | None) -> Metre | None:
    """The metre where MIDI can say it: a time signature's denominator is a power of two."""
    return metre if metre and metre.numerator < 256 and metre.denominator in (1, 2, 4, 8, 16, 32, 64, 128) else None


def _sealed(phrase: Phrase, notes: Notes, ticks_per_quarter: int) -> str:
    """The whole phrase as text, and the seal that ties it to the notes."""
    off = phrase.deviation
    facts = {
        "rows": phrase.rows.tolist(),
        "metre": phrase.metre and str(phrase.metre),
        "tempo": phrase.tempo,
        "lai": phrase.lai,
        "title": phrase.title,
        "source": phrase.source,
        "tuning": phrase.tuning,
        "drone": phrase.drone,
        "words": phrase.words,
        "inferred": sorted(phrase.inferred),
        "deviation": off and [off.ticks_per_quarter, off.onset.tolist(), off.duration.tolist()],
    }
    payload = base64.b64encode(zlib.compress(json.dumps(facts, separators=(",", ":")).encode()))
    return f"phin1:{_seal(notes, ticks_per_quarter, payload)}:{payload.decode()};"


def _unseal(stored: re.Match[bytes], notes: Notes, ticks_per_quarter: int) -> Phrase | None:
    """The phrase that was stored; None where the notes are no longer those it was stored with."""
    seal, payload = stored.groups()
    if seal.decode() != _seal(notes, ticks_per_quarter, payload):
        return None
    try:
        facts = json.loads(zlib.decompressobj().decompress(base64.b64decode(payload), _MAX_STORED))
        if facts["deviation"]:
            resolution, onset, duration = facts["deviation"]
            facts["deviation"] = Deviation(resolution, np.array(onset, np.int64), np.array(duration, np.int64))
        facts["rows"] = np.array(facts["rows"], np.int32).reshape(-1, 6)
        facts["metre"] = facts["metre"] and Metre.parse(facts["metre"])
        facts["drone"] = tuple(map(int, facts["drone"]))
        facts["words"] = tuple((int(step), str(text)) for step, text in facts["words"])
        facts["inferred"] = frozenset(map(Inferred, facts["inferred"]))
        phrase = Phrase(**facts)
        _midi_file(phrase, "stored phrase")  # what could not be written was not
    except Exception:  # whatever is wrong with an event that somebody forged, the notes are there to be read
        return None
    return phrase


def _seal(notes: Notes, ticks_per_quarter: int, payload: bytes) -> str:
    """Hash of what sounds and of what is stored.

    Strokes and releases are hashed apart: readers disagree which release ends which of two strokes on one pitch.
    """
    strokes = notes[:, [0, 2, 3]]
    releases = np.stack([notes[:, 0] + notes[:, 1], notes[:, 2]], axis=1)
    hashed = blake2b(b"%d:" % ticks_per_quarter + payload, digest_size=8)
    for events in (strokes, releases):
        hashed.update(events[np.lexsort(events.T)].astype("<i8").tobytes())
    return hashed.hexdigest()
