"""Overlap and divergence: by hand, with a ceiling that real tunes reach and spoiled ones do not."""

import numpy as np
import pytest

from phin.evaluation.tunes.baselines import uniform_frets
from phin.evaluation.tunes.distances import Distance, distances, divergence, overlap
from phin.evaluation.tunes.tune_set import TuneSet, drawn
from tests.evaluation.structured import returning

REAL = drawn("real", [returning(seed) for seed in range(60)])


def test_overlap_and_divergence_by_hand() -> None:
    """Fails: what is far is called near."""
    one, other = np.array([1.0, 3.0, 0.0]), np.array([2.0, 2.0, 4.0])
    assert overlap(one, other) == pytest.approx(0.25 + 0.25)
    p, q = np.array([1.5, 3.5, 0.5]) / 5.5, np.array([2.5, 2.5, 4.5]) / 9.5
    assert divergence(one, other) == pytest.approx(sum(a * np.log2(a / b) for a, b in zip(p, q, strict=True)))
    assert overlap(one, one * 7) == 1
    assert divergence(one, one) == 0


def test_other_tunes_of_a_kind_reach_the_ceiling_and_blind_plucking_does_not() -> None:
    """Fails: a real set is called unreal, because it is small."""
    alike = drawn("alike", [returning(seed) for seed in range(100, 130)])
    for each in distances(alike, REAL):
        assert each.overlap[0] > each.ceiling[1] - 0.05, each.name
        assert each.overlap[1] <= each.overlap[0] <= each.overlap[2] + 0.05
        assert each.shares.sum() == pytest.approx(1)
    blind = drawn("blind", [uniform_frets(tune, np.random.default_rng(k)) for k, tune in enumerate(REAL.tunes[:30])])
    far = {each.name: each for each in distances(blind, REAL)}
    for name in ("degrees", "intervals", "slots", "hong shapes"):
        assert far[name].overlap[2] < far[name].ceiling[1], name
        assert far[name].kl[1] > far[name].kl_ceiling[2], name


def test_the_ceiling_is_that_of_as_many_tunes() -> None:
    """Fails: four tunes are to be as like a corpus as thirty of it are."""
    few, many = (distances(drawn("some", REAL.tunes[:count]), REAL) for count in (4, 30))
    for small, large in zip(few, many, strict=True):
        assert small.ceiling[0] < large.ceiling[0], small.name
        assert small.ceiling[1] < large.ceiling[1], small.name


def test_what_is_outside_of_real_tunes_is_told_with_what_is_in_it() -> None:
    """Fails: a set with half as many fifths is called real, or nobody is told what to mend."""
    shares, real = np.array([0.5, 0.3, 0.15, 0.05, 0.0]), np.array([0.2, 0.2, 0.3, 0.22, 0.08])
    zero = (0.0, 0.0, 0.0)
    bins = ("1", "2", "3", "b4", "5")
    inside, outside = (
        Distance("degrees", "", (0.6, 0.5, 0.7), zero, (0.7, low, 0.8), zero, bins, shares, real)
        for low in (0.59, 0.61)
    )
    assert (inside.is_far, outside.is_far) == (False, True)
    assert outside.most_unlike == (["1", "2"], ["b4", "3"])
    said = "degrees overlap 0.60 (real tunes with others 0.61 to 0.80): more 1 and 2, fewer b4 and 3"
    assert str(outside) == said
    same = Distance("degrees", "", zero, zero, zero, zero, bins, real, real)
    assert same.most_unlike == ([], []), "a bin that is the same is neither"


@pytest.mark.long
def test_the_same_seed_gives_the_same_intervals_and_families_widen_them() -> None:
    """Fails: a report changes by itself; or versions of one tune count as so many tunes."""
    some = drawn("some", [returning(seed) for seed in range(100, 120)])
    assert distances(some, REAL)[0].overlap == distances(some, REAL)[0].overlap
    kin = TuneSet("kin", [tune for tune in some.tunes[:4] for _ in range(5)], ["x"] * 20, np.repeat(np.arange(4), 5))
    alone = TuneSet("alone", kin.tunes, kin.ids, np.arange(20))
    wide, narrow = (
        np.mean([each.overlap[2] - each.overlap[1] for each in distances(tunes, REAL)]) for tunes in (kin, alone)
    )
    assert wide > narrow
