"""How alike two sets of tunes are in what they have of each kind of event, and how alike real tunes are to each other.

The histograms of `phin.music.profiles` of whole sets are compared by their overlap (the sum of the smaller of two
shares; Yang and Lerch 2020 call it overlapping area) and by the Kullback-Leibler divergence from real tunes, in bits.
A set of few tunes is far from any other, and real tunes are not all alike: so the same is told of as many real tunes
beside all the others, which is the ceiling.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from phin.evaluation.tunes.tune_set import TuneSet
from phin.music.profiles import PROFILES

SMOOTHING = 0.5
"""Added to each bin, for KL alone: what a set lacks would be infinitely far."""
NUM_RESAMPLES = 500
NAMED = 2
"""Bins of each kind that a sentence names."""
Interval = tuple[float, float, float]
"""Value, and the bounds of 95 %."""


@dataclass(frozen=True)
class Distance:
    """Of one histogram: overlap and KL of a set beside real tunes, and of real tunes beside other real ones."""

    name: str
    about: str
    overlap: Interval
    kl: Interval
    """Bits."""
    ceiling: Interval
    """The overlap of as many real tunes with the other real ones."""
    kl_ceiling: Interval
    bins: tuple[str, ...]
    shares: Float[np.ndarray, " bin"]
    real_shares: Float[np.ndarray, " bin"]

    @property
    def is_far(self) -> bool:
        """Whether fewer than one in forty parts of the real tunes overlap so little with the others."""
        return self.overlap[0] < self.ceiling[1]

    @property
    def most_unlike(self) -> tuple[list[str], list[str]]:
        """The bins, two at most, that the set has most too much of, and those that it has most too little of."""
        more = self.shares - self.real_shares
        order = np.argsort(-np.abs(more), kind="stable").tolist()
        too_many, too_few = ([self.bins[k] for k in order if more[k] * sign > 0][:NAMED] for sign in (1, -1))
        return too_many, too_few

    def __str__(self) -> str:
        kinds = zip(("more", "fewer"), self.most_unlike, strict=True)
        bins = ", ".join(f"{word} {' and '.join(names)}" for word, names in kinds if names)
        real = f"real tunes with others {self.ceiling[1]:.2f} to {self.ceiling[2]:.2f}"
        return f"{self.name} overlap {self.overlap[0]:.2f} ({real}): {bins}"


def overlap(one: Float[np.ndarray, " bin"], other: Float[np.ndarray, " bin"]) -> float:
    """Of two histograms, as shares: 1 the same, 0 nothing in common."""
    return float(np.minimum(one / one.sum(), other / other.sum()).sum())


def divergence(one: Float[np.ndarray, " bin"], other: Float[np.ndarray, " bin"]) -> float:
    """KL(one || other) of two histograms in bits, each smoothed."""
    p, q = ((each + SMOOTHING) / (each + SMOOTHING).sum() for each in (one, other))
    return float((p * np.log2(p / q)).sum())


def distances(tunes: TuneSet, real: TuneSet, seed: int = 0) -> list[Distance]:
    """A row a profile that both sets have events of. Intervals are of resamples of the set's families."""
    found = []
    for profile in PROFILES:
        mine, theirs = (np.stack([profile.of(tune) for tune in each.tunes]) for each in (tunes, real))
        if not (mine.any() and theirs.any()):
            continue
        rng = np.random.default_rng(seed)
        here = [(mine[rows].sum(axis=0), theirs.sum(axis=0)) for rows in _resamples(tunes.family, rng)]
        parts = _parts(real.family, len(tunes), rng)
        there = [(theirs[some].sum(axis=0), theirs[others].sum(axis=0)) for some, others in parts]
        here, there = ([pair for pair in pairs if all(each.any() for each in pair)] for pairs in (here, there))
        whole = mine.sum(axis=0), theirs.sum(axis=0)
        found.append(
            Distance(
                profile.name,
                profile.about,
                _interval([overlap(*each) for each in here], overlap(*whole)),
                _interval([divergence(*each) for each in here], divergence(*whole)),
                _interval([overlap(*each) for each in there]),
                _interval([divergence(*each) for each in there]),
                profile.bins,
                whole[0] / whole[0].sum(),
                whole[1] / whole[1].sum(),
            )
        )
    return found


def _resamples(family: Int[np.ndarray, " tune"], rng: np.random.Generator) -> list[Int[np.ndarray, " drawn"]]:
    """Rows of as many families as there are, drawn with repetition."""
    members = [np.flatnonzero(family == number) for number in np.unique(family)]
    draws = rng.integers(len(members), size=(NUM_RESAMPLES, len(members)))
    return [np.concatenate([members[number] for number in draw]) for draw in draws.tolist()]


def _parts(
    family: Int[np.ndarray, " tune"], count: int, rng: np.random.Generator
) -> list[tuple[Int[np.ndarray, " part"], Int[np.ndarray, " rest"]]]:
    """The tunes of some families, `count` or so but no more than half of all, and those of the others."""
    numbers = np.unique(family)
    if len(numbers) < 2:
        return []
    found = []
    for _ in range(NUM_RESAMPLES):
        order = rng.permutation(numbers)
        sizes = np.cumsum([np.count_nonzero(family == number) for number in order])
        until = min(max(int(np.searchsorted(sizes, min(count, len(family) // 2))) + 1, 1), len(order) - 1)
        chosen = np.isin(family, order[:until])
        found.append((np.flatnonzero(chosen), np.flatnonzero(~chosen)))
    return found


def _interval(values: Sequence[float], value: float | None = None) -> Interval:
    """A value, the mean if it is not given, with the interval of its resamples; NaN for none."""
    if not len(values):
        return np.nan, np.nan, np.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(np.mean(values)) if value is None else value, float(low), float(high)
