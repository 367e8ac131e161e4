"""Measures: naive references, no gain from length, and no degenerate tune wins."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from phin.music.fingering import Unplayable, finger
from phin.music.fretboard import DEFAULT, FRETS, Tuning
from phin.music.lai import LAI, lai_named, pentatonic_set
from phin.music.measures import (
    MEASURES,
    diversity,
    fret_share,
    hand,
    interval_entropy,
    lai_adherence,
    longest_run,
    measures,
    on_the_beat,
    pattern_agreement,
    pattern_slots,
    pentatonic_adherence,
    pentatonic_share,
    pitch_class_entropy,
    rhythm_consistency,
    slot_profile,
    techniques,
)
from phin.music.phrase import STEPS_PER_HONG, TECHNIQUE, Inferred, Metre, Phrase, rows_from_columns
from phin.music.technique import Technique
from tests.strategies import melodies, phrases
from tests.tunes import CHROMATIC, MINOR_PENTATONIC_ON_A, wander, with_drone

FREE_OF_LENGTH = (
    *("pentatonic_share", "pentatonic_adherence", "diversity", "rhythm_consistency", "hong_consistency"),
    *("pitch_class_entropy", "interval_entropy", "on_the_beat", "on_frets", "hand_travel"),
)
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
    assert pentatonic_share(phrase) == pytest.approx(best if sounding else np.nan, nan_ok=True)


def naive_chance(phrase: Phrase, times: int = 800) -> float:
    """What the same weights score when pitch classes are relabelled at random."""
    rng, scores = random.Random(3), []
    for _ in range(times):
        label = rng.sample(range(12), 12)
        pitch = [60 + label[pitch % 12] for pitch in phrase.melody.pitch.tolist()]
        onset = np.cumsum(phrase.melody.duration) - phrase.melody.duration
        scores.append(pentatonic_share(Phrase(rows_from_columns(onset, phrase.melody.duration, np.array(pitch)))))
    return float(np.mean(scores))


@pytest.mark.long
@pytest.mark.parametrize("phrase", [PENTATONIC_TUNE, CHROMATIC_TUNE, TWO_NOTES, line([57, 59, 60, 62, 64, 65, 68])])
def test_adherence_is_share_above_chance_by_the_most_there_can_be(phrase: Phrase) -> None:
    """Fails: adherence without its chance level means nothing: plucking any fret scores 68 percent."""
    chance = naive_chance(phrase)
    most = 1 - naive_chance(line([0, 2, 4, 7, 9]))
    assert pentatonic_adherence(phrase) == pytest.approx((pentatonic_share(phrase) - chance) / most, abs=0.05)


@given(melodies())
def test_the_longest_run_is_counted_note_by_note(phrase: Phrase) -> None:
    """Fails: a tune that stays on one note for two lines is taken for one that moves."""
    pitches, most = phrase.melody.pitch.tolist(), 0
    for first in range(len(pitches)):
        count = 0
        while first + count < len(pitches) and pitches[first + count] == pitches[first]:
            count += 1
        most = max(most, count)
    assert longest_run(phrase) == most
    assert longest_run(line([60])) == 1
    assert longest_run(line([60, 62, 62, 62, 60])) == 3


@given(melodies())
def test_diversity_is_the_mean_share_of_distinct_pairs_in_windows_of_sixteen(phrase: Phrase) -> None:
    """Fails: a tune is called poor or rich for another reason than its notes."""
    pairs = [(int(later[2]) - int(row[2]), int(later[1])) for row, later in itertools.pairwise(phrase.melody.rows)]
    width = min(16, len(pairs))
    windows = [pairs[start : start + width] for start in range(len(pairs) - width + 1)]
    expected = sum(len(set(window)) / width for window in windows) / len(windows)
    assert diversity(phrase) == pytest.approx(expected)


def bits(values: list[int]) -> float:
    """Of the distribution of what is in a list."""
    shares = [values.count(value) / len(values) for value in set(values)]
    return -sum(share * float(np.log2(share)) for share in shares)


@given(melodies())
def test_entropies_are_those_of_windows_of_thirty_two(phrase: Phrase) -> None:
    """Fails: a long tune has more pitches than a short one, and so is called richer."""
    pitch = phrase.melody.pitch.tolist()
    for values, measured in (
        ([each % 12 for each in pitch], pitch_class_entropy(phrase)),
        ([max(-24, min(24, b - a)) for a, b in itertools.pairwise(pitch)], interval_entropy(phrase)),
    ):
        width = min(32, len(values))
        windows = [values[start : start + width] for start in range(len(values) - width + 1)] if values else []
        expected = float(np.mean([bits(window) for window in windows])) if windows else np.nan
        assert measured == pytest.approx(expected, nan_ok=True)


def test_entropies_know_a_long_tune_window_by_window() -> None:
    """Fails: only tunes of up to a window are counted."""
    pitch = [57] * 40 + [57, 60] * 40
    windows = [bits([each % 12 for each in pitch[start : start + 32]]) for start in range(len(pitch) - 31)]
    assert pitch_class_entropy(line(pitch)) == pytest.approx(np.mean(windows))


@given(melodies())
def test_slots_are_counted_from_the_stroke_after_the_beat(phrase: Phrase) -> None:
    """Fails: the strong stroke is called the first of its hong, not the last."""
    slots = [((onset - 6) // 6) % 4 for onset in phrase.melody.onset.tolist()]
    assert slot_profile(phrase).tolist() == [slots.count(slot) / len(slots) for slot in range(4)]
    assert on_the_beat(phrase) == slots.count(3) / len(slots)


def test_lai_adherence_is_the_share_in_the_lai_above_blind_plucking() -> None:
    """Fails: blind plucking adheres to lai yai at 69 percent, and is called a player."""
    yai = lai_named("yai")
    assert yai is not None
    places = [(opened + fret) % 12 for opened in DEFAULT.open_pitches for fret in FRETS]
    chance = sum(place in yai.pitch_classes for place in places) / len(places)
    assert fret_share(yai, DEFAULT) == chance == 33 / 48
    half = line([57, 58] * 20)
    assert lai_adherence(half, yai) == pytest.approx((0.5 - chance) / (1 - chance))
    assert lai_adherence(line([57, 60, 62, 64, 67]), yai) == 1
    assert lai_adherence(replace(half, tuning="E-B"), yai) != lai_adherence(half, yai)
    assert fret_share(yai, Tuning.parse("E-B")) != chance
    blind = Phrase(rows_from_columns(np.arange(4800) * 6, np.full(4800, 6), np.array(blind_pitches(4800))))
    assert abs(lai_adherence(blind, yai)) < 0.06


def blind_pitches(count: int) -> list[int]:
    """Any fret of any string of E-A-E."""
    rng = random.Random(1)
    return [rng.choice(DEFAULT.open_pitches) + rng.choice(FRETS) for _ in range(count)]


def test_a_pattern_is_kept_or_not() -> None:
    """Fails: how far a tune keeps a given rhythm is another number."""
    eighths = line([57, 60] * 16)
    eighths = replace(eighths, rows=eighths.rows - [12, 0, 0, 0, 0, 0])  # from slot 2 on: slots 2 and 4 of each hong
    assert pattern_agreement(eighths, "-x-x") == 1
    assert pattern_agreement(eighths, "x-x-") < 0
    assert pattern_agreement(EVERY_SLOT, "xxxx") == 0, "it could not be otherwise"
    random_slots = np.flatnonzero(np.random.default_rng(3).random(4000) < 0.5) * 6
    chance = Phrase(rows_from_columns(random_slots, np.full(len(random_slots), 6), np.full(len(random_slots), 57)))
    assert abs(pattern_agreement(chance, "-x-x")) < 0.06
    assert pattern_slots("-x-x") == {1, 3}
    for wrong in ("", "----", "-x-", "-y-x", "-x-x-"):
        with pytest.raises(ValueError, match="no rhythm of four slots"):
            pattern_slots(wrong)


def test_a_hand_plays_what_lies_under_it_and_says_what_does_not() -> None:
    """Fails: a tune that no phin has is called playable."""
    low = hand(line([57, 60, 62, 60]))
    assert (low.on_frets, low.playable) == (1, 1)
    sharp = hand(line([57, 61, 73, 60]))  # no C# on this neck
    assert (sharp.on_frets, sharp.playable) == (0.5, 0)
    assert np.isnan(sharp.travel)
    assert hand(line([53] * 5)).travel == 0, "it lies still"
    far = hand(line([53, 88] * 4))
    assert far.playable == 1
    assert far.travel > low.travel
    assert np.isnan(hand(line([57])).travel)


@given(melodies())
def test_travel_is_the_mean_shift_of_the_hand_from_note_to_note(phrase: Phrase) -> None:
    """Fails: a hand that lies still is said to run, or to run in other units than frets."""
    melody = phrase.melody
    try:
        places = finger(melody, DEFAULT).hand.tolist()
    except Unplayable:
        places = []
    shifts = [abs(after - before) for before, after in itertools.pairwise(places)]
    assert hand(phrase).travel == pytest.approx(sum(shifts) / len(shifts) if shifts else np.nan, nan_ok=True)


def test_techniques_are_counted_where_somebody_said_them() -> None:
    """Fails: a tune whose techniques nobody wrote is called plain."""
    assert np.isnan(techniques(PENTATONIC_TUNE))
    rows = PENTATONIC_TUNE.rows.copy()
    rows[:4, TECHNIQUE] = [Technique.PLAIN, Technique.SLIDE, Technique.PLAIN, Technique.PLAIN]
    assert techniques(replace(PENTATONIC_TUNE, rows=rows)) == 0.25


def test_consistency_of_hong_and_lines_is_that_of_their_length() -> None:
    """Fails: bars are compared where lines were asked for."""
    rhythm = [0, 12, 24, 30, 36, 42, 48, 72, 96, 108, 120, 144, 168, 180]  # one line, no two hong of it alike
    onset = np.array([step - 42 + 192 * each for each in range(6) for step in rhythm])
    tune = Phrase(rows_from_columns(onset, np.full(len(onset), 6), np.full(len(onset), 57)), metre=Metre(2, 4))
    assert rhythm_consistency(tune, 8 * STEPS_PER_HONG) == pytest.approx(1)
    assert rhythm_consistency(tune, STEPS_PER_HONG) < 0.6


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
            thrown = [set(slots) for slots in itertools.combinations(range(8), len(there))]
            chances.append(np.mean([len(here & slots) / len(here | slots) for slots in thrown]))
    if not overlaps:
        assert np.isnan(rhythm_consistency(phrase))
    elif np.mean(chances) > 1 - 1e-9:
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


@pytest.mark.parametrize("degenerate", [ONE_NOTE, TWO_NOTES], ids=["one note", "two notes"])
def test_tunes_of_one_or_two_notes_are_poor(degenerate: Phrase) -> None:
    """Fails: a loop has as many bits as a tune."""
    assert pitch_class_entropy(degenerate) <= 1
    assert interval_entropy(degenerate) <= 1
    assert pitch_class_entropy(PENTATONIC_TUNE) > 2


@pytest.mark.parametrize("name", FREE_OF_LENGTH)
def test_playing_a_tune_four_times_is_no_better_and_no_worse(name: str) -> None:
    """Fails: the ancestor's fault: diversity falls to nothing as a tune grows longer."""
    for phrase in (PENTATONIC_TUNE, CHROMATIC_TUNE, ONE_NOTE):
        expected = measures(phrase)[name]
        assert measures(repeated(phrase, 4))[name] == pytest.approx(expected, abs=0.08 * max(1, expected), nan_ok=True)


