"""MIDI files: one for each way a file can be no tune (of tests/files), two dozen good ones, and what builds them."""

import io
from collections.abc import Callable, Iterable

from mido import Message, MetaMessage, MidiFile, MidiTrack

from phin.errors import Defect
from phin.music.midi import MAX_BYTES
from tests.broken_files import FILES, broken_files

QUARTER = 96
END_OF_TRACK = b"\x00\xff\x2f\x00"
FAR = b"\xff\xff\xff\x7f"  # 0x0fffffff ticks: the largest delta that MIDI can write


def header(num_tracks: int = 1, division: bytes = QUARTER.to_bytes(2, "big"), form: int = 1) -> bytes:
    return b"MThd" + b"\x00\x00\x00\x06" + form.to_bytes(2, "big") + num_tracks.to_bytes(2, "big") + division


def track(*events: bytes) -> bytes:
    body = b"".join(events) + END_OF_TRACK
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def delta(ticks: int) -> bytes:
    """Ticks as MIDI's variable-length number: seven bits a byte, the high bit says that another byte follows."""
    parts = [ticks & 0x7F]
    while ticks := ticks >> 7:
        parts.append(ticks & 0x7F | 0x80)
    return bytes(reversed(parts))


def note(pitch: int = 57, length: bytes = b"\x30", channel: int = 0, gap: bytes = b"\x00") -> bytes:
    return gap + bytes([0x90 | channel, pitch, 80]) + length + bytes([0x80 | channel, pitch, 0])


def tempo(microseconds: int) -> bytes:
    return b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")


TUNE = b"".join(note(pitch) for pitch in (57, 60, 62, 64, 67, 69, 67, 64, 62, 60, 57, 57))
GOOD = header() + track(TUNE)


