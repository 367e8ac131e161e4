"""The nearest playable phrase: always playable, never further from the tune than need be, and every change said."""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.music.augment import named, transpose
from phin.music.fingering import Unplayable, finger
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT, TUNINGS, Tuning
from phin.music.grid import quantise, to_ticks
from phin.music.lai import label_lai
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.phrase import (
    ASSUMED_TEMPO,
    DURATION,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    ONSET,
    PITCH,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    rows_from_columns,
)
from tests.strategies import melodies, phrases
from tests.tunes import MINOR_PENTATONIC_ON_A, of_notes, wander, with_drone

MELODY, ACCOMPANIMENT = Voice
FEWER = settings(max_examples=40)
"""Enough here: each example is fitted several times, under checks of every array's shape."""
TUNING = st.sampled_from([DEFAULT, *TUNINGS, Tuning.parse("C#-F#-C#"), Tuning.parse("G-F-E-D")])


def eighths(*pitches: int, **facts: object) -> Phrase:
    return of_notes(*((12 * place, 12, pitch) for place, pitch in enumerate(pitches)), **facts)


def can_be_played(phrase: Phrase, tuning: Tuning) -> bool:
    try:
        finger(phrase, tuning)
    except Unplayable:
        return False
    return all(LOWEST_PITCH <= pitch <= HIGHEST_PITCH for pitch in phrase.pitch.tolist())


@FEWER
@given(phrases() | melodies(), TUNING)
def test_whatever_is_fitted_can_be_played_and_stays_as_it_is(phrase: Phrase, tuning: Tuning) -> None:
    """A tune would be handed to a player as fit for the phin, and not be; or change each time it is opened."""
    fitted, changes = fit(phrase, tuning)
    assert can_be_played(fitted, tuning)
    assert fit(fitted, tuning) == (fitted, ())
    assert (changes == ()) == (fitted == phrase)
    of_its_key = {name: getattr(phrase, name) for name in ("lai", "tuning", "drone")}
    assert replace(fitted, rows=phrase.rows, deviation=phrase.deviation, **of_its_key) == phrase


@FEWER
@given(phrases(max_notes=6) | melodies(), TUNING)
def test_what_can_be_played_is_left_alone(phrase: Phrase, tuning: Tuning) -> None:
    """A player's own tune would come back altered."""
    fitted, changes = fit(phrase, tuning)
    if can_be_played(phrase, tuning):
        assert fitted == phrase
        assert changes == ()
    else:
        assert changes != ()
        assert all(changes)
        assert not any("\n" in change for change in changes)


@FEWER
@given(phrases(), TUNING)
def test_no_melody_note_is_lost_and_no_stroke_moves_in_time(phrase: Phrase, tuning: Tuning) -> None:
    """The tune would have holes, or stumble: only what goes with it may be left out."""
    fitted, _ = fit(phrase, tuning)
    assert set(fitted.melody.onset.tolist()) == set(phrase.melody.onset.tolist())
    assert set(fitted.onset.tolist()) == set(phrase.onset.tolist())
    assert len(fitted) <= len(phrase)
    for onset in set(phrase.onset.tolist()):
        one, other = phrase.rows[phrase.onset == onset], fitted.rows[fitted.onset == onset]
        assert other[:, DURATION].max() <= one[:, DURATION].max()
        assert set(map(tuple, other[:, 3:].tolist())) <= set(map(tuple, one[:, 3:].tolist()))
        *_, melody_note = [*one[one[:, 5] == MELODY].tolist(), None]
        assert melody_note is None or melody_note[3:] in other[:, 3:].tolist()


@FEWER
@given(melodies(), TUNING)
def test_a_melody_keeps_every_note_and_its_length(melody: Phrase, tuning: Tuning) -> None:
    """One note at a time can always be played: nothing but pitch would have to give."""
    fitted, _ = fit(melody, tuning)
    assert np.delete(fitted.rows, PITCH, axis=1).tolist() == np.delete(melody.rows, PITCH, axis=1).tolist()


@FEWER
@given(phrases() | melodies(), TUNING)
def test_a_true_label_stays_true_and_an_unsaid_one_unsaid(phrase: Phrase, tuning: Tuning) -> None:
    """The book would print lai yai over a tune that has become lai se."""
    true = named(phrase, label_lai(phrase))
    fitted = fit(true, tuning).phrase
    assert fitted == named(fitted, label_lai(fitted))
    assert fit(replace(phrase, lai=None), tuning).phrase == replace(fitted, lai=None)


