"""Sets of tunes that no measure should praise, made of real ones, each spoiled in its own way; and one of chance.

A measure that takes a spoiled set for real ones, or for nearer to real ones than what is judged, cannot be believed in
what was spoiled.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from phin.music.fretboard import DEFAULT, FRETS
from phin.music.grid import STEPS_PER_SLOT, begin_of
from phin.music.measures import Aspect
from phin.music.phrase import (
    DURATION,
    HIGHEST_PITCH,
    HONG_PER_LINE,
    LOWEST_PITCH,
    ONSET,
    STEPS_PER_HONG,
    Phrase,
    rows_from_columns,
)

_LINE = HONG_PER_LINE * STEPS_PER_HONG
ORDER = 2
"""Notes that the n-gram baseline remembers."""
_Event = tuple[int, int, int]
"""Of a note: the interval to it, steps since the last onset, duration."""


@dataclass(frozen=True)
class Baseline:
    """How a set is made of real tunes, and what is spoiled by it: nothing where it is only simple."""

    name: str
    about: str
    spoils: frozenset[Aspect]
    of: Callable[[Phrase, np.random.Generator], Phrase]


def one_note(tune: Phrase, rng: np.random.Generator) -> Phrase:
    """The tune's final on each beat from its first note to its last."""
    melody = tune.melody
    onset = np.arange(int(melody.onset[0]), int(melody.onset[-1]) + 1, STEPS_PER_HONG)
    onset -= onset[0] % STEPS_PER_HONG
    return _melody(tune, onset, np.full(len(onset), STEPS_PER_HONG), np.full(len(onset), int(melody.pitch[-1])))


def uniform_frets(tune: Phrase, rng: np.random.Generator) -> Phrase:
    """As many strokes as the tune has, in any slots of its length, each on any fret of any string of E-A-E."""
    melody = tune.melody
    slots = (int(melody.onset[-1]) - int(melody.onset[0])) // STEPS_PER_SLOT + 1
    struck = np.sort(rng.permutation(slots)[: len(melody)]) * STEPS_PER_SLOT
    onset = int(melody.onset[0]) // STEPS_PER_SLOT * STEPS_PER_SLOT + struck
    pitch = rng.choice(DEFAULT.open_pitches, len(onset)) + rng.choice(FRETS, len(onset))
    return _melody(tune, onset, np.append(np.diff(onset), STEPS_PER_HONG), pitch)


def one_line_repeated(tune: Phrase, rng: np.random.Generator) -> Phrase:
    """The tune's first line, from the first hong that is struck, as often as its length holds."""
    melody = tune.melody
    first = _first_hong(melody)
    line = melody.rows[melody.onset < first + _LINE].astype(np.int64)
    times = -(-(int(melody.onset[-1]) + 1 - first) // _LINE)
    onset = np.concatenate([line[:, ONSET] + _LINE * time for time in range(times)])
    repeated = np.tile(line, (times, 1))
    return _melody(tune, onset, repeated[:, DURATION], repeated[:, 2])


def shuffled_hong(tune: Phrase, rng: np.random.Generator) -> Phrase:
    """The tune's hong in another order, each with what begins in it."""
    melody = tune.melody
    first = _first_hong(melody)
    hong, within = np.divmod(melody.onset.astype(np.int64) - first, STEPS_PER_HONG)
    onset = first + rng.permutation(int(hong.max()) + 1)[hong] * STEPS_PER_HONG + within
    return _melody(tune, onset, melody.duration, melody.pitch)


def one_tune(tunes: Sequence[Phrase]) -> list[Phrase]:
    """One of the tunes, in the place of each: that which half of them have no more notes than."""
    middle = sorted(tunes, key=lambda tune: len(tune.melody))[(len(tunes) - 1) // 2]
    return [middle] * len(tunes)


class NgramTunes:
    """Tunes in which each note follows the two before it as some note of the training tunes did."""

    def __init__(self, learned: Sequence[Phrase]) -> None:
        self._follow: dict[tuple[_Event, ...], list[_Event]] = defaultdict(list)
        self._first = [int(tune.melody.pitch[0]) for tune in learned]
        for tune in learned:
            events = _events(tune)
            for place, event in enumerate(events):
                for order in range(min(place, ORDER) + 1):
                    self._follow[tuple(events[place - order : place])].append(event)

    def of(self, tune: Phrase, rng: np.random.Generator) -> Phrase:
        """One as long as the tune, which begins where the tune does."""
        begin, last = int(tune.melody.onset[0]), int(tune.melody.onset[-1])
        onset, pitch, duration = [begin], [self._first[rng.integers(len(self._first))]], [STEPS_PER_HONG]
        events: list[_Event] = []
        while onset[-1] < last:
            event = self._drawn(events, pitch[-1], rng)
            events.append(event)
            pitch.append(pitch[-1] + event[0])
            onset.append(onset[-1] + event[1])
            duration.append(event[2])
        return _melody(tune, np.array(onset), np.array(duration), np.array(pitch))

    def _drawn(self, events: Sequence[_Event], pitch: int, rng: np.random.Generator) -> _Event:
        """What follows, from the longest past that was met and leaves the tune in its range."""
        for order in range(min(len(events), ORDER), -1, -1):
            known = self._follow.get(tuple(events[len(events) - order :]), [])
            inside = [event for event in known if LOWEST_PITCH <= pitch + event[0] <= HIGHEST_PITCH]
            if inside:
                return inside[rng.integers(len(inside))]
        return 0, STEPS_PER_HONG, STEPS_PER_HONG


ONE_NOTE = "one note"
SPOILED = (
    Baseline(
        ONE_NOTE,
        "the final on each beat",
        frozenset({Aspect.PITCH, Aspect.RHYTHM, Aspect.ORDER, Aspect.VARIETY}),
        one_note,
    ),
    Baseline(
        "uniform frets",
        "blind plucking: any slot, any fret of E-A-E",
        frozenset({Aspect.PITCH, Aspect.RHYTHM, Aspect.ORDER, Aspect.HAND}),
        uniform_frets,
    ),
    Baseline("one line", "the first line again and again", frozenset({Aspect.VARIETY}), one_line_repeated),
    Baseline("shuffled hong", "a tune's hong in another order", frozenset({Aspect.ORDER}), shuffled_hong),
)
COPIED, ONE_TUNE, NGRAM = "training tunes", "one tune", "n-gram"
"""Sets that are not made tune by tune. Copies are spoiled in novelty alone, and one tune again and again in what lies
between tunes; an n-gram model is not spoiled, but simple.
"""


def _first_hong(melody: Phrase) -> int:
    """The step at which the first hong that is struck begins."""
    begins = begin_of(melody)
    return begins + (int(melody.onset[0]) - begins) // STEPS_PER_HONG * STEPS_PER_HONG


def _events(tune: Phrase) -> list[_Event]:
    """The notes after the first."""
    melody = tune.melody
    columns = np.diff(melody.pitch), np.diff(melody.onset), melody.duration[1:]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _melody(tune: Phrase, onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray) -> Phrase:
    """Notes in the place of a tune's; each ends where the next begins, and of two at once one stays."""
    rows = rows_from_columns(onset, duration, pitch)
    rows = rows[np.append(np.diff(rows[:, ONSET]) > 0, True)]
    rows[:-1, DURATION] = np.minimum(rows[:-1, DURATION], np.diff(rows[:, ONSET]))
    facts = {"words": (), "deviation": None, "lai": None, "drone": (), "techniques_from": None}
    return replace(tune, rows=rows, **facts)
