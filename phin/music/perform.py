"""How a phrase is played: what each of its notes becomes on a string, with what a technique adds or takes away.

A phrase says which notes there are; a performance says what sounds: strokes, the string each is on, and how a string is
bent. The same phrase gives the same performance, unless a generator of random numbers is passed. What a technique looks
like in strokes and bends is our engineering, and so is every number in `PerformanceStyle`: no source measured a player
(`phin.music.technique` says who documents which technique).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np
from jaxtyping import Float, Int

from phin.errors import InvalidConfig, PhinError
from phin.music.fingering import Unplayable, finger
from phin.music.fretboard import DEFAULT, FRETS, Tuning, tuning_of
from phin.music.grid import STEPS_PER_SLOT, to_ticks, whole_bars
from phin.music.lai import label_lai, pentatonic_set
from phin.music.midi_limits import MAX_TICKS, Notes
from phin.music.phrase import (
    ASSUMED_TEMPO,
    DURATION,
    ONSET,
    PITCH,
    STEPS_PER_QUARTER,
    UNKNOWN,
    VELOCITY,
    Column,
    Phrase,
    Voice,
)
from phin.music.technique import Technique

RESOLUTION = 480
"""Ticks a quarter of what is on the grid: a multiple of 24 that every program knows."""

MAX_DIVISION = 0x7FFF
"""The most ticks a quarter that a MIDI file can say; a finer clock is rounded to RESOLUTION."""

FINEST = 0.002
"""Seconds that a tick lasts at most where techniques divide a note: a vibrato needs points between its turns."""

ASSUMED_VELOCITY = 80
"""How loud a note sounds whose velocity nobody wrote down: mezzo-forte. It stays unknown in the phrase."""

RINGS = 4.0
"""Seconds after which a plucked string is too soft for anybody to hear that it is shaken."""

POINTS_A_SWING = 8

STRING, ROW = 4, 5
"""The columns of a stroke that a row has not; the first four are a row's, in ticks."""

Strokes = Int[np.ndarray, "stroke 6"]
Curve = Float[np.ndarray, "_ 2"]
"""A line through points of (time, semitones), by time; it stays at its first and last value outside them.

No two need have as many points: hence no name for their number.
"""

_RANGES: Mapping[str, tuple[float, float]] = {
    "bend_range": (1, 12),
    "timing_jitter": (0, 0.03),
    "velocity_spread": (0, 20),
    "accent": (8, 40),
    "tremolo_rate": (8, 20),
    "trill_rate": (8, 20),
    "flick_notes": (2, 3),
    "flick_length": (0.02, 0.07),
    "legato_overlap": (0.005, 0.04),
    "legato_softness": (0.4, 0.9),
    "slide_length": (0.04, 0.25),
    "bend_length": (0.05, 0.3),
    "bend_depth": (0.5, 3),
    "vibrato_rate": (4, 8),
    "vibrato_depth": (0.1, 0.8),
    "mute_length": (0.015, 0.055),
    "strum_stagger": (0.008, 0.035),
    "dyad_spread": (0, 0.025),
}
"""Where each number of a style lies; `PerformanceStyle.random` draws between these ends."""


