"""The six lai, spelled out, and how a tune's lai is told by its notes and its final."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.music.augment import transpose
from phin.music.lai import (
    LAI,
    LAI_ROOTS,
    Family,
    Lai,
    LaiLabel,
    label_lai,
    lai_named,
    pentatonic_set,
    scale,
    set_shares,
)
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import Inferred, Phrase, Voice, rows_from_columns
from tests.tunes import sung, with_drone

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
DO, RE, MI, SOL, LA = 0, 2, 4, 7, 9


def spelled(pitch_classes: frozenset[int]) -> set[str]:
    return {NAMES[pitch_class] for pitch_class in pitch_classes}


def tune_on(root: int, *, final: int) -> Phrase:
    """All five notes of the set on `root`, ending on the given degree of it."""
    return sung(*(60 + root + degree for degree in (DO, RE, MI, SOL, LA, SOL, MI, RE, DO, final)))


@pytest.mark.parametrize(
    ("name", "thai", "family", "tonic", "notes"),
    [
        ("yai", "ลายใหญ่", "yao", "A", "A C D E G"),
        ("noi", "ลายน้อย", "yao", "D", "D F G A C"),
        ("se", "ลายเซ", "yao", "E", "E G A B D"),
        ("sutsanaen", "ลายสุดสะแนน", "san", "G", "G A C D E"),
        ("po sai", "ลายโป้ซ้าย", "san", "C", "C D F G A"),
        ("soi", "ลายสร้อย", "san", "D", "D E G A B"),
    ],
)
def test_each_lai_has_the_notes_and_tonic_that_players_know(
    name: str, thai: str, family: str, tonic: str, notes: str
) -> None:
    """The model would be taught another scale under this lai's name, as its ancestor was: A minor with E flat in it."""
    lai = next(lai for lai in LAI if lai.name == name)
    assert (lai.thai, lai.family, NAMES[lai.tonic]) == (thai, family, tonic)
    assert spelled(lai.pitch_classes) == set(notes.split())


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("yai", "| - ล - ดํ | - รํ - มํ | - ซํ - ลํ |"),
        ("noi", "| - ร - ฟ | - ซ - ล | - ดํ - รํ |"),
        ("se", "| - ม - ซ | - ล - ท | - รํ - มํ |"),
        ("sutsanaen", "| - ซ - ล | - ดํ - รํ | - มํ - ซํ |"),
        ("po sai", "| - ด - ร | - ฟ - ซ | - ล - ดํ |"),
        ("soi", "| - ร - ม | - ซ - ล | - ท - รํ |"),
    ],
)
def test_a_lai_s_scale_goes_from_tonic_to_tonic(name: str, letters: str) -> None:
    """Fails: who listens to a lai hears another, or its notes from the wrong home."""
    lai = lai_named(name)
    assert lai is not None
    tune = scale(lai)
    assert format_letters(tune).splitlines()[-1] == letters
    assert label_lai(tune).lai == lai
    assert tune.lai == name


def test_there_are_six_lai_on_three_sets_two_ways_on_each() -> None:
    """A lai would be missing from the menu, or two would be the same."""
    assert len({(lai.root, lai.family) for lai in LAI}) == 6
    assert {lai.root for lai in LAI} == set(LAI_ROOTS)
    assert len({lai.pitch_classes for lai in LAI}) == 3


def test_a_lai_is_found_by_its_name_alone() -> None:
    """Fails: a tune in no lai, or of a lai that nobody knows, gets the drone and the Thai name of another."""
    assert [lai_named(lai.name) for lai in LAI] == list(LAI)
    assert [lai_named(name) for name in (None, "", "none", "Yai")] == [None] * 4


def test_intervals_above_a_tonic_are_not_taken_for_pitch_classes() -> None:
    """The ancestor's table held {0, 3, 5, 7, 10} for every minor lai: right above A only if A were C."""
    for lai in (lai for lai in LAI if lai.family is Family.YAO):
        assert lai.pitch_classes == {(lai.tonic + above) % 12 for above in (0, 3, 5, 7, 10)}
        assert lai.pitch_classes != {0, 3, 5, 7, 10}


@pytest.mark.parametrize("root", range(12))
def test_a_tune_that_ends_on_la_goes_the_long_way_in_every_key(root: int) -> None:
    """A singer with a higher voice would be told that the tune is in no lai."""
    found = label_lai(tune_on(root, final=LA))
    assert (found.root, found.family, found.tonic) == (root, Family.YAO, (root + 9) % 12)


