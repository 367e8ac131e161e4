"""The motifs that a set of tunes has more of than a corpus, and which of the corpus's tunes have them too.

A motif is three turns in a row: from a melody note to the next, the interval in semitones and the steps between their
onsets, which is a note's length as Thai letters write it. So a motif is free of key and of place in the bar, but not of
note values (`phin.music.copying` looks for copies, and is free of those too), and can be written in letters.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt64

from phin.errors import InvalidTune
from phin.music.grid import BEAT, STEPS_PER_SLOT
from phin.music.lai import LAI_ROOTS, pentatonic_set
from phin.music.letters import Letter
from phin.music.notation import lettered_slots
from phin.music.page import barred
from phin.music.phrase import STEPS_PER_HONG, Inferred, Phrase, rows_from_columns

TURNS = 3
"""Of a motif: four notes."""
PRIOR = 1000.0
"""Motifs that are taken for seen in each set before any is, spread as in both together: the larger, the less a rare
motif can stand out."""
FEWEST_TUNES = 3
"""A motif that fewer tunes of a set have is a tune's, not the set's."""
RESAMPLES = 1000
_INTERVAL, _STEPS = 7, 9  # bits: 16 a turn, so that four fit into a number
_MIDDLE = 2 ** (_INTERVAL - 1)


def motifs(phrase: Phrase) -> tuple[UInt64[np.ndarray, " motif"], Int[np.ndarray, " motif"]]:
    """The motifs of a melody in order, and the step at which each begins; none where nobody wrote the rhythm down.

    Each is a number that `turns` undoes. Turns that no number holds (two strokes at once, more than 21 quarters) are
    in none.
    """
    melody = phrase.melody
    if Inferred.ONSET in phrase.inferred or len(melody) <= TURNS:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    interval, steps = np.diff(melody.pitch).astype(np.int64), np.diff(melody.onset).astype(np.int64)
    fits = (np.abs(interval) < _MIDDLE) & (steps > 0) & (steps < 2**_STEPS)
    turn = np.where(fits, (interval + _MIDDLE << _STEPS) | steps, 0).astype(np.uint64)
    count = len(turn) - TURNS + 1
    packed, whole = np.zeros(count, np.uint64), np.ones(count, bool)
    for place in range(TURNS):
        packed = packed << np.uint64(_INTERVAL + _STEPS) | turn[place : place + count]
        whole &= fits[place : place + count]
    return packed[whole], melody.onset[:count][whole].astype(np.int64)


def turns(motif: int) -> list[tuple[int, int]]:
    """Interval and steps of each turn of a motif."""
    size = _INTERVAL + _STEPS
    each = [motif >> size * place & 2**size - 1 for place in reversed(range(TURNS))]
    return [((turn >> _STEPS) - _MIDDLE, turn & 2**_STEPS - 1) for turn in each]


class LogOdds(NamedTuple):
    """How much likelier each motif is in one set than in another: natural logarithms of ratios of odds."""

    value: Float[np.ndarray, "*way motif"]
    deviation: Float[np.ndarray, "*way motif"]
    """Its standard deviation if motifs were independent."""

    @property
    def z(self) -> Float[np.ndarray, "*way motif"]:
        """How many standard deviations it is from 0."""
        return self.value / self.deviation


def log_odds(
    ours: Float[np.ndarray, "*way motif"],
    theirs: Float[np.ndarray, "*way motif"],
    prior: Float[np.ndarray, " motif"],
    our_total: Float[np.ndarray, "*way"],
    their_total: Float[np.ndarray, "*way"],
) -> LogOdds:
    """Of counts, with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, Political Analysis 16).

    log((y + a) / (n + A - y - a)) of the one less that of the other; y is a motif's count, n all of them, a and A the
    same of the prior. Its variance is about 1 / (y + a) of both. `prior` sums to A (PRIOR) over all motifs, of which
    those given may be some.
    """
    values, variance = [], 0.0
    for counts, total in ((ours, our_total), (theirs, their_total)):
        seen = counts + prior
        values.append(np.log(seen) - np.log(total[..., None] + PRIOR - seen))
        variance = variance + 1 / seen
    return LogOdds(values[0] - values[1], np.sqrt(variance))


class Characteristic(NamedTuple):
    """A motif that a set has more of than a corpus, or less (`log_odds` below 0)."""

    motif: int
    letters: str
    """As a page has it, in whichever key all its notes have letters; intervals and steps where none has."""
    ours: int
    our_tunes: int
    theirs: int
    their_tunes: int
    log_odds: float
    low: float
    high: float
    """95 %, the wider of two: by tunes (of the corpus: families) drawn anew, so that what one tune repeats counts by
    that tune; and by Monroe's variance, which knows that what is not there once could have been."""
    z: float
    """Monroe's, which takes every motif for independent: what the list is ordered by."""
    found_in: tuple[int, ...]
    """Places in the corpus's tunes, those that have it most often first."""


