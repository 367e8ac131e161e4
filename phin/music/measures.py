"""What can be counted on one phrase: pure functions, on the melody voice, each safe from the tune that games it."""

from functools import cache

import numpy as np
from jaxtyping import Float

from phin.music.grid import STEPS_PER_SLOT
from phin.music.lai import PENTATONIC, known_time, set_shares
from phin.music.phrase import STEPS_PER_HONG, Phrase

NUM_RELABELLINGS = 500
WINDOW = 16
"""Notes in the windows that diversity is counted in, so that a long tune is not poorer than a short one."""


def pentatonic_share(phrase: Phrase) -> float:
    """Share of the melody's time (`known_time`) inside the best of the twelve pentatonic sets; 0 for an empty phrase.

    One note repeated scores 1, and so does any tune of two pitch classes: read it beside `pentatonic_adherence`.
    """
    return float(set_shares(phrase).max(initial=0.0))


def pentatonic_adherence(phrase: Phrase) -> float:
    """`pentatonic_share` above chance, as a part of the most it can be above chance.

    Chance is what the same pitch-class weights score when classes are relabelled at random. 1 is a tune that dwells on
    the five notes of a set alike, and on no other; 0 one no nearer to a set than chance, one note repeated among them.
    Two notes that are in a set cannot help it much: they score less than half.
    """
    melody = phrase.melody
    if not len(melody):
        return 0.0
    time = known_time(melody)
    weights = np.bincount(melody.pitch % 12, weights=time, minlength=12) / time.sum()
    return (pentatonic_share(phrase) - _share_by_chance(weights)) / _most_above_chance()


def longest_rest(phrase: Phrase) -> int:
    """Steps of the longest time, between the first stroke and the last, in which nothing sounds; 0 for no notes."""
    if not len(phrase):
        return 0
    sounds_until = np.maximum.accumulate(phrase.end)
    return max(int((phrase.onset[1:] - sounds_until[:-1]).max(initial=0)), 0)


def diversity(phrase: Phrase) -> float:
    """Distinct (interval, duration) pairs among 16 in a row, as a share, averaged over the tune; 0 for fewer than two
    notes.

    A moving window keeps the measure free of length (the moving-average type-token ratio of Covington and McFall 2010).
    """
    melody = phrase.melody
    pairs = np.stack([np.diff(melody.pitch), melody.duration[1:]], axis=1) if len(melody) > 1 else np.zeros((0, 2), int)
    if not len(pairs):
        return 0.0
    _, kind = np.unique(pairs, axis=0, return_inverse=True)
    width = min(WINDOW, len(kind))
    windows = np.lib.stride_tricks.sliding_window_view(kind.ravel(), width)
    return float(np.mean([len(np.unique(window)) / width for window in windows]))


def rhythm_consistency(phrase: Phrase) -> float:
    """How alike the onsets of neighbouring bars are, above chance: 1 the same rhythm, 0 no more alike than by accident.

    The overlap of two bars is the share of slots struck in both among those struck in either; chance is that of as
    many strokes thrown on the slots at random. Empty bars are left out, as is a tune that fills every slot: it could
    not be otherwise.
    """
    melody = phrase.melody
    bar = phrase.metre.bar if phrase.metre else 2 * STEPS_PER_HONG
    struck: dict[int, set[int]] = {}
    for onset in melody.onset.tolist():
        struck.setdefault(onset // bar, set()).add(onset % bar // STEPS_PER_SLOT)
    pairs = [(struck[number], struck[number + 1]) for number in struck if number + 1 in struck]
    if not pairs:
        return 0.0
    overlap = np.mean([len(one & other) / len(one | other) for one, other in pairs])
    chance = np.mean([_overlap_by_chance(len(one), len(other), -(-bar // STEPS_PER_SLOT)) for one, other in pairs])
    return _above_chance(float(overlap), float(chance))


def measures(phrase: Phrase) -> dict[str, float]:
    """All of them, by name."""
    return {
        "pentatonic_share": pentatonic_share(phrase),
        "pentatonic_adherence": pentatonic_adherence(phrase),
        "diversity": diversity(phrase),
        "rhythm_consistency": rhythm_consistency(phrase),
    }


def _share_by_chance(weights: Float[np.ndarray, " 12"]) -> float:
    """The share in the best set when twelve pitch-class weights are dealt out at random, on average."""
    relabelled = np.random.default_rng(0).permuted(np.tile(weights, (NUM_RELABELLINGS, 1)), axis=1)
    members = (np.arange(12)[:, None] + np.array(PENTATONIC)) % 12  # (12 sets, 5)
    return float(relabelled[:, members].sum(axis=2).max(axis=1).mean())


@cache
def _most_above_chance() -> float:
    return 1 - _share_by_chance(np.repeat([0.2, 0.0], [5, 7]))


def _overlap_by_chance(one: int, other: int, slots: int) -> float:
    both = one * other / slots
    return both / (one + other - both)


def _above_chance(value: float, chance: float) -> float:
    return 0.0 if chance > 1 - 1e-9 else (value - chance) / (1 - chance)