@dataclass(frozen=True)
class PerformanceStyle:
    """How techniques are played, within `_RANGES`; raises InvalidConfig. Lengths in seconds, rates a second."""

    bend_range: int = 12
    """Semitones, 1 to 12, that the wheel of a channel reaches; what would go further stops there."""
    timing_jitter: float = 0.006
    """Standard deviation of a note's onset; only with random numbers."""
    velocity_spread: float = 6.0
    """Standard deviation of a note's velocity; only with random numbers."""
    accent: float = 20.0
    """MIDI velocity that an accent adds."""
    tremolo_rate: float = 14.0
    """Strokes a second; never fewer than two a slot."""
    trill_rate: float = 14.0
    """Notes a second; never fewer than three."""
    flick_notes: int = 2
    """Fast notes that lead into the note."""
    flick_length: float = 0.04
    """Of each of them."""
    legato_overlap: float = 0.02
    """How long the note before still sounds under a hammer-on or pull-off."""
    legato_softness: float = 0.7
    """What is left of the velocity where no plectrum strikes."""
    slide_length: float = 0.12
    bend_length: float = 0.15
    """Until the string is at its highest; at most half of the note, as with slides."""
    bend_depth: float = 2.0
    """Semitones."""
    vibrato_rate: float = 5.5
    vibrato_depth: float = 0.3
    """Semitones to each side."""
    mute_length: float = 0.045
    strum_stagger: float = 0.018
    """From one string to the next."""
    dyad_spread: float = 0.008
    """From the lower note to the upper."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise InvalidConfig(f"{name}={value:g}", "no hand plays so", f"take one from {low:g} to {high:g}")
        if self.bend_depth > self.bend_range:
            where = f"bend_depth={self.bend_depth:g}, bend_range={self.bend_range}"
            raise InvalidConfig(where, "a bend cannot go beyond its range", "raise bend_range")

    @classmethod
    def random(cls, rng: np.random.Generator) -> "PerformanceStyle":
        """A style drawn wide, so that what learns from performances cannot learn one player's habits."""
        drawn = {name: float(rng.uniform(low, high)) for name, (low, high) in _RANGES.items()}
        bend_range, flick_notes = int(rng.integers(1, 13)), int(rng.integers(2, 4))
        drawn["bend_depth"] = min(drawn["bend_depth"], float(bend_range))
        return cls(**(drawn | {"bend_range": bend_range, "flick_notes": flick_notes}))  # pyright: ignore[reportArgumentType]


STYLE = PerformanceStyle()


@dataclass(frozen=True, eq=False)
class Performance:
    """What sounds. `strokes` is (stroke, 6), int64, by onset: onset, duration, pitch, velocity, string, row.

    Onsets and durations are in ticks, `ticks_per_quarter` to a quarter; onsets are never negative, durations never less
    than 1, velocities 0 to 127. Strings are numbered from 1, the highest; `tuning` is None where they are no strings of
    an instrument, because no hand can play the phrase. `row` is the row of the phrase that a stroke belongs to. `bends`
    has a curve of (tick, semitones) for each row that is bent, within `bend_range`; such a row is one stroke.
    """

    ticks_per_quarter: int
    strokes: Strokes
    bends: Mapping[int, Curve]
    bend_range: int
    tuning: Tuning | None


def perform(
    phrase: Phrase,
    style: PerformanceStyle = STYLE,
    rng: np.random.Generator | None = None,
    tuning: Tuning | None = None,
) -> Performance:
    """The phrase as it is played at its tempo (ASSUMED_TEMPO where nobody knows it).

    Without `rng` nothing is left to chance. `tuning` is the phrase's unless given, and the usual one where it has none.

    Strings are those of `fingering.finger`. Where no hand can play the phrase, or a note as performed comes while its
    string still sounds, there are as many strings as it takes: at each onset the melody before the accompaniment and
    high before low, each note takes the first string that is silent.

    A row is a stroke, longer or shorter than written only by its technique:

    - accent: louder. Hammer-on, pull-off: softer, and the note before on the string, where it is lower (higher) and
      stopped no more than a slot ago, sounds a little into it.
    - tremolo: equal strokes to the note's end, two or more a slot. Trill: the same with each second one on the scale's
      next pitch up (down, where the string has none), an odd number of them.
    - flick: fast notes before the note, from the side that the melody comes from. They take half the time since the
      stroke before on the string at most; where that is none, they take it from the note.
    - mute: cut short. Strum, dyad: all that is struck with such a row, save the drone, comes one by one, low to high. A
      phrase that has a deviation has a time of its own, and keeps it.
    - slide: a bend from the pitch before on the string (else in the melody) to this one. Bend: up, then held. Vibrato:
      around the pitch, as long as a string rings.

    The scale is the phrase's pentatonic set if it has one, else all its pitch classes.
    """
    tuning = tuning or _tuning(phrase)
    notes, ticks_per_quarter = _in_ticks(phrase)
    string, on = _strings(phrase, notes, tuning)
    ticks_per_second = ticks_per_quarter * 1e6 / (phrase.tempo or ASSUMED_TEMPO)
    if phrase.deviation is None:
        _stagger(phrase, notes, style, ticks_per_second)
    if rng is not None:
        _vary(notes, string, style, ticks_per_second, rng)
    hand = _Hand(phrase, style, ticks_per_quarter, ticks_per_second, _ladders(phrase, string, on))
    for row in np.lexsort((np.arange(len(notes)), notes[:, ONSET])).tolist():
        hand.play(row, int(string[row]), *notes[row].tolist())
    strokes = np.array(hand.strokes, dtype=np.int64).reshape(-1, 6)
    strokes[:, VELOCITY] = strokes[:, VELOCITY].clip(0, 127)
    early = strokes[:, ONSET].min(initial=0) // (bars := whole_bars(phrase.metre, ticks_per_quarter)) * bars
    strokes[:, ONSET] -= early
    bends = {row: curve - [early, 0] for row, curve in hand.bends.items()}
    strokes = strokes[np.lexsort((strokes[:, ROW], strokes[:, ONSET]))]
    return Performance(ticks_per_quarter, strokes, bends, style.bend_range, on)


