"""Paired differences: two ways of reading the same tunes, tune by tune, so that what is hard for both cancels out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from phin.evaluation.bits_table import ALL
from phin.evaluation.by_tune import ByTune
from phin.evaluation.intervals import interval_by_family


@dataclass(frozen=True)
class Paired:
    """Bits per note of one less those of another, on the tunes of one source that both have read, or on all such."""

    source: str
    tunes: int
    families: int
    notes: int
    difference: float
    interval: tuple[float, float]
    """95 %, by family: each resample draws the same families for both."""
    share: float
    """The difference as a part of the other's bits."""
    is_same: bool
    """Whether they differ on no tune."""


def paired(ours: Sequence[ByTune], theirs: Sequence[ByTune]) -> list[Paired]:
    """A row for all and one a source, of ours less theirs; none where no tune was read by each of them.

    Several on one side, the seeds of an arm, count by the mean of their bits on each tune.
    """
    sides = [*ours, *theirs]
    places = [
        dict(zip(zip(tunes.id, tunes.content, strict=True), range(len(tunes.id)), strict=True)) for tunes in sides
    ]
    shared = [key for key in places[0] if all(key in place for place in places)]
    if not shared:
        return []
    rows = [np.array([place[key] for key in shared]) for place in places]
    bits = np.stack([tunes.headline[row] for tunes, row in zip(sides, rows, strict=True)])
    mine, other = bits[: len(ours)].mean(axis=0), bits[len(ours) :].mean(axis=0)
    family = kin_in_any([tunes.family[row] for tunes, row in zip(sides, rows, strict=True)])
    notes, source = sides[0].notes[rows[0]], np.array(sides[0].source)[rows[0]]
    found = []
    for name in (ALL, *dict.fromkeys(source.tolist())):
        chosen = np.full(len(source), True) if name == ALL else source == name
        gain, count, kin = (mine - other)[chosen], notes[chosen], family[chosen]
        found.append(
            Paired(
                source=name,
                tunes=len(gain),
                families=len(np.unique(kin)),
                notes=int(count.sum()),
                difference=float(gain.sum() / count.sum()),
                interval=interval_by_family(gain, count, kin),
                share=float(gain.sum() / other[chosen].sum()),
                is_same=not gain.any(),
            )
        )
    return found


def kin_in_any(families: Sequence[Int[np.ndarray, " tune"]]) -> Int[np.ndarray, " tune"]:
    """Families of tunes that are kin in any of several corpora, which number theirs each in their own way."""
    label = np.arange(len(families[0]))
    while True:
        before = label
        for family in families:
            _, place = np.unique(family, return_inverse=True)
            least = np.full(len(label), len(label))
            np.minimum.at(least, place, label)
            label = least[place]
        if (label == before).all():
            return label