@FEWER
@given(phrases(), TUNING)
def test_a_performance_keeps_its_timing(phrase: Phrase, tuning: Tuning) -> None:
    """The player's swing would be lost with the first note that has to move, or notes be struck while they sound."""
    fitted, changes = fit(phrase, tuning)
    if phrase.deviation is None or any(change.startswith("its deviation") for change in changes):
        assert fitted.deviation is None
        return
    deviation = fitted.deviation
    assert deviation is not None
    assert deviation.ticks_per_quarter == phrase.deviation.ticks_per_quarter
    for column, off in ((ONSET, deviation.onset), (DURATION, deviation.duration)):
        assert not ((fitted.rows[:, column].astype(np.int64) * deviation.ticks_per_quarter + off) % 24).any()
    ticks, _ = to_ticks(fitted)
    before, _ = to_ticks(phrase)
    assert set(map(tuple, ticks[:, [0, 3, 4, 5]].tolist())) <= set(map(tuple, before[:, [0, 3, 4, 5]].tolist()))
    assert (ticks[:, DURATION] >= 1).all()


@FEWER
@given(phrases())
def test_a_fitted_phrase_is_written_and_read_back_whole(phrase: Phrase) -> None:
    """What was made playable could not be kept."""
    fitted = fit(phrase).phrase
    assert read_midi_bytes(midi_bytes(fitted), "a tune", min_notes=0).phrase == fitted


@pytest.mark.parametrize(
    ("off", "back", "said"),
    [(-24, 24, "24 semitones up"), (-12, 12, "12 semitones up"), (24, -12, "12 semitones down")],
)
def test_a_tune_in_another_octave_moves_as_a_whole_and_keeps_its_name(off: int, back: int, said: str) -> None:
    """A tune sung by a man would be bent note by note, or lose the name of its lai."""
    tune = transpose(eighths(57, 60, 62, 64, 67, 69, 72, 69, lai="yai"), off)
    assert fit(tune) == (transpose(tune, back), (f"every note moves {said}",))
    assert fit(tune).phrase.lai == "yai"


def test_a_name_that_a_person_gave_stays_while_nothing_that_tells_a_lai_changes() -> None:
    """A player who hears lai yai in a tune that ends on G would be corrected for moving it by an octave."""
    tune = eighths(45, 48, 50, 52, 55, lai="yai")
    assert label_lai(tune).lai.name == "sutsanaen"
    assert fit(tune).phrase == transpose(tune, 12)


def test_the_octave_is_the_nearest_that_can_be_played() -> None:
    """A melody would jump two octaves where one is enough."""
    low = eighths(50, 53, 55, 57)
    assert fit(low).phrase == transpose(low, 12)


def test_of_octaves_as_good_for_its_set_the_one_is_taken_where_its_passing_notes_have_frets_too() -> None:
    """A passing F sharp would become another note, although an octave lower the phin has it."""
    high = eighths(*[84, 86, 88, 91, 93] * 5, 90, 84)
    assert label_lai(high).root == 0
    assert fit(high) == (transpose(high, -24), ("every note moves 24 semitones down",))


def test_a_tune_whose_pitches_lie_on_frets_stays_where_it_is() -> None:
    """For one drone that rings too long the whole tune would jump an octave."""
    tune = of_notes((0, 96, 52, ACCOMPANIMENT), (12, 12, 55))
    assert can_be_played(transpose(tune, 12), DEFAULT)
    assert fit(tune).phrase.pitch.tolist() == tune.pitch.tolist()


@pytest.mark.parametrize(
    ("root", "semitones", "lai"),
    [
        *((0, 0, "yai"), (1, -1, "yai"), (2, -2, "yai"), (3, 2, "noi"), (4, 1, "noi"), (5, 0, "noi"), (6, 1, "se")),
        *((7, 0, "se"), (8, -1, "se"), (9, -2, "se"), (11, 1, "yai")),
    ],
)
def test_a_tune_with_a_set_moves_as_a_whole_to_the_set_of_a_lai(root: int, semitones: int, lai: str) -> None:
    """Its scale would be bent to the frets note by note, and it would be another tune in no lai."""
    tune = eighths(*(60 + root + degree for degree in (0, 2, 4, 7, 9, 12, 14, 16, 14, 12, 9)), lai="none")
    fitted, changes = fit(tune)
    if semitones == 0:
        assert (fitted, changes) == (tune, ())
        return
    assert fitted == replace(transpose(tune, semitones), lai=lai)
    direction = "up" if semitones > 0 else "down"
    assert changes == (
        f"every note moves {abs(semitones)} semitones {direction}",
        f"its lai is now {lai}, no longer none",
    )


