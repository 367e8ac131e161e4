"""Snapping: what a page cannot write is moved as little as need be, said, and nothing is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import InvalidTune
from phin.music.grid import STEPS_PER_SLOT, page_begins, slot_places
from phin.music.phrase import Deviation, Phrase, rows_from_columns
from phin.music.snapping import snap


def tune(*onsets: int, pitch: int = 69) -> Phrase:
    """A stroke at each step, each ringing until the next."""
    onset = np.array(onsets)
    return Phrase(rows_from_columns(onset, np.append(np.diff(onset), 6), np.full(len(onset), pitch)))


def test_triplets_and_thirty_seconds_that_a_page_can_write_stay() -> None:
    """Fails: a rhythm that could be read from the page is changed for no reason."""
    for onsets in ((0, 6, 12, 18), (0, 8, 16, 24), (0, 3, 6, 9), (-6, 0, 2, 4, 6)):
        assert snap(tune(*onsets)) == (tune(*onsets), ())


def test_a_stroke_between_goes_to_the_nearest_place_of_its_slot() -> None:
    """Fails: notes wander further than they must, or into the next beat."""
    assert snap(tune(0, 7, 12)).phrase.onset.tolist() == [0, 6, 12]
    assert snap(tune(0, 11, 12)).phrase.onset.tolist() == [0, 10, 12]
    assert snap(tune(0, 3, 4)).phrase.onset.tolist() == [0, 2, 4]
    assert snap(tune(0, 7, 12)).changes == ("1 note moved to slots, by 1/6 of a slot",)
    assert snap(tune(0, 3, 4, 7)).changes == ("2 notes moved to slots, by 1/6 of a slot at most",)


@pytest.mark.parametrize(
    ("within", "places"),
    [((1,), (0,)), ((5,), (4,)), ((1, 2), (0, 2)), ((1, 4), (0, 4)), ((1, 5), (0, 4)), ((3, 4, 5), (0, 2, 4))],
)
def test_strokes_of_a_slot_move_the_least_and_of_two_ways_as_near_the_earlier(
    within: tuple[int, ...], places: tuple[int, ...]
) -> None:
    """Fails: a note a little late is put later still, into the weakest part of its slot."""
    assert snap(tune(*within)).phrase.onset.tolist() == list(places)


def test_a_note_that_ended_with_a_stroke_ends_with_it_still() -> None:
    """Fails: notes that followed one another overlap on the page, or have silence between them."""
    rows = rows_from_columns(np.array([0, 7, 13, 30]), np.array([7, 6, 12, 24]), np.array([69, 72, 74, 76]))
    assert snap(Phrase(rows)).phrase.rows[:, :2].tolist() == [[0, 6], [6, 6], [12, 13], [30, 24]]
    later = rows_from_columns(np.array([0, 7, 8]), np.array([7, 1, 24]), np.array([69, 72, 74]))
    assert snap(Phrase(later)).phrase.rows[:, :2].tolist() == [[0, 6], [6, 2], [8, 24]]


def test_a_pitch_that_comes_to_be_struck_while_it_sounds_stops_first() -> None:
    """Fails: for a roll at the end of a slot the whole page ends in a traceback."""
    rows = rows_from_columns(np.array([0, 9, 10, 11]), np.array([8, 1, 1, 13]), np.array([69, 69, 72, 74]))
    assert snap(Phrase(rows)).phrase.rows[:, :2].tolist() == [[0, 6], [6, 2], [8, 2], [10, 14]]


def test_more_strokes_than_a_slot_can_share_are_refused_by_name() -> None:
    """Fails: a roll of four strokes is thinned out in silence."""
    with pytest.raises(InvalidTune, match="step 6: 4 strokes, one after another, lie in one slot"):
        snap(tune(0, 6, 7, 8, 9))


def test_a_performance_loses_its_deviation_and_says_so() -> None:
    """Fails: a page claims to hold how a player played."""
    phrase = tune(0, 6)
    off = np.array([1, 0])
    performed = Phrase(phrase.rows, deviation=Deviation(480, off, off))
    snapped = snap(performed)
    assert snapped.phrase.deviation is None
    assert snapped.changes == ("its deviation from the grid is left out: a page has none",)


@given(st.sets(st.integers(-40, 200), min_size=1, max_size=30))
def test_every_snapped_tune_can_be_written_with_all_its_notes_in_order(onsets: set[int]) -> None:
    """Fails: a snapped tune is refused after all, or a note is gone, or two have changed places."""
    phrase = tune(*sorted(onsets))
    try:
        snapped = snap(phrase)
    except InvalidTune:
        assert np.bincount(np.array(sorted(onsets)) // STEPS_PER_SLOT + 20).max() > 3
        return
    slot_places(snapped.phrase, page_begins(None, int(snapped.phrase.onset[0])))
    assert len(snapped.phrase) == len(phrase)
    assert (np.diff(snapped.phrase.onset) > 0).all()
    assert np.abs(snapped.phrase.onset - phrase.onset).max() <= STEPS_PER_SLOT // 2
    assert (snapped.phrase.onset // STEPS_PER_SLOT == phrase.onset // STEPS_PER_SLOT).all()
    assert snap(snapped.phrase) == (snapped.phrase, ())
