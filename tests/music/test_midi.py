"""MIDI: what is written is read back whole, what is no tune is refused by name, and nothing falls over."""

import base64
import io
import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.errors import Defect, InvalidMidi, PhinError
from phin.music import midi, midi_seal
from phin.music.composer import compose
from phin.music.midi import (
    from_pretty_midi,
    midi_bytes,
    read_midi,
    read_midi_bytes,
    to_pretty_midi,
    write_midi,
)
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.midi_writing import WHEEL_EVERY, is_plainly_writable, string_parts
from phin.music.perform import PerformanceStyle, perform
from phin.music.phrase import TECHNIQUE, UNKNOWN, Deviation, LabelSource, Metre, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.forged_midi import FORGED, edited, with_stored
from tests.midi_defects import SCALE, defect_files, delta, good_files, header, note, tempo, track
from tests.strategies import melodies, phrases

DEFECTS = defect_files()
GOOD = good_files()


def read(data: bytes, min_notes: int = 0) -> midi.MidiReading:
    return read_midi_bytes(data, "a tune", min_notes)


def stripped(data: bytes) -> bytes:
    """The file as a program writes it that does not know our text event."""
    return data.replace(b"phin1:", b"-----:")


def fits_a_midi_clock(phrase: Phrase) -> bool:
    """A finer clock is rounded, and pretty_midi cannot hold two strokes of a pitch that fall on one tick by it."""
    return phrase.deviation is None or phrase.deviation.ticks_per_quarter <= 32_767


def tune(**facts: object) -> Phrase:
    """Sixteen notes with a pickup, a chord, a technique and a velocity nobody knows."""
    onset = np.arange(16) * 12 - 12
    onset[3] = onset[2]
    velocity = np.where(np.arange(16) % 3, 90, UNKNOWN)
    rows = rows_from_columns(onset, np.full(16, 12), np.array(SCALE), velocity, technique=3)
    return Phrase(rows, **{"metre": Metre(2, 4), "tempo": 666_667, "lai": "yai", "title": "ลายใหญ่", **facts})


@given(phrases())
def test_a_phrase_that_is_written_is_read_back_whole(phrase: Phrase) -> None:
    """A tune saved tonight would come back tomorrow without its techniques, its pickup, its lai or its swing."""
    reading = read(midi_bytes(phrase))
    assert reading.phrase == phrase
    assert reading.repairs == ()


@settings(deadline=None)
@given(phrases(), st.integers(0, 2**32 - 1))
def test_a_phrase_comes_back_whole_however_it_is_played(phrase: Phrase, seed: int) -> None:
    """A tune that was played a little late, or with wide bends, would come back as that performance."""
    rng = np.random.default_rng(seed)
    data = midi_bytes(phrase, style=PerformanceStyle.random(rng), rng=rng)
    assert read(data).phrase == phrase


@given(phrases().filter(fits_a_midi_clock))
def test_a_phrase_survives_the_objects_of_other_programs(phrase: Phrase) -> None:
    """Whoever works on a tune through pretty_midi would hand back a poorer one than was taken."""
    assert from_pretty_midi(to_pretty_midi(phrase)) == phrase


@given(melodies())
def test_a_melody_survives_without_our_text_event(phrase: Phrase) -> None:
    """A program that drops unknown events would also change the notes, the beat or the tempo."""
    back = read(stripped(midi_bytes(phrase))).phrase
    assert np.array_equal(back.rows[:, :3], phrase.rows[:, :3])
    assert (back.metre, back.tempo, back.deviation) == (phrase.metre, phrase.tempo, None)
    assert back.is_melody.all()


