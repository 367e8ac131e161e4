"""Tunes judged: what is spoiled is caught, what is real is not, and a measure is believed as far as it tells."""

from dataclasses import replace

import numpy as np
import pytest

from phin.corpus.store import Store
from phin.errors import PhinError
from phin.evaluation.tunes.baselines import COPIED, NGRAM, SPOILED
from phin.evaluation.tunes.judgement import Judgement, judge, row_of
from phin.evaluation.tunes.tune_set import TuneSet, drawn
from phin.evaluation.tunes.verdicts import JUDGED, REAL, SPOILS, Row, ShareVerdict, verdicts
from phin.music.lai import lai_named
from phin.music.measures import Aspect
from phin.music.phrase import PITCH, Phrase
from tests.evaluation.structured import returning, store_of
from tests.tunes import wander

HEARD = [returning(seed) for seed in range(500, 516)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    train, test = ([returning(seed) for seed in range(*span)] for span in ((24,), (100, 132)))
    return store_of(tmp_path_factory.mktemp("cache") / "s", train, test)


def spoiled(name: str) -> TuneSet:
    baseline = next(each for each in SPOILED if each.name == name)
    rng = np.random.default_rng(8)
    return drawn(name, [baseline.of(tune, rng) for tune in HEARD])


@pytest.fixture(scope="module")
def new(store: Store) -> Judgement:
    """Tunes of the same kind as the real ones."""
    return judge(drawn("new", HEARD), store)


def caught(judgement: Judgement) -> set[tuple[str, Aspect]]:
    return {(verdict.name, verdict.aspect) for verdict in judgement.verdicts if verdict.caught}


@pytest.mark.long
def test_tunes_of_the_same_kind_are_caught_in_nothing(new: Judgement) -> None:
    """Fails: real tunes are called fakes, and nobody believes the report."""
    assert caught(new) == set()
    told = [row.name for row in new.rows if row.tells(JUDGED)]
    assert len(told) <= 2, "one in twenty is told by accident"
    assert list(new.sets)[:2] == [JUDGED, REAL]


@pytest.mark.long
def test_a_set_of_one_note_is_caught(store: Store) -> None:
    """Fails: the ancestor's fault: the tune of one note is the most pentatonic, the most consistent, the best."""
    found = caught(judge(spoiled("one note"), store))
    assert {("one note", aspect) for aspect in SPOILS["one note"]} <= found


@pytest.mark.long
def test_shuffled_tunes_are_caught_by_their_order_alone(store: Store) -> None:
    """Fails: tunes without a form pass, for their notes are real."""
    judgement = judge(spoiled("shuffled hong"), store)
    found = caught(judgement)
    assert ("shuffled hong", Aspect.ORDER) in found
    assert not {aspect for _, aspect in found} & {Aspect.PITCH, Aspect.RHYTHM, Aspect.NOVELTY}


@pytest.mark.long
def test_copies_are_caught_by_their_novelty_alone(store: Store) -> None:
    """Fails: who learned the corpus by heart is the best composer."""
    copies = drawn("copies", [store.phrase(tune) for tune in store.split("train").tolist()][:16])
    judgement = judge(copies, store)
    assert caught(judgement) == {("training tunes", Aspect.NOVELTY)}
    assert (judgement.copying.longest >= 50).all()
    assert judgement.copying.nearest.tolist() == store.split("train")[:16].tolist()


def row(mine: float, theirs: float, floor: float = 0.0, name: str = "a", noise: float = 0.1) -> Row:
    """Of order, with shuffled hong at `theirs` standard deviations."""
    far = {JUDGED: float(mine), "shuffled hong": float(theirs), COPIED: floor}
    wide = {each: (far[each], far[each] - noise, far[each] + noise) for each in far}
    spread = np.linspace(-noise, noise, 2000)
    draws = {each: far[each] + (spread if each == JUDGED else 0 * spread) for each in far}
    return Row(name, Aspect.ORDER, "", {}, wide, draws)


def test_half_as_far_as_spoiled_tunes_is_caught_and_less_is_not() -> None:
    """Fails: the line is drawn elsewhere, or nowhere."""
    assert not verdicts([row(-0.98, -2)])[0].caught
    assert verdicts([row(-1.0, -2)])[0].caught
    (verdict,) = verdicts([row(-1.2, -2, floor=-0.4)])
    assert verdict == ("shuffled hong", Aspect.ORDER, *map(pytest.approx, (0.6, 0.5525, 0.6475, 0.2)), 1, 0)
    assert str(verdict) == (
        "order: 60% as far from real tunes as shuffled hong (95 %: 55% to 65%; training tunes 20%; 1 measure)"
    )


def test_a_measure_that_hardly_tells_spoiled_tunes_judges_nobody() -> None:
    """Fails: a difference that nobody hears decides."""
    assert row(-1, -0.2).tells("shuffled hong")
    assert not row(-1, -0.19).tells("shuffled hong")
    assert not row(-1, -0.25, noise=0.3).tells("shuffled hong"), "it may be chance"
    assert verdicts([row(-1, -0.19)]) == []


def test_what_is_off_to_the_other_side_is_off() -> None:
    """Fails: tunes more orderly than any real one are praised; or two faults cancel out."""
    (verdict,) = verdicts([row(2.2, -2)])
    assert (verdict.caught, verdict.opposite) == (True, 1)
    (verdict,) = verdicts([row(2.2, -2), row(-2.2, -2), row(1.8, -2), row(-1.8, -2)])
    assert (verdict.way, verdict.opposite, verdict.measures) == (pytest.approx(1), 2, 4)
    assert "4 measures, 2 on the other side" in str(verdict)


def test_real_tunes_that_are_as_far_catch_nobody() -> None:
    """Fails: who plays as one real tune differs from another is called a fake."""
    assert not verdicts([row(-1.2, -2, floor=1.15)])[0].caught, "its interval holds them, on whichever side they are"
    assert verdicts([row(-1.2, -2, floor=0.9)])[0].caught


def test_a_resample_in_which_spoiled_tunes_are_as_real_ones_says_nothing() -> None:
    """Fails: a verdict on a few tunes is infinite, or none."""
    one = row(-1.2, -2)
    one.draws["shuffled hong"][:20] = 0
    one.draws[JUDGED][:5] = np.nan
    (verdict,) = verdicts([one])
    assert 0.5 < verdict.low < verdict.high < 0.7


@pytest.mark.long
def test_a_set_of_few_tunes_has_wide_verdicts(store: Store, new: Judgement) -> None:
    """Fails: a verdict on three tunes is as sure as one on sixteen."""
    few = judge(drawn("few", HEARD[:3]), store)
    width = [np.mean([each.high - each.low for each in verdicts(found.rows)]) for found in (few, new)]
    assert width[0] > width[1] > 0


def test_what_is_made_of_real_tunes_is_drawn_with_them_whatever_has_no_value() -> None:
    """Fails: a spoiled set is said to differ from its tunes by chance alone, for some of them have no value."""
    real = np.random.default_rng(0).normal(size=40)
    real[38:] = np.nan
    made = real + 1.0
    made[:2], made[38:] = np.nan, 0.0
    family = {name: np.arange(40) for name in (JUDGED, REAL, "made")} | {JUDGED: np.arange(40) + 1}
    found = row_of("a", Aspect.ORDER, "", {JUDGED: made, REAL: real, "made": made}, family)
    spread = np.nanstd(real)
    rng, naive = np.random.default_rng(0), []
    for times in rng.multinomial(40, np.full(40, 1 / 40), size=2000):
        rows = np.repeat(np.arange(40), times)
        naive.append((np.nanmean(made[rows]) - np.nanmean(real[rows])) / spread)
    assert found.distance["made"][1:] == pytest.approx(np.percentile(naive, [2.5, 97.5]))
    paired, alone = (found.distance[name][2] - found.distance[name][1] for name in ("made", JUDGED))
    assert paired < alone / 2
    assert found.values["made"].tunes == found.values["made"].families == 38


def test_a_measure_that_few_tunes_have_is_told_of_those() -> None:
    """Fails: one tune without a value leaves a table without a number."""
    column = np.array([np.nan, np.nan, 3.0, np.nan])
    family = dict.fromkeys((JUDGED, REAL), np.arange(4))
    found = row_of("a", Aspect.ORDER, "", {JUDGED: column, REAL: np.array([1.0, 2, 3, 4])}, family)
    assert found.values[JUDGED] == (3, 3, 3, 1, 1)
    assert np.isfinite(found.distance[JUDGED]).all()


@pytest.mark.long
@pytest.mark.parametrize("copied", [0, 8])
def test_some_copies_in_a_set_are_caught_and_none_are_not(store: Store, copied: int) -> None:
    """Fails: who plagiarises an eighth of the time is new, for the other tunes hide it in the mean."""
    copies = [store.phrase(tune) for tune in store.split("train").tolist()][:copied]
    judgement = judge(drawn("some", copies + [returning(seed) for seed in range(700, 764 - copied)]), store)
    assert (("training tunes", Aspect.NOVELTY) in caught(judgement)) == (copied > 0)
    verdict = judgement.verdicts[-1]
    assert isinstance(verdict, ShareVerdict)
    assert verdict.share == pytest.approx(copied / 64, abs=0.02)
    assert verdict.chance == 1 / 33


@pytest.mark.long
def test_one_tune_for_ever_is_caught(store: Store) -> None:
    """Fails: who plays one good tune whatever is asked is called as good as a corpus."""
    again = drawn("again", [store.phrase(int(store.split("test")[3]))] * 16)
    assert ("one tune", Aspect.BETWEEN) in caught(judge(again, store))


@pytest.mark.long
@pytest.mark.parametrize("stuck", [0, 4])
def test_some_tunes_that_stay_on_one_note_are_caught_and_none_are_not(store: Store, stuck: int) -> None:
    """Fails: one tune in eight strikes one string for a line and a half, and the mean of a measure hides it."""
    tunes = [returning(seed) for seed in range(700, 732)]
    for place in range(stuck):
        rows = tunes[place].rows.copy()
        rows[8:28, PITCH] = rows[8, PITCH]
        tunes[place] = replace(tunes[place], rows=rows)
    judgement = judge(drawn("some", tunes), store)
    assert (("one note", Aspect.VARIETY) in caught(judgement)) == (stuck > 0)
    (verdict,) = (each for each in judgement.verdicts if "in a row on one pitch" in str(each))
    assert isinstance(verdict, ShareVerdict)
    assert verdict.share == stuck / 32


@pytest.mark.long
@pytest.mark.parametrize("kin", [False, True])
def test_a_few_tunes_for_ever_are_caught_and_as_many_new_ones_are_not(store: Store, kin: bool) -> None:
    """Fails: four tunes are played by turns, three pairs of four are unlike, and so the set is called as rich as real
    ones; or a folder of them has versions of tunes alone, and nothing is said.
    """
    few = drawn("few", [returning(seed) for seed in range(700, 704)] * 8)
    if kin:
        few = replace(few, family=np.arange(32) % 4)
    assert ("one tune", Aspect.BETWEEN) in caught(judge(few, store))
    many = drawn("many", [returning(seed) for seed in range(700, 732)])
    assert ("one tune", Aspect.BETWEEN) not in caught(judge(many, store))


@pytest.mark.long
@pytest.mark.parametrize("name", ["uniform frets", "one line"])
def test_what_is_spoiled_is_caught_as_itself(store: Store, name: str) -> None:
    """Fails: a degenerate baseline wins unseen."""
    assert name in {found for found, _ in caught(judge(spoiled(name), store))}


def test_a_measure_that_takes_spoiled_tunes_for_real_says_so(new: Judgement) -> None:
    """Fails: a number is believed that cannot tell."""
    rows = {row.name: row for row in new.rows}
    assert not rows["similarity_8"].untrusted
    assert not rows["pentatonic_adherence"].untrusted
    assert "one line" in rows["diversity"].untrusted, "a loop has as many pairs in sixteen notes as its tune"
    assert not rows["distinct_between"].untrusted
    for each in rows.values():
        assert set(each.untrusted) <= {name for name, spoils in SPOILS.items() if each.aspect in spoils}
    assert row(-1, -0.19).untrusted == ["shuffled hong"]
    assert row(-1, -0.3).untrusted == []
    assert replace(row(-1, -0.19), aspect=Aspect.PITCH).untrusted == [], "in pitch it is not spoiled"


def test_a_measure_that_finds_spoiled_tunes_nearer_to_real_ones_says_so() -> None:
    """Fails: a measure by which the judged tunes lose to a loop is listed among the others."""
    assert row(1.1, -1).better == ["shuffled hong"], "on whichever side"
    assert row(-0.9, -1).better == []
    assert row(-1.1, 1, floor=1.0).better == ["shuffled hong"], "training tunes are spoiled in novelty alone"


@pytest.mark.long
def test_values_are_means_with_intervals_by_family(store: Store) -> None:
    """Fails: versions of one tune make an interval narrow."""
    tunes = [tune for tune in HEARD[:6] for _ in range(3)]
    ids = [str(number) for number in range(18)]
    kin = judge(TuneSet("kin", tunes, ids, np.repeat(np.arange(6), 3)), store, most=16)
    alone = judge(TuneSet("alone", tunes, ids, np.arange(18)), store, most=16)
    for one, other in zip(kin.rows, alone.rows, strict=True):
        if one.name == "distinct_between" or JUDGED not in one.values:
            continue
        mine, theirs = one.values[JUDGED], other.values[JUDGED]
        assert mine.mean == pytest.approx(theirs.mean)
        assert (mine.families, theirs.families) == (6, 18) or mine.tunes < 18
        assert mine.high - mine.low >= theirs.high - theirs.low


@pytest.mark.long
def test_what_is_asked_for_is_measured_too(new: Judgement, store: Store) -> None:
    """Fails: lai= and pattern= change nothing."""
    plain = {row.name for row in new.rows}
    asked = judge(drawn("new", HEARD), store, lai=lai_named("yai"), pattern="-x-x")
    rows = {row.name: row for row in asked.rows}
    assert rows.keys() - plain == {"lai_adherence", "pattern_agreement"}
    assert rows["lai_adherence"].values[JUDGED].mean == 1, "every tune is in it"
    assert rows["lai_adherence"].values["uniform frets"].mean == pytest.approx(0, abs=0.15)


@pytest.mark.long
def test_real_tunes_are_taken_in_the_metres_that_are_asked_and_cut_to_length(store: Store) -> None:
    """Fails: reels are set beside waltzes; or long tunes beside short ones."""
    short = drawn("short", [Phrase(tune.rows[:24], metre=tune.metre) for tune in HEARD])
    judgement = judge(short, store)
    hong = [int(tune.onset[-1] - tune.onset[0]) / 24 for tune in judgement.sets[REAL].tunes]
    assert max(hong) < 16
    finals = [int(tune.pitch[-1]) for tune in judgement.sets[REAL].tunes]
    ids = [int(name.split("/")[1]) for name in judgement.sets[REAL].ids]
    assert finals == [int(store.phrase(number).pitch[-1]) for number in ids], "their ends are kept"
    waltz = drawn("waltz", [wander(1, 40, metre=None)])
    assert len(judge(waltz, store).sets[REAL]) == 32, "of tunes without a metre, any that divides a line"
    three = TuneSet("three", [wander(2, 40, metre=type(HEARD[0].metre)(3, 4))], ["a"], np.arange(1))
    with pytest.raises(PhinError, match=r"has no real tune in 3/4"):
        judge(three, store)


@pytest.mark.long
def test_of_many_real_tunes_some_are_drawn_by_seed(store: Store) -> None:
    """Fails: a report of a large corpus takes an hour; or each report is beside other tunes."""
    some = drawn("some", HEARD[:4])
    one, again, other = (judge(some, store, most=8, seed=seed).sets[REAL].ids for seed in (0, 0, 1))
    assert len(one) == 8
    assert one == again != other
    assert len(judge(some, store, most=8).sets[NGRAM]) == 8