@pytest.mark.parametrize("root", range(12))
def test_a_tune_that_ends_on_sol_goes_the_short_way_in_every_key(root: int) -> None:
    """Sutsanaen would be taken for lai yai: the same five notes, another tune to any listener."""
    found = label_lai(tune_on(root, final=SOL))
    assert (found.root, found.family, found.tonic) == (root, Family.SAN, (root + 7) % 12)


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_a_tune_in_instrument_key_gets_the_name_of_its_lai(lai: Lai) -> None:
    """The player would ask for lai noi and be taught what the model learned as something else."""
    assert label_lai(tune_on(lai.root, final=(lai.tonic - lai.root) % 12)).lai == lai


def test_a_lai_is_named_only_where_the_instrument_has_it() -> None:
    """A tune in B major's set would carry the name of a lai that nobody can play there."""
    for root in set(range(12)) - set(LAI_ROOTS):
        found = label_lai(tune_on(root, final=LA))
        assert found.family is Family.YAO
        assert found.lai is None


@pytest.mark.parametrize("final", [DO, RE, MI])
def test_a_tune_that_ends_on_do_re_or_mi_is_in_no_lai(final: int) -> None:
    """Most European folk tunes end on do: they would all be called by the name of some lai."""
    found = label_lai(tune_on(0, final=final))
    assert found == LaiLabel(root=0, family=None)
    assert found.tonic is None
    assert found.lai is None


def test_a_tune_has_a_set_from_95_hundredths_of_its_time_on() -> None:
    """A single passing note would cost a tune its lai, or a chromatic tune would get one."""
    within = tune_on(0, final=LA)
    steps = int(within.duration.sum())

    def with_foreign_note(duration: int) -> Phrase:
        foreign = rows_from_columns(np.array([-48]), np.array([duration]), np.array([61]))
        return Phrase(np.concatenate([foreign, within.rows]))

    assert steps == 120
    assert label_lai(with_foreign_note(6)).family is Family.YAO  # 120 of 126 steps: 95.2 %
    assert label_lai(with_foreign_note(7)) == LaiLabel()  # 120 of 127: 94.5 %


def test_time_counts_and_not_the_number_of_notes() -> None:
    """Quick ornaments outside the scale would outweigh the long notes that a listener hears it by."""
    long = rows_from_columns(np.arange(5) * 240, np.full(5, 240), np.array([60, 62, 64, 67, 69]))
    quick = rows_from_columns(1200 + np.arange(10), np.full(10, 1), np.array([61, 63] * 5))
    last = rows_from_columns(np.array([1300]), np.array([240]), np.array([69]))
    assert label_lai(Phrase(np.concatenate([long, quick, last]))).root == 0


AS_LETTERS = frozenset({Inferred.DURATION})
WITHOUT_RHYTHM = AS_LETTERS | {Inferred.ONSET}


def test_hyphens_that_fill_a_line_do_not_make_its_last_letter_the_tune() -> None:
    """A page of lai noi would lose its name because its line had room left after the last letter."""
    page = "| - - - ล | - ด - ร | - ฟ - ซ | - ร - ท |"
    filled = page + " - - - - |" * 16
    short, long = parse_letters(page).phrase, parse_letters(filled).phrase
    assert long.duration[-1] > 10 * short.duration[-1]
    assert set_shares(long).tolist() == set_shares(short).tolist()
    assert set_shares(replace(long, inferred=frozenset()))[5] < 0.4 < set_shares(short)[5]


def test_a_letter_that_was_cut_short_to_be_played_counts_until_the_next_is_struck() -> None:
    """A tune of letters would have another lai once it was fitted to the hand, although not a letter of it changed."""
    tune = replace(tune_on(0, final=LA), inferred=AS_LETTERS)
    rows = tune.rows.copy()
    rows[::2, 1] = 1
    assert set_shares(replace(tune, rows=rows)).tolist() == set_shares(tune).tolist()
    assert set_shares(replace(tune, rows=rows, inferred=frozenset())).tolist() != set_shares(tune).tolist()


