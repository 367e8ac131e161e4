"""What can be counted on one phrase: pure functions, on the melody voice, and the table of them.

None of them is good because it is high: real tunes lie somewhere between the tune of one note and the tune of chance,
and a number says something beside theirs. Each says how it answers the tune that games it. What cannot be said of a
phrase is NaN. What depends on length is counted in windows, so that a long tune is measured like a short one.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import comb
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.music.fingering import Unplayable, finger
from phin.music.fretboard import FRETS, Tuning, positions, tuning_of
from phin.music.grid import BEAT, SLOTS_PER_HONG, STEPS_PER_SLOT, begin_of
from phin.music.lai import PENTATONIC, Lai, known_time, set_shares
from phin.music.phrase import HONG_PER_LINE, STEPS_PER_HONG, UNKNOWN, Phrase
from phin.music.structure import LAGS, above_chance, luk_tok_at_home, returning_share, returns_in_step, self_similarity
from phin.music.technique import Technique

NUM_RELABELLINGS = 500
WINDOW = 16
"""Notes in the windows that diversity is counted in, so that a long tune is not poorer than a short one."""
ENTROPY_WINDOW = 32
"""Notes in the windows that entropies are counted in: of fewer notes any tune has less."""
WIDEST = 24
"""Semitones; wider intervals are counted as this wide."""


def pentatonic_share(phrase: Phrase) -> float:
    """Share of the melody's time (`known_time`) inside the best of the twelve pentatonic sets; NaN for no notes.

    One note repeated scores 1, and so does any tune of two pitch classes: read it beside `pentatonic_adherence`.
    """
    return float(set_shares(phrase).max()) if phrase.is_melody.any() else np.nan


def pentatonic_adherence(phrase: Phrase) -> float:
    """`pentatonic_share` above chance, as a part of the most it can be above chance.

    Chance is what the same pitch-class weights score when classes are relabelled at random. 1 is a tune that dwells on
    the five notes of a set alike, and on no other; 0 one no nearer to a set than chance, one note repeated among them.
    Two notes that are in a set cannot help it much: they score less than half.
    """
    melody = phrase.melody
    if not len(melody):
        return np.nan
    time = known_time(melody)
    weights = np.bincount(melody.pitch % 12, weights=time, minlength=12) / time.sum()
    return (pentatonic_share(phrase) - _share_by_chance(weights)) / _most_above_chance()


def lai_adherence(phrase: Phrase, lai: Lai) -> float:
    """Share of the melody's time on the five pitch classes of a lai, in instrument key, above blind plucking's share.

    Blind plucking takes any fret of any string of the phrase's tuning (`fret_share`). One note of the lai again and
    again scores 1, and so does any tune of two: read it beside `pitch_class_entropy`. NaN for no notes.
    """
    melody = phrase.melody
    if not len(melody):
        return np.nan
    inside = np.isin(melody.pitch % 12, sorted(lai.pitch_classes))
    time = known_time(melody)
    return above_chance(float(time[inside].sum() / time.sum()), fret_share(lai, tuning_of(phrase)))


def fret_share(lai: Lai, tuning: Tuning) -> float:
    """The share of a tuning's places, open strings and frets, that lie in a lai: 33 of 48 for lai yai on E-A-E."""
    places = [(opened + fret) % 12 in lai.pitch_classes for opened in tuning.open_pitches for fret in FRETS]
    return sum(places) / len(places)


def pitch_class_entropy(phrase: Phrase) -> float:
    """Bits of the distribution of pitch classes among 32 notes in a row, averaged over the tune; NaN for no notes."""
    return _mean_entropy(phrase.melody.pitch.astype(np.int64) % 12, 12)


def interval_entropy(phrase: Phrase) -> float:
    """Bits of the distribution of intervals, with their direction, among 32 in a row; NaN for fewer than two notes."""
    intervals = np.diff(phrase.melody.pitch.astype(np.int64)).clip(-WIDEST, WIDEST)
    return _mean_entropy(intervals + WIDEST, 2 * WIDEST + 1)


