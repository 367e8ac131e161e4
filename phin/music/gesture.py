"""What can be heard of each stroke of a performance as a MIDI file tells it: the numbers that a technique is told by.

A row of a file's phrase is a stroke. Each is described by itself (length, loudness, how the wheel bends it), by the
strokes before and after it on its part and in its voice, by what is struck together with it, and by how often its pitch
comes back. Lengths of time stand in seconds, because a hand has its own speed, and in slots, because a tune has its
own. A part is a channel of a track: a string, where the file has a channel a string; where it has not, all is one
part. Which string of which instrument that is no file says, so a fret is told only as semitones above the lowest note
of the part.

`FEATURES` lists the columns with their units. What is not there (a stroke before the first, a bend) is far off (FAR) or
0. Nothing here looks at a technique.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.music.grid import SLOTS_PER_HONG, to_ticks
from phin.music.midi import MidiReading
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.perform import Curve
from phin.music.phrase import DURATION, ONSET, STEPS_PER_QUARTER, UNKNOWN, Column, Voice

FAR = 4.0
"""Seconds, or slots, that stand where there is no stroke: longer ones count as these."""
TOGETHER = 0.04
"""Seconds: strokes no further apart are struck together. A strum's last string is at most so late after the one before
(`perform` has 35 ms at most).
"""
NEAR = 4
"""Strokes of the voice to each side that a stroke's loudness is compared with."""
MOMENTS = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Seconds after the onset at which a bend is looked at."""

_SHORTEST = 0.001


@dataclass(frozen=True)
class Feature:
    """A column: what it says, its unit, and how it becomes a number of about -3 to 3 (`scaled`)."""

    says: str
    unit: str
    scale: float = 1.0
    """What is divided by; of a logarithm, the length of time that becomes 0."""
    log: bool = False


def _neighbour(side: str, of: str) -> dict[str, Feature]:
    """The columns about the stroke before or after on a part or in a voice."""
    who = f"the stroke {side} in the {of}"
    return {
        f"{of} {side}: apart": Feature(f"from onset to onset of {who}", "seconds", 0.1, log=True),
        f"{of} {side}: slots": Feature(f"from onset to onset of {who}", "slots", 1.0, log=True),
        f"{of} {side}: silence": Feature(f"between the two; below 0 they overlap: {who}", "seconds", 0.05),
        f"{of} {side}: interval": Feature(f"{who}, above this one", "semitones", 4.0),
        f"{of} {side}: louder": Feature(f"{who}, than this one", "velocity", 20.0),
    }


FEATURES: Mapping[str, Feature] = {
    "length": Feature("how long it sounds", "seconds", 0.1, log=True),
    "length in slots": Feature("how long it sounds", "slots", 1.0, log=True),
    "beat, sine": Feature("where it begins in its quarter, as an angle", "-1 to 1"),
    "beat, cosine": Feature("1 on the beat, -1 half-way to the next", "-1 to 1"),
    "slot, sine": Feature("where it begins in its slot, as an angle", "-1 to 1"),
    "slot, cosine": Feature("1 where a slot begins, -1 in its middle", "-1 to 1"),
    **_neighbour("before", "part"),
    **_neighbour("after", "part"),
    **_neighbour("before", "voice"),
    **_neighbour("after", "voice"),
    "pitch before": Feature("since its pitch was last struck in the part", "seconds", 0.1, log=True),
    "pitch after": Feature("until its pitch is struck again in the part", "seconds", 0.1, log=True),
    "second before": Feature("whether the last stroke but one in the part had its pitch", "0 or 1"),
    "second after": Feature("whether the next stroke but one in the part has its pitch", "0 or 1"),
    "share of pitch": Feature("how much of the file's strokes have its pitch", "share", 0.5),
    "share of pitch in part": Feature("how much of its part's strokes have its pitch", "share", 0.5),
    "velocity": Feature("how loud it is", "velocity", 64.0),
    "louder than the file": Feature("than the file's median", "velocity", 20.0),
    "louder than near": Feature(f"than the mean of it and {NEAR} strokes to each side in its voice", "velocity", 20.0),
    "velocities differ": Feature("whether the file has more than one velocity", "0 or 1"),
    "struck below": Feature("how many lower strokes are struck together with it", "strokes"),
    "struck above": Feature("how many higher strokes are struck together with it", "strokes"),
    "down to": Feature("from the nearest lower stroke struck together with it", "semitones", 6.0),
    "up to": Feature("to the nearest higher stroke struck together with it", "semitones", 6.0),
    "late": Feature("after the first stroke struck together with it", "seconds", 0.02),
    "above the lowest": Feature("above the lowest pitch of the file", "semitones", 12.0),
    "above the part's lowest": Feature("above the lowest pitch of its part: its fret", "semitones", 12.0),
    "parts": Feature("whether the file has more than one part", "0 or 1"),
    "accompaniment": Feature("whether it was not found to be melody", "0 or 1"),
    "bent": Feature("whether the wheel is off its middle while it sounds", "0 or 1"),
    "file bends": Feature("whether any stroke of the file is bent", "0 or 1"),
    "bend starts": Feature("the bend at its onset", "semitones", 2.0),
    "bend ends": Feature("the bend at its end", "semitones", 2.0),
    "bend highest": Feature("the most it is bent up", "semitones", 2.0),
    "bend lowest": Feature("the most it is bent down", "semitones", 2.0),
    "bend travels": Feature("all ways of the wheel added up", "semitones", 4.0),
    "bend moves": Feature("until the wheel moves no more; 0 where it stands", "seconds", 0.1),
    "bend swings": Feature("of the wheel, up and down again, while it moves", "a second", 4.0),
    "bend from before": Feature("where the bend starts, above the pitch before in the part", "semitones", 4.0),
    **{
        f"bend at {moment:g}": Feature(f"the bend {moment:g} s after its onset", "semitones", 2.0) for moment in MOMENTS
    },
}
_PLACE = {name: place for place, name in enumerate(FEATURES)}
NUM_FEATURES = len(FEATURES)


@dataclass(frozen=True, eq=False)
class Gestures:
    """What is heard of each stroke, in the order of time (onset, pitch), which is finer than that of the rows.

    `row` is the row of the phrase that each is; `values` is in the units of FEATURES.
    """

    row: Column
    values: Float[np.ndarray, "stroke feature"]

    def __len__(self) -> int:
        return len(self.row)

    def column(self, name: str) -> Float[np.ndarray, " stroke"]:
        """One of FEATURES, in its unit."""
        return self.values[:, _PLACE[name]]

    @property
    def bent(self) -> Bool[np.ndarray, " stroke"]:
        return self.column("bent") > 0

    @property
    def scaled(self) -> Float[np.ndarray, "stroke feature"]:
        """The values as a network takes them, float32, each within -3 to 3."""
        scale = np.array([feature.scale for feature in FEATURES.values()])
        log = np.array([feature.log for feature in FEATURES.values()])
        octaves = np.log2(np.maximum(self.values, _SHORTEST) / scale) / 2
        return np.where(log, octaves, self.values / scale).clip(-3, 3).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Strokes:
    """The strokes in the order of time, in seconds and slots."""

    onset: Float[np.ndarray, " stroke"]
    length: Float[np.ndarray, " stroke"]
    seconds_a_slot: float
    pitch: Column
    velocity: Column
    part: Column
    voice: Column

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def end(self) -> Float[np.ndarray, " stroke"]:
        return self.onset + self.length

    @cached_property
    def before_in_part(self) -> Column:
        return _before(self.part)


def hear(reading: MidiReading) -> Gestures:
    """What is heard of each stroke of a file, at its tempo (the MIDI standard's where it names none)."""
    strokes, row = _in_time(reading)
    columns = {
        **_alone(strokes),
        **_beside(strokes, strokes.part, "part"),
        **_beside(strokes, strokes.voice, "voice"),
        **_again(strokes),
        **_loudness(strokes),
        **_together(strokes),
        **_register(strokes),
        **_bends(strokes, [_curve(reading, place) for place in row.tolist()]),
    }
    values = np.stack([np.broadcast_to(columns[name], len(strokes)) for name in FEATURES], axis=1)
    return Gestures(row, values.astype(np.float64))


def _in_time(reading: MidiReading) -> tuple[_Strokes, Column]:
    """The strokes, and the row of each."""
    phrase = reading.phrase
    rows, ticks_per_quarter = to_ticks(phrase)
    part = reading.part if len(reading.part) else np.zeros(len(rows), dtype=np.int64)
    row = np.lexsort((phrase.pitch, rows[:, ONSET]))
    seconds = _seconds_a_quarter(reading) / ticks_per_quarter
    onset, length = rows[row, ONSET] * seconds, rows[row, DURATION] * seconds
    slot = _seconds_a_quarter(reading) / SLOTS_PER_HONG
    velocity = np.where(phrase.velocity == UNKNOWN, 0, phrase.velocity)
    strokes = _Strokes(onset, length, slot, phrase.pitch[row], velocity[row], part[row], phrase.voice[row])
    return strokes, row


def _seconds_a_quarter(reading: MidiReading) -> float:
    return (reading.phrase.tempo or DEFAULT_TEMPO) / 1e6


def _curve(reading: MidiReading, row: int) -> Curve | None:
    """The bend of a row as (seconds after the onset, semitones)."""
    curve = reading.bends.get(row)
    return None if curve is None else curve * [_seconds_a_quarter(reading) / STEPS_PER_QUARTER, 1]


def _alone(strokes: _Strokes) -> dict[str, np.ndarray]:
    slots = strokes.onset / strokes.seconds_a_slot
    quarter, slot = 2 * np.pi * slots / SLOTS_PER_HONG, 2 * np.pi * slots
    return {
        "length": strokes.length,
        "length in slots": strokes.length / strokes.seconds_a_slot,
        "beat, sine": np.sin(quarter),
        "beat, cosine": np.cos(quarter),
        "slot, sine": np.sin(slot),
        "slot, cosine": np.cos(slot),
    }


def _beside(strokes: _Strokes, group: Column, of: str) -> dict[str, np.ndarray]:
    """The columns about the strokes before and after of the same group."""
    before = _before(group)
    after = _other_way(before)
    columns = {}
    for side, other in (("before", before), ("after", after)):
        there = other >= 0
        apart = np.where(there, abs(strokes.onset - strokes.onset[other]), FAR)
        first, second = (other, np.arange(len(other))) if side == "before" else (np.arange(len(other)), other)
        silence = np.where(there, strokes.onset[second] - strokes.end[first], FAR)
        columns |= {
            f"{of} {side}: apart": apart.clip(max=FAR),
            f"{of} {side}: slots": np.where(there, apart / strokes.seconds_a_slot, FAR).clip(max=FAR),
            f"{of} {side}: silence": silence.clip(-FAR, FAR),
            f"{of} {side}: interval": np.where(there, strokes.pitch[other] - strokes.pitch, 0),
            f"{of} {side}: louder": np.where(there, strokes.velocity[other] - strokes.velocity, 0),
        }
    return columns


def _again(strokes: _Strokes) -> dict[str, np.ndarray]:
    """How the pitch comes back."""
    part_pitch = strokes.part.astype(np.int64) * 128 + strokes.pitch
    same_before = _before(part_pitch)
    same_after = _other_way(same_before)
    second_before = _follow(strokes.before_in_part, strokes.before_in_part)
    after = _other_way(strokes.before_in_part)
    second_after = _follow(after, after)
    columns = {}
    for name, other in (("pitch before", same_before), ("pitch after", same_after)):
        columns[name] = np.where(other >= 0, abs(strokes.onset - strokes.onset[other]), FAR).clip(max=FAR)
    for name, other in (("second before", second_before), ("second after", second_after)):
        columns[name] = (other >= 0) & (strokes.pitch[other] == strokes.pitch)
    columns["share of pitch"] = _count(strokes.pitch) / max(len(strokes), 1)
    columns["share of pitch in part"] = _count(part_pitch) / _count(strokes.part)
    return columns


def _loudness(strokes: _Strokes) -> dict[str, np.ndarray]:
    near = np.empty(len(strokes))
    for voice in np.unique(strokes.voice):
        its = np.flatnonzero(strokes.voice == voice)
        total = np.append(0, strokes.velocity[its].cumsum())
        low = (np.arange(len(its)) - NEAR).clip(min=0)
        high = (np.arange(len(its)) + NEAR + 1).clip(max=len(its))
        near[its] = (total[high] - total[low]) / (high - low)
    median = np.median(strokes.velocity) if len(strokes) else 0.0
    return {
        "velocity": strokes.velocity,
        "louder than the file": strokes.velocity - median,
        "louder than near": strokes.velocity - near,
        "velocities differ": np.asarray(len(np.unique(strokes.velocity)) > 1),
    }


def _together(strokes: _Strokes) -> dict[str, np.ndarray]:
    """Strokes within TOGETHER of each, itself left out."""
    names = ("struck below", "struck above", "down to", "up to", "late")
    columns = {name: np.zeros(len(strokes)) for name in names}
    within = TOGETHER + 1e-9  # exactly so far apart is together, however the seconds were rounded
    low = np.searchsorted(strokes.onset, strokes.onset - within, "left")
    high = np.searchsorted(strokes.onset, strokes.onset + within, "right")
    for place in np.flatnonzero(high - low > 1).tolist():
        others = strokes.pitch[low[place] : high[place]] - strokes.pitch[place]
        below, above = others[others < 0], others[others > 0]
        columns["struck below"][place], columns["struck above"][place] = len(below), len(above)
        columns["down to"][place] = -below.max(initial=-128) if len(below) else 0
        columns["up to"][place] = above.min(initial=128) if len(above) else 0
        columns["late"][place] = strokes.onset[place] - strokes.onset[low[place]]
    return columns


def _register(strokes: _Strokes) -> dict[str, np.ndarray]:
    lowest = np.zeros(len(strokes))
    for part in np.unique(strokes.part):
        lowest[strokes.part == part] = strokes.pitch[strokes.part == part].min()
    return {
        "above the lowest": strokes.pitch - strokes.pitch.min(initial=127),
        "above the part's lowest": strokes.pitch - lowest,
        "parts": np.asarray(len(np.unique(strokes.part)) > 1),
        "accompaniment": strokes.voice == Voice.ACCOMPANIMENT,
    }


def _bends(strokes: _Strokes, curves: list[Curve | None]) -> dict[str, np.ndarray]:
    columns = {name: np.zeros(len(strokes)) for name in FEATURES if name.startswith("bend ")}
    bent = np.array([curve is not None for curve in curves], dtype=bool)
    before = strokes.before_in_part
    for place in np.flatnonzero(bent).tolist():
        curve = curves[place]
        assert curve is not None
        time, height = curve.T
        ways = np.diff(height)
        moves = float(time[1:][ways != 0].max(initial=0))
        turns = int((np.diff(np.sign(ways[ways != 0])) != 0).sum())
        columns["bend starts"][place], columns["bend ends"][place] = height[0], height[-1]
        columns["bend highest"][place], columns["bend lowest"][place] = height.max(), height.min()
        columns["bend travels"][place] = abs(ways).sum()
        columns["bend moves"][place] = moves
        columns["bend swings"][place] = turns / 2 / moves if moves else 0
        if before[place] >= 0:
            columns["bend from before"][place] = height[0] + strokes.pitch[place] - strokes.pitch[before[place]]
        for moment in MOMENTS:
            at = max(int(np.searchsorted(time, moment, "right")) - 1, 0)
            columns[f"bend at {moment:g}"][place] = height[at]
    return columns | {"bent": bent, "file bends": np.asarray(bent.any())}


def _before(group: Column) -> Int[np.ndarray, " stroke"]:
    """The place of the stroke before each in its group; -1 where there is none."""
    order = np.argsort(group, kind="stable")
    before = np.full(len(group), -1)
    same = group[order][1:] == group[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    return before


def _other_way(before: Int[np.ndarray, " stroke"]) -> Int[np.ndarray, " stroke"]:
    """From the stroke before each to the stroke after each."""
    after = np.full(len(before), -1)
    after[before[before >= 0]] = np.flatnonzero(before >= 0)
    return after


def _follow(one: Int[np.ndarray, " stroke"], other: Int[np.ndarray, " stroke"]) -> Int[np.ndarray, " stroke"]:
    """Where two steps lead; -1 where either leads nowhere."""
    return np.where(one >= 0, other[one], -1)


def _count(group: Column) -> Int[np.ndarray, " stroke"]:
    """How many strokes are of each one's group."""
    _, place, number = np.unique(group, return_inverse=True, return_counts=True)
    return number[place]
