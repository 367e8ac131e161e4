"""How far each measure puts the judged tunes from real ones, how far spoiled ones, and what that comes to in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.counted import counted
from phin.evaluation.intervals import resampled
from phin.evaluation.tunes.baselines import COPIED, ONE_TUNE, SPOILED
from phin.evaluation.tunes.sharing import beyond_chance
from phin.music.measures import Aspect

JUDGED, REAL = "these tunes", "real tunes"
"""How the two sets that matter are called in the tables."""
SPOILS = {baseline.name: baseline.spoils for baseline in SPOILED} | {
    COPIED: frozenset({Aspect.NOVELTY}),
    ONE_TUNE: frozenset({Aspect.BETWEEN}),
}
FAINT = 0.2
"""Standard deviations: a smaller difference of means is called small at most (Cohen 1988), whatever its interval."""
CAUGHT = 0.5
"""Half as far from real tunes as spoiled ones is far."""


class Value(NamedTuple):
    """The mean of a measure over a set, its 95 % interval by family, and over how many tunes of how many families."""

    mean: float
    low: float
    high: float
    tunes: int
    families: int


@dataclass(frozen=True)
class Row:
    """A measure: its value for each set that has one, and how far each lies from real tunes.

    `distance` is (mean, low, high), in standard deviations of real tunes, positive above them.
    """

    name: str
    aspect: Aspect
    about: str
    values: dict[str, Value]
    distance: dict[str, tuple[float, float, float]]
    draws: dict[str, Float[np.ndarray, " resample"]]
    """The same distances in each resample of families, which are the same ones for all measures of a set."""

    def tells(self, name: str) -> bool:
        """Whether it tells a set from real tunes: beyond chance, and by more than a faint difference."""
        if name not in self.distance:
            return False
        middle, low, high = self.distance[name]
        return abs(middle) >= FAINT and not low <= 0 <= high

    @property
    def untrusted(self) -> list[str]:
        """The sets that it takes for real tunes although they are spoiled in its aspect."""
        return [name for name in self._spoiled if not self.tells(name)]

    @property
    def better(self) -> list[str]:
        """The sets, spoiled in its aspect, that lie nearer to real tunes than the judged ones do."""
        if JUDGED not in self.distance:
            return []
        mine = abs(self.distance[JUDGED][0])
        return [name for name in self._spoiled if abs(self.distance[name][0]) < mine]

    @property
    def _spoiled(self) -> list[str]:
        return [name for name, spoils in SPOILS.items() if self.aspect in spoils and name in self.distance]

    def way(self, name: str, of: str = JUDGED) -> float:
        """How far a set is from real tunes, on either side of them, as a share of how far a spoiled one is.

        On the other side it is no better: a tune can be too orderly too.
        """
        return abs(self.distance[of][0] / self.distance[name][0])

    def ways(self, name: str) -> Float[np.ndarray, " resample"]:
        """That of the judged tunes in each resample; NaN where one has no value, or the spoiled one is as real ones."""
        theirs = self.draws[name]
        return np.abs(self.draws[JUDGED] / np.where(theirs == 0, np.nan, theirs))


class Verdict(NamedTuple):
    """How far the judged tunes are from real ones, beside a set that is spoiled in an aspect: medians over measures."""

    name: str
    aspect: Aspect
    way: float
    low: float
    high: float
    """95 % of resamples by family."""
    floor: float
    """The way of training tunes: real ones are not all alike."""
    measures: int
    opposite: int
    """Of the measures, those that find the judged tunes on the other side of real ones than the spoiled set."""

    @property
    def caught(self) -> bool:
        return self.way >= CAUGHT and self.low > self.floor

    def __str__(self) -> str:
        said = f"{self.aspect}: {self.way:.0%} as far from real tunes as {self.name}"
        beside = f"95 %: {self.low:.0%} to {self.high:.0%}; training tunes {self.floor:.0%}"
        opposite = f", {self.opposite} on the other side" if self.opposite else ""
        return f"{said} ({beside}; {counted(self.measures, 'measure')}{opposite})"


class ShareVerdict(NamedTuple):
    """Which share of the judged tunes has more notes of something than real tunes have by chance; 95 % by family.

    A mean would hide it: half a set may be copied before its mean is half way.
    """

    name: str
    aspect: Aspect
    of: str
    """What so many notes are of."""
    share: float
    low: float
    high: float
    notes: int
    """So many are beyond chance (`beyond_chance`)."""
    chance: float
    """The share of other real tunes that is to be expected."""

    @property
    def caught(self) -> bool:
        return self.low > self.chance

    def __str__(self) -> str:
        beside = f"95 %: {self.low:.1%} to {self.high:.1%}; of real tunes of other families {self.chance:.1%} by chance"
        return f"{self.aspect}: {self.share:.1%} have {self.notes} notes or more {self.of} ({beside})"


class Most(NamedTuple):
    """What a `ShareVerdict` speaks of: notes of each judged tune and of each real one, a spoiled set that has too many
    of them, the aspect that it is spoiled in, and what they are of.
    """

    name: str
    aspect: Aspect
    of: str
    judged: Int[np.ndarray, " tune"]
    real: Int[np.ndarray, " real"]

    def verdict(self, family: Int[np.ndarray, " tune"]) -> ShareVerdict:
        """Of the judged tunes, of these families."""
        notes, chance = beyond_chance(self.real)
        beyond = (self.judged >= notes).astype(float)
        low, high = np.percentile(resampled(beyond, np.ones(len(beyond), np.int64), family), [2.5, 97.5])
        share = float(beyond.mean())
        return ShareVerdict(self.name, self.aspect, self.of, share, float(low), float(high), notes, chance)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """A line a spoiled set and aspect that it is spoiled in, where some measure tells it from real tunes.

    Copies are not among them: `ShareVerdict`.
    """
    return [
        _verdict(name, aspect, told)
        for name, spoils in SPOILS.items()
        for aspect in sorted(spoils - {Aspect.NOVELTY})
        if (told := [row for row in rows if row.aspect == aspect and JUDGED in row.distance and row.tells(name)])
    ]


def _verdict(name: str, aspect: Aspect, told: Sequence[Row]) -> Verdict:
    ways = np.stack([row.ways(name) for row in told])
    drawn = np.nanmedian(ways[:, ~np.isnan(ways).all(axis=0)], axis=0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    opposite = sum(row.distance[JUDGED][0] * row.distance[name][0] < 0 for row in told)
    way, floor = (float(np.median([row.way(name, of) for row in told])) for of in (JUDGED, COPIED))
    return Verdict(name, aspect, way, float(low), float(high), floor, len(told), opposite)
