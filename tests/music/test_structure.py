"""The grid of hong and lines: naive references, what returns, and the tunes that game it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from phin.music.phrase import ONSET, PITCH, Metre, Phrase, rows_from_columns
from phin.music.structure import (
    LAGS,
    NOTHING,
    likeness,
    luk_tok,
    luk_tok_at_home,
    returning_share,
    returns,
    returns_in_step,
    self_similarity,
    slots_of,
)
from tests.strategies import melodies
from tests.tunes import MINOR_PENTATONIC_ON_A, wander

LINE = wander(4, 16, MINOR_PENTATONIC_ON_A)  # eighths: one line
ONE_NOTE = replace(LINE, rows=np.array([[24 * k, 24, 57, -1, -1, 0] for k in range(64)]))
CHANCE = wander(9, 256, MINOR_PENTATONIC_ON_A)


def later(phrase: Phrase, hong: int) -> Phrase:
    rows = phrase.rows.copy()
    rows[:, ONSET] += 24 * hong
    return replace(phrase, rows=rows)


def again(phrase: Phrase, times: int, hong: int = 8) -> Phrase:
    """The phrase over and over, each time so many hong later."""
    return replace(phrase, rows=np.concatenate([later(phrase, hong * time).rows for time in range(times)]))


def naive_likeness(one: dict[int, int], other: dict[int, int]) -> float | None:
    """Of two hong, given what they strike in each slot."""
    either = {*one, *other}
    return sum(one.get(slot) == other.get(slot) for slot in either) / len(either) if either else None


@given(melodies())
def test_likeness_is_the_share_of_slots_with_one_pitch(phrase: Phrase) -> None:
    """Fails: hong are called alike that share nothing."""
    hong: list[dict[int, int]] = []
    for onset, pitch in zip(phrase.melody.onset.tolist(), phrase.melody.pitch.tolist(), strict=True):
        number, slot = divmod((onset + 18) // 6, 4)
        first = (int(phrase.melody.onset[0]) + 18) // 6 // 4
        while len(hong) <= number - first:
            hong.append({})
        hong[number - first].setdefault(slot, pitch)
    found = likeness(phrase)
    assert len(found) == len(hong)
    for i, one in enumerate(hong):
        for j, other in enumerate(hong):
            expected = naive_likeness(one, other)
            assert found[i, j] == pytest.approx(np.nan if expected is None else expected, nan_ok=True)


@given(melodies(max_notes=24))
def test_self_similarity_is_likeness_at_a_lag_above_that_of_any_two(phrase: Phrase) -> None:
    """Fails: what is called a return is only what the tune's hong have in common anyway."""
    alike = likeness(phrase)
    count = len(alike)
    every = [alike[i, j] for i in range(count) for j in range(i + 1, count) if not np.isnan(alike[i, j])]
    for lag, found in self_similarity(phrase).items():
        apart = [alike[i, i + lag] for i in range(count - lag) if not np.isnan(alike[i, i + lag])]
        if not apart:
            assert np.isnan(found)
        elif np.mean(every) > 1 - 1e-9:
            assert found == 0
        else:
            assert found == pytest.approx((np.mean(apart) - np.mean(every)) / (1 - np.mean(every)))


def test_a_line_again_and_again_returns_at_its_length_alone() -> None:
    """Fails: a loop is not heard; or it is heard where there is none."""
    rows = again(LINE, 6).rows.copy()
    rows[:, ONSET] -= 36  # from slot 2 of hong 1 on, so that each line of the page is one of the tune's
    found = self_similarity(replace(LINE, rows=rows))
    assert found[8] == found[16] == 1
    assert all(found[lag] < 0.3 for lag in (1, 2, 4))


def test_one_note_and_chance_return_at_no_lag() -> None:
    """Fails: the tune of one note is the most coherent of all."""
    assert set(self_similarity(ONE_NOTE).values()) == {0.0}
    assert all(abs(found) < 0.08 for found in self_similarity(CHANCE).values())


def test_where_a_tune_stands_on_the_page_changes_nothing() -> None:
    """Fails: the empty hong before a tune are counted as its own."""
    tune = again(LINE, 4)
    moved = later(tune, 24)
    assert slots_of(tune).tolist() == slots_of(moved).tolist()
    assert self_similarity(tune) == self_similarity(moved)
    assert luk_tok(tune).tolist() == luk_tok(moved).tolist()


