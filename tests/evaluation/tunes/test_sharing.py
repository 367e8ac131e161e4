"""What tunes share: naive references, copies in another key and tempo, and no gain from more tunes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phin.evaluation.tunes.sharing import (
    beyond_chance,
    copying,
    distinct_between,
    longest_copies,
    longest_shared,
    nearest_tunes,
)
from phin.music.copying import turns
from phin.music.phrase import DURATION, ONSET, PITCH, Phrase
from tests.evaluation.structured import returning, store_of
from tests.tunes import wander

LEARNED = [returning(seed) for seed in range(8)]


def spliced(one: Phrase, other: Phrase, notes: int) -> Phrase:
    """The first notes of one, a fourth higher and twice as slow, and then another tune."""
    begin, rest = one.rows[:notes].astype(int).copy(), other.rows.astype(int).copy()
    begin[:, [ONSET, DURATION]] *= 2
    begin[:, PITCH] += 5
    rest[:, ONSET] += begin[-1, ONSET] + begin[-1, DURATION] - rest[0, ONSET]
    return replace(one, rows=np.concatenate([begin, rest]))


def naive_longest(tune: Phrase, learned: list[Phrase]) -> int:
    """Notes of the longest run of turns that stands in one tune, looked for place by place."""
    mine, best = turns(tune).tolist(), 0
    for theirs in (turns(each).tolist() for each in learned):
        for i in range(len(mine)):
            for j in range(len(theirs)):
                length = 0
                while i + length < len(mine) and j + length < len(theirs) and mine[i + length] == theirs[j + length]:
                    length += 1
                best = max(best, length)
    return min(best, 64) + 2 if best >= 4 else 0


def test_the_longest_copy_is_what_a_search_finds() -> None:
    """Fails: a copy is called new, or what is new a copy."""
    heard = [spliced(LEARNED[3], wander(90, 30), 21), returning(50), wander(91, 40), LEARNED[1], wander(92, 4)]
    found = longest_copies([turns(tune) for tune in heard], [turns(tune) for tune in LEARNED])
    assert found.tolist() == [naive_longest(tune, LEARNED) for tune in heard]
    assert found[0] >= 21
    assert found[3] == min(len(LEARNED[1]), 66)
    assert found[4] == 0


def test_the_longest_stretch_of_another_tune_is_what_a_search_finds() -> None:
    """Fails: two tunes that are one are taken for two, or a tune shares its stretches with itself, or with its kin."""
    tunes = [spliced(LEARNED[3], wander(90, 30), 21), returning(50), LEARNED[3], wander(91, 40), returning(50)]
    for family in (np.arange(5), np.array([70, 1, 2, 3, 1])):
        naive = [
            naive_longest(tune, [other for each, other in zip(family, tunes, strict=True) if each != own])
            for own, tune in zip(family, tunes, strict=True)
        ]
        assert longest_shared(tunes, family).tolist() == naive
    assert naive[0] >= 21
    assert naive[1] < longest_shared(tunes, np.arange(5))[1]
    assert longest_shared([wander(92, 4)], np.arange(1)).tolist() == [0]


@pytest.mark.parametrize("count", [1, 32, 99, 100, 256])
def test_no_more_than_one_in_a_hundred_copies_beyond_chance(count: int) -> None:
    """Fails: real tunes are called copies, or copies chance."""
    unrelated = np.random.default_rng(count).integers(6, 40, count)
    notes, chance = beyond_chance(unrelated)
    assert np.mean(unrelated >= notes) <= 0.01 < np.mean(unrelated >= notes - 1), "and no fewer notes would do"
    beyond = [np.random.default_rng(k).permutation(count + 1)[0] >= count - int(count / 100) for k in range(4000)]
    assert chance == pytest.approx(np.mean(beyond), abs=0.025), "the place of one more among them"
    assert beyond_chance(np.zeros(5, int))[0] == 6, "what is shorter is no copy"


def test_the_nearest_tune_is_the_one_that_was_copied(tmp_path: Path) -> None:
    """Fails: a copy is said to be of another tune."""
    store = store_of(tmp_path / "s", LEARNED, [returning(70)])
    found = copying([spliced(LEARNED[3], wander(90, 30), 40), LEARNED[5], wander(93, 4)], store)
    assert found.nearest[:2].tolist() == [3, 5]
    assert found.nearest_share[1] == 1
    assert 0.2 < found.nearest_share[0] < 0.8
    assert found.nearest[2] == -1
    assert np.isnan(found.nearest_share[2])


def test_a_tune_that_nobody_has_is_near_to_none() -> None:
    """Fails: any tune is said to come from somewhere."""
    nearest, share = nearest_tunes([turns(wander(5, 40, tuple(range(52, 88))))], [turns(tune) for tune in LEARNED])
    assert nearest.tolist() == [-1]
    assert share.tolist() == [0]


def test_tunes_of_one_tune_are_not_distinct_however_many_they_are() -> None:
    """Fails: a model that plays one tune is called rich; or one is called poorer because it played more."""
    same = [LEARNED[0]] * 6
    assert distinct_between(same, np.arange(6)).max() == 0
    unlike = [wander(seed, 60) for seed in range(40)]
    few, many = (distinct_between(unlike[:count], np.arange(count)).mean() for count in (10, 40))
    assert few > 0.98
    assert many == pytest.approx(few, abs=0.01)


def test_distinct_between_is_a_mean_over_pairs_of_other_families() -> None:
    """Fails: two versions of one tune make a corpus poor."""
    tunes = [LEARNED[0], LEARNED[0], LEARNED[1], wander(4, 50)]
    family = np.array([0, 0, 1, 2])
    grams = [{tuple(turns(tune)[:64][k : k + 4].tolist()) for k in range(len(turns(tune)[:64]) - 3)} for tune in tunes]
    for tune, found in enumerate(distinct_between(tunes, family)):
        others = [other for other in range(4) if family[other] != family[tune]]
        shared = [len(grams[tune] & grams[other]) / len(grams[tune]) for other in others]
        assert found == pytest.approx(1 - np.mean(shared), abs=1e-6)
    assert np.isnan(distinct_between(tunes[:2], family[:2])).all()
