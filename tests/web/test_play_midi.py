"""What a page reads of MIDI by itself, against a server: files of this program and of others, whole, changed, torn."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mido
import numpy as np
import pretty_midi
import pytest
from mido import Message, MetaMessage

from phin.music.drone import with_drone
from phin.music.lai import LAI
from phin.music.midi import midi_bytes
from phin.music.midi_limits import MAX_BYTES
from phin.music.phrase import Deviation, Metre, Phrase
from phin.music.technique import Technique
from tests.forged_midi import FORGED, edited, with_stored
from tests.midi_defects import TUNE, defect_files, delta, good_files, header, note, tempo, track
from tests.tiny import PHRASE, melodies
from tests.tunes import wander
from tests.web.playing import Playground, both
from tests.web.serving import Served, file

pytestmark = pytest.mark.slow
METRES = (None, Metre(2, 4), Metre(4, 4), Metre(3, 4), Metre(6, 8), Metre(7, 8), Metre(5, 2), Metre(4, 3))
NAMES = (
    "melody",
    "bass",
    "string 1",
    "string 2",
    "พิณ 1",
    "Pin",
    "pine",
    "l.h.",
    "Lead",
    "เสียงเสพ",
    "",
    "\u00e9",
    "a\n1",
)
SIGNATURES = ((2, 4), (2, 4), (4, 4), (3, 4), (6, 8), (7, 8), (5, 1), (1, 64), (13, 128))
SEED = 20_261_129
NUM_RANDOM = 240


def ask(ground: Playground, drawer: Served, files: dict[str, bytes]) -> list[Any]:
    """Holds page and server to each other; what the server answered."""
    return both(ground, drawer, "read", [file(data, "mid", name=f"{name}.mid") for name, data in files.items()])


def saved(midi: mido.MidiFile) -> bytes:
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def of_this_program() -> Iterator[Phrase]:
    """Phrases of every technique and metre and many tempos, over a drone or not, on the grid or off it."""
    yield PHRASE
    for place, technique in enumerate((None, *Technique)):
        tune = wander(place, 14)
        rows = tune.rows.copy()
        rows[1::2, 4] = -1 if technique is None else int(technique)
        facts = {"metre": METRES[place % len(METRES)], "tempo": (None, 200_000 + 90_001 * place)[place % 2]}
        tune = replace(tune, rows=rows, lai=LAI[place % len(LAI)].name, **facts)
        yield with_drone(tune) if place % 3 == 0 else tune
    words = ((0, "ท่อน 1"), (96, "(ซ้ำ)"))
    yield replace(PHRASE, title="ลายใหญ่ “ทดสอบ”", words=words, tuning="E-A-D", drone=(52, 57), lai="yai", source="")
    off = np.arange(len(PHRASE))
    yield replace(PHRASE, deviation=Deviation(480, 60 * off, -20 * off), tempo=None)
    far = np.array([(n * 26_400, 24, 60 + n, 90, 4, 0) for n in range(11)])
    yield Phrase(far, tempo=200_000, deviation=Deviation(480, far[:, 2] - 60, far[:, 2]))
    yield replace(melodies(1, num_notes=30)[0], title="x" * 250, tempo=60_000)


@pytest.mark.long
def test_what_this_program_wrote_is_read_back_whole(ground: Playground, drawer: Served) -> None:
    """Fails: a page opens its own file with other notes, techniques, tempo or title than a server, or mends it."""
    tunes = list(of_this_program())
    answers = ask(ground, drawer, {f"tune {number}": midi_bytes(tune) for number, tune in enumerate(tunes)})
    assert {each["technique"] for answer in answers for each in answer["notes"]} >= {None, "tremolo", "bend", "mute"}
    assert [answers[0]["title"], answers[-1]["title"]] == ["tune 0", "x" * 200]
    assert not any("changed since" in line for answer in answers for line in answer["said"])


def test_what_is_changed_or_forged_is_believed_as_little_as_by_a_server(ground: Playground, drawer: Served) -> None:
    """Fails: a page believes a seal that is broken, or none that holds; or says otherwise what it left out."""
    tunes = list(of_this_program())
    wheel = next(tune for tune in tunes if (tune.technique == Technique.BEND).any())
    changes = {
        "a note": (tunes[0], {"note": 61}, "note_on"),
        "a stroke": (tunes[3], {"velocity": 3}, "note_on"),
        "a wheel": (wheel, {"pitch": -3000}, "pitchwheel"),
        "its reach": (wheel, {"control": 7}, "control_change"),
        "tempo": (tunes[0], {"tempo": 900_000}, "set_tempo"),
        "metre": (tunes[0], {"numerator": 3}, "time_signature"),
        "program": (tunes[0], {"program": 4}, "program_change"),
        "text": (tunes[0], {"text": "phin1:0123456789abcdef:QUJD;"}, "text"),
    }
    changed = {name: edited(midi_bytes(tune), change, kind) for name, (tune, change, kind) in changes.items()}
    sixteen = replace(wander(1, 16), tempo=666_667)
    forged = {name: with_stored(sixteen, lai="noi", **facts) for name, facts in {"nothing": {}, **FORGED}.items()}
    strange = {
        "a velocity": {"rows": [[12 * n, 12, 60, 300, 99, 5] for n in range(16)]},
        "far": {"rows": [[600_000 + 12 * n, 12, 60, 80, 0, 0] for n in range(16)], "tempo": 60_000},
        "a drone of nine": {"drone": list(range(50, 59))},
        "who hears": {"techniques_from": "detected"},
        "nobody": {"techniques_from": "nobody"},
        "more": {"more": 1},
        "twice at once": {"rows": [[0, 24, 60, 80, 0, 0], [12, 24, 60, 80, 0, 0]]},
        "unsorted": {"rows": [[12, 24, 60, 80, 0, 0], [0, 24, 64, 80, 0, 0]]},
    }
    strange = {name: with_stored(sixteen, **facts) for name, facts in strange.items()}
    stripped = {f"unsealed {place}": midi_bytes(tune).replace(b"phin1:", b"-----:") for place, tune in enumerate(tunes)}
    answers = ask(ground, drawer, {**changed, **forged, **strange, **stripped})
    said = [line for answer in answers for line in answer.get("said", [])]
    assert sum("changed since it was written" in line for line in said) > 10
    assert any("bends are no part" in line for line in said)
    believed = {name for name, answer in zip(forged, answers[len(changed) :], strict=False) if answer["lai"] == "noi"}
    assert believed == {"nothing"}


def struck(*strokes: tuple[int, int, int]) -> bytes:
    """A track of strokes, each (tick, how long it sounds, pitch)."""
    events = [(at, 1, Message("note_on", note=pitch)) for at, _, pitch in strokes]
    events += [(at + sounds, 0, Message("note_off", note=pitch)) for at, sounds, pitch in strokes]
    now, said = 0, b""
    for at, _, message in sorted(events, key=lambda event: event[:2]):
        said += delta(at - now) + message.bin()
        now = at
    return track(said)


def one_after_the_other(*names: bytes) -> bytes:
    """Tracks of these names, each silent until the one before has ended."""
    tracks = []
    for place, name in enumerate(names):
        called, first = b"\x00\xff\x03%c%s" % (len(name), name), note(60, b"\x60", gap=delta(576 * place))
        tracks.append(track(called, first, note(64, b"\x60") * 5))
    return b"".join(tracks)


def of_rules() -> dict[str, bytes]:
    """Files that lie where a rule of what is melody, bent, silent or usual begins to hold."""
    scale = (57, 60, 62, 64, 67, 69, 67, 64)
    turns = [stroke for n in range(8) for stroke in [(96 * n, 48, 52), (96 * n + 48, 48, 57)][n % 2 :]]
    two_drones = [stroke for n in range(6) for stroke in ((96 * n, 44, 40), (96 * n + 48, 44, 45))]
    reach = b"".join(b"\x00\xb0%c%c" % control for control in ((101, 0), (100, 0), (38, 5), (6, 0)))
    turned = b"\x00\x90\x3c\x50\x05\xe0\x00\x50\x00\xe0\x00\x60\x00\x90\x40\x50\x00\x80\x40\x00\x60\x80\x3c\x00"
    marks = [b"x" + many * "\ufffd".encode() for many in (1, 1, 2, 4)]
    names = zip((b"x\xed\xa0\x80\x80", b"x\xe0\xb8", b"x\x80\x80", b"x\xf0\x9f\x8e\xb5"), marks, strict=True)
    halves = tempo(400_000) + b"\x82\x20\xff\x51\x03\x09\x27\xc0"
    return {
        "words on a channel that bends": header() + track(b"\x00\xff\x05\x02la\x00\xef\x00\x50", TUNE),
        "a clock": header() + track(b"\x00\xf8\x00\xf6", TUNE, b"\x00\xfe"),
        "a wheel of no reach": header() + track(reach, b"\x00\xe0\x00\x50", TUNE),
        "a stroke without length on a wheel": header() + track(turned),
        "half the time each": header(2) + track(halves) + track(note() * 10),
        "just before the bar": header() + track(note(60, gap=b"\x5f"), TUNE),
        "in turns and at once": header(2) + struck(*((96 * n, 48, 60 + n % 5) for n in range(8))) + struck(*turns),
        "a drone like a clock": header()
        + struck(*((48 * n, 48, scale[n % 8]) for n in range(16)), *((96 * n + 24, 90, 40) for n in range(8))),
        "too little over two drones": header() + struck(*two_drones, (10, 20, 60), (58, 20, 62), (106, 20, 64)),
        **{f"the name {place}": header(2) + one_after_the_other(*pair) for place, pair in enumerate(names)},
    }


def of_others() -> dict[str, bytes]:
    """Files as other programs write them, by pretty_midi and byte by byte."""
    song = pretty_midi.PrettyMIDI(resolution=220, initial_tempo=96)
    song.key_signature_changes.append(pretty_midi.KeySignature(3, 0))
    song.time_signature_changes.append(pretty_midi.TimeSignature(3, 4, 0))
    for program, low, name in ((0, 48, "Piano"), (24, 69, "Guitar"), (33, 36, "Bass")):
        instrument = pretty_midi.Instrument(program, name=name)
        for beat in range(24):
            start = beat * (0.3 + program / 100) + 0.013 * (beat % 3)
            instrument.notes.append(pretty_midi.Note(60 + beat, low + beat * 5 % 12, start, start + 0.35))
        instrument.pitch_bends += [pretty_midi.PitchBend(beat % 5 * 400 - 800, beat / 7) for beat in range(20)]
        song.instruments.append(instrument)
    buffer = io.BytesIO()
    song.write(buffer)
    triplets = b"".join(note(57 + place % 5, b"\x20") for place in range(24))
    running = b"\x00\x90\x40\x50" + b"".join(
        b"\x30%c\x00\x00%c\x50" % (64 + n % 4, 64 + (n + 1) % 4) for n in range(12)
    )
    noise = b"\x00\xf0\x03\x01\x02\xf7\x00\xf7\x00\x00\xb0\x07\x64\x00\xa0\x40\x10\x00\xd0\x10\x00\xf3\x01"
    lyric, long_name = b"\x00\xff\x05\x02la", b"\x00\xff\x03\x81\x00" + b"n" * 128
    meters = b"".join(b"\x00\xff\x58\x04\x04%c\x18\x08" % power for power in (2, 9, 33))
    tempos = b"".join(tempo(300_000 + 7919 * place) + b"\x60\xff\x01\x00" for place in range(40))
    return {
        "pretty": buffer.getvalue(),
        "triplets": header() + track(triplets),
        "running": header() + track(running),
        "noise": header() + track(noise, TUNE),
        "lyrics and a long name": header() + track(lyric, long_name, TUNE),
        "powers of two": header() + track(meters, TUNE),
        "forty tempos": header() + track(tempos, TUNE),
        "half a tenth": header() + track(tempo(1_920_000), b"\x60\xff\x51\x03\x03\x0d\x40", *[TUNE] * 2),
        "an empty track and a strange one": header(3) + track() + b"XFIH\x00\x00\x00\x02ab" + track(TUNE) + track(b""),
        "more tracks are told": header(9) + track(TUNE),
        "fewer tracks are told": header(1) + track(TUNE) + track(note(100)),
        "after its end": header() + track(TUNE, b"\x00\xff\x2f\x00", note(99)),
        "sung names": header(3)
        + track(b"\x00\xff\x03\x04\xe0\xb8\x9e\xff", TUNE)
        + track(b"\x00\xff\x03\x06bass 2", note(40, b"\x60") * 6)
        + track(b"\x00\xff\x03\x02\xe0\xb8", note(90, b"\x60") * 6),
        "far": header(division=b"\x00\x01") + track(TUNE, note(60, gap=b"\xf0\x00")),
    }


def test_what_other_programs_wrote_is_read_and_mended_alike(ground: Playground, drawer: Served) -> None:
    """Fails: a page finds another melody, tempo or metre in a file of another program's, or mends it silently."""
    ask(ground, drawer, {**good_files(), **of_others(), **of_rules()})
    plain = good_files()["plain.mid"]
    sources = [
        file(plain, "mid"),
        file(plain, "mid", name=" two\n words.and.more "),
        file(plain, "txt"),
        file("a", "mid"),
    ]
    both(ground, drawer, "read", sources)