@pytest.mark.parametrize("shift", [-3, 1, 12])
def test_transposing_changes_no_measure_but_those_of_the_hand(shift: int) -> None:
    """Fails: tunes are better in C."""
    rows = PENTATONIC_TUNE.rows.copy()
    rows[:, 2] += shift
    moved, there = measures(replace(PENTATONIC_TUNE, rows=rows)), measures(PENTATONIC_TUNE)
    of_the_hand = {"on_frets", "playable", "hand_travel"}
    for name in there.keys() - of_the_hand:
        assert moved[name] == pytest.approx(there[name], abs=0.02, nan_ok=True), name


def test_a_drone_changes_no_measure() -> None:
    """Fails: a drone on the tonic makes any tune pentatonic."""
    there = measures(CHROMATIC_TUNE)
    assert measures(with_drone(CHROMATIC_TUNE)) == pytest.approx(there, nan_ok=True)


@given(phrases())
def test_every_phrase_has_every_measure(phrase: Phrase) -> None:
    """Fails: a strange tune stops the report of a thousand others."""
    values = measures(phrase)
    assert list(values) == [measure.name for measure in MEASURES]
    assert not any(np.isinf(value) for value in values.values())
    shares = {"pentatonic_share", "on_the_beat", "diversity", "returning_share", "on_frets", "playable"}
    assert all(np.isnan(values[name]) or 0 <= values[name] <= 1 for name in shares)
    assert measures(phrase) == pytest.approx(values, nan_ok=True), "the same every time"


def test_no_notes_measure_nothing() -> None:
    """Fails: an empty tune is the best tune."""
    assert all(np.isnan(value) for value in measures(EMPTY).values())


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_the_scale_of_every_lai_adheres_wholly(lai: object) -> None:
    """Fails: a lai is measured against a set that is not its own."""
    scale = [pitch for pitch in range(57, 82) if pitch % 12 in lai.pitch_classes]
    even = [pitch for octave in (scale[:5], scale[5:10]) for pitch in octave]
    assert pentatonic_share(line(even)) == 1
    assert pentatonic_adherence(line(even)) == pytest.approx(1, abs=0.03)