def characteristic(
    ours: Sequence[Phrase],
    theirs: Sequence[Phrase],
    families: Int[np.ndarray, " tune"],
    count: int,
    seed: int,
) -> list[Characteristic]:
    """The `count` motifs that most mark our tunes against theirs, highest z first, then as many that mark theirs.

    Only those that FEWEST_TUNES of the set have that they mark. `families` is of their tunes.
    """
    mine, yours = _Counted(ours), _Counted(theirs)
    kinds = np.union1d(mine.kinds, yours.kinds)
    our_counts, their_counts = mine.counts(kinds), yours.counts(kinds)
    total = our_counts.sum() + their_counts.sum()
    if not our_counts.sum() or not their_counts.sum():
        return []
    prior = PRIOR * (our_counts + their_counts) / total
    totals = np.array(our_counts.sum()), np.array(their_counts.sum())
    whole = log_odds(our_counts, their_counts, prior, *totals)
    enough = mine.tunes(kinds) >= FEWEST_TUNES, yours.tunes(kinds) >= FEWEST_TUNES
    ranked = [
        np.lexsort((kinds, np.where(there, -sign * whole.z, np.inf)))[:count]
        for sign, there in zip((1, -1), enough, strict=True)
    ]
    chosen = np.concatenate(
        [
            rank[(sign * whole.z[rank] > 0) & there[rank]]
            for sign, rank, there in zip((1, -1), ranked, enough, strict=True)
        ]
    )
    our_tunes, their_tunes = mine.by_tune(kinds[chosen]), yours.by_tune(kinds[chosen])
    low, high = _intervals(
        (our_tunes, mine.totals, np.arange(len(ours))), (their_tunes, yours.totals, families), prior[chosen], seed
    )
    rows = []
    for place, kind in enumerate(chosen.tolist()):
        holds = np.lexsort((np.arange(len(theirs)), -their_tunes[:, place]))
        at = mine if our_counts[kind] else yours
        rows.append(
            Characteristic(
                motif=int(kinds[kind]),
                letters=written(int(kinds[kind]), at.usual_place(int(kinds[kind]))),
                ours=int(our_counts[kind]),
                our_tunes=int((our_tunes[:, place] > 0).sum()),
                theirs=int(their_counts[kind]),
                their_tunes=int((their_tunes[:, place] > 0).sum()),
                log_odds=float(whole.value[kind]),
                low=min(float(low[place]), float(whole.value[kind] - 1.96 * whole.deviation[kind])),
                high=max(float(high[place]), float(whole.value[kind] + 1.96 * whole.deviation[kind])),
                z=float(whole.z[kind]),
                found_in=tuple(tune for tune in holds.tolist() if their_tunes[tune, place]),
            )
        )
    return rows