def test_an_octave_is_tried_before_another_key() -> None:
    """The drone would have to be retuned although the tune lies under the hand an octave lower."""
    tune = eighths(70, 72, 74, 77, 79, 82, 79)  # B flat's set: A#4 and A#3 are on frets, A#5 is not
    assert fit(tune) == (transpose(tune, -12), ("every note moves 12 semitones down",))


def test_a_passing_note_does_not_take_a_tune_to_another_lai() -> None:
    """For one foreign note lai yai would be played as lai se, and the drone be wrong all along."""
    tune = eighths(*[57, 60, 62, 64, 67, 69] * 4, 61, 57, lai="yai")
    fitted, changes = fit(tune)
    assert fitted.lai == "yai"
    assert changes == ("note 25 (hong 13, slot 4): C#4 is on no fret of E-A-E, C4 stands for it",)
    assert np.flatnonzero(fitted.pitch != tune.pitch).tolist() == [24]


def test_a_tune_without_a_set_moves_to_where_most_of_it_lies_on_frets() -> None:
    """A folk tune in D would lose each C sharp and G sharp, though a tone lower it has them all."""
    tune = eighths(62, 64, 66, 67, 69, 71, 73, 74, 73, 71, 69, 67, 66, 64, 62)
    assert label_lai(tune).root is None
    assert fit(tune) == (transpose(tune, -2), ("every note moves 2 semitones down",))


def test_a_name_goes_with_the_key_that_it_belongs_to() -> None:
    """A tune moved by a tone would still be called lai yai, although nothing in its notes says so any more."""
    tune = eighths(62, 64, 66, 67, 69, 71, 73, 74, 73, 71, 69, 67, 66, 64, 62, lai="yai")
    fitted, changes = fit(tune)
    assert fitted.lai == "none"
    assert changes == ("every note moves 2 semitones down", "its lai is now none, no longer yai")


def test_a_pitch_between_the_frets_becomes_the_same_note_wherever_it_stands() -> None:
    """A motif would be said twice and be two motifs."""
    rows = [*range(57, 69), *range(67, 56, -1)] * 2
    fitted, changes = fit(eighths(*rows))
    moved = transpose(eighths(*rows), int(fitted.pitch[0]) - 57)
    for pitch in set(moved.pitch.tolist()):
        assert len(set(fitted.pitch[moved.pitch == pitch].tolist())) == 1
    assert all(" more: " in change for change in changes[1:])


def test_a_note_keeps_its_letter_in_another_octave_where_the_melody_rises_and_falls_as_before() -> None:
    """A high F sharp after a leap would become F, although there is an F sharp to leap to."""
    wide = eighths(52, 78, 53, 88, lai="none")  # spans the whole neck, so that it cannot move
    fitted, changes = fit(wide)
    assert fitted.pitch.tolist() == [52, 66, 53, 88]
    assert changes == ("note 2 (hong 2, slot 2): F#5 is on no fret of E-A-E, F#4 stands for it",)
    stepwise = eighths(52, 77, 78, 79, 53, 88)
    assert fit(stepwise).phrase.pitch.tolist() == [52, 77, 77, 79, 53, 88]


@pytest.mark.parametrize(("scale", "instead"), [((60, 62, 64, 67, 69), 60), ((62, 64, 67, 69, 71), 62)])
def test_of_two_pitches_as_near_the_one_in_the_set_is_taken(scale: tuple[int, ...], instead: int) -> None:
    """A slip of the pen would be mended into a sour note (sieng som, เสียงส้ม): C in lai se, which has none."""
    tune = eighths(*scale * 8, 61, scale[-1])
    assert fit(tune).phrase.pitch[-2] == instead


