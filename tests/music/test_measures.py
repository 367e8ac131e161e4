"""Measures: naive references, no gain from length, and no degenerate tune wins."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from phin.music.lai import LAI, pentatonic_set
from phin.music.measures import diversity, measures, pentatonic_adherence, pentatonic_share, rhythm_consistency
from phin.music.phrase import Inferred, Metre, Phrase, rows_from_columns
from tests.strategies import melodies, phrases
from tests.tunes import CHROMATIC, MINOR_PENTATONIC_ON_A, wander, with_drone

ALL_MEASURES = {"pentatonic_share", "pentatonic_adherence", "diversity", "rhythm_consistency"}
EMPTY = wander(0, num_notes=0)


def line(pitches: list[int], each: int = 12) -> Phrase:
    """One note after the other, all alike long."""
    onset = np.arange(len(pitches)) * each
    return Phrase(rows_from_columns(onset, np.full(len(pitches), each), np.array(pitches)), metre=Metre(2, 4))


ONE_NOTE = line([57] * 64)
TWO_NOTES = line([57, 60] * 32)
TRILL = line([57, 58] * 32)
EVERY_SLOT = line([57, 60, 62, 64, 67, 69, 67, 64] * 16, each=6)
PENTATONIC_TUNE = wander(5, 96, MINOR_PENTATONIC_ON_A)
CHROMATIC_TUNE = wander(6, 96, CHROMATIC)


def repeated(phrase: Phrase, times: int) -> Phrase:
    """The phrase over and over, each time on the next downbeat."""
    bar = phrase.metre.bar if phrase.metre else 48
    length = -(-int(phrase.end.max()) // bar) * bar
    rows = np.concatenate([phrase.rows + np.array([k * length, 0, 0, 0, 0, 0]) for k in range(times)])
    return replace(phrase, rows=rows)


# --- naive references


def test_lengths_that_nobody_wrote_change_no_share_of_a_set() -> None:
    """Fails: a tune in shorthand is praised or blamed for the rhythm that we gave it."""
    tune = CHROMATIC_TUNE
    shorthand = replace(tune, inferred=frozenset({Inferred.ONSET, Inferred.DURATION}))
    rows = tune.rows.copy()
    rows[::2, 1] = 1
    other = replace(shorthand, rows=rows)
    for measure in (pentatonic_share, pentatonic_adherence):
        assert measure(other) == measure(shorthand)
        assert measure(replace(other, inferred=frozenset())) != measure(tune)


@given(phrases())
def test_pentatonic_share_is_the_share_of_time_in_the_best_set(phrase: Phrase) -> None:
    """Fails: a tune in a lai is said to be in none."""
    phrase, best = replace(phrase, inferred=frozenset()), 0.0
    sounding = sum(int(duration) for duration in phrase.melody.duration)
    for root in range(12):
        inside = [int(row[1]) for row in phrase.melody.rows if row[2] % 12 in pentatonic_set(root)]
        best = max(best, sum(inside) / max(sounding, 1))
    assert pentatonic_share(phrase) == pytest.approx(best)


def naive_chance(phrase: Phrase, times: int = 800) -> float:
    """What the same weights score when pitch classes are relabelled at random."""
    rng, scores = random.Random(3), []
    for _ in range(times):
        label = rng.sample(range(12), 12)
        pitch = [60 + label[pitch % 12] for pitch in phrase.melody.pitch.tolist()]
        onset = np.cumsum(phrase.melody.duration) - phrase.melody.duration
        scores.append(pentatonic_share(Phrase(rows_from_columns(onset, phrase.melody.duration, np.array(pitch)))))
    return float(np.mean(scores))


@pytest.mark.parametrize("phrase", [PENTATONIC_TUNE, CHROMATIC_TUNE, TWO_NOTES, line([57, 59, 60, 62, 64, 65, 68])])
def test_adherence_is_share_above_chance_by_the_most_there_can_be(phrase: Phrase) -> None:
    """Fails: adherence without its chance level means nothing: plucking any fret scores 68 percent."""
    chance = naive_chance(phrase)
    most = 1 - naive_chance(line([0, 2, 4, 7, 9]))
    assert pentatonic_adherence(phrase) == pytest.approx((pentatonic_share(phrase) - chance) / most, abs=0.05)


@given(melodies())
def test_diversity_is_the_mean_share_of_distinct_pairs_in_windows_of_sixteen(phrase: Phrase) -> None:
    """Fails: a tune is called poor or rich for another reason than its notes."""
    pairs = [(int(later[2]) - int(row[2]), int(later[1])) for row, later in itertools.pairwise(phrase.melody.rows)]
    width = min(16, len(pairs))
    windows = [pairs[start : start + width] for start in range(len(pairs) - width + 1)]
    expected = sum(len(set(window)) / width for window in windows) / len(windows)
    assert diversity(phrase) == pytest.approx(expected)


@given(melodies())
def test_rhythm_consistency_is_the_overlap_of_neighbouring_bars_above_chance(phrase: Phrase) -> None:
    """Fails: a tune that keeps its rhythm is said to have none."""
    bars: dict[int, set[int]] = {}
    for onset in phrase.melody.onset.tolist():
        bars.setdefault(onset // 48, set()).add(onset % 48 // 6)
    overlaps, chances = [], []
    for bar, here in bars.items():
        if (there := bars.get(bar + 1)) is not None:
            overlaps.append(len(here & there) / len(here | there))
            both = len(here) * len(there) / 8
            chances.append(both / (len(here) + len(there) - both))
    if not overlaps or np.mean(chances) > 1 - 1e-9:
        assert rhythm_consistency(phrase) == 0
    else:
        chance = np.mean(chances)
        assert rhythm_consistency(phrase) == pytest.approx((np.mean(overlaps) - chance) / (1 - chance))


# --- degenerate tunes


@pytest.mark.parametrize("degenerate", [ONE_NOTE, TWO_NOTES, TRILL], ids=["one note", "two notes", "trill"])
def test_tunes_of_one_or_two_notes_do_not_win_adherence(degenerate: Phrase) -> None:
    """Fails: the ancestor's fault: repeat one note, and you are the best player of lai."""
    assert pentatonic_adherence(degenerate) < 0.5
    assert pentatonic_adherence(PENTATONIC_TUNE) > 0.9
    assert pentatonic_adherence(ONE_NOTE) == pytest.approx(0)


