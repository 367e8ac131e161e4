"""What is heard is what is written: pitch, time, loudness, bends, and no sound that nobody played."""

import time
import wave
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float

from phin.errors import PhinError
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.perform import STYLE, PerformanceStyle
from phin.music.phrase import (
    ASSUMED_TEMPO,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    TECHNIQUE,
    UNKNOWN,
    Deviation,
    Phrase,
    Voice,
    rows_from_columns,
)
from phin.music.technique import Technique
from phin.music.voice import ASSUMED_VELOCITY, PEAK, RELEASE, SAMPLE_RATE, pluck, render, write_wav

SECOND = 1_000_000
"""A tempo in which a quarter lasts a second."""

Sound = Float[np.ndarray, " sample"]


def frequency(pitch: float) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


def cents_off(sound: Sound, expected: float) -> float:
    """How far the strongest partial near `expected` Hz lies from it: a parabola through the log spectrum."""
    size = 1 << 20
    spectrum = np.log(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)) + 1e-12)
    low, high = (round(expected * size / SAMPLE_RATE * 2 ** (side / 12)) for side in (-1.5, 1.5))
    peak = low + int(spectrum[low:high].argmax())
    before, here, after = spectrum[peak - 1 : peak + 2]
    place = peak + 0.5 * (before - after) / (before - 2 * here + after)
    return float(1200 * np.log2(place * SAMPLE_RATE / size / expected))


def level(sound: Sound) -> float:
    return float(np.sqrt((sound**2).mean()))