def test_a_string_that_rings_stops_where_the_melody_needs_it() -> None:
    """The drone would forbid the low notes of the melody, or the melody note be dropped for the drone."""
    tune = of_notes((0, 96, 52, ACCOMPANIMENT), (12, 12, 64), (24, 12, 55), (36, 12, 57))
    fitted, changes = fit(tune)
    assert fitted.duration.tolist() == [24, 12, 12, 12]
    assert np.delete(fitted.rows, DURATION, axis=1).tolist() == np.delete(tune.rows, DURATION, axis=1).tolist()
    assert changes == ("note 1 (hong 1, slot 4) stops where note 3 is struck on string 3",)


def test_a_finger_that_is_needed_elsewhere_lets_go() -> None:
    """A stopped note would go on sounding after the hand has left for the other end of the neck."""
    tune = of_notes((0, 96, 53), (24, 12, 86))
    fitted, changes = fit(tune)
    assert fitted.duration.tolist() == [24, 12]
    assert changes == ("note 1 (hong 1, slot 4) stops where note 2 is struck and its finger is needed",)


def test_what_is_cut_short_is_what_is_easier_to_let_go_at_the_tune_s_tempo() -> None:
    """A quick player would be sent along the neck for a note that the string beside it has."""
    tune = of_notes((0, 48, 59), (12, 48, 62), (24, 24, 65))
    slow, fast = (fit(replace(tune, tempo=tempo)).changes for tempo in (2_000_000, 300_000))
    assert slow == ("note 1 (hong 1, slot 4) stops where note 3 is struck and its finger is needed",)
    assert fast == ("note 2 (hong 2, slot 2) stops where note 3 is struck on string 2",)
    assert fit(tune).changes == fit(replace(tune, tempo=ASSUMED_TEMPO)).changes == fast


def test_an_accompanying_note_is_silenced_before_a_melody_note() -> None:
    """The tune would be cut off so that its drone may ring."""
    tune = of_notes((0, 96, 57, ACCOMPANIMENT), (0, 96, 64), (24, 12, 52), (24, 12, 67))
    fitted, _ = fit(tune)
    assert fitted.duration[fitted.pitch == 64].tolist() == [96]
    assert fitted.duration[fitted.pitch == 57].tolist() == [24]


def test_a_chord_too_full_for_the_strings_loses_accompaniment_and_keeps_its_melody_note() -> None:
    """A strum from a piano would drown the tune, or be refused whole."""
    chord = of_notes(
        (0, 12, 52, ACCOMPANIMENT), (0, 12, 57, ACCOMPANIMENT), (0, 12, 60, ACCOMPANIMENT), (0, 12, 64), (12, 12, 88)
    )
    fitted, changes = fit(chord)
    assert fitted.pitch.tolist() == [52, 57, 64, 88]
    assert changes == ("note 3 (hong 1, slot 4) is dropped: the hand cannot take it together with notes 1, 2 and 4",)


def test_of_a_chord_in_the_melody_that_no_hand_can_take_the_highest_note_stays() -> None:
    """The tune's own note would be dropped, and the note under it be heard in its place."""
    fitted, changes = fit(of_notes((0, 6, 53), (0, 6, 81), (12, 6, 57)))
    assert fitted.pitch.tolist() == [81, 57]
    assert changes == ("note 1 (hong 1, slot 4) is dropped: the hand cannot take it together with note 2",)


def test_a_melody_note_that_comes_to_meet_its_accompaniment_stays_melody() -> None:
    """The tune would have a hole in it wherever a chord above it was moved onto its note."""
    tune = of_notes((0, 12, 52), (12, 12, 60), (12, 12, 61, ACCOMPANIMENT), (24, 12, 88))  # too wide to move
    fitted, changes = fit(tune)
    assert fitted.pitch.tolist() == [52, 60, 88]
    assert fitted.is_melody.all()
    assert changes[-1] == "note 3 (hong 2, slot 2) is dropped: it has come to be the same as note 2"


def test_strokes_that_come_to_meet_are_one() -> None:
    """Two strings would be struck for one note, or one string twice at once."""
    chord = of_notes((0, 12, 52), (12, 12, 76), (24, 12, 77, ACCOMPANIMENT), (24, 12, 78), (36, 12, 79), (48, 12, 88))
    fitted, changes = fit(chord)
    assert fitted.pitch.tolist() == [52, 76, 77, 79, 88]
    assert fitted.is_melody.all()
    assert changes[1:] == ("note 3 (hong 2, slot 4) is dropped: it has come to be the same as note 4",)


