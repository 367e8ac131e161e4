"""Tablature: what stands on a string is what is played there, and it is read back as it was written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phin.errors import InvalidTune
from phin.music.fingering import Unplayable, finger
from phin.music.fitting import fit
from phin.music.fretboard import TUNINGS, Tuning
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import Inferred, Metre, Phrase, Voice, rows_from_columns
from phin.music.tablature import format_tablature, parse_tablature, read_tablature, write_tablature
from tests.strategies import melodies

PAGE = """title: two lines
tuning: E-A-E

1 E4 | -  -  -  -  | -  - 3,5 - |
2 A3 | -  -  -  7  | -  5  -  - |
3 E3 | - (0) - (0) | - (0) -  - |
"""


def over_a_drone(melody: Phrase, pitch: int) -> Phrase:
    onset = np.arange(0, int(melody.onset[-1]) + 1, 24)
    drone = rows_from_columns(onset, np.full(len(onset), 24), np.full(len(onset), pitch), voice=Voice.ACCOMPANIMENT)
    rows = np.concatenate([melody.rows, drone])
    rows = rows[np.lexsort((rows[:, 2], rows[:, 0]))]
    _, first = np.unique(rows[:, [0, 2]], axis=0, return_index=True)
    return fit(replace(melody, rows=_ended(rows[np.sort(first)]))).phrase


def _ended(rows: np.ndarray) -> np.ndarray:
    from phin.music.phrase import let_restruck_strings_stop

    return let_restruck_strings_stop(rows)


def test_a_page_is_read_string_by_string() -> None:
    """Fails: the strings are counted from the wrong end, and every note is a fifth off."""
    phrase = parse_tablature(PAGE).phrase
    assert [tuple(row) for row in phrase.rows[:, [0, 2, 5]].tolist()] == [
        (-36, 52, 1),
        (-24, 52, 1),
        (-24, 67, 0),
        (-12, 52, 1),
        (-12, 64, 0),
        (-6, 67, 0),
        (-3, 71, 0),
    ]
    assert (phrase.title, phrase.tuning, phrase.metre) == ("two lines", "E-A-E", Metre(2, 4))


def test_a_melody_rings_to_its_next_note_and_a_drone_to_its_next_stroke() -> None:
    """Fails: a drone stops the melody, or the other way about."""
    phrase = parse_tablature(PAGE).phrase
    assert phrase.melody.duration.tolist() == [12, 6, 3, 24]
    assert phrase.duration[phrase.voice == Voice.ACCOMPANIMENT].tolist() == [12, 12, 24]


@settings(max_examples=50, deadline=None)
@given(melodies(), st.sampled_from(TUNINGS))
def test_tablature_comes_back_as_it_was_written(melody: Phrase, tuning: Tuning) -> None:
    """Fails: a player learns another tune than the one that was written down."""
    phrase = fit(replace(melody, tempo=60_000_000 // 120), tuning).phrase
    page = format_tablature(phrase, tuning)
    again = parse_tablature(page).phrase
    assert np.diff(again.onset).tolist() == np.diff(phrase.onset).tolist()
    assert again.pitch.tolist() == phrase.pitch.tolist()
    assert again.tuning == str(tuning)
    assert format_tablature(again, tuning) == page


@settings(max_examples=50, deadline=None)
@given(melodies(), st.sampled_from([52, 57]))
def test_a_drone_comes_back_as_a_drone(melody: Phrase, pitch: int) -> None:
    """Fails: the drone is read as melody, and the letters made of it are full of it."""
    phrase = over_a_drone(melody, pitch)
    again = parse_tablature(format_tablature(phrase)).phrase
    assert again.rows[:, [2, 5]].tolist() == phrase.rows[:, [2, 5]].tolist()


@settings(max_examples=30, deadline=None)
@given(melodies())
def test_the_frets_are_those_of_the_fingering(melody: Phrase) -> None:
    """Fails: the page shows frets that nobody chose, and the hand leaps."""
    phrase = fit(melody).phrase
    fingering = finger(phrase)
    written = [
        cell for line in format_tablature(phrase).splitlines() for cell in line[5:].split() if line[:1].isdigit()
    ]
    frets = sorted(int(fret) for cell in written for fret in cell.split(",") if fret.isdigit())
    assert frets == sorted(fingering.fret.tolist())


def test_letters_and_tablature_are_the_same_tune() -> None:
    """Fails: whoever reads letters and whoever reads frets cannot play together."""
    letters = parse_letters("| - - - ลฺ | - ด - ร |\n| - ม - ซ | - - - ล |").phrase
    frets = parse_tablature(format_tablature(letters)).phrase
    assert np.array_equal(frets.rows, letters.rows)


def test_the_last_stroke_of_each_voice_rings_to_the_end_of_the_page() -> None:
    """Fails: the drone breaks off under a last note that is held, or the last note is cut while it should ring."""
    silent = ["| - - - - | - - - - |"] * 3
    held = PAGE + "\n" + "\n".join(f"{string} {bars}" for string, bars in enumerate(silent, start=1)) + "\n"
    phrase = parse_tablature(held).phrase
    assert {voice: int(phrase.end[phrase.voice == voice].max()) for voice in Voice} == dict.fromkeys(Voice, 4 * 24 - 42)
    assert parse_tablature(format_tablature(phrase)).phrase == phrase, "with the hong that are empty"


def test_a_page_of_letters_keeps_the_hong_that_its_last_letter_rings_through() -> None:
    """Fails: a line that is held in the end comes back shorter from tablature, and the next part begins too early."""
    page = "| - - - ล | - ด - ร | - - - - | - - - - |"
    again = parse_tablature(format_tablature(parse_letters(page).phrase)).phrase
    assert page in format_letters(again)


def test_an_inferred_rhythm_stays_inferred() -> None:
    """Fails: a rhythm that nobody wrote down is learned from and measured as if a player had."""
    assert Inferred.ONSET not in parse_tablature(PAGE).phrase.inferred
    phrase = parse_tablature("rhythm: inferred\n" + PAGE).phrase
    assert phrase.inferred == {Inferred.ONSET, Inferred.DURATION}
    assert parse_tablature(format_tablature(phrase)).phrase == phrase


def test_words_stay_where_they_stand_and_numbers_of_hong_are_passed_over() -> None:
    """Fails: nobody knows where the second part begins, or a page with its hong numbered cannot be read."""
    lines = PAGE.splitlines()[3:]
    numbers = "     |      1      |     2       |"
    page = "\n".join(["tuning: E-A-E", "ท่อน 1", numbers, *lines, "", "ท่อน 2", "  3  4", *lines, "(ช้า)"]) + "\n"
    phrase = parse_tablature(page).phrase
    assert phrase.words == ((-42, "ท่อน 1"), (-42 + 48, "ท่อน 2"), (-42 + 96, "(ช้า)"))
    twice = parse_tablature("\n".join(["tuning: E-A-E", *lines, *lines])).phrase
    assert phrase.rows.tolist() == twice.rows.tolist()
    written = format_tablature(phrase)
    assert [line for line in written.splitlines() if "ท่อน" in line or "ช้า" in line] == ["ท่อน 1", "ท่อน 2", "(ช้า)"]
    assert parse_tablature(written).phrase == phrase


def test_a_string_with_a_fret_in_every_slot_is_no_line_of_numbers() -> None:
    """Fails: a player who names no strings loses the busiest of them."""
    phrase = parse_tablature("1   2   3   4\n1 | 0 2 3 5 |\n2 | - - - - |\n3 | (0) (0) (0) (0) |\n").phrase
    assert phrase.melody.pitch.tolist() == [64, 66, 67, 71]
    assert parse_tablature("1 | 0 2 3 5 |\n2 | 0 0 0 0 |\n3 | 0 0 0 0 |\n").phrase.pitch.tolist().count(52) == 4


def test_a_page_is_lined_up_so_that_a_slot_stands_above_a_slot() -> None:
    """Fails: a player cannot see which notes are struck together."""
    lines = format_tablature(parse_tablature(PAGE).phrase).splitlines()[-3:]
    bars = [[place for place, character in enumerate(line) if character == "|"] for line in lines]
    assert bars[0] == bars[1] == bars[2]
    assert [line[:4] for line in lines] == ["1 E4", "2 A3", "3 E3"]


MISTAKES = {
    "no such fret": (PAGE.replace("7", "16"), "tab:5: hong 1, slot 4: '16' is no fret"),
    "a letter": (PAGE.replace("7", "x"), "tab:5: hong 1, slot 4: 'x' is no fret"),
    "three slots": (PAGE.replace("| -  -  -  7  |", "| -  -  7  |"), "tab:5: hong 1 has 3 slots"),
    "four share": (PAGE.replace("3,5", "3,5,3,5"), "tab:4: hong 2, slot 3: 4 strokes share a slot"),
    "strings in disorder": (PAGE.replace("1 E4", "3 E4"), "tab:4: string 1 of E-A-E should stand here"),
    "a string missing": ("\n".join(PAGE.splitlines()[:-1]), "tab:5: the line ends before string 3"),
    "another tuning": (PAGE.replace("E-A-E", "E-B-E"), "tab:5: string 2 is A3, and in E-B-E it is B3"),
    "uneven": (
        PAGE.replace("| -  -  -  7  | -  5  -  - |", "| -  -  -  7  |"),
        "tab:4: its strings have [2, 1, 2] hong",
    ),
    "nothing": ("title: a\n", "tab: has no frets"),
    "hyphens alone": ("1 | - - - - |\n2 | - - - - |\n3 | - - - - |", "tab: has no frets"),
}


@pytest.mark.parametrize(("page", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_by_file_line_hong_and_slot(page: str, said: str) -> None:
    """Fails: a player hunts for one wrong fret through ten lines."""
    with pytest.raises(InvalidTune) as refusal:
        parse_tablature(page, "tab")
    assert str(refusal.value).startswith(said)


def test_what_cannot_be_fingered_or_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """Fails: a page shows a C# that the instrument does not have."""
    phrase = Phrase(rows_from_columns(np.array([0, 24]), np.array([24, 24]), np.array([61, 60])), Metre(2, 4))
    with pytest.raises(Unplayable, match="C#4 is on no fret of E-A-E"):
        write_tablature(phrase, tmp_path / "a.tab")
    off = Phrase(rows_from_columns(np.array([0, 25]), np.array([24, 24]), np.array([62, 60])), Metre(2, 4))
    with pytest.raises(InvalidTune, match="off the slots"):
        write_tablature(off, tmp_path / "a.tab")
    assert list(tmp_path.iterdir()) == []
    write_tablature(fit(phrase).phrase, tmp_path / "a.tab")
    assert len(read_tablature(tmp_path / "a.tab").phrase) == 2