@given(phrases().filter(fits_a_midi_clock), st.booleans())
def test_pretty_midi_opens_what_we_write_and_sees_the_same_notes(phrase: Phrase, with_text: bool) -> None:
    """The tune would open in our own program only."""
    data = midi_bytes(phrase)
    pm = pretty_midi.PrettyMIDI(io.BytesIO(data if with_text else stripped(data)))
    seen = sorted((pm.time_to_tick(n.start), n.pitch, n.velocity) for part in pm.instruments for n in part.notes)
    performance = perform(replace(phrase, tempo=phrase.tempo or DEFAULT_TEMPO))
    played = performance.strokes[:, [0, 2, 3]].tolist()
    assert seen == sorted((onset, pitch, max(velocity, 1)) for onset, pitch, velocity in played)


def test_a_performance_no_midi_file_can_hold_is_still_read_back_whole() -> None:
    """Strokes that were played into one another, or a division of a fine clock, would lose the stored phrase."""
    rows = rows_from_columns(np.array([0, 1, 30]), np.array([1, 20, 5]), np.array([57, 57, 60]))
    for ticks_per_quarter in (480, 96_000):
        off = ticks_per_quarter // 24
        deviation = Deviation(ticks_per_quarter, np.array([0, -24 * off, 0]), np.array([0, 0, -120 * off]))
        phrase = Phrase(rows, deviation=deviation)  # two strokes at one tick, and a note without length
        assert read(midi_bytes(phrase)).phrase == phrase


@pytest.mark.parametrize("microseconds", [60_000, 333_333, 428_571, 666_667, 1_000_001, 0xFFFFFF])
def test_a_tempo_comes_back_to_the_microsecond(microseconds: int) -> None:
    """A tune would slow down a little every time it was saved."""
    data = midi_bytes(tune(tempo=microseconds))
    assert read(data).phrase.tempo == microseconds
    assert read(stripped(data)).phrase.tempo == microseconds


@pytest.mark.parametrize("change", [{"note": 71}, {"velocity": 33}, {"time": 7}])
def test_notes_edited_in_another_program_are_believed(change: dict[str, int]) -> None:
    """A player who mends a wrong note in a DAW would find the wrong note back on opening the tune here."""
    phrase = tune()
    reading = read(edited(midi_bytes(phrase), change))
    assert reading.phrase.rows[:, :4].tolist() != phrase.rows[:, :4].tolist()
    assert reading.phrase.lai is None
    assert (reading.phrase.technique == UNKNOWN).all()
    assert (reading.phrase.velocity != UNKNOWN).all()
    assert (reading.phrase.onset >= 0).all()
    assert any("changed since it was written" in repair for repair in reading.repairs)


def test_a_tempo_or_metre_edited_in_another_program_holds_and_the_rest_stays() -> None:
    """A player who slows a tune down in a DAW would hear it here as fast as before."""
    data = midi_bytes(tune())
    assert read(edited(data, {"tempo": 900_000}, "set_tempo")).phrase == tune(tempo=900_000)
    assert read(edited(data, {"numerator": 3}, "time_signature")).phrase == tune(metre=Metre(3, 4))


def test_a_stored_phrase_that_was_tampered_with_is_ignored() -> None:
    """A damaged or forged event would put notes into a tune that nobody hears."""
    data, forged = midi_bytes(tune()), midi_bytes(tune(lai="noi"))
    seal = midi_seal.STORED.search(data)[1]
    text = midi_seal.STORED.sub(rb"phin1:" + seal + rb":\2;", midi_seal.STORED.search(forged)[0]).decode()
    assert read(edited(data, {"text": text}, "text")).phrase.lai is None
    assert read(forged).phrase.lai == "noi"