_FINE = frozenset(Technique) - {Technique.PLAIN, Technique.DRONE, Technique.ACCENT}
"""Techniques that need a fine clock."""


def _tuning(phrase: Phrase) -> Tuning:
    try:
        return tuning_of(phrase)
    except PhinError:  # a word that somebody wrote where a tuning should be
        return DEFAULT


def _in_ticks(phrase: Phrase) -> tuple[Notes, int]:
    """The notes in the order of their rows, each with a length and a loudness, and the ticks a quarter."""
    length = int(phrase.end.max(initial=0)) - int(phrase.onset.min(initial=0)) + STEPS_PER_QUARTER**2
    fits = length * RESOLUTION <= MAX_TICKS * STEPS_PER_QUARTER
    rows, ticks_per_quarter = to_ticks(phrase, RESOLUTION if fits else STEPS_PER_QUARTER)
    notes = rows[:, :4]
    if ticks_per_quarter > MAX_DIVISION:
        notes[:, :2] = notes[:, :2] * RESOLUTION // ticks_per_quarter
        ticks_per_quarter = RESOLUTION
    if np.isin(phrase.technique, list(_FINE)).any():
        enough = max(RESOLUTION, (phrase.tempo or ASSUMED_TEMPO) / 1e6 / FINEST)
        finer = ceil(enough / ticks_per_quarter)
        notes[:, :2] *= finer
        ticks_per_quarter *= finer
    notes[:, DURATION] = notes[:, DURATION].clip(min=1)
    notes[:, VELOCITY] = np.where(notes[:, VELOCITY] == UNKNOWN, ASSUMED_VELOCITY, notes[:, VELOCITY])
    return notes, ticks_per_quarter


def _strings(phrase: Phrase, notes: Notes, tuning: Tuning) -> tuple[Column, Tuning | None]:
    """The number of each note's string, and the tuning that they belong to, if they do."""
    try:
        string = finger(phrase, tuning).string
    except Unplayable:
        return _any_strings(phrase, notes), None
    order = np.lexsort((notes[:, ONSET], string))
    start, end = notes[order, ONSET], notes[order, ONSET] + notes[order, DURATION]
    if ((string[order][1:] == string[order][:-1]) & (end[:-1] > start[1:])).any():
        return _any_strings(phrase, notes), None
    return string, tuning


def _any_strings(phrase: Phrase, notes: Notes) -> Column:
    """The first string that is silent, for each note; as many strings as that takes."""
    string, busy = np.zeros(len(notes), dtype=np.int64), list[int]()
    order = np.lexsort((-notes[:, PITCH], phrase.voice != Voice.MELODY, notes[:, ONSET]))
    for row, onset, duration in zip(order.tolist(), *notes[order, :2].T.tolist(), strict=True):
        place = next((place for place, until in enumerate(busy) if until <= onset), len(busy))
        busy[place : place + 1] = [onset + duration]
        string[row] = place + 1
    return string


def _ladders(phrase: Phrase, string: Column, tuning: Tuning | None) -> dict[int, list[int]]:
    """The pitches of the scale that lie on each string, ascending: what a trill or a flick goes to.

    All of a string's where the scale has but one there.
    """
    root = label_lai(phrase).root
    scale = pentatonic_set(root) if root is not None else frozenset((phrase.pitch % 12).tolist())
    ladders = {}
    for number in np.unique(string).tolist():
        frets = range(128) if tuning is None else [tuning.open_pitch(number) + fret for fret in FRETS]
        there = [pitch for pitch in frets if 0 <= pitch <= 127]
        in_scale = [pitch for pitch in there if pitch % 12 in scale]
        ladders[number] = in_scale if len(in_scale) > 1 else there
    return ladders