def rests(phrase: Phrase) -> list[tuple[int, int]]:
    """From which step to which nothing sounds, between the first stroke and the last."""
    until, onset = np.maximum.accumulate(phrase.end)[:-1].tolist(), phrase.onset[1:].tolist()
    return [(start, stop) for start, stop in zip(until, onset, strict=True) if start < stop]


def diversity(phrase: Phrase) -> float:
    """Distinct (interval, duration) pairs among 16 in a row, as a share, averaged over the tune; NaN for fewer than
    two notes.

    A moving window keeps the measure free of length (the moving-average type-token ratio of Covington and McFall 2010).
    """
    melody = phrase.melody
    pairs = np.stack([np.diff(melody.pitch), melody.duration[1:]], axis=1) if len(melody) > 1 else np.zeros((0, 2), int)
    if not len(pairs):
        return np.nan
    _, kind = np.unique(pairs, axis=0, return_inverse=True)
    width = min(WINDOW, len(kind))
    windows = np.lib.stride_tricks.sliding_window_view(kind.ravel(), width)
    return float(np.mean([len(np.unique(window)) / width for window in windows]))


def longest_run(phrase: Phrase) -> int:
    """Melody notes in a row on one pitch, the most; 0 for no notes. It grows with a tune's length."""
    pitch = phrase.melody.pitch
    edges = np.flatnonzero(np.diff(pitch)) + 1
    return int(np.diff(np.concatenate([[0], edges, [len(pitch)]])).max())


