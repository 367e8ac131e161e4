"""Spoiled tunes: each is spoiled in what it says, and keeps the rest."""

from collections import Counter

import numpy as np
import pytest

from phin.evaluation.tunes.baselines import (
    SPOILED,
    NgramTunes,
    one_line_repeated,
    one_note,
    one_tune,
    shuffled_hong,
    uniform_frets,
)
from phin.music.fretboard import DEFAULT, positions
from phin.music.phrase import Phrase
from phin.music.structure import slots_of
from tests.evaluation.structured import returning
from tests.tunes import wander

TUNES = [returning(seed) for seed in range(6)]


def hong_of(tune: Phrase) -> list[tuple[int, ...]]:
    return [tuple(hong) for hong in slots_of(tune).tolist()]


@pytest.mark.parametrize("baseline", SPOILED, ids=lambda baseline: baseline.name)
@pytest.mark.parametrize("tune", [TUNES[0], wander(3, 9), wander(1, 1)], ids=["long", "short", "one stroke"])
def test_a_spoiled_tune_is_a_melody_about_as_long(baseline: object, tune: Phrase) -> None:
    """Fails: real tunes are set beside longer or shorter ones, and length decides."""
    spoiled = baseline.of(tune, np.random.default_rng(0))
    assert len(spoiled)
    assert spoiled.is_melody.all()
    assert abs(int(spoiled.onset[-1]) - int(tune.onset[-1])) < 8 * 24
    assert (np.diff(spoiled.onset) > 0).all()
    again = baseline.of(tune, np.random.default_rng(0))
    assert again == spoiled, "the same every time"


def test_shuffled_hong_are_the_same_hong() -> None:
    """Fails: order is not all that was spoiled, and no measure of order is held to account."""
    for tune in TUNES:
        shuffled = shuffled_hong(tune, np.random.default_rng(1))
        assert Counter(hong_of(shuffled)) == Counter(hong_of(tune))
        assert hong_of(shuffled) != hong_of(tune)


def test_one_line_is_the_first_line_again() -> None:
    """Fails: the loop is of another tune."""
    looped, tune = hong_of(one_line_repeated(TUNES[0], np.random.default_rng(0))), hong_of(TUNES[0])
    assert len(looped) == len(tune) == 32
    assert all(looped[k] == tune[k % 8] for k in range(32))


def test_blind_plucking_takes_any_fret() -> None:
    """Fails: the baseline that scores 69 percent for nothing is another one."""
    blind = [uniform_frets(tune, np.random.default_rng(seed)) for seed, tune in enumerate(TUNES * 20)]
    pitch = np.concatenate([each.pitch for each in blind])
    assert all(positions(each, DEFAULT) for each in set(pitch.tolist()))
    assert np.isin(pitch % 12, [9, 0, 2, 4, 7]).mean() == pytest.approx(33 / 48, abs=0.02)
    assert [len(each) for each in blind[:6]] == [len(each) for each in TUNES]


def test_one_note_is_one_note_on_the_beat() -> None:
    """Fails: the dullest tune has something to tell."""
    dull = one_note(TUNES[0], np.random.default_rng(0))
    assert set(dull.pitch.tolist()) == {int(TUNES[0].pitch[-1])}
    assert set((dull.onset % 24).tolist()) == {0}


def test_one_tune_again_is_a_tune_of_the_set_neither_its_shortest_nor_its_longest() -> None:
    """Fails: a set that is compared with one tune is compared with an odd one."""
    tunes = [wander(seed, count) for seed, count in enumerate([40, 3, 90, 35, 50])]
    assert one_tune(tunes) == [tunes[0]] * 5


def test_each_note_of_the_ngram_follows_two_as_it_did_somewhere() -> None:
    """Fails: the baseline of chance knows more or less than two notes."""
    made = NgramTunes(TUNES).of(TUNES[0], np.random.default_rng(3))
    known = {
        (p[k + 1] - p[k], p[k + 2] - p[k + 1], p[k + 3] - p[k + 2])
        for p in (tune.pitch.tolist() for tune in TUNES)
        for k in range(len(p) - 3)
    }
    p = made.pitch.tolist()
    met = [(p[k + 1] - p[k], p[k + 2] - p[k + 1], p[k + 3] - p[k + 2]) in known for k in range(len(p) - 3)]
    assert np.mean(met) > 0.9, "but where it backs off"
    assert int(made.onset[-1]) >= int(TUNES[0].onset[-1])
    assert made.pitch.min() >= 52
    assert made.pitch.max() <= 88
