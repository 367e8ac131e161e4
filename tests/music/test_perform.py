"""Playing: each technique is really in the file that other programs open, and no hand does what a hand cannot."""

import io
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.errors import InvalidConfig
from phin.music.composer import compose
from phin.music.fingering import finger
from phin.music.fretboard import Tuning
from phin.music.midi import midi_bytes
from phin.music.perform import (
    ASSUMED_VELOCITY,
    ROW,
    STRING,
    STYLE,
    Performance,
    PerformanceStyle,
    perform,
)
from phin.music.phrase import PITCH, TECHNIQUE, UNKNOWN, Deviation, Metre, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.strategies import performances, phrases

QUARTER = 0.6
"""Seconds, of every tune here."""
SLOT = QUARTER / 4
LEGATO = (Technique.HAMMER_ON, Technique.PULL_OFF)
AS_WRITTEN = [UNKNOWN, Technique.PLAIN, Technique.DRONE]


class Note(NamedTuple):
    onset: float
    """Seconds, like the duration."""
    duration: float
    pitch: int
    velocity: int
    channel: int


class Bend(NamedTuple):
    time: float
    semitones: float
    channel: int


def opened(data: bytes) -> tuple[list[Note], list[Bend]]:
    """What mido, which knows nothing of us, finds in a file: notes and bends by time, RPN 0 obeyed."""
    file = mido.MidiFile(file=io.BytesIO(data), charset="utf-8")
    second = QUARTER / file.ticks_per_beat
    notes, bends, reach = list[Note](), list[Bend](), dict[int, int]()
    for track in file.tracks:
        now, ringing, selected = 0, dict[int, tuple[int, int]](), {101: 127, 100: 127}
        for message in track:
            now += message.time
            if message.type == "note_on":
                ringing[message.note] = (now, message.velocity)
            elif message.type == "note_off":
                onset, velocity = ringing.pop(message.note)
                notes.append(Note(onset * second, (now - onset) * second, message.note, velocity, message.channel))
            elif message.type == "control_change" and message.control in selected:
                selected[message.control] = message.value
            elif message.type == "control_change" and message.control == 6 and not any(selected.values()):
                reach[message.channel] = message.value
            elif message.type == "pitchwheel":
                semitones = message.pitch / 8192 * reach.get(message.channel, 2)
                bends.append(Bend(now * second, semitones, message.channel))
    return sorted(notes), sorted(bends)


def tune(technique: int, *notes: tuple[int, int, int], at: int = 2, velocity: int = UNKNOWN) -> Phrase:
    """(onset, duration, pitch) notes, the one `at` a place played with a technique, the rest plain."""
    onset, duration, pitch = np.array(notes or [(0, 12, 69), (12, 12, 72), (24, 24, 74), (48, 24, 72)]).T
    rows = rows_from_columns(onset, duration, pitch, velocity, Technique.PLAIN)
    rows[at, TECHNIQUE] = technique
    return Phrase(rows, metre=Metre(2, 4), tempo=round(QUARTER * 1e6))


def played(technique: int, *notes: tuple[int, int, int], at: int = 2, style: PerformanceStyle = STYLE) -> list[Note]:
    return opened(midi_bytes(tune(technique, *notes, at=at), style=style))[0]


def bent(technique: int, *notes: tuple[int, int, int]) -> list[Bend]:
    return opened(midi_bytes(tune(technique, *notes)))[1]


PLAIN = played(Technique.PLAIN)


def strings(performance: Performance) -> list[np.ndarray]:
    """The strokes of each string, by onset."""
    return [performance.strokes[performance.strokes[:, STRING] == s] for s in np.unique(performance.strokes[:, STRING])]


# Each technique, as another program sees it.


def test_a_plain_stroke_and_an_unknown_one_and_a_drones_are_the_note_as_it_is_written() -> None:
    """Fails: a tune without techniques is changed by being saved."""
    assert [(round(n.onset, 6), round(n.duration, 6), n.pitch) for n in PLAIN] == [
        (0, 0.3, 69), (0.3, 0.3, 72), (0.6, 0.6, 74), (1.2, 0.6, 72)
    ]  # fmt: skip
    assert {note.velocity for note in PLAIN} == {ASSUMED_VELOCITY}
    assert PLAIN == played(UNKNOWN) == played(Technique.DRONE)
    types = {m.type for track in mido.MidiFile(file=io.BytesIO(midi_bytes(tune(0)))).tracks for m in track}
    assert not types & {"pitchwheel", "control_change"}