def rhythm_consistency(phrase: Phrase, unit: int | None = None) -> float:
    """How alike the onsets of neighbouring units are, above chance: 1 the same rhythm, 0 as alike as by accident.

    A unit is so many steps, as a hong or a line; a bar, if it is not said (in no metre, two hong). The overlap of two
    is the share of slots struck in both among those struck in either; chance is that of as many strokes thrown on the
    slots at random. Empty units are left out; a tune that fills every slot has 0, for it could not be otherwise. NaN
    where no two neighbours are struck.
    """
    melody = phrase.melody
    if unit is None:
        unit, begins = phrase.metre.bar if phrase.metre else 2 * STEPS_PER_HONG, 0
    else:
        begins = begin_of(melody)
    struck = _struck(melody, unit, begins)
    pairs = [(struck[number], struck[number + 1]) for number in struck if number + 1 in struck]
    if not pairs:
        return np.nan
    slots = -(-unit // STEPS_PER_SLOT)
    overlap = np.mean([len(one & other) / len(one | other) for one, other in pairs])
    chance = np.mean([_overlap_by_chance(len(one), len(other), slots) for one, other in pairs])
    return above_chance(float(overlap), float(chance))


def pattern_agreement(phrase: Phrase, pattern: str) -> float:
    """How alike each struck hong is to a pattern of four slots, as -x-x, above chance as in `rhythm_consistency`.

    Raises ValueError for what is no pattern. NaN for no notes.
    """
    wanted = pattern_slots(pattern)
    melody = phrase.melody
    if not len(melody):
        return np.nan
    struck = _struck(melody, STEPS_PER_HONG, begin_of(melody)).values()
    overlap = np.mean([len(hong & wanted) / len(hong | wanted) for hong in struck])
    chance = np.mean([_overlap_by_chance(len(hong), len(wanted), SLOTS_PER_HONG) for hong in struck])
    return above_chance(float(overlap), float(chance))


def pattern_slots(pattern: str) -> set[int]:
    """The slots, from 0, that a pattern strikes: -x-x strikes 1 and 3. Raises ValueError for what is no pattern."""
    if len(pattern) != SLOTS_PER_HONG or not set(pattern) <= {"-", "x"} or "x" not in pattern:
        raise ValueError(f"{pattern!r} is no rhythm of four slots, as -x-x")
    return {slot for slot, sign in enumerate(pattern) if sign == "x"}


def slot_profile(phrase: Phrase) -> Float[np.ndarray, " 4"]:
    """The share of the melody's strokes in slot 1, 2, 3 and 4 of a hong; NaN for no notes."""
    melody = phrase.melody
    if not len(melody):
        return np.full(SLOTS_PER_HONG, np.nan)
    slot = (melody.onset.astype(np.int64) - begin_of(melody)) // STEPS_PER_SLOT % SLOTS_PER_HONG
    return np.bincount(slot, minlength=SLOTS_PER_HONG) / len(slot)


def on_the_beat(phrase: Phrase) -> float:
    """The share of strokes in slot 4, the beat: .58 in four Isan lai (267 notes), .35 in tunes in a Lao accent."""
    return float(slot_profile(phrase)[BEAT // STEPS_PER_SLOT])


@dataclass(frozen=True)
class Hand:
    """How a melody lies on the neck in its tuning. `travel` is NaN where no hand can play it, or it has one note."""

    on_frets: float
    """The share of notes that some fret gives."""
    playable: float
    """1 where a hand can play all of it as it stands, else 0."""
    travel: float
    """Frets that the hand moves from one note to the next, on average."""


def hand(phrase: Phrase) -> Hand:
    """How the melody lies on the neck in the phrase's tuning; NaN for no notes."""
    melody, tuning = phrase.melody, tuning_of(phrase)
    if not len(melody):
        return Hand(np.nan, np.nan, np.nan)
    on_frets = float(np.mean([bool(positions(pitch, tuning)) for pitch in melody.pitch.tolist()]))
    try:
        places = finger(melody, tuning).hand
    except Unplayable:
        return Hand(on_frets, 0.0, np.nan)
    return Hand(on_frets, 1.0, float(np.abs(np.diff(places)).mean()) if len(places) > 1 else np.nan)


def techniques(phrase: Phrase) -> float:
    """The share of melody notes that are not plainly plucked, of those whose technique somebody said; else NaN."""
    said = phrase.melody.technique[phrase.melody.technique != UNKNOWN]
    return float(np.mean(said != Technique.PLAIN)) if len(said) else np.nan


class Aspect(StrEnum):
    """What of a tune a measure speaks of."""

    PITCH = "pitch"
    RHYTHM = "rhythm"
    ORDER = "order"
    VARIETY = "variety"
    HAND = "hand"
    NECK = "neck"
    BETWEEN = "between tunes"
    NOVELTY = "novelty"


class Measure(NamedTuple):
    """What a number of a phrase speaks of, and what it is in words."""

    name: str
    aspect: Aspect
    about: str


_LAGS = {1: "next hong", 2: "hong two on", 4: "hong half a line on", 8: "hong a line on", 16: "hong two lines on"}
MEASURES = (
    Measure("pentatonic_share", Aspect.PITCH, "time in the best pentatonic set"),
    Measure("pentatonic_adherence", Aspect.PITCH, "the same, above chance"),
    Measure("pitch_class_entropy", Aspect.PITCH, "bits of pitch classes, 32 notes at a time"),
    Measure("interval_entropy", Aspect.PITCH, "bits of intervals, 32 at a time"),
    Measure("hong_consistency", Aspect.RHYTHM, "rhythm kept from hong to hong, above chance"),
    Measure("rhythm_consistency", Aspect.RHYTHM, "rhythm kept from bar to bar, above chance"),
    Measure("line_consistency", Aspect.RHYTHM, "rhythm kept from line to line, above chance"),
    Measure("on_the_beat", Aspect.RHYTHM, "strokes in slot 4"),
    Measure("diversity", Aspect.VARIETY, "distinct (interval, duration) of 16"),
    *(Measure(f"similarity_{lag}", Aspect.ORDER, f"likeness to the {_LAGS[lag]}, above chance") for lag in LAGS),
    Measure("returning_share", Aspect.VARIETY, "motifs of six notes heard before, within four lines"),
    Measure("returns_in_step", Aspect.ORDER, "of these, whole half lines later, above chance"),
    Measure("luk_tok_at_home", Aspect.ORDER, "half lines that close on the final's pitch class"),
    Measure("on_frets", Aspect.NECK, "notes that lie on a fret"),
    Measure("playable", Aspect.NECK, "tunes that a hand can play as they stand"),
    Measure("hand_travel", Aspect.HAND, "frets the hand moves, a note"),
    Measure("techniques", Aspect.NECK, "notes not plainly plucked, where it is said"),
)
"""Those that a phrase has by itself; what it shares with others takes those (`phin.evaluation.tunes.sharing`)."""


def measures(phrase: Phrase) -> dict[str, float]:
    """All of MEASURES, by name and in their order; NaN for what cannot be said of the phrase."""
    lies = hand(phrase)
    return {
        "pentatonic_share": pentatonic_share(phrase),
        "pentatonic_adherence": pentatonic_adherence(phrase),
        "pitch_class_entropy": pitch_class_entropy(phrase),
        "interval_entropy": interval_entropy(phrase),
        "hong_consistency": rhythm_consistency(phrase, STEPS_PER_HONG),
        "rhythm_consistency": rhythm_consistency(phrase),
        "line_consistency": rhythm_consistency(phrase, HONG_PER_LINE * STEPS_PER_HONG),
        "on_the_beat": on_the_beat(phrase),
        "diversity": diversity(phrase),
        **{f"similarity_{lag}": alike for lag, alike in self_similarity(phrase).items()},
        "returning_share": returning_share(phrase),
        "returns_in_step": returns_in_step(phrase),
        "luk_tok_at_home": luk_tok_at_home(phrase),
        "on_frets": lies.on_frets,
        "playable": lies.playable,
        "hand_travel": lies.travel,
        "techniques": techniques(phrase),
    }


def _share_by_chance(weights: Float[np.ndarray, " 12"]) -> float:
    """The share in the best set when twelve pitch-class weights are dealt out at random, on average."""
    relabelled = np.random.default_rng(0).permuted(np.tile(weights, (NUM_RELABELLINGS, 1)), axis=1)
    members = (np.arange(12)[:, None] + np.array(PENTATONIC)) % 12  # (12 sets, 5)
    return float(relabelled[:, members].sum(axis=2).max(axis=1).mean())


@cache
def _most_above_chance() -> float:
    return 1 - _share_by_chance(np.repeat([0.2, 0.0], [5, 7]))


def _struck(melody: Phrase, unit: int, begins: int) -> dict[int, set[int]]:
    """The slots that are struck in each unit of so many steps, counted from step `begins`; of those that are at all."""
    struck: dict[int, set[int]] = {}
    for step in (melody.onset.astype(np.int64) - begins).tolist():
        struck.setdefault(step // unit, set()).add(step % unit // STEPS_PER_SLOT)
    return struck


@cache
def _overlap_by_chance(one: int, other: int, slots: int) -> float:
    """The overlap to be expected of so many strokes and so many others, each thrown on slots of their own."""
    both = range(max(0, one + other - slots), min(one, other) + 1)
    ways = [comb(one, k) * comb(slots - one, other - k) for k in both]  # hypergeometric
    return sum(way * k / (one + other - k) for way, k in zip(ways, both, strict=True)) / comb(slots, other)


def _mean_entropy(values: Int[np.ndarray, " note"], size: int) -> float:
    """Bits of the distribution of values below `size` in a window, averaged over all windows; NaN for no values."""
    if not len(values):
        return np.nan
    width = min(ENTROPY_WINDOW, len(values))
    counts = np.concatenate([np.zeros((1, size)), np.cumsum(values[:, None] == np.arange(size), axis=0)])
    share = (counts[width:] - counts[:-width]) / width
    bits = -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1)
    return float(bits.mean())
