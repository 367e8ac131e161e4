"""The grid keeps the performance: what quantising takes away is in the deviation, to the tick."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phin.music.grid import quantise, to_ticks
from phin.music.phrase import DURATION, ONSET, PITCH, STEPS_PER_QUARTER, Phrase, Rows, rows_from_columns
from tests.strategies import DIVISIONS, performances, phrases


@st.composite
def played(draw: st.DrawFn) -> tuple[Rows, int]:
    """A performance in ticks, and its ticks a quarter; one pitch may be struck while it sounds, or twice at once."""
    division = draw(st.sampled_from(DIVISIONS) | st.integers(1, 2000))
    if draw(st.booleans()):
        return draw(performances(quarter=division)), division
    note = st.tuples(st.integers(-division, 4 * division), st.integers(0, division), st.sampled_from([57, 58]))
    notes = np.array(draw(st.lists(note, max_size=16)), dtype=np.int64).reshape(-1, 3)
    return rows_from_columns(*notes.T), division


def sorted_rows(rows: Rows) -> list[list[int]]:
    return sorted(rows.tolist())


@given(played())
def test_steps_and_deviation_restore_the_performance_to_the_tick(performance: tuple[Rows, int]) -> None:
    """A player's own swing would come back straightened, and nobody could tell why the tune sounds stiff."""
    rows, division = performance
    steps, deviation = quantise(rows, division)
    if deviation is None:
        back, resolution = steps * [division, division, 24, 24, 24, 24] // 24, division
    else:
        back, resolution = to_ticks(Phrase(steps, deviation=deviation))
    assert resolution == division
    assert sorted_rows(back) == sorted_rows(rows)


@given(played())
def test_no_note_vanishes_and_strokes_on_one_pitch_never_share_a_step(performance: tuple[Rows, int]) -> None:
    """A tremolo would lose strokes on its way through the grid, or two of them would sound as one."""
    rows, division = performance
    steps, _ = quantise(rows, division)
    assert sorted(steps[:, PITCH].tolist()) == sorted(rows[:, PITCH].tolist())
    assert len({(onset, pitch) for onset, pitch in steps[:, [ONSET, PITCH]].tolist()}) == len(rows)
    Phrase(steps)  # which refuses rows out of order, without length, or sounding twice


@given(phrases(), st.sampled_from([24, 96, 480, 960]))
def test_a_phrase_on_the_grid_has_no_deviation(phrase: Phrase, division: int) -> None:
    """A tune written on the grid would be taken for a performance, and shown with timing that nobody played."""
    phrase = Phrase(phrase.rows)
    ticks, resolution = to_ticks(phrase, division)
    steps, deviation = quantise(ticks, resolution)
    assert deviation is None
    assert np.array_equal(steps, phrase.rows)


@given(played())
def test_quantising_twice_changes_nothing(performance: tuple[Rows, int]) -> None:
    """Every time a tune was saved and opened its rhythm would drift a little further."""
    steps, _ = quantise(*performance)
    again, deviation = quantise(*to_ticks(Phrase(steps)))
    assert deviation is None
    assert np.array_equal(again, steps)


@given(played())
def test_a_note_moves_half_a_step_at_most_where_its_pitch_is_not_struck_again(performance: tuple[Rows, int]) -> None:
    """Notes would land on a neighbouring slot, and a plain rhythm would be written as a limping one."""
    rows, division = performance
    rows = rows[np.unique(rows[:, PITCH], return_index=True)[1]]
    rows = rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))]
    steps, deviation = quantise(rows, division)
    if deviation is not None:
        ticks, _ = to_ticks(Phrase(steps, deviation=deviation))
        longer_than_a_step = ticks[:, DURATION] * STEPS_PER_QUARTER > division
        assert (2 * abs(deviation.onset) <= division).all()
        assert (2 * abs(deviation.duration[longer_than_a_step]) <= division).all()


def test_half_a_step_rounds_the_same_way_wherever_it_stands() -> None:
    """One rhythm would be quantised two ways, depending on the bar it is played in."""
    ticks = np.arange(0, 480, 10)  # 480 ticks a quarter: every second lies half-way between two steps
    rows = rows_from_columns(ticks, np.full(len(ticks), 1), np.arange(len(ticks)))
    steps, _ = quantise(rows, 480)
    later, _ = quantise(rows + np.array([480 * 7, 0, 0, 0, 0, 0]), 480)
    assert np.array_equal(later[:, ONSET], steps[:, ONSET] + 24 * 7)