@pytest.mark.parametrize("facts", [b"", b"[", b"{}", b'{"rows": 5}', b"[" * 100_000, b" " * 100_000_000])
def test_a_stored_phrase_that_is_none_is_ignored(facts: bytes) -> None:
    """A file made to do harm would bring the program down, although its notes are a tune."""
    phrase = tune()
    performance = perform(phrase)
    parts = list(string_parts(performance, phrase.tempo or DEFAULT_TEMPO).values())
    payload = base64.b64encode(zlib.compress(facts))
    text = f"phin1:{midi_seal.seal(parts, performance.ticks_per_quarter, payload)}:{payload.decode()};"
    data = edited(midi_bytes(phrase), {"text": text}, "text")
    assert midi_seal.STORED.search(data).group(2) == payload
    assert len(read(data).phrase) == len(phrase)


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_stored_phrase_that_nobody_could_have_written_is_ignored(forged: dict[str, object]) -> None:
    """A file made to do harm would be taken in, and break what saves it again."""
    assert read(with_stored(tune(), lai="noi")).phrase.lai == "noi"
    reading = read(with_stored(tune(), lai="noi", **forged))
    assert reading.phrase.lai is None
    assert read(midi_bytes(reading.phrase)).phrase == reading.phrase


@st.composite
def extreme(draw: st.DrawFn) -> Phrase:
    """A phrase, its notes perhaps as far off and as long as a forger likes, in a bar and at a tempo of the kind."""
    phrase = draw(phrases())
    rows = phrase.rows * np.array([draw(st.sampled_from([1, 1, 50, 5000, 200_000])), 1, 1, 1, 1, 1], dtype=np.int32)
    if len(rows) and draw(st.booleans()):
        rows[-1, 1] = draw(st.sampled_from([1, 10**4, 10**6, 10**7, 10**9]))
    tempo = draw(st.none() | st.sampled_from([1, 60_000, 500_000, 0xFFFFFF, 0x1000000]))
    metre = draw(st.none() | st.sampled_from([Metre(2, 4), Metre(255, 1)]))
    return replace(phrase, rows=rows, tempo=tempo, metre=metre)


@settings(max_examples=300)
@given(extreme())
def test_what_is_said_to_be_plainly_writable_can_be_written(phrase: Phrase) -> None:
    """A forged phrase would be believed and break what saves it."""
    if is_plainly_writable(phrase):
        assert read(midi_bytes(phrase)).phrase == phrase


def test_a_phrase_that_we_wrote_is_read_without_performing_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of one's own tunes would be read ten times as slowly as other people's."""
    played = [*(tune(lai=lai) for lai in ("yai", "none")), compose(np.random.default_rng(0))]
    files = [midi_bytes(phrase) for phrase in played]
    monkeypatch.setattr(midi, "midi_file", None)
    assert [read(data).phrase for data in files] == played


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_refused_by_its_name_in_one_line(name: str, tmp_path: Path) -> None:
    """A player would see a stack of code in place of what is wrong with the file and what to do."""
    data, defect = DEFECTS[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidMidi) as refusal:
        read_midi(path)
    line = str(refusal.value)
    assert refusal.value.defect == defect
    assert line.startswith(f"{path}: ")
    assert line.endswith(".")
    assert "\n" not in line
    assert refusal.value.reason
    assert refusal.value.remedy


def test_too_large_a_file_is_refused_before_anything_parses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a gigabyte would fill the memory of the server on which everybody else is playing."""
    monkeypatch.setattr(midi, "ScoreTick", None)
    with pytest.raises(InvalidMidi) as refusal:
        read_midi_bytes(DEFECTS["too-large.mid"][0], "a tune")
    assert refusal.value.defect == Defect.TOO_LARGE


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut-in-mid-track.mid", "it breaks off within a track"),
        ("text-of-256-megabytes.mid", "it breaks off within a track"),
        ("pitch-above-127.mid", "something in it is no MIDI"),
    ],
)
def test_a_torn_file_is_told_in_our_words(name: str, said: str) -> None:
    """Who copied half a file would read of an iostream error and of remaining bytes after a header."""
    with pytest.raises(InvalidMidi) as refusal:
        read(DEFECTS[name][0])
    assert str(refusal.value) == f"a tune: is damaged: {said}. Export it again from the program that made it."


