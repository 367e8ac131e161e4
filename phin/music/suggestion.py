"""Which techniques a tune could be played with: for each note the odds of every technique, and why.

It learned from synthetic pieces, whose techniques were set by rules (`phin.music.composer`), and says so: what it
suggests is what those rules leave room for, at their rates, and not what a player does. No labelled recording of a phin
is public.

A note is described by what a page of letters tells (`QUALITIES`), each as yes or no, and a technique's log-odds are the
sum of what each of them adds: so the reason that is given is the reason that was used. How right the probabilities are
was measured on pieces that were not learned from (`experiments/technique_suggestion`).

Two questions are answered. How is the note played? Plainly, nearly always, where there is an answer at all. And which
ornament is it, should it have one? Of each, where the likeliest answer has less than its threshold, the answer is none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from phin.errors import InvalidCheckpoint
from phin.music.grid import STEPS_PER_SLOT
from phin.music.phrase import STEPS_PER_HONG, Phrase
from phin.music.technique import Technique

LEARNED_FROM = "synthetic pieces with techniques set by rules, not from players"
SAID = f"learned from {LEARNED_FROM}: a player knows better"
"""What is said beside each suggestion."""
SHIPPED = Path(__file__).with_name("suggestion.json")
FORMAT = 2
STEP_AND_LEAP = 4
"""Semitones: a farther note is a leap, which no finger of the same hand position reaches."""

QUALITIES: tuple[str, ...] = (
    "it stands on the beat",
    "it stands between two beats",
    "it stands on an odd slot",
    "it is as short as a slot or shorter",
    "it lasts a hong or longer",
    "it lasts two hong or longer",
    "it follows quickly, within two slots",
    "it follows within a slot",
    "it rises a step",
    "it falls a step",
    "it stays on the pitch",
    "it comes by a leap",
    "it rises a step, quickly",
    "it falls a step, quickly",
    "it comes by a step and lasts longer than a slot",
    "it is the first note",
    "it is the last note",
)
"""What is asked of each melody note, in words that stand after 'because'."""


def qualities(phrase: Phrase) -> Bool[np.ndarray, "note quality"]:
    """What holds of each note of the melody."""
    melody = phrase.melody
    onset, pitch = melody.onset.astype(np.int64), melody.pitch.astype(np.int64)
    lasts = np.diff(onset, append=onset[-1:] + STEPS_PER_HONG)
    since, rise = np.append(STEPS_PER_HONG, lasts[:-1]), np.diff(pitch, prepend=pitch[:1])
    first = np.arange(len(onset)) == 0
    quick = since <= 2 * STEPS_PER_SLOT
    up, down = (1 <= rise) & (rise <= STEP_AND_LEAP), (1 <= -rise) & (-rise <= STEP_AND_LEAP)
    columns = (
        onset % STEPS_PER_HONG == 0,
        onset % STEPS_PER_HONG == STEPS_PER_HONG // 2,
        onset % (2 * STEPS_PER_SLOT) == STEPS_PER_SLOT,
        lasts <= STEPS_PER_SLOT,
        lasts >= STEPS_PER_HONG,
        lasts >= 2 * STEPS_PER_HONG,
        quick,
        since <= STEPS_PER_SLOT,
        up,
        down,
        (rise == 0) & ~first,
        np.abs(rise) > STEP_AND_LEAP,
        up & quick,
        down & quick,
        (up | down) & (lasts > STEPS_PER_SLOT),
        first,
        np.arange(len(onset)) == len(onset) - 1,
    )
    return np.stack(columns, axis=1) if len(onset) else np.zeros((0, len(columns)), bool)


@dataclass(frozen=True)
class Suggestion:
    """What is suggested for a note of the melody."""

    technique: Technique | None
    """How it is played; None where nothing is likely enough."""
    ornament: Technique | None
    """Which ornament it has, should it have one; None where no one is likely enough among them."""
    probability: Mapping[Technique, float]
    reasons: Mapping[Technique, str]
    """What speaks for each."""

    @property
    def likeliest(self) -> Technique:
        """The likeliest technique, whether it is likely enough or not."""
        return max(self.probability, key=self.probability.__getitem__)

    @property
    def if_ornamented(self) -> dict[Technique, float]:
        """How likely each ornament (each technique that is not plain) is if the note has one; the likeliest first."""
        shares = {each: share for each, share in self.probability.items() if each is not Technique.PLAIN}
        return {each: shares[each] / sum(shares.values()) for each in sorted(shares, key=lambda key: -shares[key])}

    @property
    def likeliest_ornament(self) -> Technique:
        """The likeliest technique that is not plain."""
        return next(iter(self.if_ornamented))


@dataclass(frozen=True)
class Suggester:
    """Log-odds: what each quality adds for each technique, and what they have without any."""

    techniques: tuple[Technique, ...]
    adds: Float[np.ndarray, "quality technique"]
    without: Float[np.ndarray, " technique"]
    threshold: float
    ornament_threshold: float

    def probability(self, asked: Bool[np.ndarray, "note quality"]) -> Float[np.ndarray, "note technique"]:
        """Of each technique, for each note."""
        odds = asked @ self.adds + self.without
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def suggest(self, phrase: Phrase) -> list[Suggestion]:
        """For each note of the melody."""
        asked = qualities(phrase)
        found = []
        for holds, shares in zip(asked, self.probability(asked), strict=True):
            named = dict(zip(self.techniques, shares.tolist(), strict=True))
            reasons = {technique: self.reason(holds, place) for place, technique in enumerate(self.techniques)}
            unsure = Suggestion(None, None, named, reasons)
            technique, (ornament, share) = unsure.likeliest, next(iter(unsure.if_ornamented.items()))
            found.append(
                replace(
                    unsure,
                    technique=technique if named[technique] >= self.threshold else None,
                    ornament=ornament if share >= self.ornament_threshold else None,
                )
            )
        return found

    def reason(self, holds: Bool[np.ndarray, " quality"], technique: int) -> str:
        """The two qualities of a note that speak most for a technique, against the mean of all."""
        speaks = np.where(holds, self.adds[:, technique] - self.adds.mean(axis=1), 0.0)
        best = [place for place in np.argsort(-speaks, kind="stable")[:2].tolist() if speaks[place] > 0]
        return " and ".join(QUALITIES[place] for place in best) or "nothing speaks for another"

    def to_dict(self) -> dict:
        """In primitives."""
        return {
            "format": FORMAT,
            "learned_from": LEARNED_FROM,
            "qualities": list(QUALITIES),
            "techniques": [technique.name for technique in self.techniques],
            "adds": np.round(self.adds, 4).tolist(),
            "without": np.round(self.without, 4).tolist(),
            "threshold": self.threshold,
            "ornament_threshold": self.ornament_threshold,
        }


def ornamented(suggestions: Sequence[Suggestion], share: float) -> list[Technique | None]:
    """For each note the ornament that it gets where such a share of the notes are to have one, else None.

    Those get one that likeliest have any, each its own likeliest. Of notes that are as likely as one another, and of
    which not all get one, those do that lie evenly among them.
    """
    plain = np.array([round(each.probability[Technique.PLAIN], 4) for each in suggestions])
    count, found = round(share * len(plain)), list[Technique | None]([None] * len(plain))
    for likely in np.unique(plain):
        (alike,) = np.nonzero(plain == likely)
        some = min(count, len(alike))
        for place in alike[(2 * np.arange(some) + 1) * len(alike) // (2 * max(some, 1))].tolist():
            found[place] = suggestions[place].likeliest_ornament
        count -= some
    return found


def load(path: str | Path = SHIPPED) -> Suggester:
    """The suggester in a file; the package's own unless named. Raises InvalidCheckpoint."""
    remedy = "use the version of phin that made it, or make it anew: experiments/technique_suggestion"
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        if stored["format"] != FORMAT or stored["qualities"] != list(QUALITIES):
            raise InvalidCheckpoint(path, "asks other things of a note", remedy)
        techniques = tuple(Technique[name] for name in stored["techniques"])
        adds, without = np.array(stored["adds"], float), np.array(stored["without"], float)
        if adds.shape != (len(QUALITIES), len(techniques)) or without.shape != (len(techniques),):
            raise InvalidCheckpoint(path, "is torn", remedy)
        thresholds = float(stored["threshold"]), float(stored["ornament_threshold"])
        return Suggester(techniques, adds, without, *thresholds)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidCheckpoint(path, f"cannot be read ({error})", remedy) from None