def brightness(sound: Sound) -> float:
    """The centre of the spectrum in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float((spectrum * np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)).sum() / spectrum.sum())


def partial_level(sound: Sound, at: float) -> float:
    """How strong the partial at `at` Hz is."""
    carrier = np.exp(-2j * np.pi * at / SAMPLE_RATE * np.arange(len(sound)))
    return float(np.abs((sound * carrier * np.hanning(len(sound))).sum()))


def a_pluck(pitch: float = 69, seconds: float = 1.0, velocity: int = UNKNOWN, bend: Sound | None = None) -> Sound:
    return pluck(frequency(pitch), seconds, velocity, bend, rng=np.random.default_rng(7))


def phrase_of(*notes: tuple[int, int, int], velocity: int = UNKNOWN, tempo: int | None = SECOND) -> Phrase:
    """A phrase of (onset, duration, pitch)."""
    onset, duration, pitch = np.array(notes).T
    return Phrase(rows_from_columns(onset, duration, pitch, velocity), tempo=tempo)


@pytest.mark.parametrize("pitch", range(LOWEST_PITCH, HIGHEST_PITCH + 1))
def test_every_fret_sounds_in_tune(pitch: int) -> None:
    """Or a player who tunes by ear to the computer tunes to a wrong note."""
    assert abs(cents_off(a_pluck(pitch), frequency(pitch))) < 1


def test_the_octave_of_a_string_is_in_tune_with_the_string() -> None:
    """Or strings that are right one by one beat against each other when they ring together."""
    low = a_pluck(57)
    assert max(abs(cents_off(low, partial * frequency(57))) for partial in (2, 3, 4, 5)) < 1


def test_a_string_grows_softer_and_duller_as_it_rings() -> None:
    """Or it sounds like an organ, not like a lute."""
    sound = a_pluck(64, seconds=3.0)
    parts = [sound[begin : begin + SAMPLE_RATE // 4] for begin in range(2000, 2 * SAMPLE_RATE, SAMPLE_RATE // 2)]
    assert all(level(late) < level(early) for early, late in pairwise(parts))
    assert all(brightness(late) < brightness(early) for early, late in pairwise(parts))


def test_higher_strings_ring_shorter() -> None:
    """Or the drone dies before the melody does."""

    def kept(pitch: int) -> float:
        sound = a_pluck(pitch, seconds=2.0)
        return level(sound[SAMPLE_RATE:][: SAMPLE_RATE // 4]) / level(sound[: SAMPLE_RATE // 4])

    shares = [kept(pitch) for pitch in (52, 64, 76, 88)]
    assert shares == sorted(shares, reverse=True)


def test_a_string_far_below_the_phin_still_dies_away() -> None:
    """Or a bass line of another instrument grows into a howl: its longer loop has to be blurred more at a time."""
    sound = a_pluck(4, seconds=3.0)
    assert level(sound[2 * SAMPLE_RATE : 3 * SAMPLE_RATE]) < 0.9 * level(sound[:SAMPLE_RATE])


def test_a_harder_stroke_is_louder_and_brighter() -> None:
    """Or accents cannot be heard."""
    strokes = [a_pluck(velocity=velocity)[: SAMPLE_RATE // 4] for velocity in (30, 60, 90, 120)]
    assert [level(stroke) for stroke in strokes] == sorted(map(level, strokes))
    assert [brightness(stroke) for stroke in strokes] == sorted(map(brightness, strokes))
    assert level(strokes[-1]) > 4 * level(strokes[0])
    assert brightness(strokes[-1]) > 1.1 * brightness(strokes[0])


def test_no_note_is_hollow_by_chance() -> None:
    """Or the noise of the stroke decides how loud a note is, and not the player."""
    levels = [level(pluck(440.0, 0.3, rng=np.random.default_rng(seed))) for seed in range(20)]
    assert max(levels) < 1.02 * min(levels)


@pytest.mark.parametrize("pitch", [52, 69, 88])
@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.5])
def test_a_note_starts_and_ends_without_a_click(pitch: int, seconds: float) -> None:
    """Or every note of a quick passage ends in a crack: a string is at rest at both ends and makes no jump."""
    sound = a_pluck(pitch, seconds)
    assert len(sound) == round((seconds + RELEASE) * SAMPLE_RATE)
    assert sound[0] == sound[-1] == 0
    damped = round(seconds * SAMPLE_RATE)
    ringing = np.abs(np.diff(a_pluck(pitch, seconds + 1)))[damped:]
    assert np.abs(np.diff(sound))[damped:].max() <= ringing.max()
    assert np.abs(sound[-50:]).max() < 0.02 * np.abs(sound).max()


def test_a_bend_ends_where_it_says() -> None:
    """Or a bent string lands between two notes."""
    bend = np.interp(np.arange(SAMPLE_RATE), [0, SAMPLE_RATE // 2], [0.0, 2.0])
    sound = a_pluck(69, seconds=3.0, bend=bend)
    assert abs(cents_off(sound[SAMPLE_RATE : 3 * SAMPLE_RATE], frequency(71))) < 1
    assert np.array_equal(a_pluck(69, bend=np.zeros(SAMPLE_RATE)), a_pluck(69))


def test_a_bend_leaves_the_drone_alone() -> None:
    """Or the open string wails along with the melody."""
    drone_and_melody = phrase_of((0, 72, 57), (0, 72, 69))
    bent = render(drone_and_melody, bends={1: np.array([[0.0, 0.0], [24.0, 2.0]])})[SAMPLE_RATE : 3 * SAMPLE_RATE]
    assert abs(cents_off(bent, frequency(57))) < 1
    assert abs(cents_off(bent, frequency(71))) < 1
    assert partial_level(bent, frequency(71)) > 3 * partial_level(render(drone_and_melody)[: len(bent)], frequency(71))


def test_a_bend_is_counted_in_steps() -> None:
    """Or a bend that takes a quarter comes too soon in a slow tune."""
    bends = {0: np.array([[24.0, 0.0], [24.5, 2.0]])}
    slow = render(phrase_of((0, 48, 69), tempo=2 * SECOND), bends=bends)
    assert abs(cents_off(slow[SAMPLE_RATE : 2 * SAMPLE_RATE - 500], frequency(69))) < 1
    assert abs(cents_off(slow[round(2.1 * SAMPLE_RATE) : 4 * SAMPLE_RATE], frequency(71))) < 1


def with_technique(phrase: Phrase, row: int, technique: int) -> Phrase:
    rows = phrase.rows.copy()
    rows[row, TECHNIQUE] = technique
    return replace(phrase, rows=rows)


def test_a_tremolo_is_heard_as_many_strokes() -> None:
    """Or a written tremolo sounds like a long note that dies away."""
    plain = phrase_of((0, 48, 69))
    tremolo = render(with_technique(plain, 0, Technique.TREMOLO))
    late = slice(round(1.5 * SAMPLE_RATE), 2 * SAMPLE_RATE)
    assert level(tremolo[late]) > 3 * level(render(plain)[late])


def test_a_muted_note_stops_at_once() -> None:
    """Or a dead stroke rings like any other."""
    sound = render(with_technique(phrase_of((0, 48, 69)), 0, Technique.MUTE))
    assert len(sound) < (0.06 + RELEASE) * SAMPLE_RATE + 2


def test_a_bent_note_ends_higher_and_a_drone_under_it_does_not() -> None:
    """Or a bend that a model writes is not heard, or bends everything."""
    phrase = with_technique(phrase_of((0, 72, 57), (0, 72, 69)), 1, Technique.BEND)
    sound = render(phrase)[SAMPLE_RATE : 3 * SAMPLE_RATE]
    assert abs(cents_off(sound, frequency(57))) < 1
    assert abs(cents_off(sound, frequency(69 + STYLE.bend_depth))) < 1


def test_a_slide_starts_at_the_note_before() -> None:
    """Or a slide is heard as two notes."""
    phrase = with_technique(phrase_of((0, 24, 69), (24, 48, 72)), 1, Technique.SLIDE)
    style = PerformanceStyle(slide_length=0.25)
    sound = render(phrase, style=style)
    straight = render(phrase_of((0, 24, 69), (24, 48, 72)))
    arrived, on_the_way = slice(round(1.3 * SAMPLE_RATE), 2 * SAMPLE_RATE), slice(SAMPLE_RATE, round(1.1 * SAMPLE_RATE))
    assert abs(cents_off(sound[arrived], frequency(72))) < 3
    assert partial_level(sound[on_the_way], frequency(72)) < 0.5 * partial_level(straight[on_the_way], frequency(72))


def test_a_strum_is_heard_string_by_string() -> None:
    """Or three strings sound like one key of a piano."""
    phrase = phrase_of((0, 24, 52), (0, 24, 57), (0, 24, 64))
    strummed = with_technique(with_technique(phrase, 0, Technique.STRUM), 1, Technique.STRUM)
    before = slice(0, round(0.018 * SAMPLE_RATE))
    alone = render(phrase_of((0, 24, 52)))[before]
    sound = render(strummed)[before]
    assert np.corrcoef(alone, sound)[0, 1] > 0.999  # only the lowest string so far
    assert np.corrcoef(alone, render(phrase)[before])[0, 1] < 0.99


def test_a_bend_that_was_read_from_a_file_is_heard() -> None:
    """Or a guitarist's MIDI file loses its bends on the way to the ear."""
    phrase = with_technique(phrase_of((0, 24, 69), (24, 72, 69)), 1, Technique.BEND)
    reading = read_midi_bytes(midi_bytes(phrase).replace(b"phin1:", b"-----:"), "a tune", min_notes=0)
    assert list(reading.bends) == [1]
    sound = render(reading.phrase, bends=reading.bends)[round(1.6 * SAMPLE_RATE) : 3 * SAMPLE_RATE]
    assert abs(cents_off(sound, frequency(71))) < 2