@pytest.mark.parametrize("where", ["nowhere.mid", "."])
def test_a_file_that_is_not_there_is_refused_like_any_other(where: str, tmp_path: Path) -> None:
    """A slip in a file name would end in a stack of code."""
    with pytest.raises(InvalidMidi, match="cannot be opened") as refusal:
        read_midi(tmp_path / where)
    assert refusal.value.defect == Defect.UNREADABLE


@pytest.mark.parametrize("name", GOOD)
def test_each_good_file_is_read(name: str) -> None:
    """A tune that every other program opens would be turned away at this door."""
    reading = read(GOOD[name], min_notes=midi.MIN_NOTES)
    pm = pretty_midi.PrettyMIDI(io.BytesIO(GOOD[name]))
    heard = {n.pitch for part in pm.instruments if not part.is_drum for n in part.notes}
    assert set(reading.phrase.pitch.tolist()) == heard or name == "notes-without-length.mid"
    assert (reading.phrase.velocity != UNKNOWN).all()
    assert read(midi_bytes(reading.phrase)).phrase == reading.phrase


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.mid", None),
        ("tempo-changes.mid", "3 tempos reduced to their median, 100.0 quarters a minute"),
        ("metre-changes.mid", "metre left out: it changes (2/4, 3/4)"),
        ("two-bars-of-silence.mid", "4 quarters of silence before the first note left out"),
        ("with-drums.mid", "16 drum strokes on channel 10 left out"),
        ("notes-without-length.mid", "16 notes without length lengthened to a step"),
        ("doubled-in-unison.mid", "16 notes doubling another in unison left out"),
        ("bends.mid", "16 pitch bends between notes left out"),
    ],
)
def test_what_is_mended_is_said(name: str, expected: str | None) -> None:
    """A tune would be changed behind the player's back."""
    assert read(GOOD[name]).repairs == (() if expected is None else (expected,))


def test_a_pitch_struck_while_it_sounds_ends_where_it_is_struck_again() -> None:
    """The later stroke would be cut off by the end of the earlier one, and a tremolo would stutter."""
    overlapping = b"\x00\x90\x39\x50" + b"\x30\x90\x39\x50" + b"\x30\x80\x39\x00" + b"\x30\x80\x39\x00"
    reading = read(header() + track(overlapping))
    assert reading.phrase.rows[:, :3].tolist() == [[0, 12, 57], [12, 24, 57]]
    assert reading.repairs == ("1 note cut short where the same pitch is struck again",)


def test_a_pickup_that_is_not_marked_keeps_its_place_in_the_bar() -> None:
    """The strong beat would fall on the wrong note all through the tune."""
    assert read(GOOD["pickup-not-marked.mid"]).phrase.onset[:3].tolist() == [72, 84, 96]
    assert read(GOOD["two-bars-of-silence.mid"]).phrase.onset[:3].tolist() == [24, 36, 48]


def test_a_note_a_little_before_the_bar_line_belongs_to_the_bar_behind_it() -> None:
    """A first note played a hair early would push the whole tune a bar away."""
    early = note(gap=b"\x85\x3e") + note(gap=b"\x01") * 8  # 702 ticks: a hair before the third bar of 3/4
    reading = read(header(division=b"\x00\x75") + track(b"\x00\xff\x58\x04\x03\x02\x18\x08", early))
    assert reading.phrase.onset[0] == 0
    assert reading.phrase.metre == Metre(3, 4)


def test_the_tempo_kept_is_the_one_that_lasts_longest_around_the_middle() -> None:
    """One slow last bar would make the whole tune slow."""
    slow_end = tempo(500_000) + note() * 15 + b"\x00\xff\x51\x03\x0f\x42\x40" + note()
    reading = read(header() + track(slow_end))
    assert reading.phrase.tempo == 500_000
    assert read(header() + track(note() * 8)).phrase.tempo is None


