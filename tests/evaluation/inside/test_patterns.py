"""Motifs: what is planted is found, with its interval and the tunes that hold it; what is written can be read."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from phin.evaluation.inside.patterns import (
    FEWEST_TUNES,
    PRIOR,
    TURNS,
    characteristic,
    log_odds,
    motifs,
    turns,
    written,
)
from phin.evaluation.inside.patterns_picture import lettered
from phin.music.augment import transpose
from phin.music.letters import LETTERS
from phin.music.notation import parse_letters
from phin.music.phrase import Inferred, Phrase, rows_from_columns
from tests.tiny import PHRASE
from tests.tunes import tunes, wander

PLANTED = [(5, 6), (-3, 6), (-2, 12)]
"""A motif that no tune of eighths has: interval and steps of its turns."""


def with_motif(tune: Phrase) -> Phrase:
    """The tune with the planted motif after its last note."""
    onset, pitch = int(tune.onset[-1]) + 12, 64
    notes = [(onset, pitch)]
    for interval, steps in PLANTED:
        onset, pitch = onset + steps, pitch + interval
        notes.append((onset, pitch))
    more = rows_from_columns(np.array([n[0] for n in notes]), np.full(4, 6), np.array([n[1] for n in notes]))
    return replace(tune, rows=np.concatenate([tune.rows, more]))


@given(tunes(max_notes=12))
def test_motifs_are_the_turns_of_the_melody(tune: Phrase) -> None:
    """Fails: a motif is counted that nobody plays."""
    melody = [(int(onset), int(pitch)) for onset, _, pitch, *_ in tune.melody.rows]
    expected = []
    for start in range(len(melody) - TURNS):
        part = melody[start : start + TURNS + 1]
        each = [(q - p, later - now) for (now, p), (later, q) in pairwise(part)]
        if all(0 < steps < 512 for _, steps in each):
            expected.append((each, part[0][0]))
    found, onset = motifs(tune)
    assert [(turns(int(motif)), int(step)) for motif, step in zip(found, onset, strict=True)] == expected


def test_a_motif_is_the_same_in_every_key_and_none_where_the_rhythm_was_made_up() -> None:
    """Fails: a tune played a fourth higher shares nothing with itself."""
    tune = wander(0)
    np.testing.assert_array_equal(motifs(tune)[0], motifs(transpose(tune, 5))[0])
    assert len(motifs(replace(tune, inferred=frozenset({Inferred.ONSET})))[0]) == 0


def test_log_odds_are_monroes() -> None:
    """Fails: the list is in another order than its source says."""
    ours, theirs, prior = np.array([7.0, 0.0]), np.array([3.0, 20.0]), np.array([2.0, 5.0])
    found = log_odds(ours, theirs, prior, np.array(100.0), np.array(400.0))
    for place in range(2):
        y, z, a = ours[place], theirs[place], prior[place]
        mine = math.log((y + a) / (100 + PRIOR - y - a))
        other = math.log((z + a) / (400 + PRIOR - z - a))
        deviation = math.sqrt(1 / (y + a) + 1 / (z + a))
        assert found.value[place] == pytest.approx(mine - other)
        assert found.z[place] == pytest.approx((mine - other) / deviation)


def test_a_planted_motif_heads_the_list_with_those_that_hold_it() -> None:
    """Fails: what marks a set is not found, or is said to stand in tunes that do not have it."""
    ours = [with_motif(wander(number, 24)) for number in range(8)] + [wander(50, 24)]
    theirs = [wander(100 + number, 24) for number in range(40)]
    theirs[7], theirs[9] = with_motif(theirs[7]), with_motif(with_motif(theirs[9]))
    first, *rest = characteristic(ours, theirs, np.arange(40), 5, seed=0)
    assert turns(first.motif) == PLANTED
    assert (first.ours, first.our_tunes, first.theirs, first.their_tunes) == (8, 8, 3, 2)
    assert first.found_in == (9, 7), "the one that has it most often first"
    assert 0 < first.low < first.log_odds < first.high
    assert [row.z for row in rest if row.log_odds > 0] == sorted((r.z for r in rest if r.log_odds > 0), reverse=True)
    again = characteristic(ours, theirs, np.arange(40), 5, seed=0)
    assert again == [first, *rest]
    mirrored = characteristic(theirs, ours, np.arange(len(ours)), 5, seed=0)
    assert turns(next(row for row in mirrored if row.log_odds < 0).motif) == PLANTED


def test_what_one_tune_repeats_marks_no_set() -> None:
    """Fails: a refrain of one tune is called what the model plays."""
    tune = wander(0, 24)
    for _ in range(12):
        tune = with_motif(tune)
    ours = [tune, *(wander(number, 24) for number in range(1, 8))]
    found = characteristic(ours, [wander(100 + n, 24) for n in range(40)], np.arange(40), 5, seed=0)
    assert all(turns(row.motif) != PLANTED for row in found)
    assert all(row.our_tunes >= FEWEST_TUNES for row in found if row.log_odds > 0)


def test_an_interval_goes_by_tunes_not_by_strokes() -> None:
    """Fails: a motif that three tunes repeat is as sure as one that thirty play once."""
    many = [with_motif(wander(number, 24)) for number in range(12)] + [wander(60 + n, 24) for n in range(12)]
    few = [wander(number, 24) for number in range(21)]
    for place in range(3):
        for _ in range(4):
            few[place] = with_motif(few[place])
    theirs = [wander(100 + n, 24) for n in range(40)]
    wide, narrow = (
        next(row for row in characteristic(ours, theirs, np.arange(40), 8, 0) if turns(row.motif) == PLANTED)
        for ours in (few, many)
    )
    assert wide.ours >= narrow.ours
    assert wide.high - wide.low > narrow.high - narrow.low


def test_tunes_without_motifs_mark_nothing() -> None:
    """Fails: an empty folder ends in a division by nothing."""
    assert characteristic([wander(0, 3)], [wander(1, 24)], np.arange(1), 5, 0) == []


@pytest.mark.parametrize(("place", "begins"), [(18, "| - - - "), (0, "| "), (6, "| - ")])
def test_what_is_written_reads_as_the_motif(place: int, begins: str) -> None:
    """Fails: a player plays another motif off the picture, or on another slot."""
    (motif, *_) = motifs(wander(3, 8, scale=(60, 62, 64, 67, 69)))[0].tolist()
    page = written(motif, place)
    assert page.startswith(begins)
    read = parse_letters(page).phrase
    steps, intervals = np.diff(read.onset).tolist(), np.diff(read.pitch).tolist()
    assert steps == [steps for _, steps in turns(motif)]
    assert [each % 12 for each in intervals] == [interval % 12 for interval, _ in turns(motif)]


def test_a_motif_without_letters_is_told_in_numbers() -> None:
    """Fails: a chromatic turn, or one off the slots, ends the whole picture."""
    chromatic = motifs(
        replace(PHRASE, rows=rows_from_columns(np.arange(4) * 12, np.full(4, 12), np.array([60, 61, 62, 63])))
    )
    assert written(int(chromatic[0][0]), 18) == "+1:2 +1:2 +1:2"
    uneven = rows_from_columns(np.array([0, 7, 12, 24]), np.full(4, 5), np.array([60, 62, 64, 62]))
    assert written(int(motifs(Phrase(uneven))[0][0]), 18) == "+2:1.17 +2:0.833 -2:2"


def test_letters_become_digits_where_no_font_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a machine without a Thai font draws bars without letters."""
    monkeypatch.setattr("phin.music.picture.SCRIPT_FONTS", ())
    assert lettered("| - ด ร ท |")["text"] == "| - 1 2 7 |"
    assert not set(LETTERS) & set(lettered("".join(LETTERS))["text"])