def test_where_nobody_wrote_the_rhythm_every_note_counts_alike() -> None:
    """In a player's shorthand the notes that we made long would name the lai."""
    long = rows_from_columns(np.array([0]), np.array([24]), np.array([61]))
    quick = rows_from_columns(24 + np.arange(20) * 6, np.full(20, 6), np.array([60, 62, 64, 67, 69] * 4))
    shorthand = Phrase(np.concatenate([long, quick]), inferred=WITHOUT_RHYTHM)
    assert set_shares(shorthand)[0] == pytest.approx(20 / 21)
    assert label_lai(shorthand).root == 0
    assert label_lai(replace(shorthand, inferred=AS_LETTERS)) == LaiLabel(), "20 of 24 hong"


def test_letters_struck_together_last_alike() -> None:
    """Of a chord in a tablature only the highest note would count."""
    onset = np.array([0, 0, 24])
    chord = Phrase(rows_from_columns(onset, np.full(3, 24), np.array([61, 64, 69])), inferred=AS_LETTERS)
    assert set_shares(chord)[0] == pytest.approx(2 / 3)


def test_the_accompaniment_says_nothing_about_the_lai() -> None:
    """A drone on a string that was never retuned would change the name of the tune played over it."""
    melody = tune_on(5, final=LA)
    for drone in (53, 54, 55):
        assert label_lai(with_drone(melody, drone)) == label_lai(melody)
    echo = rows_from_columns(melody.end[-1:], np.array([6]), np.array([53]), voice=Voice.ACCOMPANIMENT)
    assert label_lai(Phrase(np.concatenate([melody.rows, echo]))) == label_lai(melody)
    only_drone = melody.rows.copy()
    only_drone[:, 5] = Voice.ACCOMPANIMENT
    assert label_lai(Phrase(only_drone)) == LaiLabel()


def test_a_tune_without_notes_has_no_lai() -> None:
    """An empty file would stop a whole corpus with a division by zero."""
    nothing = sung()
    assert label_lai(nothing) == LaiLabel()
    assert set_shares(nothing).tolist() == [0.0] * 12


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        ((69,), LaiLabel(0, Family.YAO)),  # A alone lies in five sets: it is la of one
        ((69, 64, 62, 69), LaiLabel(0, Family.YAO)),  # A D E: la on C, and sol on D
        ((69, 71, 69), LaiLabel(2, Family.SAN)),  # with B beside A there is no set on C
        ((60, 64, 60), LaiLabel(0, None)),  # C E lie only on C, of which C is do
    ],
)
def test_few_notes_are_read_as_the_lai_whose_tonic_is_their_final(pitches: tuple[int, ...], expected: LaiLabel) -> None:
    """The first phrase of a tune, when only two or three notes have sounded, would be given a lai by accident."""
    assert label_lai(sung(*pitches)) == expected


@given(
    st.lists(st.integers(52, 76), min_size=1, max_size=12)
    | st.lists(st.sampled_from([57, 60, 62, 64, 67, 69]), min_size=1, max_size=12)
    | st.lists(st.sampled_from([57, 62, 69]), min_size=1, max_size=4),
    st.integers(-12, 12),
)
def test_a_tune_in_another_key_is_recognised_as_the_same_tune_in_that_key(pitches: list[int], semitones: int) -> None:
    """Training moves tunes and their labels together: the model would learn labels that the notes contradict."""
    tune = sung(*pitches)
    assert label_lai(transpose(tune, semitones)) == label_lai(tune).transposed(semitones)


@given(st.lists(st.integers(52, 88), min_size=1, max_size=12), st.integers(0, 11))
def test_the_share_of_a_set_is_the_time_spent_on_its_notes(pitches: list[int], root: int) -> None:
    """Tunes would be sorted into sets by a number that means nothing."""
    tune = sung(*pitches)
    inside = sum(pitch % 12 in pentatonic_set(root) for pitch in pitches)
    assert set_shares(tune)[root] == pytest.approx(inside / len(pitches))


def test_only_the_last_note_of_a_chord_at_the_end_is_the_final() -> None:
    """A closing strum is written low string first: the drone below would name the lai instead of the melody note."""
    tune = tune_on(0, final=LA)
    below = rows_from_columns(tune.onset[-1:], tune.duration[-1:], np.array([67]))
    strummed = np.concatenate([tune.rows[:-1], below, tune.rows[-1:]])
    assert label_lai(replace(tune, rows=strummed)).family is Family.YAO