def defect_files() -> dict[str, tuple[bytes, Defect]]:
    """File name -> its bytes, and the name of what is wrong with them: those of tests/files/midi, and two that are too
    large to be kept.
    """
    too_large = {
        "too-large.mid": header() + track(note() * (MAX_BYTES // len(note()) + 1)),
        "too-large-to-be-looked-at.mid": b"\x00" * (MAX_BYTES + 1),
    }
    kept = {
        file.name.removeprefix("midi/"): ((FILES / file.name).read_bytes(), Defect(file.verdict))
        for file in broken_files()
        if file.name.startswith("midi/")
    }
    return kept | {name: (data, Defect.TOO_LARGE) for name, data in too_large.items()}


def good_files() -> dict[str, bytes]:
    """File name -> the bytes of a tune as some program might write it; each is to be read, mended where it must."""
    return {name: _saved(build()) for name, build in GOOD_FILES.items()}


SCALE = (57, 60, 62, 64, 67, 69, 72, 69, 67, 64, 62, 60, 57, 60, 57, 57)


def _saved(file: MidiFile) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _line(
    pitches: Iterable[int] = SCALE, each: int = 240, sounds: int | None = None, channel: int = 0
) -> list[Message]:
    """One note after the other, `each` ticks apart, sounding for `sounds` of them."""
    sounds = each if sounds is None else sounds
    messages: list[Message] = []
    for number, pitch in enumerate(pitches):
        wait = each - sounds if number else 0
        messages.append(Message("note_on", note=pitch, velocity=60 + number % 8 * 8, time=wait, channel=channel))
        messages.append(Message("note_off", note=pitch, time=sounds, channel=channel))
    return messages


def _file(
    *tracks: list[Message | MetaMessage], division: int = 480, charset: str = "latin1", form: int = 1
) -> MidiFile:
    built = [MidiTrack(messages) for messages in tracks]
    return MidiFile(type=form, ticks_per_beat=division, charset=charset, tracks=built)


def _meter(numerator: int, denominator: int, time: int = 0) -> MetaMessage:
    return MetaMessage("time_signature", numerator=numerator, denominator=denominator, time=time)


def _set_tempo(microseconds: int, time: int = 0) -> MetaMessage:
    return MetaMessage("set_tempo", tempo=microseconds, time=time)


def _chords() -> list[Message]:
    struck = [Message("note_on", note=pitch, velocity=90) for pitch in (45, 52, 57)]
    released = [Message("note_off", note=pitch, time=480 if pitch == 45 else 0) for pitch in (45, 52, 57)]
    return (struck + released) * 8


def _bends() -> list[Message]:
    bend = [Message("pitchwheel", pitch=pitch, time=20) for pitch in (0, 2000, 8191, 0)]
    return [message for note in range(8) for message in [*_line([57 + note], 400), *bend]]


def _swung() -> list[Message]:
    return [message for number, pitch in enumerate(SCALE) for message in _line([pitch], each=(311, 169)[number % 2])]


def _pickup(wait: int = 3 * 480) -> list[Message]:
    line = _line()
    line[0] = line[0].copy(time=wait)
    return line


def _melody_over_drone() -> list[list[Message]]:
    drone = [Message("note_on", note=45, velocity=50), Message("note_off", note=45, time=16 * 240)]
    return [_line(), drone]


def _released_by_silent_strokes() -> list[Message]:
    return [
        Message("note_on", note=message.note, velocity=0, time=message.time) if message.type == "note_off" else message
        for message in _line()
    ]


def _lyrics(charset: str) -> MidiFile:
    words = [MetaMessage("lyrics", text=text, time=240) for text in ("ลา", "ยา", "เด้อ", "น้อง")]
    name = MetaMessage("track_name", name="ลายใหญ่")
    return _file([name, *words], [MetaMessage("track_name", name="พิณ"), *_line()], charset=charset)


GOOD_FILES: dict[str, Callable[[], MidiFile]] = {
    "plain.mid": lambda: _file(_line()),
    "division-96.mid": lambda: _file([_set_tempo(500_000), *_line(each=48)], division=96),
    "division-960.mid": lambda: _file([_set_tempo(714_285), *_line(each=480)], division=960),
    "division-100-off-the-grid.mid": lambda: _file(_line(each=33), division=100),
    "tempo-changes.mid": lambda: _file(
        [_set_tempo(500_000), _set_tempo(600_000, time=960), _set_tempo(900_000, time=2400)], _line()
    ),
    "metre-3-4.mid": lambda: _file([_meter(3, 4), *_line()]),
    "metre-6-8.mid": lambda: _file([_meter(6, 8), *_line(each=160)]),
    "metre-changes.mid": lambda: _file([_meter(2, 4), _meter(3, 4, time=1920)], _line()),
    "pickup-not-marked.mid": lambda: _file([_meter(4, 4)], _pickup()),
    "two-bars-of-silence.mid": lambda: _file([_meter(2, 4)], _pickup(wait=2 * 960 + 480)),
    "chords.mid": lambda: _file(_chords()),
    "melody-over-drone.mid": lambda: _file(*_melody_over_drone()),
    "bends.mid": lambda: _file(_bends()),
    "swung.mid": lambda: _file([_meter(4, 4), _set_tempo(461_538), *_swung()]),
    "staccato.mid": lambda: _file(_line(sounds=30)),
    "running-status-and-silent-strokes.mid": lambda: _file(_released_by_silent_strokes()),
    "one-track-form-0.mid": lambda: _file([_meter(2, 4), _set_tempo(600_000), *_line()], form=0),
    "with-drums.mid": lambda: _file(_line(), _line([36, 38] * 8, channel=9)),
    "notes-without-length.mid": lambda: _file(_line(sounds=0)),
    "lyrics-in-tis-620.mid": lambda: _lyrics("tis-620"),
    "lyrics-in-utf-8.mid": lambda: _lyrics("utf-8"),
    "doubled-in-unison.mid": lambda: _file(_line(), _line(channel=1)),
}