class _Counted:
    """The motifs of some tunes."""

    def __init__(self, tunes: Sequence[Phrase]) -> None:
        found = [motifs(tune) for tune in tunes]
        self.totals = np.array([len(each) for each, _ in found])
        self.kinds, self.kind = np.unique(np.concatenate([each for each, _ in found]), return_inverse=True)
        self.onset = np.concatenate([onset for _, onset in found])
        self.tune = np.repeat(np.arange(len(tunes)), self.totals)

    def counts(self, kinds: UInt64[np.ndarray, " kind"]) -> Float[np.ndarray, " kind"]:
        """How often each is there; `kinds` holds all that are."""
        counted = np.zeros(len(kinds))
        counted[np.searchsorted(kinds, self.kinds)] = np.bincount(self.kind, minlength=len(self.kinds))
        return counted

    def tunes(self, kinds: UInt64[np.ndarray, " kind"]) -> Int[np.ndarray, " kind"]:
        """In how many tunes each is."""
        pairs = np.unique(np.stack([self.kind, self.tune]), axis=1)
        counted = np.zeros(len(kinds), dtype=np.int64)
        counted[np.searchsorted(kinds, self.kinds)] = np.bincount(pairs[0], minlength=len(self.kinds))
        return counted

    def by_tune(self, chosen: UInt64[np.ndarray, " chosen"]) -> Int[np.ndarray, "tune chosen"]:
        """How often each of a few is in each tune."""
        here = self.kinds[self.kind] if len(self.kinds) else self.kinds
        return (
            np.stack([np.bincount(self.tune[here == motif], minlength=len(self.totals)) for motif in chosen], axis=1)
            if len(chosen)
            else np.zeros((len(self.totals), 0), dtype=np.int64)
        )

    def usual_place(self, motif: int) -> int:
        """The step of a hong, from its slot 1, that a motif most often begins at; of several the first."""
        onset = self.onset[self.kinds[self.kind] == np.uint64(motif)]
        return int(np.bincount((onset + BEAT) % STEPS_PER_HONG).argmax())


def _intervals(
    ours: tuple[np.ndarray, np.ndarray, np.ndarray],
    theirs: tuple[np.ndarray, np.ndarray, np.ndarray],
    prior: Float[np.ndarray, " chosen"],
    seed: int,
) -> tuple[Float[np.ndarray, " chosen"], Float[np.ndarray, " chosen"]]:
    """95 % of log_odds where whole groups of tunes are drawn anew; counts by tune, totals and groups of each side."""
    rng, drawn = np.random.default_rng(seed), []
    for counts, totals, group in (ours, theirs):
        _, place = np.unique(group, return_inverse=True)
        number = int(place.max()) + 1
        sums = np.zeros((number, counts.shape[1] + 1))
        np.add.at(sums, place, np.column_stack([counts, totals]))
        times = rng.multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
        drawn.append(times @ sums)
    found = log_odds(drawn[0][:, :-1], drawn[1][:, :-1], prior, drawn[0][:, -1], drawn[1][:, -1])
    low, high = np.percentile(found.value, [2.5, 97.5], axis=0)
    return low, high


def written(motif: int, place: int) -> str:
    """A motif as a page has it, its first note so many steps after the beginning of a hong.

    In the key in which all its notes have letters, and of these in one of the three sets of the six lai if it lies in
    one, as near to the unmarked octave as can be. Where its rhythm or its pitches have no letters: intervals in
    semitones with slots, as `+2:1` for a note that is followed a slot later by one two semitones higher.
    """
    moved = turns(motif)
    pitch = np.cumsum([0, *(interval for interval, _ in moved)])
    onset = place - BEAT + np.cumsum([0, *(steps for _, steps in moved)])
    plain = " ".join(f"{interval:+d}:{steps / STEPS_PER_SLOT:.3g}" for interval, steps in moved)
    keys = [first for first in range(48, 84) if all(Letter.of_pitch(int(first + each)) for each in pitch)]
    if not keys:
        return plain
    phrase = Phrase(
        rows_from_columns(onset, np.full(len(onset), 1), pitch + min(keys, key=lambda k: _plainness(pitch + k)))
    )
    try:
        return barred(lettered_slots(replace(phrase, metre=None), -BEAT))
    except InvalidTune:
        return plain


def _plainness(pitch: Int[np.ndarray, " note"]) -> tuple[bool, int, int]:
    """Small for pitches in a set that a lai has, with few octave marks."""
    in_set = any(all(int(each) % 12 in pentatonic_set(root) for each in pitch) for root in LAI_ROOTS)
    marks = sum(abs(letter.octave) for each in pitch if (letter := Letter.of_pitch(int(each))))
    return not in_set, marks, abs(int(pitch[0]) - 66)