def test_an_accent_is_louder_than_its_neighbours() -> None:
    """Fails: accents cannot be heard."""
    notes = played(Technique.ACCENT)
    assert notes[2].velocity >= notes[1].velocity + 8
    assert [note._replace(velocity=0) for note in notes] == [note._replace(velocity=0) for note in PLAIN]


@pytest.mark.parametrize("rate", [8.0, 14.0, 20.0])
@pytest.mark.parametrize("duration", [3, 6, 24])
def test_a_tremolo_strikes_one_pitch_twice_or_more_within_each_slot(rate: float, duration: int) -> None:
    """Fails: a tremolo is a long note, or stops before the note does."""
    notes = played(
        Technique.TREMOLO, (0, 24, 69), (24, 24, 72), (48, duration, 74), style=PerformanceStyle(tremolo_rate=rate)
    )
    strokes = notes[2:]
    assert {note.pitch for note in strokes} == {74}
    assert len(strokes) >= 2
    for slot in range(duration // 6):
        begin = 2 * QUARTER + slot * SLOT
        assert sum(begin - 1e-6 <= note.onset < begin + SLOT - 1e-6 for note in strokes) >= 2
    assert all(one.onset + one.duration == pytest.approx(other.onset) for one, other in pairwise(strokes))
    assert strokes[-1].onset + strokes[-1].duration == pytest.approx((48 + duration) * QUARTER / 24)


def test_a_flick_is_two_or_three_fast_notes_of_the_scale_into_the_note() -> None:
    """Fails: the note itself comes late, or wrong notes lead to it."""
    for num in (2, 3):
        notes = played(Technique.FLICK, style=PerformanceStyle(flick_notes=num))
        lead, main = notes[2 : 2 + num], notes[2 + num]
        assert (main.onset, main.pitch) == (pytest.approx(QUARTER), 74)
        assert all(note.duration < 0.08 for note in lead)
        assert all(one.onset + one.duration == pytest.approx(other.onset) for one, other in pairwise([*lead, main]))
        assert {note.pitch % 12 for note in lead} <= {5, 7, 9, 0, 2}  # the set that this tune is in
    assert [note.pitch for note in played(Technique.FLICK)[2:5]] == [69, 72, 74]  # from below, where the tune was


def test_a_flick_comes_from_where_the_melody_comes_and_keeps_to_its_pentatonic_set() -> None:
    """Fails: a sour note leads into a sweet one."""
    falling = [
        (0, 24, 76),
        (24, 24, 74),
        (48, 24, 72),
        (72, 24, 67),
        (96, 24, 64),
        (120, 24, 69),
        (144, 24, 74),
        (168, 24, 69),
    ]
    notes = played(Technique.FLICK, *falling, at=7)
    assert [note.pitch for note in notes[-3:]] == [74, 72, 69]
    assert [n.pitch for n in played(Technique.FLICK, *falling, at=6)][6:9] == [69, 72, 74]


def test_a_flick_on_the_very_first_note_does_not_start_before_the_file() -> None:
    """Fails: the file cannot be written, or its first note is lost."""
    performance = perform(tune(Technique.FLICK, at=0))
    bar = 2 * performance.ticks_per_quarter
    first = performance.strokes[performance.strokes[:, ROW] == 0]
    assert first[-1, 0] == bar  # moved by a bar, and still on the beat
    assert (first[:-1, 0] < bar).all()
    assert (performance.strokes[:, 0] >= 0).all()


def test_a_trill_alternates_with_the_neighbour_above_and_ends_on_the_note() -> None:
    """Fails: a trill is a tremolo, or ends on a note that is not written."""
    trill = [note for note in played(Technique.TRILL) if QUARTER - 1e-6 < note.onset < 2 * QUARTER - 1e-6]
    assert len(trill) >= 3
    assert [note.pitch for note in trill[0::2]] == [74] * ((len(trill) + 1) // 2)
    assert {note.pitch for note in trill[1::2]} == {77}  # F5: the next of the set, and on a fret of its string
    assert len(trill) % 2 == 1


@pytest.mark.parametrize(("technique", "to"), [(Technique.HAMMER_ON, 74), (Technique.PULL_OFF, 69)])
def test_a_hammered_or_pulled_note_overlaps_the_one_before_on_its_string_and_is_softer(technique: int, to: int) -> None:
    """Fails: legato sounds like two strokes of the plectrum."""
    _, before, note, *_ = played(technique, (0, 12, 69), (12, 12, 72), (24, 24, to))
    assert before.channel == note.channel
    assert 0 < before.onset + before.duration - note.onset < 0.05
    assert note.velocity < before.velocity


def test_a_hammer_on_that_falls_or_comes_after_a_silence_is_only_softer() -> None:
    """Fails: a string sounds two notes that no finger makes."""
    for notes in ([(0, 12, 69), (12, 12, 72), (24, 24, 69)], [(0, 6, 69), (6, 6, 72), (48, 24, 74)]):
        _, before, note = played(Technique.HAMMER_ON, *notes)
        assert before.onset + before.duration <= note.onset
        assert note.velocity < before.velocity


def test_a_slide_runs_from_the_pitch_before_to_the_note() -> None:
    """Fails: a slide is heard as a stroke."""
    ramp = [bend for bend in bent(Technique.SLIDE)]
    assert ramp[0].time == pytest.approx(QUARTER)
    assert ramp[0].semitones == pytest.approx(-2, abs=0.01)
    assert ramp[-1].semitones == 0
    assert ramp[-1].time <= QUARTER * 1.5
    assert all(one.semitones < other.semitones for one, other in pairwise(ramp))
    assert len(played(Technique.SLIDE)) == 4


def test_a_bend_rises_then_holds_and_the_next_note_is_straight() -> None:
    """Fails: a bend ends where it began, or bends the rest of the tune."""
    *rise, back = bent(Technique.BEND)
    assert all(one.semitones < other.semitones for one, other in pairwise(rise))
    assert rise[-1].semitones == pytest.approx(STYLE.bend_depth, abs=0.01)
    assert rise[-1].time <= 1.5 * QUARTER
    assert back[:2] == (pytest.approx(2 * QUARTER), 0)


@pytest.mark.parametrize("rate", [4.0, 5.5, 8.0])
def test_a_vibrato_swings_four_to_eight_times_a_second_around_the_note(rate: float) -> None:
    """Fails: a vibrato is out of tune, or a tremble that nobody can make."""
    phrase = tune(Technique.VIBRATO, (0, 12, 69), (12, 12, 72), (24, 96, 74))
    _, bends = opened(midi_bytes(phrase, style=PerformanceStyle(vibrato_rate=rate, vibrato_depth=0.5)))
    semitones = np.array([bend.semitones for bend in bends])
    assert semitones.max() == pytest.approx(0.5, abs=0.05)
    assert semitones.min() == pytest.approx(-0.5, abs=0.05)
    grid = np.arange(QUARTER, 5 * QUARTER, 0.001)
    held = semitones[np.searchsorted([bend.time for bend in bends], grid, "right").clip(1) - 1]
    strongest = np.abs(np.fft.rfft(held - held.mean(), 1 << 16)).argmax() / (1 << 16) / 0.001
    assert strongest == pytest.approx(rate, abs=0.3)


def test_a_muted_note_is_shorter_than_60_ms_and_starts_where_it_is_written() -> None:
    """Fails: a dead stroke rings."""
    notes = played(Technique.MUTE)
    assert notes[2].onset == PLAIN[2].onset
    assert 0 < notes[2].duration < 0.06


def chord(technique: Technique, *pitches: int) -> Phrase:
    rows = rows_from_columns(
        np.zeros(len(pitches), int), np.full(len(pitches), 24), np.array(pitches), 80, technique, 1
    )
    rows[-1, 4:] = Technique.PLAIN, Voice.MELODY
    return Phrase(rows, tempo=round(QUARTER * 1e6))


def test_a_strum_goes_from_low_to_high_a_little_apart_each_on_its_string() -> None:
    """Fails: a strum is a block of notes, as on a piano."""
    notes, _ = opened(midi_bytes(chord(Technique.STRUM, 52, 57, 64)))
    assert [note.pitch for note in notes] == [52, 57, 64]
    assert all(0.005 < other.onset - one.onset < 0.04 for one, other in pairwise(notes))
    assert len({note.channel for note in notes}) == 3
    assert {round(note.onset + note.duration, 6) for note in notes} == {QUARTER}


@pytest.mark.parametrize("technique", [Technique.STRUM, Technique.DYAD])
def test_a_drone_under_a_strum_keeps_its_time_and_delays_no_string(technique: Technique) -> None:
    """Fails: the drone counts as the strum's first string, and the chord comes late on every beat that it shares."""
    over = chord(technique, 57, 64)
    rows = chord(technique, 52, 57, 64).rows.copy()
    rows[0, TECHNIQUE] = Technique.DRONE
    alone, droned = opened(midi_bytes(over))[0], opened(midi_bytes(replace(over, rows=rows)))[0]
    assert [(note.onset, note.duration) for note in droned if note.pitch == 52] == [(0, pytest.approx(QUARTER))]
    assert [note[:4] for note in droned if note.pitch != 52] == [note[:4] for note in alone]
    assert alone[1].onset > 0


@pytest.mark.parametrize("spread", [0.0, 0.008, 0.025])
def test_the_two_notes_of_a_dyad_are_less_than_30_ms_apart(spread: float) -> None:
    """Fails: a dyad is heard as two notes."""
    low, high = opened(midi_bytes(chord(Technique.DYAD, 57, 64), style=PerformanceStyle(dyad_spread=spread)))[0]
    assert (low.pitch, high.pitch) == (57, 64)
    assert 0 <= high.onset - low.onset < 0.03


def test_a_performance_that_has_its_own_time_is_not_strummed_again() -> None:
    """Fails: what somebody played is played otherwise."""
    deviation = Deviation(480, np.array([0, 24 * 30, 24 * 10]), np.zeros(3, dtype=int))
    strokes = perform(replace(chord(Technique.STRUM, 52, 57, 64), deviation=deviation)).strokes
    assert strokes[:, 0].tolist() == [0, 10, 30]


# What holds for every phrase.

styles = st.integers(0, 2**32 - 1).map(lambda seed: PerformanceStyle.random(np.random.default_rng(seed)))
rngs = st.none() | st.integers(0, 2**32 - 1)


def generator(seed: int | None) -> np.random.Generator | None:
    return None if seed is None else np.random.default_rng(seed)


@settings(deadline=None)
@given(phrases(), styles, rngs)
def test_no_stroke_leaves_what_midi_can_say(phrase: Phrase, style: PerformanceStyle, seed: int | None) -> None:
    """Fails: a piece is composed that cannot be saved."""
    performance = perform(phrase, style, generator(seed))
    onset, duration, pitch, velocity = performance.strokes[:, :4].T
    assert (onset >= 0).all()
    assert (duration >= 1).all()
    assert ((pitch >= 0) & (pitch <= 127)).all()
    assert ((velocity >= 0) & (velocity <= 127)).all()
    assert performance.ticks_per_quarter <= 0x7FFF
    for curve in performance.bends.values():
        assert np.abs(curve[:, 1]).max() <= style.bend_range
        assert (np.diff(curve[:, 0]) >= 0).all()


@settings(deadline=None)
@given(phrases(), styles, rngs)
def test_every_row_sounds_and_with_its_own_pitch(phrase: Phrase, style: PerformanceStyle, seed: int | None) -> None:
    """Fails: a note of the tune is lost in its ornament."""
    performance = perform(phrase, style, generator(seed))
    for row, pitch in enumerate(phrase.pitch.tolist()):
        strokes = performance.strokes[performance.strokes[:, ROW] == row]
        assert strokes[-1, 2] == pitch
        assert len(set(strokes[:, STRING].tolist())) == 1
    assert set(performance.bends) <= set(range(len(phrase)))
    for row in performance.bends:
        assert (performance.strokes[:, ROW] == row).sum() == 1


@settings(deadline=None)
@given(phrases(), styles, rngs)
def test_a_string_sounds_one_note_at_a_time_but_for_legato(
    phrase: Phrase, style: PerformanceStyle, seed: int | None
) -> None:
    """Fails: a string does what a string cannot, and a bend on its channel bends another note."""
    performance = perform(phrase, style, generator(seed))
    for strokes in strings(performance):
        for one, other in pairwise(strokes):
            overlap = one[0] + one[1] - other[0]
            if phrase.technique[other[ROW]] in LEGATO:
                tempo = (phrase.tempo or 600_000) / 1e6
                assert overlap <= max(style.legato_overlap * performance.ticks_per_quarter / tempo, 1)
            else:
                assert overlap <= 0


@settings(deadline=None)
@given(phrases())
def test_without_techniques_what_sounds_is_what_is_written(phrase: Phrase) -> None:
    """Fails: a folk tune is changed by being played."""
    rows = phrase.rows.copy()
    rows[:, TECHNIQUE] = np.resize(AS_WRITTEN, len(rows))
    plain = replace(phrase, rows=rows)
    performance = perform(plain)
    strokes = performance.strokes[np.argsort(performance.strokes[:, ROW])]
    assert strokes[:, ROW].tolist() == list(range(len(phrase)))
    assert strokes[:, 2].tolist() == phrase.pitch.tolist()
    assert not performance.bends
    if phrase.deviation is None:
        ticks = strokes[:, :2] * 24 / performance.ticks_per_quarter
        assert ticks[:, 1].tolist() == phrase.duration.tolist()
        assert np.ptp(ticks[:, 0] - phrase.onset) == 0 if len(phrase) else True


@settings(deadline=None)
@given(phrases(max_notes=12), styles, st.integers(0, 1000))
def test_chance_comes_only_from_the_generator_that_is_passed(
    phrase: Phrase, style: PerformanceStyle, seed: int
) -> None:
    """Fails: the same tune sounds otherwise tomorrow, and nobody knows why."""
    np.random.seed(seed)  # noqa: NPY002 - the state that must not matter
    for given_seed in (None, seed):
        one, other = (perform(phrase, style, generator(given_seed)) for _ in range(2))
        assert np.array_equal(one.strokes, other.strokes)
        assert one.bends.keys() == other.bends.keys()
        assert all(np.array_equal(one.bends[row], other.bends[row]) for row in one.bends)


def test_a_trill_that_runs_into_a_note_played_early_gives_way() -> None:
    """Fails: the last notes of the trill sound on the string that is already struck again."""
    style = PerformanceStyle(timing_jitter=0.03, trill_rate=20.0)
    phrase = replace(tune(Technique.TRILL), tempo=100_000)
    for seed in range(200):
        for strokes in strings(perform(phrase, style, np.random.default_rng(seed))):
            assert (strokes[:-1, 0] + strokes[:-1, 1] <= strokes[1:, 0]).all()
            assert (strokes[:, 1] >= 1).all()


def test_a_generator_varies_time_and_loudness_a_little() -> None:
    """Fails: every performance that a model learns from is a machine's."""
    phrase = compose(np.random.default_rng(3))
    still, moved, again = perform(phrase), *(perform(phrase, rng=np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.array_equal(moved.strokes, again.strokes)
    assert moved.ticks_per_quarter == still.ticks_per_quarter
    tick = (phrase.tempo or 0) / 1e6 / still.ticks_per_quarter
    plain = np.isin(phrase.technique, AS_WRITTEN)
    first = {
        p: {s[ROW]: s for s in play.strokes.tolist() if plain[s[ROW]]}
        for p, play in (("still", still), ("moved", moved))
    }
    late = np.array([(first["moved"][row][0] - first["still"][row][0]) * tick for row in first["still"]])
    assert 0.002 < late.std() < 0.01
    louder = np.array([first["moved"][row][3] - first["still"][row][3] for row in first["still"]])
    assert 3 < louder.std() < 9


# Strings.


def test_strings_are_those_of_the_fingering_each_on_its_channel() -> None:
    """Fails: a player reads another string than the one that is heard."""
    for seed in range(3):
        phrase = compose(np.random.default_rng(seed))
        performance = perform(phrase)
        fingering = finger(phrase, Tuning.parse(phrase.tuning or ""))
        assert performance.tuning == fingering.tuning
        assert performance.strokes[:, STRING].tolist() == fingering.string[performance.strokes[:, ROW]].tolist()
        notes, _ = opened(midi_bytes(phrase))
        assert {note.channel for note in notes} == {string - 1 for string in fingering.string.tolist()}


def test_what_no_hand_can_play_takes_as_many_strings_as_it_needs_melody_first() -> None:
    """Fails: a pianist's chord cannot be saved, or its drone is bent with its melody."""
    pitches = np.array([40, 41, 42, 43, 44, 45])
    rows = rows_from_columns(np.zeros(6, int), np.full(6, 24), pitches, voice=np.array([1, 1, 1, 1, 1, 0]))
    performance = perform(Phrase(rows))
    assert performance.tuning is None
    assert performance.strokes[:, STRING].tolist() == [6, 5, 4, 3, 2, 1]
    many = rows_from_columns(np.zeros(20, int), np.full(20, 24), np.arange(40, 60))
    assert 9 not in {note.channel for note in opened(midi_bytes(Phrase(many)))[0]}


def test_a_tuning_that_is_given_beats_the_phrases_and_an_unreadable_one_is_the_usual() -> None:
    """Fails: a word in a tune's header stops it from being played."""
    phrase = tune(Technique.PLAIN)
    assert str(perform(phrase).tuning) == str(perform(replace(phrase, tuning="as always")).tuning) == "E-A-E"
    assert str(perform(replace(phrase, tuning="E-B-E")).tuning) == "E-B-E"
    assert str(perform(replace(phrase, tuning="E-B-E"), tuning=Tuning.parse("E-A-A-E")).tuning) == "E-A-A-E"


@settings(deadline=None)
@given(performances(max_notes=12))
def test_pretty_midi_sees_the_strings_as_instruments(rows: np.ndarray) -> None:
    """Fails: who works in Python cannot tell the strings apart."""
    phrase = Phrase(rows)
    pm = pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(phrase)))
    assert len(pm.instruments) == len(strings(perform(replace(phrase, tempo=500_000))))
    assert all(instrument.name.startswith("string ") for instrument in pm.instruments)


def test_a_trill_or_slide_that_is_alone_on_its_string_in_the_scale_goes_to_the_next_fret() -> None:
    """Fails: one trilled F#, whose octave is on no fret of its string, ends the writing of a file in a traceback."""
    for technique in (Technique.TRILL, Technique.FLICK, Technique.SLIDE):
        alone = Phrase(np.array([[0, 24, 54, UNKNOWN, technique, Voice.ACCOMPANIMENT]]), tempo=500_000)
        pitches = set(perform(alone).strokes[:, PITCH].tolist())
        assert pitches <= {52, 53, 54, 55, 57}
        assert len(pitches) > 1 or technique == Technique.SLIDE


# Styles.


def test_a_style_that_no_hand_has_is_refused_by_name() -> None:
    """Fails: a slip in a number gives a file that sounds broken."""
    for slip in (
        {"bend_range": 13},
        {"vibrato_rate": 9.0},
        {"mute_length": 0.06},
        {"dyad_spread": 0.03},
        {"tremolo_rate": 1.0},
    ):
        with pytest.raises(InvalidConfig, match=next(iter(slip))):
            PerformanceStyle(**slip)
    with pytest.raises(InvalidConfig, match="bend_range"):
        PerformanceStyle(bend_range=1, bend_depth=2.0)


def test_styles_are_drawn_wide_and_the_same_from_the_same_seed() -> None:
    """Fails: a model learns one player's habits and knows no other."""
    drawn = [PerformanceStyle.random(np.random.default_rng(seed)) for seed in range(200)]
    assert drawn[3] == PerformanceStyle.random(np.random.default_rng(3))
    assert {style.bend_range for style in drawn} == set(range(1, 13))
    assert {style.flick_notes for style in drawn} == {2, 3}
    assert min(style.vibrato_rate for style in drawn) < 4.3
    assert max(style.vibrato_rate for style in drawn) > 7.7