def _stagger(phrase: Phrase, notes: Notes, style: PerformanceStyle, ticks_per_second: float) -> None:
    """Strums and dyads one by one, low to high, in place; each note ends when it did."""
    for technique, apart in ((Technique.STRUM, style.strum_stagger), (Technique.DYAD, style.dyad_spread)):
        for onset in np.unique(phrase.onset[phrase.technique == technique]):
            struck = phrase.onset == onset
            if technique == Technique.DYAD and (phrase.technique[struck] == Technique.STRUM).any():
                continue
            struck = np.flatnonzero(struck & (phrase.technique != Technique.DRONE))
            late = (np.arange(len(struck)) * int(apart * ticks_per_second)).clip(max=notes[struck, DURATION].min() - 1)
            notes[struck, ONSET] += late
            notes[struck, DURATION] -= late


def _vary(
    notes: Notes, string: Column, style: PerformanceStyle, ticks_per_second: float, rng: np.random.Generator
) -> None:
    """Onsets and velocities by chance, in place; none passes another on its string or comes before the first bar."""
    late = np.rint(rng.normal(0, style.timing_jitter, len(notes)) * ticks_per_second).astype(np.int64)
    order = np.lexsort((notes[:, ONSET], string))
    room = np.full(len(notes) + 1, np.iinfo(np.int64).max)
    gap = np.diff(notes[order, ONSET])
    room[1:-1] = np.where(np.diff(string[order]) == 0, (gap - 1) // 2, room[1:-1])
    late[order] = late[order].clip(-room[:-1], room[1:])
    late = late.clip(notes[:, ONSET].min(initial=0) - notes[:, ONSET], notes[:, DURATION] - 1)
    notes[:, ONSET] += late
    notes[:, DURATION] -= late
    one, other = order[:-1], order[1:]
    until_next = np.where(string[one] == string[other], notes[other, ONSET] - notes[one, ONSET], room[0])
    notes[one, DURATION] = np.minimum(notes[one, DURATION], until_next)
    notes[:, VELOCITY] += np.rint(rng.normal(0, style.velocity_spread, len(notes))).astype(np.int64)


@dataclass
class _Hand:
    """Plays notes in the order of time; on each string the stroke before gives way to the next."""

    phrase: Phrase
    style: PerformanceStyle
    ticks_per_quarter: int
    ticks_per_second: float
    ladders: Mapping[int, list[int]]
    strokes: list[list[int]] = field(default_factory=list)
    bends: dict[int, Curve] = field(default_factory=dict)
    last: dict[int, list[list[int]]] = field(default_factory=dict)
    """The last two strokes on each string."""
    melody: int | None = None
    """The pitch of the melody note before."""

    def play(self, row: int, string: int, onset: int, duration: int, pitch: int, velocity: int) -> None:
        technique = int(self.phrase.technique[row])
        if technique == Technique.ACCENT:
            velocity += round(self.style.accent)
        elif technique == Technique.MUTE:
            duration = min(duration, self._ticks(self.style.mute_length))
        elif technique in (Technique.HAMMER_ON, Technique.PULL_OFF):
            velocity = max(round(velocity * self.style.legato_softness), min(velocity, 1))
        elif technique in (Technique.SLIDE, Technique.BEND, Technique.VIBRATO):
            self.bends[row] = self._curve(technique, string, onset, duration, pitch)
        if technique in (Technique.TREMOLO, Technique.TRILL):
            played = self._repeated(technique, string, onset, duration, pitch)
        elif technique == Technique.FLICK:
            played = self._flick(string, onset, duration, pitch)
        else:
            played = [(onset, duration, pitch)]
        overlap = self._overlap(technique, string, onset, duration, pitch)
        for stroke in played:
            self._strike([*stroke, velocity, string, row], overlap)
            overlap = 0
        if self.phrase.voice[row] == Voice.MELODY:
            self.melody = pitch

    def _strike(self, stroke: list[int], overlap: int) -> None:
        onset, before = stroke[ONSET], self.last.setdefault(stroke[STRING], [])
        for other in before:
            other[DURATION] = min(other[DURATION], onset - other[ONSET])
        if overlap:
            before[-1][DURATION] = onset + overlap - before[-1][ONSET]
        self.strokes.append(stroke)
        self.last[stroke[STRING]] = [*before[-1:], stroke]

    def _ticks(self, seconds: float) -> int:
        return max(int(seconds * self.ticks_per_second), 1)

    def _overlap(self, technique: int, string: int, onset: int, duration: int, pitch: int) -> int:
        """Ticks that the stroke before sounds into a hammer-on or pull-off; 0 where it does not."""
        before = self.last.get(string)
        if technique not in (Technique.HAMMER_ON, Technique.PULL_OFF) or not before:
            return 0
        way = 1 if technique == Technique.HAMMER_ON else -1
        silent = (onset - before[-1][ONSET] - before[-1][DURATION]) * STEPS_PER_QUARTER
        if way * (pitch - before[-1][PITCH]) <= 0 or silent > STEPS_PER_SLOT * self.ticks_per_quarter:
            return 0
        return min(self._ticks(self.style.legato_overlap), duration // 2)

    def _repeated(
        self, technique: int, string: int, onset: int, duration: int, pitch: int
    ) -> list[tuple[int, int, int]]:
        """The note in equal parts, of a trill each second one on the neighbour."""
        slots = duration * STEPS_PER_QUARTER / (STEPS_PER_SLOT * self.ticks_per_quarter)
        seconds = duration / self.ticks_per_second
        if technique == Technique.TREMOLO:
            num, pitches = max(2, ceil(2 * slots), round(self.style.tremolo_rate * seconds)), (pitch, pitch)
        else:
            num = max(3, round(self.style.trill_rate * seconds) // 2 * 2 + 1)
            pitches = pitch, (self._beyond(string, pitch, 1) or self._beyond(string, pitch, -1))[0]
        num = min(num, duration if technique == Technique.TREMOLO else (duration + 1) // 2 * 2 - 1)
        edges = [onset + part * duration // num for part in range(num + 1)]
        return [(begin, end - begin, pitches[part % 2]) for part, (begin, end) in enumerate(pairwise(edges))]

    def _flick(self, string: int, onset: int, duration: int, pitch: int) -> list[tuple[int, int, int]]:
        """The fast notes and the note that they lead into."""
        num, side = self.style.flick_notes, 1 if self.melody is not None and self.melody > pitch else -1
        steps = self._beyond(string, pitch, side) or self._beyond(string, pitch, -side)
        lead = [pitch] * (num - len(steps[:num])) + steps[:num][::-1]
        before, each = self.last.get(string), self._ticks(self.style.flick_length)
        if before and (room := (onset - before[-1][ONSET]) // 2 // num) < each:
            each = room
        start = onset - num * each
        if each == 0:
            each, start = min(self._ticks(self.style.flick_length), duration // 2 // num), onset
        if each == 0:
            return [(onset, duration, pitch)]
        fast = [(start + place * each, each, step) for place, step in enumerate(lead)]
        lands = start + num * each
        return [*fast, (lands, onset + duration - lands, pitch)]

    def _beyond(self, string: int, pitch: int, side: int) -> list[int]:
        """The pitches of the scale above (side 1) or below (-1) on the string, the nearest first."""
        ladder = self.ladders[string]
        return (
            [step for step in ladder if step > pitch] if side > 0 else [step for step in ladder if step < pitch][::-1]
        )

    def _curve(self, technique: int, string: int, onset: int, duration: int, pitch: int) -> Curve:
        style, half = self.style, max(duration // 2, 1)
        if technique == Technique.SLIDE:
            before = self.last.get(string)
            start = before[-1][PITCH] if before else self.melody
            if start is None or start == pitch:
                start = (self._beyond(string, pitch, -1) or self._beyond(string, pitch, 1))[0]
            rise = float(np.clip(start - pitch, -style.bend_range, style.bend_range))
            return np.array([(onset, rise), (onset + min(self._ticks(style.slide_length), half), 0.0)])
        if technique == Technique.BEND:
            return np.array([(onset, 0.0), (onset + min(self._ticks(style.bend_length), half), style.bend_depth)])
        swings = min(duration / self.ticks_per_second, RINGS) * style.vibrato_rate
        phase = np.arange(int(swings * POINTS_A_SWING) + 1) / POINTS_A_SWING
        ticks = onset + np.rint(phase / style.vibrato_rate * self.ticks_per_second)
        return np.stack([ticks, style.vibrato_depth * np.sin(2 * np.pi * phase)], axis=1)
