"""The quick reader of plain files says what the reader of all files says, and nothing where it is not sure."""

import io
from typing import Any
from unittest import mock

import mido
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phin.errors import InvalidMidi
from phin.music import midi
from phin.music.midi import MidiReading, read_midi_bytes
from phin.music.midi_limits import MAX_NOTE_SECONDS, MAX_SECONDS, MAX_TEMPO, MAX_TICKS, MIN_TEMPO
from phin.music.midi_line import read_line
from tests.midi_defects import defect_files, delta, good_files, header, note, track

Note = tuple[int, int, int]
"""Ticks of silence before it, its own ticks, its pitch."""
LONGEST = MAX_NOTE_SECONDS * 2 * 480
STRINGS = {1: [note(69, gap=delta(0x30))] * 6, 2: [note(57, channel=1, gap=delta(0x30 * (k > 0))) for k in range(6)]}
"""Strokes that take turns on two strings."""
SCALE = [(0, 240, 57 + step) for step in (0, 3, 5, 7, 10, 12, 10, 7)]


def file_of(
    notes: list[Note],
    division: int = 480,
    tempos: tuple[tuple[int, int], ...] = (),
    metres: tuple[tuple[int, int], ...] = (),
    channel: int = 0,
    bend: int | None = None,
    name: str = "",
    form: int = 0,
) -> bytes:
    """A MIDI file as other programs write it; `tempos` are (tick, microseconds a quarter)."""
    file, track, now = mido.MidiFile(type=form, ticks_per_beat=division), mido.MidiTrack(), 0
    events: list[tuple[int, int, mido.Message | mido.MetaMessage]] = []
    for silence, length, pitch in notes:
        now += silence
        events.append((now, 2, mido.Message("note_on", note=pitch, velocity=80, channel=channel)))
        now += length
        events.append((now, 1, mido.Message("note_off", note=pitch, channel=channel)))
    events += [(tick, 0, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempos]
    events += [(0, 0, mido.MetaMessage("time_signature", numerator=n, denominator=d)) for n, d in metres]
    events += [(0, 0, mido.MetaMessage("track_name", name=name))] * bool(name)
    events += [] if bend is None else [(1, 2, mido.Message("pitchwheel", pitch=bend, channel=channel))]
    before = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    file.tracks.append(track)
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def both(data: bytes, min_notes: int = 8) -> tuple[MidiReading | str, MidiReading | str, bool]:
    """What is read with the quick reader and without it, and whether the quick one said anything."""

    def outcome() -> MidiReading | str:
        try:
            return read_midi_bytes(data, "a file", min_notes)
        except InvalidMidi as refusal:
            return str(refusal)

    said = []

    def listened(*arguments: Any) -> Any:
        said.append(read_line(*arguments))
        return said[-1]

    with mock.patch.object(midi, "read_line", listened):
        fast = outcome()
    with mock.patch.object(midi, "read_line", return_value=None):
        slow = outcome()
    return fast, slow, bool(said) and said[-1] is not None


def same(one: MidiReading | str, other: MidiReading | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return (
        one.phrase == other.phrase
        and one.repairs == other.repairs
        and one.part.tolist() == other.part.tolist()
        and {row: curve.tolist() for row, curve in one.bends.items()}
        == {row: curve.tolist() for row, curve in other.bends.items()}
        and one.phrase.rows.dtype == other.phrase.rows.dtype
    )


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A line, or nearly one: rests, overlaps, strokes without length, pickups, any division, tempo and metre."""
    division = draw(st.sampled_from([24, 96, 100, 480, 960, 1, 5]) | st.integers(1, 2000))
    silence = st.just(0) | st.integers(0, 3 * division)
    length = st.sampled_from([division, max(division // 4, 1)]) | st.integers(0, 3 * division)
    notes = draw(
        st.lists(st.tuples(silence, length, st.integers(50, 60) | st.integers(0, 127)), min_size=6, max_size=20)
    )
    tempo = st.sampled_from([500_000, MIN_TEMPO, MIN_TEMPO - 1, MAX_TEMPO, 0]) | st.integers(200_000, 900_000)
    tempos = draw(st.lists(st.tuples(st.sampled_from([0, 0, division, 2 * division]), tempo), max_size=2))
    metre = st.tuples(st.integers(1, 7), st.sampled_from([2, 4, 8, 64]))
    return file_of(
        notes,
        division,
        tuple(tempos),
        tuple(draw(st.lists(metre, max_size=2))),
        channel=draw(st.sampled_from([0, 0, 0, 9])),
        bend=draw(st.sampled_from([None, None, None, 0, 3000])),
        name=draw(st.sampled_from(["", "melody", "bass 1"])),
        form=draw(st.sampled_from([0, 1])),
    )


@settings(max_examples=200)
@given(data=files())
@example(data=file_of([(1, 240, 57), *SCALE]))
def test_any_file_is_the_same_by_both_readers(data: bytes) -> None:
    """Fails: whether a tune is mended, or what it is, hangs on how plain the rest of the file is."""
    fast, slow, _ = both(data)
    assert same(fast, slow)


@st.composite
def instruments(draw: st.DrawFn) -> bytes:
    """Notes that take turns or overlap, on some tracks, as the strings of an instrument or as parts of a band."""
    names = st.sampled_from(["string 1", "string 2", "string", "melody 3", "bass", "", "พิณ 1", "พิณ 2"])
    file = mido.MidiFile(type=1, ticks_per_beat=480, charset="utf-8")
    notes = draw(
        st.lists(
            st.tuples(st.sampled_from([0, 0, 0, 240, 1920]), st.sampled_from([240, 250, 0]), st.integers(55, 62)),
            min_size=6,
            max_size=20,
        )
    )
    num_tracks = draw(st.integers(1, 4))
    owner = draw(st.lists(st.integers(0, num_tracks - 1), min_size=len(notes), max_size=len(notes)))
    overlap = draw(st.sampled_from([0, 0, 0, 30]))
    for number in range(num_tracks):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=draw(names))])
        channel = draw(st.sampled_from([number, number, 0, 9] if number else [number]))
        track.append(mido.Message("program_change", program=draw(st.sampled_from([0, 0, 0, 24])), channel=channel))
        if not draw(st.integers(0, 5)):
            track.append(mido.Message("pitchwheel", pitch=draw(st.sampled_from([0, 500])), channel=channel))
        now, events = 0, []
        for (silence, length, pitch), mine in zip(notes, owner, strict=True):
            now += silence
            if mine == number:
                events += [(now, 1, pitch, 80), (now + length + overlap, 0, pitch, 0)]
            now += length
        before = 0
        for tick, _, pitch, velocity in sorted(events):
            track.append(mido.Message("note_on", note=pitch, velocity=velocity, channel=channel, time=tick - before))
            before = tick
        file.tracks.append(track)
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


@settings(max_examples=200)
@given(data=instruments())
def test_a_file_of_several_tracks_is_the_same_by_both_readers(data: bytes) -> None:
    """Fails: a part of a band is learned as the melody of another."""
    fast, slow, _ = both(data)
    assert same(fast, slow)


@pytest.mark.parametrize("data", [*good_files().values(), *(data for data, _ in defect_files().values())])
def test_the_files_of_the_defects_are_the_same_by_both_readers(data: bytes) -> None:
    """Fails: a broken file passes because it looks plain."""
    fast, slow, _ = both(data)
    assert same(fast, slow)


AT_LIMITS = {
    "as long as a note may be": [(0, LONGEST, 57), *SCALE],
    "longer than a note may be": [(0, LONGEST + 1, 57), *SCALE],
    "as long as a tune may be": [*SCALE, (MAX_SECONDS * 960 - 9 * 240, 240, 57)],
    "longer than a tune may be": [*SCALE, (MAX_SECONDS * 960 - 9 * 240 + 1, 240, 57)],
    "half a step before the second bar": [(480 - 10, 240, 57), *SCALE],
    "nearer to the second bar": [(480 - 9, 240, 57), *SCALE],
    "a stroke of no length": [(0, 0, 57), *SCALE],
    "strokes that meet on a step": [(0, 3, 57), (0, 3, 57), *SCALE],
    "a stroke inside another": [(0, 240, 57), (-120, 60, 64), *SCALE],
}


@pytest.mark.parametrize("notes", AT_LIMITS.values(), ids=AT_LIMITS.keys())
def test_at_its_limits_a_file_is_the_same_by_both_readers(notes: list[Note]) -> None:
    """Fails: a limit is moved in one reader and not in the other."""
    fast, slow, _ = both(file_of(notes))
    assert same(fast, slow)


@pytest.mark.parametrize("tick", [MAX_TICKS - 240, MAX_TICKS - 239])
def test_the_last_tick_is_the_same_for_both_readers(tick: int) -> None:
    """Fails: a file that pretty_midi refuses is taken in."""
    notes = [*SCALE, (tick - 8 * 240, 240, 57)]
    fast, slow, _ = both(file_of(notes, division=30_000, tempos=((0, MIN_TEMPO),)))
    assert same(fast, slow)


def test_plain_files_go_the_quick_way_and_others_do_not() -> None:
    """Fails: the quick reader is never asked, and no other test would see it."""
    plain = [file_of(SCALE), file_of(SCALE, tempos=((0, 400_000),), metres=((2, 4),)), file_of([(7, 100, 60), *SCALE])]
    on_strings = [
        track(b"\x00\xff\x03\x08string " + str(string).encode(), *strokes) for string, strokes in STRINGS.items()
    ]
    assert [both(data)[2] for data in [*plain, header(2) + b"".join(on_strings)]] == [True] * 4
    others = [
        file_of(SCALE, bend=100),
        file_of(SCALE, channel=9),
        file_of(SCALE, metres=((2, 4), (3, 4))),
        file_of(SCALE, tempos=((0, 400_000), (480, 500_000))),
        file_of([(10, 240, 57), *SCALE], tempos=((240, 400_000),)),
        file_of(SCALE[:7]),
        file_of([(960, 240, 57), *SCALE]),
    ]
    assert [both(data)[2] for data in others] == [False] * len(others)
