"""Paired differences: on the same tunes, by family, and no more certain than they are."""

from dataclasses import replace

import numpy as np
import pytest

from phin.evaluation.bits_table import ALL
from phin.evaluation.paired import kin_in_any, paired
from tests.evaluation.runs.run_folders import tunes


def test_the_interval_is_that_of_resampled_families_read_by_both() -> None:
    """Fails: the interval is not of the difference, and noise passes for a better model."""
    ours, theirs = tunes(1), tunes(2)
    (row, *_) = paired([ours], [theirs])
    gain, rng, means = ours.headline - theirs.headline, np.random.default_rng(5), []
    families = np.unique(ours.family)
    for _ in range(4000):
        drawn = np.concatenate([np.flatnonzero(ours.family == k) for k in rng.choice(families, len(families))])
        means.append(gain[drawn].sum() / ours.notes[drawn].sum())
    np.testing.assert_allclose(row.interval, np.percentile(means, [2.5, 97.5]), atol=0.04)
    assert row.difference == pytest.approx(gain.sum() / ours.notes.sum())
    assert row.share == pytest.approx(gain.sum() / theirs.headline.sum())


def test_equal_runs_differ_by_nothing_at_all() -> None:
    """Fails: rounding makes one of two equal runs the better one."""
    for row in paired([tunes(3)], [tunes(3)]):
        assert (row.difference, row.interval, row.share) == (0.0, (0.0, 0.0), 0.0)
        assert row.is_same


def test_a_shift_of_every_note_is_found_as_that_shift_and_certain() -> None:
    """Fails: the difference is per tune and not per note, or has its sign the wrong way round."""
    theirs = tunes(4)
    more = theirs.bits.copy()
    more[:, 1] += 0.25 * theirs.notes
    for row in paired([replace(theirs, bits=more)], [theirs]):
        assert row.difference == pytest.approx(0.25)
        assert row.interval == pytest.approx((0.25, 0.25))
        assert not row.is_same


def test_pairing_tells_apart_what_intervals_of_each_alone_cannot() -> None:
    """Fails: a small difference that every tune shows is called noise, and a better setting is thrown away."""
    theirs = tunes(5)
    shift = np.random.default_rng(6).normal(-0.05, 0.02, len(theirs.id)) * theirs.notes
    bits = theirs.bits.copy()
    bits[:, 0] += shift
    (row, *_) = paired([replace(theirs, bits=bits)], [theirs])
    assert row.interval[1] < 0
    assert row.interval[1] - row.interval[0] < 0.05


def test_bits_of_the_markov_model_are_no_part_of_the_difference() -> None:
    """Fails: two runs of one model differ because the baselines of their corpora do."""
    theirs = tunes(5)
    bits = theirs.bits.copy()
    bits[:, 3:] *= 2
    assert all(row.is_same for row in paired([replace(theirs, bits=bits)], [theirs]))


def test_only_tunes_that_both_have_read_count_whatever_their_order() -> None:
    """Fails: tunes are compared by their place in a list, and one run's hard tunes with another's easy ones."""
    ours, theirs = tunes(1), tunes(2)
    order = np.random.default_rng(0).permutation(30)[:20]
    part = replace(
        theirs,
        id=[theirs.id[k] for k in order],
        content=[theirs.content[k] for k in order],
        source=[theirs.source[k] for k in order],
        family=theirs.family[order],
        notes=theirs.notes[order],
        bits=theirs.bits[order],
    )
    rows = paired([ours], [part])
    gain = (ours.headline - theirs.headline)[order]
    assert rows[0].difference == pytest.approx(gain.sum() / ours.notes[order].sum())
    assert rows[0].tunes == 20
    assert [row.source for row in rows] == [ALL, "essen", "han"]
    assert sum(row.tunes for row in rows[1:]) == 20


def test_a_tune_that_was_edited_is_another_tune() -> None:
    """Fails: two versions of a file under one name are taken for one, and the difference is of the files."""
    ours = tunes(1)
    edited = replace(ours, content=["edited", *ours.content[1:]])
    assert paired([ours], [edited])[0].tunes == 29
    assert paired([ours], [replace(ours, content=["edited"] * 30)]) == []


def test_seeds_of_an_arm_count_by_the_mean_of_each_tune() -> None:
    """Fails: an arm with more seeds seems to have read more tunes, and is more certain than it is."""
    one, other, theirs = tunes(1), tunes(2), tunes(3)
    mean = replace(one, bits=(one.bits + other.bits) / 2)
    for row, expected in zip(paired([one, other], [theirs]), paired([mean], [theirs]), strict=True):
        assert row.tunes == expected.tunes
        assert row.difference == pytest.approx(expected.difference)
        assert row.interval == pytest.approx(expected.interval)


def test_tunes_that_are_kin_in_either_corpus_are_drawn_together() -> None:
    """Fails: a corpus that knows fewer versions makes the difference look more certain than it is."""
    one, other = np.array([7, 7, 3, 4, 5, 9]), np.array([0, 1, 1, 2, 3, 3])
    joined = kin_in_any([one, other])
    assert joined[0] == joined[1] == joined[2]
    assert joined[4] == joined[5]
    assert len(np.unique(joined)) == 3
    (row, *_) = paired([tunes(1)], [replace(tunes(2), family=np.arange(30) // 10)])
    assert row.families == 3
    chain = [np.arange(9) // 2, (np.arange(9) + 1) // 2]
    assert len(np.unique(kin_in_any(chain))) == 1
