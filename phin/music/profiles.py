"""What a phrase has of each kind of event, counted: histograms that sets of tunes are compared by, on the melody voice.

Pitches are counted from the tune's final, so that its key says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from phin.music.grid import SLOTS_PER_HONG, STEPS_PER_SLOT
from phin.music.lai import known_time
from phin.music.measures import slot_profile
from phin.music.phrase import Phrase
from phin.music.structure import NOTHING, luk_tok, returns, slots_of

WIDEST = 12
"""Semitones; wider intervals are counted as this wide."""
_DEGREES = ("final", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Slots from stroke to stroke; what lies between two of them is counted with the next."""
_RETURNS = (1, 2, 4, 8, 16, 32)
"""Hong, likewise."""
_WEIGHTS = 2 ** np.arange(SLOTS_PER_HONG - 1, -1, -1)


@dataclass(frozen=True)
class Profile:
    """A histogram: `of` counts a phrase's events, one number a bin."""

    name: str
    about: str
    bins: tuple[str, ...]
    of: Callable[[Phrase], Float[np.ndarray, " bin"]]


def _above_final(phrase: Phrase) -> Float[np.ndarray, " 12"]:
    melody = phrase.melody
    if not len(melody):
        return np.zeros(12)
    degree = (melody.pitch.astype(np.int64) - int(melody.pitch[-1])) % 12
    return np.bincount(degree, weights=known_time(melody), minlength=12)


def _closes_above_final(phrase: Phrase) -> Float[np.ndarray, " 12"]:
    closes = luk_tok(phrase)
    if not len(closes):
        return np.zeros(12)
    return np.bincount((closes - int(phrase.melody.pitch[-1])) % 12, minlength=12).astype(float)


def _intervals(phrase: Phrase) -> Float[np.ndarray, " 25"]:
    intervals = np.diff(phrase.melody.pitch.astype(np.int64)).clip(-WIDEST, WIDEST)
    return np.bincount(intervals + WIDEST, minlength=2 * WIDEST + 1).astype(float)


def _steps(phrase: Phrase) -> Float[np.ndarray, " 9"]:
    steps = np.diff(phrase.melody.onset.astype(np.int64)) / STEPS_PER_SLOT
    return np.bincount(np.searchsorted(_STEPS, steps), minlength=len(_STEPS) + 1).astype(float)


def _slots(phrase: Phrase) -> Float[np.ndarray, " 4"]:
    melody = phrase.melody
    return slot_profile(melody) * len(melody) if len(melody) else np.zeros(SLOTS_PER_HONG)


def _shapes(phrase: Phrase) -> Float[np.ndarray, " 16"]:
    struck = slots_of(phrase) != NOTHING
    return np.bincount(struck @ _WEIGHTS, minlength=2**SLOTS_PER_HONG).astype(float)


def _returns(phrase: Phrase) -> Float[np.ndarray, " 7"]:
    since = returns(phrase)[1:]
    place = np.where(np.isnan(since), len(_RETURNS), np.searchsorted(_RETURNS, since))
    return np.bincount(place, minlength=len(_RETURNS) + 1).astype(float)


def _shape(number: int) -> str:
    return "".join("x" if number & weight else "-" for weight in _WEIGHTS.tolist())


PROFILES = (
    Profile("degrees", "time on each pitch class above the final", _DEGREES, _above_final),
    Profile(
        "intervals", "semitones from note to note", tuple(f"{n:+d}" for n in range(-WIDEST, WIDEST + 1)), _intervals
    ),
    Profile("steps", "slots from stroke to stroke", (*(str(n) for n in _STEPS), "more"), _steps),
    Profile("slots", "strokes in each slot of a hong", ("1", "2", "3", "4"), _slots),
    Profile("hong shapes", "which slots of a hong are struck", tuple(_shape(n) for n in range(16)), _shapes),
    Profile("luk tok", "closes of half lines above the final", _DEGREES, _closes_above_final),
    Profile("returns", "hong since a motif was heard", (*(f"to {n}" for n in _RETURNS), "never"), _returns),
)
