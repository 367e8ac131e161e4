"""Strokes gathered into notes: what several strokes make one note of, and that none is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.music.composer import compose
from phin.music.gathering import gather, gathered
from phin.music.gesture import TOGETHER
from phin.music.grid import quantise
from phin.music.labelled import read_performed
from phin.music.midi import MidiReading
from phin.music.perform import PerformanceStyle
from phin.music.phrase import UNKNOWN, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.strategies import phrases


def test_the_notes_of_a_performance_are_gathered_again() -> None:
    """Fails: a tremolo of ten strokes becomes ten tremolos, each played as two strokes or more."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        phrase = compose(rng)
        labelled = read_performed(phrase, PerformanceStyle.random(rng), rng)
        notes = gather(labelled.reading, labelled.technique, labelled.begins)
        assert len(notes) == labelled.begins.sum()
        technique = labelled.technique[[note[0] for note in notes]]
        again, place = gathered(labelled.reading.phrase, notes, technique)
        assert sorted(place.tolist()) == list(range(len(notes)))
        written = np.stack([phrase.pitch, phrase.technique, phrase.voice], axis=1)
        found = np.stack([again.pitch, again.technique, again.voice], axis=1)
        assert abs(len(found) - len(written)) <= 2, "but for strokes in unison"
        pitches = [np.bincount(rows[rows[:, 1] != Technique.PLAIN, 0], minlength=128) for rows in (written, found)]
        assert abs(pitches[0] - pitches[1]).sum() <= 2


@settings(max_examples=50)
@given(phrases(max_notes=16), st.data())
def test_each_stroke_is_in_one_note_and_only_in_time_and_way(phrase: Phrase, data: st.DataObject) -> None:
    """Fails: a stroke is lost, or two that lie bars apart are called one flick."""
    size = len(phrase)
    ways = [UNKNOWN, Technique.PLAIN, Technique.TREMOLO, Technique.FLICK, Technique.TRILL]
    technique = np.array(data.draw(st.lists(st.sampled_from(ways), min_size=size, max_size=size)), dtype=np.int64)
    begins = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    notes = gather(MidiReading(phrase), technique, begins)
    assert sorted(row for note in notes for row in note.tolist()) == list(range(size))
    for note in notes:
        assert len(set(technique[note].tolist())) == 1
        assert not begins[note[1:]].any()
        if technique[note[0]] in (UNKNOWN, Technique.PLAIN):
            assert len(note) == 1
        if technique[note[0]] == Technique.TREMOLO:
            assert len(set(phrase.pitch[note].tolist())) == 1
    again, place = gathered(phrase, notes, technique[[note[0] for note in notes]])
    assert len(again) == len(place) <= len(notes)


@pytest.mark.parametrize("technique", [Technique.TREMOLO, Technique.TRILL, Technique.FLICK])
def test_strokes_further_apart_than_what_is_struck_together_are_notes_of_their_own(technique: Technique) -> None:
    """Fails: two tremolos on one pitch, with a bar of silence between, become one that fills the bar."""
    for silence in (0.0, TOGETHER - 0.001, TOGETHER + 0.001, 2.0):
        ticks = np.array([0, 100, 200 + round(silence * 1000)])  # of a millisecond: 500 a quarter
        rows = rows_from_columns(ticks, np.full(3, 100), np.full(3, 69), 80)
        steps, deviation = quantise(rows, 500)
        reading = MidiReading(Phrase(steps, tempo=500_000, deviation=deviation))
        notes = gather(reading, np.full(3, technique), np.array([True, False, False]))
        assert [len(note) for note in notes] == ([3] if silence <= TOGETHER else [2, 1])


@pytest.mark.parametrize(
    ("technique", "lengths"),
    [(Technique.TREMOLO, [1, 1, 1, 1, 1, 1]), (Technique.TRILL, [4, 2]), (Technique.FLICK, [6])],
)
def test_a_tremolo_has_one_pitch_a_trill_two_a_flick_as_many_as_it_likes(
    technique: Technique, lengths: list[int]
) -> None:
    """Fails: a fast run up the scale is called a trill, and all its notes but the first are lost."""
    onset, pitch = np.arange(6) * 3, np.array([69, 72, 69, 72, 74, 72])
    reading = MidiReading(Phrase(rows_from_columns(onset, np.full(6, 3), pitch, 80), tempo=500_000))
    notes = gather(reading, np.full(6, technique), np.arange(6) == 0)
    assert [len(note) for note in notes] == lengths


def test_a_flick_is_the_note_it_leads_into_and_a_trill_its_first() -> None:
    """Fails: the tune's own note is gone, and the ornament stands in its place."""
    onset, length = np.array([24, 25, 26, 48, 50, 52, 96]), np.array([1, 1, 10, 2, 2, 8, 24])
    pitch = np.array([76, 74, 72, 69, 72, 69, 57])
    phrase = Phrase(rows_from_columns(onset, length, pitch, 80))
    technique = np.array([Technique.FLICK] * 3 + [Technique.TRILL] * 3 + [Technique.DRONE])
    begins = np.array([1, 0, 0, 1, 0, 0, 1], dtype=bool)
    reading = MidiReading(phrase)
    notes = gather(reading, technique, begins)
    assert [note.tolist() for note in notes] == [[0, 1, 2], [3, 4, 5], [6]]
    again, _ = gathered(phrase, notes, np.array([Technique.FLICK, Technique.TRILL, Technique.DRONE]))
    assert again.rows[:, :3].tolist() == [[26, 10, 72], [48, 12, 69], [96, 24, 57]]
    assert again.technique.tolist() == [Technique.FLICK, Technique.TRILL, Technique.DRONE]
    assert again.voice.tolist() == [Voice.MELODY, Voice.MELODY, Voice.ACCOMPANIMENT]
