"""Augmentation: what is moved can be moved back, labels move with the notes, nothing leaves the phin."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phin.music.augment import change_chan, named, random_transposition, transpose, transpositions
from phin.music.lai import LAI_ROOTS, NO_LAI, label_lai, pentatonic_set
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH, Phrase, rows_from_columns
from tests.strategies import melodies, phrases
from tests.tunes import CHROMATIC, MINOR_PENTATONIC_ON_A, wander


@given(phrases(), st.integers(-40, 40))
def test_transposing_there_and_back_changes_nothing(phrase: Phrase, semitones: int) -> None:
    """A tune tried in another key would come home with other notes, another rhythm or another metre."""
    assume(len(phrase) and 0 <= phrase.pitch.min() + semitones and phrase.pitch.max() + semitones <= 127)
    there = transpose(phrase, semitones)
    assert (there.pitch - phrase.pitch == semitones).all()
    assert replace(transpose(there, -semitones), lai=phrase.lai, tuning=phrase.tuning) == phrase


@pytest.mark.parametrize(
    ("lai", "semitones", "after"),
    [
        ("yai", 0, "yai"),
        ("yai", 12, "yai"),
        ("yai", -12, "yai"),
        ("yai", 5, None),
        ("none", 5, "none"),
        (None, 5, None),
    ],
)
def test_a_lai_keeps_its_name_only_through_whole_octaves(lai: str | None, semitones: int, after: str | None) -> None:
    """Lai yai a fourth higher is not lai yai: the ancestor moved the notes and kept the label."""
    assert transpose(replace(wander(0), lai=lai), semitones).lai == after


@pytest.mark.parametrize(
    ("semitones", "drone", "tuning"),
    [
        (0, (52, 57), "E-A-E"),
        (5, (57, 62), None),
        (-2, (50, 55), None),
        (12, (52, 57), "E-A-E"),
        (-24, (52, 57), "E-A-E"),
        (17, (57, 62), None),
        (-14, (50, 55), None),
    ],
)
def test_the_drone_moves_with_its_key_and_stays_on_the_low_strings(
    semitones: int, drone: tuple[int, ...], tuning: str | None
) -> None:
    """A tune in another key would be played over its old drone, and rub against it from the first note to the last."""
    moved = transpose(replace(wander(0), drone=(52, 57), tuning="E-A-E"), semitones)
    assert (moved.drone, moved.tuning) == (drone, tuning)


@given(st.integers(40, 90), st.integers(0, 40), st.none() | st.integers(0, 11))
def test_the_moves_of_a_tune_are_those_that_stay_on_the_phin(lowest: int, width: int, root: int | None) -> None:
    """Tunes would be trained on in keys that no phin has, or kept from half of those that it has."""
    highest = lowest + width
    fits = [move for move in range(-60, 61) if lowest + move >= 52 and highest + move <= 88]
    if root is not None:
        fits = [move for move in fits if (root + move) % 12 in (0, 5, 7)]  # C, F, G
    assert transpositions(lowest, highest, root).tolist() == fits


@given(melodies(), st.integers(0, 2**32))
def test_a_tune_with_a_set_lands_on_the_set_of_a_lai_and_takes_its_label_along(phrase: Phrase, seed: int) -> None:
    """The model would hear lai yai's notes under lai noi's name, and play the one when asked for the other."""
    found = label_lai(phrase)
    assume(found.root is not None)
    assume(len(transpositions(int(phrase.pitch.min()), int(phrase.pitch.max()), found.root)))
    moved, label = random_transposition(phrase, found, np.random.default_rng(seed))
    assert label.root in LAI_ROOTS
    assert set(moved.pitch % 12) <= pentatonic_set(label.root)
    assert label == label_lai(moved)
    assert moved.lai == (label.lai.name if label.lai else NO_LAI)


@given(st.integers(0, 2**32), st.booleans(), st.integers(2, 40))
def test_nothing_leaves_the_range_of_the_phin_and_only_pitch_changes(
    seed: int, pentatonic: bool, num_notes: int
) -> None:
    """The player would be asked for notes that no fret has."""
    phrase = wander(seed, num_notes, MINOR_PENTATONIC_ON_A if pentatonic else CHROMATIC)
    moved, _ = random_transposition(phrase, label_lai(phrase), np.random.default_rng(seed))
    assert moved.pitch.min() >= LOWEST_PITCH
    assert moved.pitch.max() <= HIGHEST_PITCH
    assert len(set(moved.pitch - phrase.pitch)) == 1
    assert np.delete(moved.rows, 2, axis=1).tolist() == np.delete(phrase.rows, 2, axis=1).tolist()
    assert replace(moved, rows=phrase.rows, lai=phrase.lai) == phrase


def test_every_admissible_key_is_drawn_about_equally_often() -> None:
    """Some keys would never be practised, and a tune asked for in one of them would come out poor."""
    phrase, rng = wander(1), np.random.default_rng(0)
    found = label_lai(phrase)
    assert found.root is None
    moves = Counter(int(random_transposition(phrase, found, rng)[0].pitch[0] - phrase.pitch[0]) for _ in range(1300))
    assert sorted(moves) == list(range(52 - int(phrase.pitch.min()), 88 - int(phrase.pitch.max()) + 1))
    assert len(moves) > 10
    assert min(moves.values()) > 0.6 * max(moves.values())


def test_a_tune_that_fits_nowhere_else_stays_where_it_is() -> None:
    """A tune over the whole range would crash training, or be pushed off the fretboard."""
    wide = Phrase(rows_from_columns(np.arange(4) * 12, np.full(4, 12), np.array([52, 57, 61, 88])))
    moved, found = random_transposition(wide, label_lai(wide), np.random.default_rng(0))
    assert moved == replace(wide, lai=NO_LAI)
    assert found == label_lai(wide)


def test_the_same_numbers_draw_the_same_key() -> None:
    """A run could not be repeated, and nobody could say what the model has heard."""
    phrase = wander(2)
    one, other = (random_transposition(phrase, label_lai(phrase), np.random.default_rng(7))[0] for _ in range(2))
    assert one == other


@given(phrases())
def test_doubled_note_values_are_halved_back(phrase: Phrase) -> None:
    """Going from one chan to the next and back would lose notes or their lengths."""
    doubled = change_chan(phrase, 2)
    assert doubled is not None
    assert (doubled.onset == 2 * phrase.onset).all()
    assert (doubled.duration == 2 * phrase.duration).all()
    assert change_chan(doubled, 1, 2) == replace(phrase, deviation=None)


def test_note_values_that_cannot_be_halved_on_the_grid_are_left_alone() -> None:
    """The quickest notes of a tune would be rounded, and its rhythm would stumble."""
    odd = Phrase(rows_from_columns(np.array([0, 12]), np.array([12, 9]), np.array([60, 62])))
    assert change_chan(odd, 1, 2) is None
    late = Phrase(rows_from_columns(np.array([0, 9]), np.array([6, 6]), np.array([60, 62])))
    assert change_chan(late, 1, 2) is None


def test_a_tune_is_named_by_what_was_recognised_in_it() -> None:
    """The condition that the model reads and the label that it is scored on would contradict each other."""
    yai = Phrase(rows_from_columns(np.arange(5) * 12, np.full(5, 12), np.array([60, 62, 64, 67, 69])))
    assert named(yai, label_lai(yai)).lai == "yai"
    assert named(replace(yai, lai="noi"), label_lai(wander(1))).lai == NO_LAI
