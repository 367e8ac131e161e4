"""Damage as files come by it, and worse: each function changes bytes or text a little, by the numbers it is given."""

import io
import random
from collections.abc import Callable, Sequence

import mido

VALUES = bytes([0x00, 0x01, 0x7F, 0x80, 0x90, 0xB0, 0xE0, 0xF0, 0xF7, 0xFF])
STRANGE = "ดรมฟซลท" + "ํฺ็้" + "|-.*/:()[]#\n\t 0123456789" + "๑๙๐…—|" + "\u200b\ufeff\x00\x1b" + "aZéß𝄞ซ้ำ"
METAS = (0x00, 0x01, 0x03, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F)


def _span(data: Sequence, rng: random.Random, most: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, most))


def overwrite(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A few bytes become others, often such as mean something in MIDI."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.choice([rng.choice(VALUES), rng.randrange(256)])
    return bytes(changed)


def cut_out(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A piece is missing."""
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def repeat(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A piece is there many times."""
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.choice([1, 2, 50, 1000]) + data[end:]


def insert(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Bytes of no meaning stand in between."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.randbytes(rng.randint(1, 32)) + data[start:]


def truncate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The rest was not copied."""
    return data[: rng.randrange(len(data) + 1)]


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def lie_about_a_length(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A chunk says that it has another length."""
    starts = [place for place in range(len(data) - 8) if data[place : place + 4] in (b"MTrk", b"MThd")]
    if not starts:
        return data
    start = rng.choice(starts) + 4
    true = int.from_bytes(data[start : start + 4], "big")
    length = rng.choice([0, 1, true - 1, true + 1, 2 * true, 0x7FFFFFFF, 0xFFFFFFFF, rng.randrange(2**32)])
    return data[:start] + (length % 2**32).to_bytes(4, "big") + data[start + 4 :]


def change_header(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Another form, number of tracks or division."""
    place = rng.choice([8, 10, 12])
    value = rng.choice([0, 1, 2, 3, 24, 96, 0x7FFF, 0x8000, 0xE728, 0xFFFF, rng.randrange(65536)])
    return data[:place] + value.to_bytes(2, "big") + data[place + 2 :]


def add_meta(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A meta event of any kind and length, true or not, before an event or in the midst of one."""
    body = rng.randbytes(rng.choice([0, 1, 2, 3, 4, 5, 200]))
    said = rng.choice([len(body), 0, 3, 127])
    start = rng.randrange(min(22, len(data)), len(data) + 1)
    return data[:start] + bytes([0, 0xFF, rng.choice(METAS), said]) + body + data[start:]


def change_tempo(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A tempo of nothing, of everything, or any."""
    place = data.find(b"\xff\x51\x03")
    value = rng.choice([0, 1, 59_999, 60_000, 0xFFFFFF, rng.randrange(2**24)]).to_bytes(3, "big")
    return data if place < 0 else data[: place + 3] + value + data[place + 6 :]


def stretch_time(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Waits of as many ticks as a delta can say, or of more bytes than it may have."""
    start = rng.randrange(min(22, len(data)), len(data) + 1)
    return data[:start] + rng.choice([b"\xff\xff\xff\x7f", b"\x81\x80\x80\x00", b"\xff" * 9 + b"\x7f"]) + data[start:]


def break_seal(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Our own text event is gone, or is no longer what was sealed."""
    place = data.find(b"phin1:")
    if place < 0:
        return data
    if rng.random() < 0.5:
        return data.replace(b"phin1:", b"-----:")
    place += rng.randrange(6, 120)
    return data[:place] + bytes([rng.choice(b"0Aa+/=;")]) + data[place + 1 :]


def edit_events(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Sound events with other ticks, pitches, channels; gone, many times over, or new: the file itself stays whole."""
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
    except Exception:  # mido reads less than is read here
        return data
    tracks = [events for events in file.tracks if events]
    for _ in range(rng.randint(1, 12) if tracks else 0):
        events = rng.choice(tracks)
        place = rng.randrange(len(events))
        event, time = events[place], rng.choice([0, 1, 7, 20, 480, 5_000, 200_000, 9_000_000])
        match rng.randrange(8):
            case 0 if len(events) > 1:
                del events[place]
            case 1:
                events[place:place] = [event] * rng.choice([1, 3, 200])
            case 2:
                events[place] = event.copy(time=time)
            case 3 if event.type in ("note_on", "note_off"):
                events[place] = event.copy(note=rng.randrange(128), velocity=rng.choice([0, 1, 64, 127]))
            case 4 if not event.is_meta and hasattr(event, "channel"):
                events[place] = event.copy(channel=rng.choice([0, 1, 9, 15]))
            case 5:
                for number in range(place, min(len(events), place + 40)):
                    events[number] = events[number].copy(time=rng.choice([0, 1, time % 50]))
            case 6:
                bar = {"numerator": rng.choice([0, 1, 4, 7, 255]), "denominator": 2 ** rng.choice([0, 2, 3, 7, 30])}
                new = [
                    mido.Message("pitchwheel", pitch=rng.randint(-8192, 8191), time=time),
                    mido.Message("program_change", program=rng.randrange(128)),
                    mido.MetaMessage("set_tempo", tempo=rng.choice([0, 60_000, 400_000, 0xFFFFFF]), time=time),
                    mido.MetaMessage("time_signature", **bar),
                    mido.MetaMessage("track_name", name=rng.choice(["melody", "bass", "\xff\x00", "x" * 300])),
                ]
                events.insert(place, rng.choice(new))
            case 7:
                tracks[0].extend(events[place : place + 60])
    file.ticks_per_beat = rng.choice([file.ticks_per_beat] * 6 + [1, 24, 31, 32_767])
    buffer = io.BytesIO()
    try:
        file.save(file=buffer)
    except Exception:  # nor does it write all that it reads
        return data
    return buffer.getvalue()


def with_true_lengths(data: bytes) -> bytes:
    """Every track says its own length: what else was damaged is looked at, not only that."""
    head, *bodies = data.split(b"MTrk")
    return head + b"".join(b"MTrk" + max(len(body) - 4, 0).to_bytes(4, "big") + body[4:] for body in bodies)


MIDI: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (
    overwrite,
    cut_out,
    repeat,
    insert,
    truncate,
    splice,
    lie_about_a_length,
    change_header,
    add_meta,
    change_tempo,
    stretch_time,
    break_seal,
)


def mutated_midi(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The file after its events were edited, after one to four kinds of damage, or both."""
    if rng.random() < 0.6:
        data = edit_events(data, other, rng)
    if rng.random() < 0.6:
        for _ in range(rng.randint(1, 4)):
            data = rng.choice(MIDI)(data, other, rng)
    return (with_true_lengths(data) if rng.random() < 0.6 else data)[:3_000_000]


def mutated_text(text: str, other: str, rng: random.Random) -> str:
    """The page after one to four changes of single signs, pieces, lines and header lines."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        start, end = _span(text, rng, most=20)
        lines = text.split("\n")
        match rng.randrange(8):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + "".join(rng.choices(STRANGE, k=rng.randint(1, 5))) + text[start:]
            case 2:
                text = text[:start] + rng.choice(STRANGE) + text[start + 1 :]
            case 3:
                text = text[:end] + text[start:end] * rng.choice([1, 3, 500]) + text[end:]
            case 4:
                text = text[:start] + other[rng.randrange(len(other) + 1) :]
            case 5:
                rng.shuffle(lines)
                text = "\n".join(lines)
            case 6:
                key = rng.choice("lai tempo metre tuning drone octaves rhythm title source ลาย สาย ที่มา".split())
                values = [
                    "",
                    "0",
                    "-1",
                    "1e9",
                    "9" * 400,
                    "4/4",
                    "0/0",
                    "1/0",
                    "7/96",
                    "E-A-E",
                    "ลฺ ม",
                    "marked",
                    "inferred",
                ]
                text = f"{key}: {rng.choice([*values, ''.join(rng.choices(STRANGE, k=6))])}\n{text}"
            case 7:
                text = text[: rng.randrange(len(text) + 1)]
    return text
