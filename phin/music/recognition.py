"""Which lai a tune is in, how sure that is, and when nobody can tell.

Only three pitch-class sets exist among the six lai, each shared by one of the long way (yao) and one of the short way
(san), and a transposition turns each into the others of its way. So music of unknown key has a way and a tonic, and a
lai's name belongs to music in instrument key, where ล is A.

The belief is a conditional logit: every set that holds the tune, with every way (yao, san, or none of both), is a
candidate; its score is a sum of what is heard from its root: how long each degree (do re mi sol la) sounds, where
phrases end, where the tune begins, its lowest and its highest degree, and, where it is known, the final. Weights are in
recognition.json; `experiments/lai_recognition` made them from folk tunes labelled by the rule (`label_lai`). So a
probability says how likely the rule is to call a tune of that kind so: nobody has asked players, and most of those
tunes end on *do*, as no Isan tune does.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from phin.music.lai import (
    PENTATONIC,
    PENTATONIC_SHARE,
    TONIC_ABOVE_ROOT,
    Family,
    Lai,
    LaiLabel,
    known_time,
    set_shares,
)
from phin.music.phrase import STEPS_PER_QUARTER, Inferred, Phrase

WAYS = (Family.YAO, Family.SAN, None)
DEGREES = ("do", "re", "mi", "sol", "la")
FEATURES = (
    "any",
    *(f"{what} {degree}" for what in ("time on", "phrase ends on", "begins on", "lowest is") for degree in DEGREES),
    *(f"highest is {degree}" for degree in DEGREES),
    "time outside",
    *(f"final is {degree}" for degree in DEGREES),
)
"""What is heard of a tune from a root, in this order; the finals are 0 where the final is not known."""

CERTAIN = 0.75
"""A belief below this is no answer. With the final hidden, 89 % of the answers above it agree with the rule on the
validation tunes.
"""

FEWEST_CLASSES = 4
"""Of fewer pitch classes nobody can tell: they lie in two sets or more, and in both ways."""


@dataclass(frozen=True)
class Recognition:
    """A belief over sets and ways: `joint[root, way]`, ways in the order of WAYS; all zero where no set holds the tune.

    `num_classes` is how many pitch classes the melody has; `in_instrument_key` what the caller said: whether ล is A.
    """

    joint: Float[np.ndarray, "12 3"]
    num_classes: int
    in_instrument_key: bool

    @property
    def p_yao(self) -> float:
        """Probability of the long way, thang yao."""
        return float(self.joint[:, 0].sum())

    @property
    def p_san(self) -> float:
        """Probability of the short way, thang san."""
        return float(self.joint[:, 1].sum())

    @property
    def p_none(self) -> float:
        """Probability that it is in no lai."""
        return 1.0 - self.p_yao - self.p_san

    @property
    def tonics(self) -> Float[np.ndarray, " 12"]:
        """Probability of each pitch class being the tonic of a lai, (12,); they sum to 1 - p_none."""
        yao, san = (np.roll(self.joint[:, k], TONIC_ABOVE_ROOT[way]) for k, way in enumerate(Family))
        return yao + san

    @property
    def can_tell(self) -> bool:
        """Whether the likeliest answer, tonic included, is believed enough to be given."""
        enough = self.num_classes >= FEWEST_CLASSES or not self.joint.any()
        return enough and max(self.p_none, float(self.joint[:, :2].max())) >= CERTAIN

    @property
    def family(self) -> Family | None:
        """The way, where one is told."""
        return self._answer[1] if self.can_tell else None

    @property
    def tonic(self) -> int | None:
        """The tonic's pitch class, where one is told."""
        return LaiLabel(*self._answer).tonic if self.can_tell else None

    @property
    def lai(self) -> Lai | None:
        """The lai, where one is told and the music is in instrument key."""
        return LaiLabel(*self._answer).lai if self.can_tell and self.in_instrument_key else None

    def __str__(self) -> str:
        """The answer in one line."""
        if not self.joint.any():
            return "no lai: no pentatonic set holds 95 % of it"
        shares = f"yao {self.p_yao:.0%}, san {self.p_san:.0%}, none {self.p_none:.0%}"
        if not self.can_tell:
            return f"cannot tell: {shares}"
        if self.family is None:
            return f"no lai: {shares}"
        if self.lai:
            return f"lai {self.lai.name} ({self.lai.thai}): {shares}"
        why = "outside the three sets of the six lai" if self.in_instrument_key else "key unknown, so no name"
        return f"thang {self.family} on pitch class {self.tonic}, {why}: {shares}"

    @property
    def _answer(self) -> tuple[int, Family | None]:
        """The likeliest root and way."""
        if self.p_none >= self.joint[:, :2].max():
            return int(self.joint[:, 2].argmax()), None
        root, way = np.unravel_index(self.joint[:, :2].argmax(), (12, 2))
        return int(root), WAYS[int(way)]


