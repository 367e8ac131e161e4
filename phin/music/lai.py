"""Lai (ลาย): the six modes of Isan music, and how a tune's mode is told.

A lai is a pitch-class set *and* a tonic. The six share three sets, each used by one lai of the long way (thang yao,
ทางยาว) and one of the short way (thang san, ทางสั้น), so the set alone can never name the lai: the final note decides.

Pitch classes: T. Chaichana, Jazz Orchestra Portraits of Thailand, Victoria University of Wellington 2022, p. 107, and
the Wikipedia article on the khene, which agree; tonics as in that article (Miller's tradition), the tonic of lai se
from the melody Chaichana prints on p. 109. He labels the san tonics a fourth higher; the sets are the same.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from phin.music.phrase import (
    DUPLE,
    DURATION,
    STEPS_PER_HONG,
    UNKNOWN,
    Column,
    Inferred,
    Phrase,
    let_ring,
    rows_from_columns,
)

PENTATONIC = (0, 2, 4, 7, 9)
"""Semitones above the set's root, *do*: do re mi sol la."""

PENTATONIC_SHARE = 0.95
"""A tune has a set when this share of its sounding time (`known_time`) lies in one of the twelve."""

NO_LAI = "none"


class Family(StrEnum):
    """The two ways; the value is the romanised Thai name."""

    YAO = "yao"
    SAN = "san"


TONIC_ABOVE_ROOT = {Family.YAO: 9, Family.SAN: 7}
"""Semitones: la is the tonic of the long way, sol of the short way."""


@dataclass(frozen=True)
class Lai:
    """One lai in instrument key (the letter ล is A): `root` and `tonic` are pitch classes, C = 0."""

    name: str
    thai: str
    family: Family
    root: int

    @property
    def tonic(self) -> int:
        return (self.root + TONIC_ABOVE_ROOT[self.family]) % 12

    @property
    def fifth(self) -> int:
        """The pitch class a fifth above the tonic."""
        return (self.tonic + 7) % 12

    @property
    def pitch_classes(self) -> frozenset[int]:
        return pentatonic_set(self.root)


LAI = (
    Lai("yai", "ลายใหญ่", Family.YAO, 0),
    Lai("noi", "ลายน้อย", Family.YAO, 5),
    Lai("se", "ลายเซ", Family.YAO, 7),
    Lai("sutsanaen", "ลายสุดสะแนน", Family.SAN, 0),
    Lai("po sai", "ลายโป้ซ้าย", Family.SAN, 5),
    Lai("soi", "ลายสร้อย", Family.SAN, 7),
)
_BY_NAME = {lai.name: lai for lai in LAI}
LAI_ROOTS = (0, 5, 7)
"""Roots of the three sets that the six lai use."""


@dataclass(frozen=True)
class LaiLabel:
    """What a tune is called in training: the set's root, the family and tonic (any key), and the lai.

    `root` is None where no set holds the tune; `family` and `tonic` are None where the final is neither la nor sol of
    the set; `lai` is None where there is no family, or the set is not one of the three on the instrument.
    """

    root: int | None = None
    family: Family | None = None

    @property
    def tonic(self) -> int | None:
        if self.root is None or self.family is None:
            return None
        return (self.root + TONIC_ABOVE_ROOT[self.family]) % 12

    @property
    def lai(self) -> Lai | None:
        found = (lai for lai in LAI if lai.root == self.root and lai.family == self.family)
        return next(found, None)

    def transposed(self, semitones: int) -> "LaiLabel":
        """The same finding for the tune moved by `semitones`."""
        return LaiLabel(None if self.root is None else (self.root + semitones) % 12, self.family)


def lai_named(name: str | None) -> Lai | None:
    """The lai of that name; None for "none", for a name that nobody said, and for any other."""
    return _BY_NAME.get(name) if name else None


def pentatonic_set(root: int) -> frozenset[int]:
    """The five pitch classes of the set on `root`."""
    return frozenset((root + semitones) % 12 for semitones in PENTATONIC)


def scale(lai: Lai) -> Phrase:
    """The lai's five notes from the tonic between C4 and B4 up to the next, to hear it by.

    Two a hong, in slots 2 and 4, so that the last is struck on the beat of hong 3; it rings one hong.
    """
    tonic = 60 + lai.tonic
    pitch = np.array([p for p in range(tonic, tonic + 13) if p % 12 in lai.pitch_classes])
    between = STEPS_PER_HONG // 2
    duration = np.full(len(pitch), between)
    duration[-1] = STEPS_PER_HONG
    rows = rows_from_columns(between * np.arange(1 - len(pitch), 1) + 2 * between, duration, pitch)
    return Phrase(rows, DUPLE, lai=lai.name, title=f"the scale of lai {lai.name}")


def known_time(melody: Phrase) -> Column:
    """How long each note of a melody sounds, as far as anybody wrote that down, (note,).

    Its duration, in steps. Where that is inferred, as of letters, the time to the next stroke, which is written: what
    was cut short to be played, or rings on because its page has a line to fill, counts as any other. Where the rhythm
    is inferred too, as of a player's shorthand, one for each note: any other number would be ours.
    """
    if Inferred.ONSET in melody.inferred:
        return np.ones_like(melody.duration)
    if Inferred.DURATION in melody.inferred and len(melody):
        rows = melody.rows.copy()
        rows[:, DURATION] = UNKNOWN
        return let_ring(rows)[:, DURATION]
    return melody.duration


def set_shares(phrase: Phrase) -> np.ndarray:
    """Share of the melody's known time in each of the twelve sets, (12,), by root; zeros for no notes."""
    melody = phrase.melody
    classes = np.bincount(melody.pitch % 12, weights=known_time(melody), minlength=12)
    inside = np.array([classes[sorted(pentatonic_set(root))].sum() for root in range(12)])
    return inside / max(classes.sum(), 1)


def label_lai(phrase: Phrase) -> LaiLabel:
    """Set, family and lai of a phrase by the rule: its notes and its final (`recognise` says how sure that is).

    A tune of few pitch classes can lie in several sets: the fuller set wins, then the one whose la is the final, then
    the one whose sol is, then the one whose root lies nearest above the final. The key of a tune decides nothing.
    """
    if not phrase.is_melody.any():
        return LaiLabel()
    shares = set_shares(phrase)
    final = int(phrase.melody.pitch[-1]) % 12

    family_on = {(final - above) % 12: family for family, above in TONIC_ABOVE_ROOT.items()}
    by_preference = sorted(range(12), key=lambda root: (root not in family_on, (root - final) % 12))
    root = max(by_preference, key=lambda root: round(shares[root], 9))
    if shares[root] < PENTATONIC_SHARE:
        return LaiLabel()
    return LaiLabel(root, family_on.get(root))