def test_a_tune_shorter_than_a_lag_says_nothing_of_it() -> None:
    """Fails: short tunes are said to have no lines that return."""
    found = self_similarity(wander(1, 8))
    assert np.isnan(found[8])
    assert np.isnan(found[16])
    assert set(found) == set(LAGS)


def test_of_notes_in_one_slot_the_first_counts() -> None:
    """Fails: a flick's last note stands for its slot."""
    rows = rows_from_columns(np.array([0, 2, 4]), np.array([2, 2, 2]), np.array([57, 60, 62]))
    page = slots_of(Phrase(rows, metre=Metre(2, 4)))
    assert page[page != NOTHING].tolist() == [57]


def naive_returns(phrase: Phrase) -> list[float]:
    """For each six notes: hong since the same intervals came in the same rhythm, looked for one by one."""
    onset, pitch = phrase.melody.onset.tolist(), phrase.melody.pitch.tolist()
    turns = [
        (pitch[k + 1] - pitch[k], (onset[k + 2] - onset[k + 1]) * 2**20 // max(onset[k + 1] - onset[k], 1))
        for k in range(len(pitch) - 2)
    ]
    motifs = [tuple(turns[k : k + 4]) for k in range(len(turns) - 3)]
    found = []
    for place, motif in enumerate(motifs):
        before = [k for k in range(place) if motifs[k] == motif]
        since = (onset[place] - onset[before[-1]]) / 24 if before else np.nan
        found.append(np.nan if since > 32 else since)
    return found


@given(melodies(max_notes=40))
def test_returns_are_those_that_a_search_finds(phrase: Phrase) -> None:
    """Fails: a motif is heard again that was never played."""
    assert returns(phrase).tolist() == pytest.approx(naive_returns(phrase), nan_ok=True)


def test_motifs_return_in_another_key_and_are_forgotten_after_four_lines() -> None:
    """Fails: an answer in another key is new; or long tunes have more returns because they are long."""
    higher = later(LINE, 8)
    rows = higher.rows.copy()
    rows[:, PITCH] += 5
    answered = replace(LINE, rows=np.concatenate([LINE.rows, rows]))
    assert np.nanmax(returns(answered)) == 8
    assert returning_share(answered) > 0.4
    assert returns_in_step(answered) == 1
    far = replace(LINE, rows=np.concatenate([LINE.rows, later(LINE, 40).rows]))
    assert np.isnan(returns(far)).all()
    assert returning_share(far) == 0
    assert np.isnan(returns_in_step(far))


def test_returns_out_of_step_are_below_chance() -> None:
    """Fails: a loop of three hong is called a line."""
    three = wander(4, 6, MINOR_PENTATONIC_ON_A)
    assert returns_in_step(again(three, 12, hong=3)) < 0.05
    assert returns_in_step(again(LINE, 6)) > 0.9


def test_luk_tok_are_the_notes_on_the_fourth_and_eighth_strong_stroke() -> None:
    """Fails: the skeleton of a tune is read a hong beside it."""
    onset = np.arange(16) * 24  # a note a beat: slot 4 of each hong; step 0 is hong 2's
    tune = Phrase(rows_from_columns(onset, np.full(16, 24), 57 + np.arange(16)), metre=Metre(2, 4))
    assert luk_tok(tune).tolist() == [57 + 2, 57 + 6, 57 + 10, 57 + 14]
    held = Phrase(tune.rows[[0, 1, 5, 9, 13, 15]], metre=Metre(2, 4))
    assert luk_tok(held).tolist() == [58, 62, 66, 70], "what was struck last sounds on"
    assert luk_tok(replace(tune, metre=Metre(3, 4))).tolist() == []
    in_four = luk_tok(replace(tune, metre=Metre(4, 4)))
    assert in_four.tolist() == [57, 61, 65, 69], "step 0 is hong 4's"


def test_the_last_stroke_is_not_its_own_home() -> None:
    """Fails: every tune comes home once, because it ends."""
    onset = np.array([0, 48, 96, 144])
    tune = Phrase(rows_from_columns(onset, np.full(4, 24), np.array([60, 62, 64, 57])), metre=Metre(2, 4))
    assert luk_tok(tune).tolist() == [62]
    assert luk_tok_at_home(tune) == 0
    home = replace(tune, rows=rows_from_columns(onset, np.full(4, 24), np.array([60, 69, 64, 57])))
    assert luk_tok_at_home(home) == 1, "in any octave"
