"""A set of tunes measured beside real ones and spoiled ones: what each number is worth, and what the set is nearer to.

No measure is good because it is high. Each is read as a distance from real held-out tunes, in their own standard
deviations; and it is believed only as far as it tells real tunes from those that were spoiled in what it speaks of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from phin.corpus.store import Store
from phin.evaluation.intervals import resampled
from phin.evaluation.tunes.baselines import COPIED, NGRAM, ONE_NOTE, ONE_TUNE, SPOILED, NgramTunes, one_tune
from phin.evaluation.tunes.sharing import Copying, copying, distinct_between, longest_shared
from phin.evaluation.tunes.tune_set import Alike, TuneSet, held_out, learned
from phin.evaluation.tunes.verdicts import JUDGED, REAL, Most, Row, ShareVerdict, Value, Verdict, verdicts
from phin.music.grid import begin_of, hong_of
from phin.music.lai import Lai
from phin.music.measures import MEASURES, Aspect, lai_adherence, longest_run, measures, pattern_agreement

NGRAM_TUNES = 2000
"""Training tunes that the n-gram baseline learns from."""


@dataclass(frozen=True)
class Judgement:
    """All sets, the judged one first and the real one second, and what is told of them."""

    sets: dict[str, TuneSet]
    rows: list[Row]
    verdicts: list[Verdict | ShareVerdict]
    copying: Copying
    """Of the judged tunes."""
    alike: Alike
    """What the real ones have in common with those."""


def judge(
    judged: TuneSet,
    store: Store,
    split: str = "test",
    most: int = 256,
    seed: int = 0,
    lai: Lai | None = None,
    pattern: str | None = None,
) -> Judgement:
    """Measures tunes beside at most so many held-out tunes of a corpus that are `Alike`, and what is made of those.

    Real tunes that are longer than most of the judged ones are cut to that: what returns in a tune hangs on its length.

    A `lai` or a rhythm `pattern` (as -x-x) adds how far the tunes keep to it. Raises PhinError where the corpus has no
    such tune.
    """
    length = int(np.median([hong_of(tune, begin_of(tune)) for tune in judged.tunes]))
    alike = Alike.to(judged.tunes, store, split)
    real = held_out(store, split, alike, most, seed, length)
    sets = {JUDGED: judged, REAL: real, **spoiled(real, store, alike, seed, length)}
    copies = dict(zip(sets, _copying(sets, store), strict=True))
    found = {name: _measured(each, copies[name], lai, pattern) for name, each in sets.items()}
    about = {measure.name: (measure.aspect, measure.about) for measure in MEASURES} | _BESIDE
    names = list(found[JUDGED])
    family = {name: each.family for name, each in sets.items()}
    rows = [row_of(name, *about[name], {each: found[each][name] for each in sets}, family) for name in names]
    rows = [row for row in rows if row.values]
    shares = [each.verdict(judged.family[: len(each.judged)]) for each in _most(sets, copies)]
    return Judgement(sets, rows, [*verdicts(rows), *shares], copies[JUDGED], alike)


def _most(sets: Mapping[str, TuneSet], copies: Mapping[str, Copying]) -> list[Most]:
    """What no tune should have too much of: one pitch, other tunes of its set, training tunes.

    Of each other the judged tunes are asked whatever their families, and no more of them than there are real ones, for
    the more tunes there are, the more one has of another by chance.
    """
    judged, real = sets[JUDGED].tunes[: len(sets[REAL])], sets[REAL]
    run = [np.array([longest_run(tune) for tune in each.tunes]) for each in (sets[JUDGED], real)]
    shared = [longest_shared(judged, np.arange(len(judged))), longest_shared(real.tunes, real.family)]
    return [
        Most(ONE_NOTE, Aspect.VARIETY, "in a row on one pitch", *run),
        Most(ONE_TUNE, Aspect.BETWEEN, "of another of them", *shared),
        Most(COPIED, Aspect.NOVELTY, "of one training tune", copies[JUDGED].longest, copies[REAL].longest),
    ]


def spoiled(real: TuneSet, store: Store, alike: Alike, seed: int, hong: int) -> dict[str, TuneSet]:
    """The sets that real tunes are held against, by name, each made of the same real tunes."""
    made = {}
    for baseline in SPOILED:
        rng = np.random.default_rng(seed)
        tunes = [baseline.of(tune, rng) for tune in real.tunes]
        made[baseline.name] = TuneSet(baseline.name, tunes, real.ids, real.family)
    made[ONE_TUNE] = TuneSet(ONE_TUNE, one_tune(real.tunes), real.ids, real.family)
    made[COPIED] = learned(store, alike, len(real), seed, hong)
    chain, rng = NgramTunes(learned(store, alike, NGRAM_TUNES, seed + 1).tunes), np.random.default_rng(seed)
    made[NGRAM] = TuneSet(NGRAM, [chain.of(tune, rng) for tune in real.tunes], real.ids, real.family)
    return made


_BESIDE: dict[str, tuple[Aspect, str]] = {
    "lai_adherence": (Aspect.PITCH, "time in the lai that is asked for, above blind plucking"),
    "pattern_agreement": (Aspect.RHYTHM, "strokes on the pattern that is asked for, above chance"),
    "distinct_between": (Aspect.BETWEEN, "motifs that another tune does not have"),
    "longest_copy": (Aspect.NOVELTY, "notes of the longest stretch of a training tune"),
    "nearest_share": (Aspect.NOVELTY, "stretches of eight notes that the nearest training tune has"),
}


def _copying(sets: Mapping[str, TuneSet], store: Store) -> list[Copying]:
    """Of each set; all are looked up at once, for that is what takes time."""
    whole = copying([tune for each in sets.values() for tune in each.tunes], store)
    ends = np.cumsum([len(each) for each in sets.values()])
    return [Copying(*parts) for parts in zip(*(np.split(column, ends[:-1]) for column in whole), strict=True)]


def _measured(
    tunes: TuneSet, copies: Copying, lai: Lai | None, pattern: str | None
) -> dict[str, Float[np.ndarray, " tune"]]:
    """Every measure of every tune, NaN where it has none."""
    each = [measures(tune) for tune in tunes.tunes]
    found = {name: np.array([values[name] for values in each]) for name in each[0]}
    if lai is not None:
        found["lai_adherence"] = np.array([lai_adherence(tune, lai) for tune in tunes.tunes])
    if pattern is not None:
        found["pattern_agreement"] = np.array([pattern_agreement(tune, pattern) for tune in tunes.tunes])
    found["distinct_between"] = distinct_between(tunes.tunes, tunes.family).astype(float)
    return found | {"longest_copy": copies.longest.astype(float), "nearest_share": copies.nearest_share}


def row_of(
    name: str,
    aspect: Aspect,
    about: str,
    found: Mapping[str, Float[np.ndarray, " tune"]],
    family: Mapping[str, Int[np.ndarray, " tune"]],
) -> Row:
    """A measure of all sets: a value a tune, NaN where it has none, and the family of each."""
    values, draws = {}, {}
    for place, (each, column) in enumerate(found.items()):
        there = ~np.isnan(column)
        if not there.any():
            continue
        # what is made of the same real tunes is drawn as they are, so that what is hard in a family cancels out; so
        # families are drawn of all tunes, and one without a value weighs nothing
        seed = 0 if np.array_equal(family[each], family[REAL]) else 1 + place
        with np.errstate(invalid="ignore"):  # of some draws no tune may have a value
            draws[each] = resampled(np.where(there, column, 0.0), there.astype(np.int64), family[each], seed)
        low, high = np.nanpercentile(draws[each], [2.5, 97.5])
        families = len(np.unique(family[each][there]))
        values[each] = Value(float(column[there].mean()), float(low), float(high), int(there.sum()), families)
    distance, far = {}, {}
    if REAL in values and (spread := float(np.nanstd(found[REAL]))) > 0:
        for each in values:
            if each != REAL:
                far[each] = (draws[each] - draws[REAL]) / spread
                low, high = np.nanpercentile(far[each], [2.5, 97.5])
                distance[each] = ((values[each].mean - values[REAL].mean) / spread, float(low), float(high))
    return Row(name, aspect, about, values, distance, far)
