"""A tune as rows of notes: the one object that every other room of the music floor takes or returns.

Time is counted in steps, 24 a quarter note: sixteenths are 6 steps, thirty-seconds 3, triplet eighths 8. One hong (ห้อง,
a box of Thai letter notation) is one quarter, its four slots are sixteenths. Step 0 is the downbeat of the first full
bar, so the notes of a pickup have negative onsets.
"""

from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from phin.errors import PhinError

STEPS_PER_QUARTER = 24
STEPS_PER_HONG = STEPS_PER_QUARTER
HONG_PER_LINE = 8

LOWEST_PITCH, HIGHEST_PITCH = 52, 88
"""E3 to E6: the measured range of the phin (Hamdan et al. 2025, BioResources 20(4) 9699-9719)."""

UNKNOWN = -1
"""A velocity or technique that nobody wrote down. It is an input, never a target and never drawn."""

ASSUMED_TEMPO = 600_000
"""Microseconds a quarter where nobody knows: 100 hong a minute. No source states a tempo; at this one a letter lasts
0.15 s and can be followed.
"""

NUM_COLUMNS = 6
ONSET, DURATION, PITCH, VELOCITY, TECHNIQUE, VOICE = range(NUM_COLUMNS)

Rows = Int[np.ndarray, "note 6"]
Column = Int[np.ndarray, " note"]


class Voice(IntEnum):
    """Which part a note plays: the drone and the lower notes of strums are accompaniment."""

    MELODY = 0
    ACCOMPANIMENT = 1


class Inferred(StrEnum):
    """What nobody wrote down and we made up, so that it is neither learned from nor measured.

    Letters say when a note begins, never when it ends; those for an instrument of one octave say no octave; a player's
    shorthand says no rhythm at all.
    """

    ONSET = "onset"
    DURATION = "duration"
    OCTAVE = "octave"


class LabelSource(StrEnum):
    """Who says how a phrase's notes are played: a person who wrote it down, a rule that made it up, or a program that
    heard it. The loss weighs them so (`LossConfig.technique_weights`); only what is written is measured.
    """

    WRITTEN = "written"
    RULE = "rule"
    DETECTED = "detected"


LABEL_SOURCES = (None, *LabelSource)
"""Where a phrase's techniques and velocities can come from; None where nobody has said."""


LARGEST_METRE = 255
"""The most that either number of a time signature may be: what a byte of a MIDI file can say."""


@dataclass(frozen=True)
class Metre:
    """A time signature; its bar is counted in steps."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        whole = 4 * STEPS_PER_QUARTER
        is_small = 1 <= self.numerator <= LARGEST_METRE and 1 <= self.denominator <= LARGEST_METRE
        if not is_small or self.numerator * whole % self.denominator:
            raise PhinError(
                f"metre {self.numerator}/{self.denominator}",
                "has no bar that the grid of 24 steps a quarter can hold",
                "use a time signature such as 2/4, 3/4 or 6/8",
            )

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @classmethod
    def parse(cls, text: str) -> "Metre":
        """The metre written as `2/4`."""
        try:
            numerator, denominator = (int(part) for part in text.split("/"))
        except ValueError:
            raise PhinError(f"metre {text!r}", "is not a time signature", "write it as 2/4") from None
        return cls(numerator, denominator)

    @property
    def bar(self) -> int:
        """Length of a bar in steps: 48 in 2/4, 72 in 6/8."""
        return self.numerator * 4 * STEPS_PER_QUARTER // self.denominator

    @property
    def divides_a_line(self) -> bool:
        """Whether whole bars make a line of eight hong: true of 2/4 and 4/4, not of 3/4."""
        return HONG_PER_LINE * STEPS_PER_HONG % self.bar == 0


DUPLE = Metre(2, 4)
"""Isan music is duple, written 2/4 (Chaichana 2022, p. 75, 110): what a page is in that says no metre."""


def hong_before_zero(metre: Metre | None) -> int:
    """How many hong lie before the one whose slot 4 is step 0: one in 2/4, three in 4/4.

    Thai notation puts the strong stroke at the end of the group (Chaichana 2022, p. 75): slot 4 of hong 8, the last
    stroke of a line, is a downbeat, and so is slot 4 of every hong whole bars before it. In metres whose bars do not
    divide a line there is no such rule, and hong are counted from step 0.
    """
    return max(metre.bar // STEPS_PER_HONG - 1, 0) if metre is not None and metre.divides_a_line else 0


@dataclass(frozen=True, eq=False)
class Deviation:
    """How far a performance lies from the grid, note by note.

    In parts of a step: `tick = (step * ticks_per_quarter + deviation) / 24`, exactly, in whole numbers.
    """

    ticks_per_quarter: int
    onset: Column
    duration: Column

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Deviation)
            and self.ticks_per_quarter == other.ticks_per_quarter
            and np.array_equal(self.onset, other.onset)
            and np.array_equal(self.duration, other.duration)
        )


@dataclass(frozen=True, eq=False)
class Phrase:
    """Notes in rows (onset, duration, pitch, velocity, technique, voice), sorted by onset and pitch.

    `rows` is (note, 6), int32, read-only; onsets and durations in steps, pitches as MIDI numbers. `tempo` is in
    microseconds a quarter; `None` where nobody knows. `lai` is a mode's name, `"none"` where the tune is in no lai,
    `None` where nobody has said. `tuning` (low string first, as in "E-A-E") and `drone` (MIDI pitches) belong to the
    piece (Chaichana 2022, p. 100). `hand` is the fret at which the index finger stays as far as it can, where somebody
    has asked for that; no file keeps it. `words` stand beside the notes: (step, text) of parts and repeats, by step.
    `techniques_from` says where techniques and velocities come from; `None` where there are none, or nobody has said.
    Raises ValueError where rows break the contract: that is a fault of the code that made them.
    """

    rows: Rows
    metre: Metre | None = None
    tempo: int | None = None
    lai: str | None = None
    title: str = ""
    source: str = ""
    tuning: str | None = None
    drone: tuple[int, ...] = ()
    hand: int | None = None
    words: tuple[tuple[int, str], ...] = ()
    inferred: frozenset[Inferred] = frozenset()
    techniques_from: LabelSource | None = None
    deviation: Deviation | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        rows = np.array(self.rows, dtype=np.int32).reshape(-1, NUM_COLUMNS)
        rows.setflags(write=False)
        object.__setattr__(self, "rows", rows)
        if problem := _broken_rule(rows):
            raise ValueError(f"{self.title or 'phrase'}: {problem}")

    def __len__(self) -> int:
        return len(self.rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Phrase):
            return NotImplemented
        facts = [column.name for column in fields(self) if column.name != "rows"]
        same = all(getattr(self, name) == getattr(other, name) for name in facts)
        return same and np.array_equal(self.rows, other.rows)

    @property
    def onset(self) -> Column:
        return self.rows[:, ONSET]

    @property
    def duration(self) -> Column:
        return self.rows[:, DURATION]

    @property
    def pitch(self) -> Column:
        return self.rows[:, PITCH]

    @property
    def velocity(self) -> Column:
        return self.rows[:, VELOCITY]

    @property
    def technique(self) -> Column:
        return self.rows[:, TECHNIQUE]

    @property
    def voice(self) -> Column:
        return self.rows[:, VOICE]

    @property
    def end(self) -> Column:
        """Step at which each note stops sounding."""
        return self.onset + self.duration

    @cached_property
    def is_melody(self) -> Bool[np.ndarray, " note"]:
        return self.voice == Voice.MELODY

    @property
    def melody(self) -> "Phrase":
        """The melody voice alone: intervals, n-grams, endings and repetition are read on it."""
        if self.is_melody.all():
            return self
        kept = self.deviation and Deviation(
            self.deviation.ticks_per_quarter,
            self.deviation.onset[self.is_melody],
            self.deviation.duration[self.is_melody],
        )
        return replace(self, rows=self.rows[self.is_melody], deviation=kept)


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch: 69 is A4."""
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    return f"{names[pitch % 12]}{pitch // 12 - 1}"