def test_a_long_tune_in_few_ticks_is_written_as_it_was_read() -> None:
    """A file would be taken in that cannot be saved again (found by experiments/fuzz: midi 2266 of seed 0)."""
    phrase = read(header(division=b"\x00\x01") + track(tempo(60_000), note() * 8, note(gap=delta(25_000)))).phrase
    assert phrase.end.max() > 500_000
    assert read(midi_bytes(phrase)).phrase == phrase
    assert read(stripped(midi_bytes(phrase))).phrase.rows.tolist() == phrase.rows.tolist()


def test_a_part_is_told_by_its_track_also_where_notes_were_mended() -> None:
    """The higher of two parts would be taken for the melody, whatever the file says of its tracks."""
    tune = [57, 60, 62, 64, 67, 69, 67, 64, 62, 60, 57, 60] * 2
    melody = track(b"\x00\xff\x03\x06melody", *[note(pitch) for pitch in tune])
    above = track(b"\x00\xff\x03\x04bass", *[note(pitch) for pitch in [72, 72, 76, 79] * 6], note(57))
    for tracks in ((melody, above), (above, melody)):
        phrase = read(header(2) + b"".join(tracks)).phrase
        assert phrase.melody.pitch.tolist() == tune
        assert len(phrase) == 49
    pm = pretty_midi.PrettyMIDI(io.BytesIO(header(2) + above + melody))
    assert from_pretty_midi(pm).melody.pitch.tolist() == tune


def test_a_track_whose_name_is_in_an_old_code_page_is_a_track_without_a_name() -> None:
    """A Thai player's files would not open at all."""
    named = track(b"\x00\xff\x03\x03" + "พิณ".encode("tis-620"), note() * 12)
    assert len(read(header() + named).phrase.melody) == 12


@pytest.mark.parametrize(
    "tracks", [[note() for _ in range(9)], [note(pitch) for pitch in range(57, 66)]], ids=["one note", "a chord"]
)
def test_one_note_doubled_and_one_chord_are_no_tunes(tracks: list[bytes]) -> None:
    """A single stroke on nine tracks would be trained on as a tune of nine notes."""
    with pytest.raises(InvalidMidi, match="has 1 note, fewer than 8"):
        read_midi_bytes(header(len(tracks)) + b"".join(track(each) for each in tracks), "a file")


def test_melody_and_accompaniment_lie_on_channels_of_their_own() -> None:
    """Bending a melody note would bend the ringing drone with it."""
    voices = np.array([Voice.MELODY, Voice.ACCOMPANIMENT])
    rows = rows_from_columns(np.array([0, 0]), np.array([24, 96]), np.array([64, 45]), voice=voices)
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(Phrase(rows, title="ลายใหญ่"))), charset="utf-8")
    assert file.tracks[0].name == "ลายใหญ่"
    on = {
        message.note: message.channel for messages in file.tracks for message in messages if message.type == "note_on"
    }
    assert on == {64: 0, 45: 1}
    assert {
        message.program for messages in file.tracks for message in messages if message.type == "program_change"
    } == {105}


def test_what_nobody_knows_is_not_written_as_known() -> None:
    """A tempo and a metre that nobody chose would be learned from as if somebody had."""
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(tune(tempo=None, metre=None))))
    assert not {"set_tempo", "time_signature"} & {message.type for message in file.tracks[0]}


def test_nothing_is_written_that_would_not_be_read() -> None:
    """A tune would be saved without a word, and refused when it is opened again."""
    for phrase in (
        tune(tempo=5),
        tune(tempo=1 << 24),
        Phrase(rows_from_columns(np.array([0]), np.array([24 * 3600]), np.array([57]))),
        Phrase(rows_from_columns(np.array([24 * 8000]), np.array([24]), np.array([57]))),
    ):
        with pytest.raises(InvalidMidi):
            midi_bytes(phrase)


def test_a_short_phrase_is_refused_unless_short_ones_are_asked_for(tmp_path: Path) -> None:
    """A single lick could be written and never opened again, or a file of two notes would pass for a tune."""
    lick, path = replace(tune(), rows=tune().rows[:2]), tmp_path / "lick.mid"
    write_midi(lick, path)
    with pytest.raises(InvalidMidi, match="has 2 notes, fewer than 8"):
        read_midi(path)
    assert read_midi(path, min_notes=0).phrase == lick