def recognise(phrase: Phrase, final_known: bool = True, in_instrument_key: bool = False) -> Recognition:
    """What lai the phrase is in, as far as its melody tells.

    Without `final_known` the last note is a note like any other: for excerpts, and for tunes that still go on.
    """
    joint = belief(phrase, final_known, _weights(final_known))
    return Recognition(joint, len(set((phrase.melody.pitch % 12).tolist())), in_instrument_key)


def belief(phrase: Phrase, final_known: bool, weights: Float[np.ndarray, "way feature"]) -> Float[np.ndarray, "12 way"]:
    """The joint belief over roots and ways; all zero where no set holds the phrase."""
    roots = fullest_sets(phrase)
    joint = np.zeros((12, len(WAYS)))
    if roots:
        heard = np.stack([heard_from(phrase, root, final_known) for root in roots])
        odds = np.exp(heard @ weights.T - (heard @ weights.T).max())  # (root, way)
        joint[roots] = odds / odds.sum()
    return joint


def fullest_sets(phrase: Phrase) -> list[int]:
    """Roots of the sets that hold most of the melody's time, if it is 95 %; several where pitch classes are few."""
    shares = set_shares(phrase).round(9)
    best = shares.max()
    return np.flatnonzero(shares == best).tolist() if best >= PENTATONIC_SHARE else []


def heard_from(phrase: Phrase, root: int, final_known: bool) -> Float[np.ndarray, " feature"]:
    """FEATURES of a phrase that has a melody, as heard from a root.

    A note's time goes to the next stroke. As in `known_time`, what is inferred says nothing: the last note of letters
    has one hong, and in a player's shorthand all notes have the same time, and nobody knows where phrases end.
    """
    melody = phrase.melody
    degree = np.array([PENTATONIC.index(step) if step in PENTATONIC else -1 for step in (melody.pitch - root) % 12])
    known = known_time(melody)
    gap = known if Inferred.ONSET in melody.inferred else np.diff(melody.onset, append=melody.onset[-1] + known[-1])
    time = gap / gap.sum()
    inside = degree >= 0

    def share(weight: np.ndarray) -> np.ndarray:
        """Of each degree, (5,)."""
        total = np.bincount(degree[inside], weights=weight[inside].astype(float), minlength=len(DEGREES))
        return total / max(total.sum(), 1e-9)

    rests = gap >= max(STEPS_PER_QUARTER, 1.5 * float(np.median(gap)))
    ends = share(rests & (np.arange(len(gap)) < len(gap) - 1))
    place = np.arange(len(degree))
    lowest, highest = (melody.pitch[inside] == edge(melody.pitch[inside]) for edge in (np.min, np.max))
    extremes = [share(np.isin(place, np.flatnonzero(inside)[at][:1])) for at in (lowest, highest)]
    final = share(place == len(degree) - 1) * final_known
    return np.concatenate([[1.0], share(time), ends, share(place == 0), *extremes, [time[~inside].sum()], final])


@cache
def _weights(final_known: bool) -> Float[np.ndarray, "way feature"]:
    table = json.loads((Path(__file__).parent / "recognition.json").read_text(encoding="utf-8"))
    weights = table["final known" if final_known else "final hidden"]
    return np.array([[weights[str(way or "none")][name] for name in FEATURES] for way in WAYS])