def rows_from_columns(
    onset: Column,
    duration: Column,
    pitch: Column,
    velocity: Column | int = UNKNOWN,
    technique: Column | int = UNKNOWN,
    voice: Column | int = Voice.MELODY,
) -> Rows:
    """Columns put side by side and sorted by (onset, pitch); a number stands for a constant column."""
    rows = np.empty((len(onset), NUM_COLUMNS), dtype=np.int32)
    for index, column in enumerate((onset, duration, pitch, velocity, technique, voice)):
        rows[:, index] = column
    return rows[np.lexsort((rows[:, PITCH], rows[:, ONSET]))]


def let_ring(rows: Rows, end: int | None = None) -> Rows:
    """Sorted rows in which notes of UNKNOWN duration ring until their voice sounds again.

    The last of a voice rings one hong, or until step `end` if that is later. So letters and tablature are read, which
    say when a note begins and never when it ends.
    """
    rung = rows.copy()
    for voice in np.unique(rows[:, VOICE]):
        mine = rows[:, VOICE] == voice
        onsets = np.unique(rows[mine, ONSET])
        last = int(onsets[-1]) + STEPS_PER_HONG
        stops = np.append(onsets[1:], last if end is None else max(last, end))
        unknown = np.flatnonzero(mine & (rows[:, DURATION] == UNKNOWN))
        rung[unknown, DURATION] = stops[np.searchsorted(onsets, rows[unknown, ONSET])] - rows[unknown, ONSET]
    return rung


def let_restruck_strings_stop(rows: Rows) -> Int[np.ndarray, "kept 6"]:
    """Sorted rows in which a pitch that is struck again stops first; of two strokes on one step, one stays."""
    by_pitch = np.lexsort((rows[:, ONSET], rows[:, PITCH]))
    one, other = by_pitch[:-1], by_pitch[1:]
    same = rows[one, PITCH] == rows[other, PITCH]
    gap = rows[other, ONSET] - rows[one, ONSET]
    mended = rows.copy()
    mended[one, DURATION] = np.where(same, np.minimum(rows[one, DURATION], gap), rows[one, DURATION])
    return mended[mended[:, DURATION] > 0]


def _broken_rule(rows: Rows) -> str | None:
    onset, duration, pitch = rows[:, ONSET], rows[:, DURATION], rows[:, PITCH]
    if len(rows) == 0:
        return None
    if duration.min() < 1:
        return "a note lasts less than a step"
    if pitch.min() < 0 or pitch.max() > 127:
        return "a pitch is outside MIDI 0 to 127"
    end = onset + duration
    if not np.count_nonzero(end[:-1] > onset[1:]):
        return None  # one note after another: sorted, and no pitch sounds twice
    order = np.lexsort((pitch, onset))
    if (order != np.arange(len(rows))).any():
        return "rows are not sorted by onset and pitch"
    by_pitch = np.lexsort((onset, pitch))
    same = pitch[by_pitch][1:] == pitch[by_pitch][:-1]
    if (same & (end[by_pitch][:-1] > onset[by_pitch][1:])).any():
        return "a pitch sounds twice at once"
    return None