def bent_tune(technique: int = Technique.BEND) -> Phrase:
    """A drone under a melody whose fifth note is bent, after a pickup."""
    rows = tune().rows.copy()
    rows[:, TECHNIQUE] = Technique.PLAIN
    rows[4, [1, TECHNIQUE]] = 12, technique
    drone = rows_from_columns(np.array([-12, 36, 84, 132]), np.full(4, 48), np.full(4, 52), 60, Technique.DRONE, 1)
    both = np.concatenate([rows[rows[:, 0] != rows[3, 0]], rows[4:5], drone])
    return tune_of(rows_from_columns(*np.unique(both, axis=0).T))


def tune_of(rows: np.ndarray) -> Phrase:
    return Phrase(rows, metre=Metre(2, 4), tempo=600_000)


@pytest.mark.parametrize("technique", [Technique.BEND, Technique.SLIDE, Technique.VIBRATO])
def test_bends_are_read_with_the_notes_they_bend_and_no_others(technique: int) -> None:
    """Any bend anywhere would make every note of a tune a bent one, as in the only earlier model."""
    phrase = bent_tune(technique)
    row = int(np.flatnonzero(phrase.technique == technique)[0])
    reading = read(stripped(midi_bytes(phrase)))
    back = int(np.flatnonzero((reading.phrase.onset == phrase.onset[row] + 48) & (reading.phrase.pitch != 52))[0])
    assert set(reading.bends) == {back}
    assert reading.phrase.pitch[back] == phrase.pitch[row]
    assert reading.repairs == ("1 bent note: the bends are no part of the phrase",)
    performance = perform(phrase)
    played, onset = performance.bends[row], performance.strokes[performance.strokes[:, 5] == row, 0][0]
    steps = np.arange(0.0, 12, 0.25)
    expected = np.interp(steps, (played[:, 0] - onset) * 24 / performance.ticks_per_quarter, played[:, 1])
    heard = reading.bends[back]
    got = heard[np.searchsorted(heard[:, 0], steps + 1e-9, "right") - 1, 1]
    steepest = np.abs(np.diff(expected)).max() / 0.25 * WHEEL_EVERY / (0.6 / 24)
    assert np.abs(got - expected).max() < steepest + 0.01
    assert abs(np.abs(got).max() - np.abs(expected).max()) < 0.05


def raw_bend(*controls: tuple[int, int], wheel: int = 4096) -> bytes:
    """Eight notes, the second with the wheel half way up from its middle, after some controllers."""
    setting = b"".join(bytes([0, 0xB0, number, value]) for number, value in controls)
    up = bytes([0x18, 0xE0, (wheel + 8192) & 0x7F, (wheel + 8192) >> 7])
    bent_note = b"\x00\x90\x3c\x50" + up + b"\x18\x80\x3c\x00" + b"\x00\xe0\x00\x40"
    return header() + track(setting, note(), bent_note, note() * 6)


@pytest.mark.parametrize(
    ("controls", "semitones"),
    [
        ((), 1.0),
        (((101, 0), (100, 0), (6, 12)), 6.0),
        (((101, 0), (100, 0), (6, 1), (38, 50)), 0.75),
        (((101, 0), (100, 1), (6, 12)), 1.0),  # another parameter: fine tuning
        (((101, 0), (100, 0), (6, 12), (101, 127), (100, 127), (6, 4)), 6.0),  # what is set after that is nothing
    ],
)
def test_how_far_a_wheel_bends_is_what_the_channel_says_or_two_semitones(
    controls: tuple[tuple[int, int], ...], semitones: float
) -> None:
    """A slide of a fourth would be read as a slide of a hair."""
    reading = read(raw_bend(*controls))
    assert list(reading.bends) == [1]
    assert reading.bends[1].tolist() == [[0, 0], [6, 0], [6, semitones]]
    elsewhere = from_pretty_midi(pretty_midi.PrettyMIDI(io.BytesIO(raw_bend(*controls))))
    assert np.array_equal(elsewhere.rows, reading.phrase.rows)