def test_a_silenced_note_is_performed_until_the_stroke_that_silences_it() -> None:
    """A drone would be damped on the beat, a moment before the late melody note that needs its string."""
    rows = rows_from_columns(np.array([3, 25]), np.array([96, 12]), np.array([52, 55]), voice=np.array([1, 0]))
    steps, deviation = quantise(rows, 26)
    performance = Phrase(steps, deviation=deviation)
    fitted, _ = fit(performance)
    ticks, _ = to_ticks(fitted)
    assert ticks[:, [ONSET, DURATION, PITCH]].tolist() == [[3, 22, 52], [25, 12, 55]]


def test_a_dropped_note_takes_its_deviation_along() -> None:
    """Every later note would be played with the swing of its neighbour."""
    rows = rows_from_columns(np.array([1, 2, 3, 25]), np.full(4, 20), np.array([52, 60, 57, 64]), voice=1)
    steps, deviation = quantise(rows * np.array([10, 10, 1, 1, 1, 1]), 2400)
    fitted, changes = fit(Phrase(steps, deviation=deviation))
    assert len(changes) == 1
    ticks, _ = to_ticks(fitted)
    assert ticks[:, [ONSET, DURATION, PITCH]].tolist() == [[10, 200, 52], [30, 200, 57], [250, 200, 64]]


def test_a_late_release_on_a_pitch_that_is_struck_again_ends_with_the_stroke() -> None:
    """For a breath of legato between notes that have become one pitch, the whole performance would lose its swing."""
    rows = rows_from_columns(
        np.array([0, 120, 240, 361]), np.array([120, 124, 120, 120]), np.array([52, 60, 61, 88]), voice=0
    )
    steps, deviation = quantise(rows, 240)
    fitted, _ = fit(Phrase(steps, deviation=deviation))
    ticks, _ = to_ticks(fitted)
    assert ticks[:, [ONSET, DURATION, PITCH]].tolist() == [[0, 120, 52], [120, 120, 60], [240, 120, 60], [361, 120, 88]]


def test_a_performance_that_cannot_be_kept_is_let_go_and_that_is_said() -> None:
    """A stroke would begin before the one ahead of it on its string: no file could hold that."""
    onset, pitch = np.array([0, 900, 901, 903, 3000]), np.array([52, 60, 60, 61, 88])
    steps, deviation = quantise(rows_from_columns(onset, np.array([900, 1, 900, 900, 900]), pitch), 960)
    assert steps[:, ONSET].tolist() == [0, 23, 23, 24, 75]  # the second stroke on C4 moved to the next free step
    fitted, changes = fit(Phrase(steps, deviation=deviation))
    assert fitted.deviation is None
    assert changes[-1] == "its deviation from the grid is gone: as performed, two strokes on one pitch overlap"


def test_drones_out_of_range_come_home_by_octaves() -> None:
    """A bass drone would pull the melody off the neck, or be dropped though the phin has its note."""
    tune = with_drone(wander(0, 32, MINOR_PENTATONIC_ON_A), pitch=33)
    fitted, changes = fit(tune)
    assert set(fitted.pitch[~fitted.is_melody].tolist()) == {57}
    assert fitted.melody.pitch.tolist() == tune.melody.pitch.tolist()
    assert changes[0] == "note 1 (hong 2, slot 4) and 7 more: A1 is outside E3 to E6, A3 stands for it"


def test_a_phrase_without_notes_is_playable() -> None:
    """An empty tune would stop a whole book."""
    nothing = Phrase(np.zeros((0, 6), dtype=np.int32))
    assert fit(nothing) == (nothing, ())


def test_a_thousand_notes_that_all_ring_are_fitted_while_one_waits() -> None:
    """A recording with the pedal down would keep the player waiting; unhurried, this takes a fifth of a second."""
    pitch = np.random.default_rng(0).integers(40, 100, 1000)
    rows = let_restruck_strings_stop(rows_from_columns(np.arange(1000) // 2 * 6, np.full(1000, 60), np.sort(pitch)))
    start = perf_counter()
    fitted, _ = fit(Phrase(rows))
    assert perf_counter() - start < 5
    assert can_be_played(fitted, DEFAULT)