def test_each_defect_is_refused_in_the_words_of_a_server(ground: Playground, drawer: Served) -> None:
    """Fails: who opens a broken file by themselves is told nothing, or something else than where phin-web serves."""
    defects = {name: data for name, (data, _) in defect_files().items() if len(data) < MAX_BYTES // 8}
    torn = {
        "a second form": header(form=3) + track(TUNE),
        "a long header": b"MThd\x00\x00\x00\x08" + header()[8:] + b"\x00\x00" + track(TUNE),
        "no such status": header() + track(TUNE, b"\x00\xf4\x00"),
        "a chunk of nothing": header(2) + track(TUNE) + b"MTrk\x00",
        "a velocity": header() + track(b"\x00\x90\x40\xc0"),
        "a program": header() + track(b"\x00\xc0\x80"),
        "a control": header() + track(b"\x00\xb0\x80\x00"),
        "a control's value": header() + track(b"\x00\xb0\x00\x80"),
        "a wheel": header() + track(b"\x00\xe0\x00\x80"),
        "a long text": header() + track(b"\x00\xff\x01\x60"),
        "a long message": header() + track(b"\x00\xf0\x60\x00"),
        "half a stroke": header() + b"MTrk\x00\x00\x00\x02\x00\x90",
        "half a stroke more": header() + b"MTrk\x00\x00\x00\x05\x00\x90\x40\x40\x00" + b"\x40",
        "a wheel of its own": b"RIFF....RMIDdata",
    }
    answers = ask(ground, drawer, {**defects, **torn})
    assert sum("refused" in answer for answer in answers) > 35
    assert len({answer["refused"]["reason"] for answer in answers if "refused" in answer}) > 12


def random_file(rng: np.random.Generator) -> bytes:
    """Some instruments that play lines, chords, drones or anything, at once or in turns, with all that a file says."""
    division = int(rng.choice([96, 120, 480, 960, 24, 100, 220, 5, 1, 32_767]))
    tracks = [mido.MidiTrack() for _ in range(rng.integers(1, 5))]
    begins = int(rng.choice([0, 0, division, 3 * division, 8 * division])) + int(rng.integers(3))
    for number, messages in enumerate(tracks):
        channel = 9 if rng.random() < 0.1 else int(rng.integers(16))
        events = [*random_notes(rng, begins, division, channel), *random_remarks(rng, begins, division, channel)]
        if rng.random() < 0.6:
            events.append((0, MetaMessage("track_name", name=str(rng.choice(NAMES)))))
        if number == 0 or rng.random() < 0.2:
            for _ in range(int(rng.choice([0, 1, 1, 2, 5]))):
                numerator, denominator = SIGNATURES[rng.integers(len(SIGNATURES))]
                signature = MetaMessage("time_signature", numerator=numerator, denominator=denominator)
                events.append((int(rng.integers(2)) * begins, signature))
            for _ in range(int(rng.choice([0, 1, 1, 2, 6]))):
                at = int(rng.integers(12 * division)) if rng.random() < 0.7 else 0
                events.append(
                    (at, MetaMessage("set_tempo", tempo=int(rng.choice([500_000, 640_000, 1_920_000, 333_333]))))
                )
        now = 0
        for at, message in sorted(events, key=lambda event: event[0]):
            messages.append(message.copy(time=max(at, 0) - now))
            now = max(at, 0)
    data = saved(mido.MidiFile(type=1, ticks_per_beat=division, charset="utf-8", tracks=tracks))
    return torn(data, rng) if rng.random() < 0.2 else data


def random_notes(rng: np.random.Generator, at: int, division: int, channel: int) -> Iterator[tuple[int, Message]]:
    way, low = rng.choice(["line", "chords", "drone", "ringing", "anything"]), int(rng.integers(40, 70))
    grid = int(rng.choice([2, 3, 4, 7]))
    for _ in range(int(rng.integers(1, 30))):
        each = max(division * int(rng.integers(1, 4)) // grid, 1)
        held = {"chords": each, "drone": 4 * each, "ringing": 3 * each}.get(str(way), each)
        if way == "anything":
            each, held = int(rng.integers(2 * division)), int(rng.choice([0, 1, each, 5 * each]))
        pitches = low + rng.integers(0, 2 if way == "drone" else 13, size=3 if way == "chords" else 1)
        for pitch in pitches.tolist():
            yield at, Message("note_on", note=pitch, velocity=int(rng.integers(1, 128)), channel=channel)
            if rng.random() < 0.97:
                silent = Message("note_on", note=pitch, velocity=0, channel=channel)
                yield at + held, silent if rng.random() < 0.3 else Message("note_off", note=pitch, channel=channel)
        at += each


def random_remarks(rng: np.random.Generator, at: int, division: int, channel: int) -> Iterator[tuple[int, Any]]:
    """Turns of the wheel and its reach, programs, words: what stands beside the notes."""
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 12))):
            wheel = int(rng.choice([0, 0, 1000, -8192, 8191]))
            yield at + int(rng.integers(10 * division)), Message("pitchwheel", pitch=wheel, channel=channel)
        for control, value in ((101, 0), (100, 0), (6, int(rng.integers(3))), (38, int(rng.integers(2)))):
            yield 0, Message("control_change", control=control, value=value, channel=channel)
    if rng.random() < 0.3:
        program = Message("program_change", program=int(rng.integers(128)), channel=channel)
        yield int(rng.integers(2)) * (at + 2 * division), program
    if rng.random() < 0.2:
        yield at, MetaMessage("lyrics", text="ลา")
        yield at, Message("sysex", data=(1, 2, 3))
        yield at, MetaMessage("key_signature", key="Am")