def test_a_bend_edited_in_another_program_is_believed() -> None:
    """A player who straightens a bend in a DAW would find it bent again."""
    phrase = bent_tune()
    for change in ({"pitch": 5}, {"time": 3}):
        reading = read(edited(midi_bytes(phrase), change, "pitchwheel"))
        assert any("changed since it was written" in repair for repair in reading.repairs)
        assert len(reading.bends) == 1
    reached = edited(midi_bytes(phrase), {"control": 7}, "control_change")  # no RPN 0: another bend
    assert any("changed since it was written" in repair for repair in read(reached).repairs)


def test_a_file_without_bends_is_read_without_any() -> None:
    """Reading a folk tune would cost more because guitars can bend."""
    reading = read(GOOD["plain.mid"])
    assert reading.bends == {}
    assert reading.phrase.technique.tolist() == [UNKNOWN] * len(reading.phrase)


def test_a_half_written_file_is_never_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or a cut cable would destroy the tune that was there before."""
    path = tmp_path / "tune.mid"
    write_midi(tune(), path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail)
        with pytest.raises(PhinError, match="No space left"):
            write_midi(tune(lai="noi"), path)
    assert list(tmp_path.iterdir()) == [path]
    assert read_midi(path).phrase == tune()

    with pytest.raises(PhinError, match="cannot be written"):
        write_midi(tune(), tmp_path / "no folder" / "tune.mid")


def test_bytes_changed_at_random_never_raise_anything_but_a_refusal() -> None:
    """One bad file in a folder of thousands would stop the whole reading."""
    rng = np.random.default_rng(20260101)
    files = [*GOOD.values(), midi_bytes(tune())]
    lines: list[str] = []
    for _ in range(3000):
        data = bytearray(files[rng.integers(len(files))])
        for place in rng.integers(len(data), size=rng.integers(1, 4)):
            data[place] = rng.integers(256)
        cut = rng.integers(len(data)) if rng.random() < 0.1 else len(data)
        try:
            read_midi_bytes(bytes(data[:cut]), "a tune")
        except InvalidMidi as refusal:
            lines.append(str(refusal))
    assert not any("\n" in line for line in lines)
    assert 300 < len(lines) < 2700  # neither so gentle that nothing breaks nor so rough that nothing is read


@pytest.mark.parametrize("source", [*LabelSource, None, "oracle"])
def test_a_seal_keeps_where_techniques_come_from_and_those_of_old_are_still_read(source: str | None) -> None:
    """Every file written before techniques had a source would lose its techniques; or a rule's would pass for a
    player's after a night in a folder of MIDI files.
    """
    phrase = tune()
    performance = perform(phrase)
    parts = list(string_parts(performance, phrase.tempo or DEFAULT_TEMPO).values())
    stored = midi_seal.sealed(phrase, parts, performance.ticks_per_quarter)
    facts = json.loads(zlib.decompress(base64.b64decode(stored.split(":")[2].rstrip(";"))))
    assert "techniques_from" not in facts, "a tune of which nobody has said is stored as it always was"
    if source is not None:
        facts["techniques_from"] = source
    payload = base64.b64encode(zlib.compress(json.dumps(facts).encode()))
    text = f"phin1:{midi_seal.seal(parts, performance.ticks_per_quarter, payload)}:{payload.decode()};"
    read_back = read(edited(midi_bytes(phrase), {"text": text}, "text")).phrase
    if source == "oracle":
        assert (read_back.technique == UNKNOWN).all(), "no phrase of ours: the notes are believed"
    else:
        assert read_back == replace(phrase, techniques_from=source and LabelSource(source))