def test_one_wrong_note_in_a_hundred_does_not_lose_to_two_notes() -> None:
    """Fails: a lively tune with a passing note ranks below a drone."""
    lively = wander(5, 100, MINOR_PENTATONIC_ON_A)
    rows = lively.rows.copy()
    rows[50, 2] = 58
    assert pentatonic_adherence(replace(lively, rows=rows)) > pentatonic_adherence(TWO_NOTES)


@pytest.mark.parametrize("degenerate", [ONE_NOTE, TWO_NOTES, TRILL], ids=["one note", "two notes", "trill"])
def test_tunes_of_one_or_two_notes_are_not_diverse(degenerate: Phrase) -> None:
    """Fails: a loop is taken for music."""
    assert diversity(degenerate) <= 2 / 16
    assert diversity(PENTATONIC_TUNE) > 0.5


def test_a_tune_that_fills_every_slot_has_no_rhythm_to_keep() -> None:
    """Fails: a stream of sixteenths is the steadiest of all rhythms."""
    assert rhythm_consistency(EVERY_SLOT) == 0


def test_random_strokes_keep_no_rhythm_and_a_repeated_bar_keeps_one() -> None:
    """Fails: chance is taken for groove."""
    rng = np.random.default_rng(0)
    slots = np.flatnonzero(rng.random(8 * 400) < 0.5) * 6
    chance = Phrase(rows_from_columns(slots, np.full(len(slots), 6), np.full(len(slots), 57)), metre=Metre(2, 4))
    assert abs(rhythm_consistency(chance)) < 0.05
    bar = Phrase(rows_from_columns(np.array([0, 12, 18]), np.array([12, 6, 6]), np.array([57, 60, 57])))
    assert rhythm_consistency(repeated(replace(bar, metre=Metre(2, 4)), 8)) == pytest.approx(1)


def test_a_chromatic_tune_adheres_to_nothing() -> None:
    """Fails: any tune of many notes looks pentatonic."""
    assert pentatonic_adherence(CHROMATIC_TUNE) < 0.1


# --- what must not matter


@pytest.mark.parametrize("name", sorted(ALL_MEASURES))
def test_playing_a_tune_four_times_is_no_better_and_no_worse(name: str) -> None:
    """Fails: the ancestor's fault: diversity falls to nothing as a tune grows longer."""
    for phrase in (PENTATONIC_TUNE, CHROMATIC_TUNE, ONE_NOTE):
        assert measures(repeated(phrase, 4))[name] == pytest.approx(measures(phrase)[name], abs=0.08)


@pytest.mark.parametrize("shift", [-3, 1, 12])
def test_transposing_changes_no_measure(shift: int) -> None:
    """Fails: tunes are better in C."""
    rows = PENTATONIC_TUNE.rows.copy()
    rows[:, 2] += shift
    assert measures(replace(PENTATONIC_TUNE, rows=rows)) == pytest.approx(measures(PENTATONIC_TUNE), abs=0.02)


def test_a_drone_changes_no_measure() -> None:
    """Fails: a drone on the tonic makes any tune pentatonic."""
    assert measures(with_drone(CHROMATIC_TUNE)) == measures(CHROMATIC_TUNE)


@given(phrases())
def test_every_phrase_has_every_measure_and_none_is_above_one(phrase: Phrase) -> None:
    """Fails: a strange tune stops the report of a thousand others."""
    values = measures(phrase)
    assert values.keys() == ALL_MEASURES
    assert all(np.isfinite(value) and value <= 1 + 1e-9 for value in values.values())
    assert measures(phrase) == values, "the same every time"


def test_no_notes_measure_nothing() -> None:
    """Fails: an empty tune is the best tune."""
    assert set(measures(EMPTY).values()) == {0.0}


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_the_scale_of_every_lai_adheres_wholly(lai: object) -> None:
    """Fails: a lai is measured against a set that is not its own."""
    scale = [pitch for pitch in range(57, 82) if pitch % 12 in lai.pitch_classes]
    even = [pitch for octave in (scale[:5], scale[5:10]) for pitch in octave]
    assert pentatonic_share(line(even)) == 1
    assert pentatonic_adherence(line(even)) == pytest.approx(1, abs=0.03)