def torn(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes of a file changed, or its end lost."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(10, len(changed)))] = int(rng.integers(256))
    return bytes(changed[: int(rng.integers(len(changed)))]) if rng.random() < 0.2 else bytes(changed)


@pytest.mark.long
def test_whatever_a_file_holds_page_and_server_read_it_alike(ground: Playground, drawer: Served) -> None:
    """Fails: of some files a page without a server makes another tune, which nobody would know."""
    rng = np.random.default_rng(SEED)
    answers = ask(ground, drawer, {f"file {number}": random_file(rng) for number in range(NUM_RANDOM)})
    said = " ".join(line for answer in answers for line in answer.get("said", []))
    for part in (
        "tempos reduced",
        "metre left out",
        "doubling another",
        "cut short",
        "without length",
        "silence before",
    ):
        assert part in said
    voices = [{each["voice"] for each in answer.get("notes", [])} for answer in answers]
    assert sum(len(each) == 2 for each in voices) > NUM_RANDOM / 4


def test_what_is_given_from_a_file_is_played_on_as_by_a_server(ground: Playground, drawer: Served) -> None:
    """Fails: a page plays on from another tune than it shows, or waits for ever where the file is sealed."""
    files = (
        midi_bytes(PHRASE),
        *(good_files()[f"{name}.mid"] for name in ("swung", "chords", "division-100-off-the-grid")),
    )
    asked = [{"given": file(data, "mid", name="my.mid"), "seed": 6} for data in files]
    rewritten = {**asked[2], "use": "rewrite", "rewrite": [2, 3]}
    answers = both(ground, drawer, "generate", [*asked, *({**each, "use": "rhythm"} for each in asked), rewritten])
    assert sum("tunes" in answer for answer in answers) > 5
