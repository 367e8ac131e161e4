"""The phrase: what a row may say, what a bar is long, and what belongs to the melody."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import PhinError
from phin.music.phrase import (
    DURATION,
    UNKNOWN,
    Deviation,
    Metre,
    Phrase,
    Voice,
    hong_before_zero,
    let_restruck_strings_stop,
    let_ring,
    pitch_name,
    rows_from_columns,
)
from tests.strategies import phrases


def rows(*notes: tuple[int, int, int]) -> np.ndarray:
    """Rows of (onset, duration, pitch), in the order given."""
    return np.array([(*note, UNKNOWN, UNKNOWN, Voice.MELODY) for note in notes], dtype=np.int32)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (rows((0, 0, 60)), "less than a step"),
        (rows((0, 6, 128)), "outside MIDI"),
        (rows((0, 6, -1)), "outside MIDI"),
        (rows((6, 6, 60), (0, 6, 62)), "not sorted"),
        (rows((0, 6, 62), (0, 6, 60)), "not sorted"),
        (rows((0, 7, 60), (6, 6, 60)), "sounds twice"),
        (rows((0, 9, 60), (3, 6, 62), (6, 6, 60)), "sounds twice"),
        (rows((0, 6, 60), (0, 6, 60)), "sounds twice"),
    ],
)
def test_rows_that_no_string_could_play_are_refused(broken: np.ndarray, problem: str) -> None:
    """A fault in a reader would pass unseen into the corpus, and be learned as music."""
    with pytest.raises(ValueError, match=problem):
        Phrase(broken)


def test_a_string_may_be_struck_again_where_its_note_ends() -> None:
    """Repeated notes and tremolo, half of what a phin plays, would be refused."""
    assert len(Phrase(rows((0, 6, 60), (6, 6, 60), (12, 6, 60)))) == 3


def test_a_phrase_cannot_be_changed_behind_the_back_of_its_checks() -> None:
    """One room of the program could bend a tune that another room has already checked."""
    mine = rows((0, 6, 60), (6, 6, 62))
    phrase = Phrase(mine)
    mine[0, 2] = 99
    assert phrase.pitch.tolist() == [60, 62]
    with pytest.raises(ValueError, match="read-only"):
        phrase.rows[0, 2] = 99
    with pytest.raises(ValueError, match="read-only"):
        phrase.pitch[0] = 99


@pytest.mark.parametrize(
    ("written", "steps"),
    [("2/4", 48), ("3/4", 72), ("4/4", 96), ("2/2", 96), ("6/8", 72), ("3/8", 36), ("7/8", 84), ("4/3", 128)],
)
def test_a_bar_is_as_long_as_its_metre_says(written: str, steps: int) -> None:
    """Strong beats would be looked for in the wrong places, and every tune would limp."""
    metre = Metre.parse(written)
    assert metre.bar == steps
    assert str(metre) == written
    assert Metre.parse(str(metre)) == metre


def test_in_bars_shorter_than_a_hong_the_page_begins_with_the_hong_that_ends_at_step_0() -> None:
    """Fails: a page of empty hong stands before the tune."""
    assert [hong_before_zero(Metre.parse(written)) for written in ("1/8", "2/16", "1/4", "2/4", "4/4")] == [
        0,
        0,
        0,
        1,
        3,
    ]


@pytest.mark.parametrize(
    "written", ["5/7", "0/4", "-2/4", "2/0", "two-four", "2", "2/4/8", "", "256/4", "96/960", "9" * 20 + "/4"]
)
def test_a_metre_that_cannot_be_is_refused_in_words(written: str) -> None:
    """A typing mistake would end in a traceback, or in a bar that the grid cuts short."""
    with pytest.raises(PhinError, match=r"^metre .*[Uu]se a time signature|^metre .*[Ww]rite it as 2/4"):
        Metre.parse(written)


@given(phrases())
def test_the_melody_is_the_rows_of_its_voice_and_nothing_else(phrase: Phrase) -> None:
    """Drone notes would be counted into intervals, endings and the headline number."""
    melody = phrase.melody
    expected = [row for row in phrase.rows.tolist() if row[5] == Voice.MELODY]
    assert melody.rows.tolist() == expected
    assert melody.melody is melody
    assert replace(melody, rows=phrase.rows, deviation=phrase.deviation) == phrase
    if phrase.deviation is not None:
        kept = phrase.voice == Voice.MELODY
        assert melody.deviation is not None
        assert melody.deviation.onset.tolist() == phrase.deviation.onset[kept].tolist()
        assert melody.deviation.duration.tolist() == phrase.deviation.duration[kept].tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"metre": Metre(3, 4)},
        {"tempo": 600_000},
        {"lai": "noi"},
        {"title": "another"},
        {"source": "another"},
        {"deviation": Deviation(480, np.array([1, 0]), np.array([0, 0]))},
        {"rows": rows((0, 6, 60), (6, 6, 64))},
    ],
)
def test_two_phrases_are_equal_only_if_every_fact_is(change: dict[str, object]) -> None:
    """Every round-trip test below would pass while tunes lose their tempo or their lai."""
    phrase = Phrase(rows((0, 6, 60), (6, 6, 62)), Metre(2, 4), 500_000, "yai", "a tune", "essen")
    assert phrase == replace(phrase)
    assert phrase != replace(phrase, **change)


@given(phrases(), st.randoms(use_true_random=False))
def test_columns_in_any_order_make_the_same_rows(phrase: Phrase, random: object) -> None:
    """The same notes heard in another order would be another tune."""
    order = list(range(len(phrase)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert np.array_equal(rows_from_columns(*phrase.rows[order].T), phrase.rows)


def test_a_note_ends_where_its_duration_says_also_in_a_pickup() -> None:
    """Notes before the first bar line would be cut or moved."""
    phrase = Phrase(rows((-12, 12, 60), (0, 30, 62)))
    assert phrase.onset.tolist() == [-12, 0]
    assert phrase.end.tolist() == [0, 30]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.sampled_from([57, 60, 64])), max_size=12))
def test_a_note_stops_where_its_string_is_struck_again(notes: list[tuple[int, int, int]]) -> None:
    """A generated tune that repeats a ringing note could not be written down at all, or would lose the repeat."""
    struck = rows(*sorted(notes, key=lambda note: (note[0], note[2]))).reshape(-1, 6)
    phrase = Phrase(let_restruck_strings_stop(struck))
    assert {(onset, pitch) for onset, _, pitch in notes} == set(
        zip(phrase.onset.tolist(), phrase.pitch.tolist(), strict=True)
    )
    for onset, duration, pitch in phrase.rows[:, :3].tolist():
        later = [other for other, _, same in notes if same == pitch and other > onset]
        written = [length for start, length, same in notes if (start, same) == (onset, pitch)]
        assert duration in [min(length, *(other - onset for other in later), 99) for length in written]


@given(phrases())
def test_a_phrase_in_order_is_left_as_it_is(phrase: Phrase) -> None:
    """Mending would shorten notes that nobody strikes again."""
    assert np.array_equal(let_restruck_strings_stop(phrase.rows), phrase.rows)


def test_pitches_are_named_as_musicians_name_them() -> None:
    """Fails: the middle C of every picture and message is another octave's."""
    assert [pitch_name(pitch) for pitch in (60, 66, 52, 88, 0)] == ["C4", "F#4", "E3", "E6", "C-1"]


def test_notes_of_unknown_length_ring_until_their_voice_sounds_again() -> None:
    """Fails: a page's letters overlap or break off, and a generated tune rings otherwise than the page it was like."""
    rows = rows_from_columns(
        onset=np.array([0, 0, 6, 12, 24, 30]),
        duration=np.array([UNKNOWN, UNKNOWN, 3, UNKNOWN, UNKNOWN, UNKNOWN]),
        pitch=np.array([52, 60, 62, 64, 53, 65]),
        voice=np.array([1, 0, 0, 0, 1, 0]),
    )
    assert rows[:, DURATION].tolist() == [-1, -1, 3, -1, -1, -1]
    assert let_ring(rows)[:, DURATION].tolist() == [24, 6, 3, 18, 24, 24]
    assert let_ring(rows, end=72)[:, DURATION].tolist() == [24, 6, 3, 18, 48, 42]
    assert let_ring(rows, end=50)[:, DURATION].tolist() == [24, 6, 3, 18, 26, 24]
    assert let_ring(rows[:0]).shape == (0, 6)
    assert rows[0, DURATION] == UNKNOWN, "the rows that were given are left alone"