def test_chance_in_playing_comes_from_the_performer_only() -> None:
    """Or a tune sounds otherwise each time, or never."""
    phrase = phrase_of((0, 24, 69), (24, 24, 72))
    one, same, other = (render(phrase, performer=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert len(one) != len(other) or not np.array_equal(one, other)


def test_an_unknown_velocity_sounds_like_the_assumed_one() -> None:
    """Or folk tunes and letters, which have no velocity, are silent."""
    assert np.array_equal(a_pluck(), a_pluck(velocity=ASSUMED_VELOCITY))
    notes = [(0, 24, 69), (24, 24, 72)]
    assert np.array_equal(render(phrase_of(*notes)), render(phrase_of(*notes, velocity=ASSUMED_VELOCITY)))


def test_the_tempo_asked_for_beats_the_written_one_and_that_the_assumed_one() -> None:
    """Or a player who slows a tune down to learn it hears it at full speed."""
    notes = [(0, 24, 69), (24, 24, 72)]
    unknown, written = phrase_of(*notes, tempo=None), phrase_of(*notes, tempo=SECOND)
    assert np.array_equal(render(unknown), render(written, tempo=ASSUMED_TEMPO))
    assert np.array_equal(render(unknown, tempo=SECOND), render(written))
    assert len(render(written)) / SAMPLE_RATE == pytest.approx(2 + RELEASE, abs=1e-3)


def test_each_note_sounds_when_it_is_written() -> None:
    """Or the rhythm is wrong: of two notes with a rest between, the second comes after the rest and not before."""
    sound = render(phrase_of((0, 12, 60), (36, 12, 67)))
    rest = sound[round((0.5 + RELEASE) * SAMPLE_RATE) + 1 : round(1.5 * SAMPLE_RATE)]
    assert not rest.any()
    assert abs(cents_off(sound[round(1.5 * SAMPLE_RATE) :], frequency(67))) < 2


def test_a_pickup_is_heard_first() -> None:
    """Or a tune begins with silence, or with its second note: onsets before the first bar are negative."""
    with_pickup, shifted = phrase_of((-24, 24, 64), (0, 48, 69)), phrase_of((0, 24, 64), (24, 48, 69))
    assert np.array_equal(render(with_pickup), render(shifted))
    assert level(render(with_pickup)[:2000]) > 0.01


def test_a_performance_keeps_its_own_time() -> None:
    """Or a tune that somebody played is heard as a machine plays it: what lies off the grid is in the deviation."""
    phrase = phrase_of((0, 24, 69), (48, 24, 69))
    late = replace(phrase, deviation=Deviation(480, np.array([0, 120 * 24]), np.array([0, 0])))
    on_grid, off_grid = (np.flatnonzero(render(tune)[3 * SAMPLE_RATE // 2 :])[0] for tune in (phrase, late))
    assert (off_grid - on_grid) / SAMPLE_RATE == pytest.approx(0.25, abs=1e-3)


def test_the_accompaniment_is_softer_than_the_melody() -> None:
    """Or the drone drowns the tune."""
    rows = rows_from_columns(np.array([0, 48]), np.array([24, 24]), np.array([69, 69]), 80, UNKNOWN, np.array([0, 1]))
    assert rows[1, -1] == Voice.ACCOMPANIMENT
    sound = render(Phrase(rows, tempo=SECOND))
    melody, accompaniment = level(sound[:SAMPLE_RATE]), level(sound[2 * SAMPLE_RATE :])
    assert 0.4 * melody < accompaniment < 0.8 * melody


def test_the_same_tune_gives_the_same_sound() -> None:
    """Or nobody can tell whether a change is heard or imagined: the noise comes from the note, never from outside."""
    phrase = phrase_of((0, 24, 69), (24, 24, 69))
    first = render(phrase)
    np.random.seed(1)  # noqa: NPY002 - the state that must not matter
    assert np.array_equal(render(phrase), first)


def test_a_note_that_is_struck_again_does_not_sound_copied() -> None:
    """Or a tremolo sounds like a machine gun."""
    sound = render(phrase_of((0, 24, 69), (48, 24, 69)))
    first, second = sound[: SAMPLE_RATE // 2], sound[2 * SAMPLE_RATE :][: SAMPLE_RATE // 2]
    assert np.abs(first - second).max() > 0.1


@settings(max_examples=30, deadline=None)
@given(
    notes=st.lists(st.tuples(st.integers(0, 127), st.integers(1, 30), st.integers(-1, 127)), min_size=1, max_size=8),
    sample_rate=st.sampled_from([22_050, 44_100, 48_000]),
)
def test_no_tune_clips(notes: list[tuple[int, int, int]], sample_rate: int) -> None:
    """Or a thick chord or an odd pitch comes out as a crack, or as nothing at all."""
    pitch, duration, velocity = np.array(notes).T
    pitch, kept = np.unique(pitch, return_index=True)
    phrase = Phrase(rows_from_columns(np.zeros_like(pitch), duration[kept], pitch, velocity[kept]), tempo=200_000)
    sound = render(phrase, sample_rate=sample_rate)
    assert np.isfinite(sound).all()
    heard = PEAK if (phrase.velocity != 0).any() else 0
    assert np.abs(sound).max() == pytest.approx(heard)


def test_an_empty_tune_is_refused() -> None:
    """Or a player waits for a sound that never comes."""
    with pytest.raises(PhinError, match="has no notes"):
        render(Phrase(rows_from_columns(*np.zeros((3, 0), dtype=int))))


def test_half_a_minute_is_rendered_at_once() -> None:
    """Or a player waits for each try: 120 notes over a drone; 0.15 s on one slow core, and here with room to spare."""
    onset = np.arange(120) * 6 * 50 // 30
    melody = [(int(step), 10, 69 + 12 * (index % 2)) for index, step in enumerate(onset)]
    phrase = phrase_of(*melody, *[(beat * 120, 120, 52) for beat in range(10)], tempo=ASSUMED_TEMPO)
    begin = time.process_time()
    assert len(render(phrase)) > 30 * SAMPLE_RATE
    assert time.process_time() - begin < 1.5


def test_a_wav_file_holds_the_sound(tmp_path: Path) -> None:
    """Or other programs play it at another speed, or loud samples wrap round into cracks."""
    path = tmp_path / "tune.wav"
    write_wav(np.array([0.0, 0.5, -1.0, 1.0, 1.5]), path, 22_050)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        samples = np.frombuffer(file.readframes(9), "<i2")
    assert samples.tolist() == [0, 16384, -32767, 32767, 32767]


def test_a_wav_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """Or a full disk leaves half a file that looks like a whole one, and the tune that was there before is lost."""
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "taken", tmp_path / "missing" / "tune.wav"):
        with pytest.raises(PhinError, match="cannot be written"):
            write_wav(np.zeros(10), path)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
