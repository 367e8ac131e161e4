"""Which notes of a performance are the melody: the part that carries it, without the drone and the notes below it.

Rules that delete what is monophonic, or played by 'ethnic' programs, delete the phin. Here nothing is deleted and no
program counts against a part: every note stays, as melody or as accompaniment. What is looked at, in this order:

1. *Parts* (tracks and channels). Notes of one name and program are one part, and so are parts that take turns at one
   line, as the strings of an instrument do that has a channel for each. Of the others one is the melody: by its name,
   by how much it moves, by how seldom its notes overlap, by how much of it the phin can reach, by how high it lies, and
   by how much it plays (`_evidence`).
2. *Drones* inside that part: a pitch that sounds for much of the time under (or, if it is held, over) a moving line,
   and is struck together with it, or lasts longer, or comes as regularly as a clock.
3. *Chords*: of notes struck together the highest is the melody.
4. *Strings left ringing*: a note that begins while a higher one sounds is the next of the line where chords are rare,
   unless it also ends before that one: then the higher one is a held melody note, and this accompanies it.

Where there is one part without overlaps all of it is melody. A drone struck between melody notes that never overlap it
cannot be told from a melody that leaps, and stays melody.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from phin.music.phrase import (
    DURATION,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    ONSET,
    PITCH,
    Column,
    Rows,
    Voice,
)

LOW_DRONE, HIGH_DRONE = 0.4, 0.6
"""Of the time, for how much a drone below the line sounds, and one that the line dips under."""
HELD = 3
"""A note this many times as long as the line's is held."""
CHORDAL = 0.1
"""Where more of the strokes than this are chords, a note below a sounding one accompanies it."""
TAKING_TURNS = 0.3
"""Parts of one line: as much of its steps goes from part to part at the least."""

MELODY_NAMES = re.compile(r"melod|lead|vocal|vox|voice|solo|sing|phin|pin\b|พิณ|ทำนอง|ร้อง|เมโลดี้|โซโล่|ลีด", re.IGNORECASE)
OTHER_NAMES = re.compile(
    r"accomp|bass|chord|drone|drum|harmon|left hand|\bl\.?h\b|pad\b|perc|rhythm|strum"
    r"|เบส|กลอง|คอร์ด|เสียงเสพ|ประสาน|ฉิ่ง|ฉาบ",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PartName:
    """What a file says of a track's channel: its name, empty where there is none, and its program."""

    name: str = ""
    program: int = 0


NAMELESS = PartName()
NUMBER = re.compile(r"[\s#.:_-]*\d+$")


def find_melody(rows: Rows, part: Column | None = None, parts: Sequence[PartName] = (NAMELESS,)) -> Column:
    """The voice of each note. `part` is the place in `parts` of each; without it all are of one part.

    Names that differ in a number at their end, as `string 1` and `string 2` do, are one name.
    """
    voice = np.full(len(rows), Voice.ACCOMPANIMENT, dtype=np.int32)
    if len(rows) == 0:
        return voice
    parts = [unnumbered(each) for each in parts]
    part = np.zeros(len(rows), dtype=np.int64) if part is None else np.array(instruments(parts))[part]
    chosen = np.flatnonzero(_chosen_part(rows, part, parts))
    voice[chosen[_line(rows[chosen])]] = Voice.MELODY
    return voice


def unnumbered(part: PartName) -> PartName:
    """A part by its name without a number at its end."""
    return replace(part, name=NUMBER.sub("", part.name))


def instruments(parts: Sequence[PartName]) -> list[int]:
    """Of each unnumbered part the first that is of the same instrument; one without a name is an instrument alone."""
    return [parts.index(each) if each.name else number for number, each in enumerate(parts)]


def skyline(rows: Rows) -> Bool[np.ndarray, " note"]:
    """Whether each note is the highest that sounds: the simplest rule that is right for a melody over a drone."""
    is_highest = np.zeros(len(rows), dtype=bool)
    ringing: list[tuple[int, int]] = []  # (pitch, end) of such notes, the highest last: none starts below another
    onsets, ends, pitches = (
        rows[:, ONSET].tolist(),
        (rows[:, ONSET] + rows[:, DURATION]).tolist(),
        rows[:, PITCH].tolist(),
    )
    for row in np.lexsort((-rows[:, PITCH], rows[:, ONSET])).tolist():
        while ringing and ringing[-1][1] <= onsets[row]:
            ringing.pop()
        if not ringing or pitches[row] > ringing[-1][0]:
            ringing.append((pitches[row], ends[row]))
            is_highest[row] = True
    return is_highest


def _chosen_part(rows: Rows, part: Column, parts: Sequence[PartName]) -> Bool[np.ndarray, " note"]:
    """The notes of the part that is the melody; all of them where the parts take turns at one line."""
    numbers = np.unique(part)
    named = any(
        MELODY_NAMES.search(parts[number].name) or OTHER_NAMES.search(parts[number].name) for number in numbers.tolist()
    )
    if len(numbers) == 1 or (not named and _take_turns(rows, part)):
        return np.ones(len(rows), dtype=bool)
    most = int(np.bincount(part).max())
    means = [float(rows[part == number, PITCH].mean()) for number in numbers]
    scores = [
        _evidence(rows[part == number], parts[number], mean - min(means), most)
        for number, mean in zip(numbers.tolist(), means, strict=True)
    ]
    return part == numbers[int(np.argmax(scores))]


def _take_turns(rows: Rows, part: Column) -> bool:
    """Whether the parts seldom strike together, and the line often goes from one to the other."""
    order = np.lexsort((rows[:, PITCH], rows[:, ONSET]))
    onset, part = rows[order, ONSET], part[order]
    changes = part[1:] != part[:-1]
    together = changes & (onset[1:] == onset[:-1])
    return bool(together.mean() < CHORDAL and changes.mean() >= TAKING_TURNS) and not _held(rows).any()


def _evidence(rows: Rows, part: PartName, height: float, most: int) -> float:
    """How much speaks for a part's being the melody; `height` in semitones above the lowest, `most` notes in one.

    A name outweighs everything else together. Each of the rest is a share from 0 to 1; that it moves counts twice.
    """
    onset, pitch = rows[:, ONSET], rows[:, PITCH]
    alone = len(np.unique(onset)) / len(rows)
    moves = float((np.diff(pitch) != 0).mean()) if len(rows) > 1 else 0.0
    varied = min(len(np.unique(pitch)) / 5, 1.0)
    in_reach = float(((pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH)).mean())
    plays = min(len(rows) / most / 0.3, 1.0)
    name = 10 * (bool(MELODY_NAMES.search(part.name)) - bool(OTHER_NAMES.search(part.name)))
    return name + 2 * moves * varied + alone + in_reach + plays + min(height / 12, 1.0)


def _line(rows: Rows) -> Bool[np.ndarray, " note"]:
    """Which notes of one part are its line."""
    if not _overlap(rows):
        return np.ones(len(rows), dtype=bool)
    is_line = ~_is_drone(rows)
    others = np.flatnonzero(is_line)
    line = rows[others]
    is_top = np.append(line[1:, ONSET] != line[:-1, ONSET], True)  # rows of one onset are sorted by pitch
    if (~is_top).mean() > CHORDAL:
        is_line[others] = skyline(line)
        return is_line
    is_line[others[~is_top]] = False
    is_line[others[is_top]] = ~_is_under_a_held_note(line[is_top])
    return is_line


def _is_under_a_held_note(line: Rows) -> Bool[np.ndarray, " note"]:
    """Notes, one an onset, that begin and end while a higher one sounds.

    One that ends with the higher one is under it only if others have ended before: else both strings were stopped. One
    that ends because its pitch is struck again is so only under a much longer one: else its string was to ring on.
    """
    onset, end, pitch = line[:, ONSET].tolist(), (line[:, ONSET] + line[:, DURATION]).tolist(), line[:, PITCH].tolist()
    under, accompanied = np.zeros(len(line), dtype=bool), set[int]()
    strokes = set(zip(onset, pitch, strict=True))
    sounding: list[int] = []
    for note, (begins, ends, height) in enumerate(zip(onset, end, pitch, strict=True)):
        sounding = [other for other in sounding if end[other] > begins]
        if higher := [other for other in sounding if pitch[other] > height]:
            least = HELD * (ends - begins) if (ends, height) in strokes else 0
            around = {other for other in higher if end[other] > ends and end[other] - onset[other] >= least}
            accompanied |= around
            under[note] = bool(around) or any(end[other] == ends for other in accompanied.intersection(higher))
        sounding.append(note)
    return under


def _held(rows: Rows) -> Bool[np.ndarray, " note"]:
    """Notes during which several others begin, at other pitches."""
    onset, end = rows[:, ONSET], rows[:, ONSET] + rows[:, DURATION]
    begun = np.searchsorted(onset, end, side="left") - np.searchsorted(onset, onset, side="right")
    return begun >= HELD


def _is_drone(rows: Rows) -> Bool[np.ndarray, " note"]:
    """Strokes of pitches that sound for much of the time while a line of other pitches moves."""
    onset, end, pitch = rows[:, ONSET], rows[:, ONSET] + rows[:, DURATION], rows[:, PITCH]
    span = int(end.max() - onset.min())
    nothing = np.zeros(len(rows), dtype=bool)
    if not _overlap(rows):
        return nothing  # there is one line
    is_drone, held = nothing.copy(), _held(rows)
    time = np.bincount(pitch, weights=rows[:, DURATION])  # of each pitch
    for candidate in np.flatnonzero((time / span >= LOW_DRONE) & (time > 0)).tolist():
        mine, sounds = pitch == candidate, time[candidate] / span
        if (~mine).sum() < 4 or not _is_apart(rows, mine):
            continue
        above, below = _begin_during(rows, mine)
        is_low = above >= 4 * below and above > 0
        is_high = sounds >= HIGH_DRONE and below > 0 and held[mine].mean() >= 0.5
        if is_low or is_high:
            is_drone |= mine
    line = pitch[~is_drone]
    if len(np.unique(line)) < 3 or len(line) < 4:
        return nothing  # nothing moves over it: these are chords, or the tune itself
    usual = np.median(rows[is_drone, DURATION]) if is_drone.any() else 0
    return is_drone & ~(_is_alone(rows) & (2 * rows[:, DURATION] <= usual))


def _overlap(rows: Rows) -> bool:
    """Whether any two notes sound together."""
    ends = np.maximum.accumulate(rows[:, ONSET] + rows[:, DURATION])
    return bool((ends[:-1] > rows[1:, ONSET]).any())


def _is_apart(rows: Rows, mine: Bool[np.ndarray, " note"]) -> bool:
    """Whether the strokes of a pitch do not take turns with the others, as those of one ringing line do.

    They are struck together with others, or last longer, or come as regularly as a clock.
    """
    onset = rows[mine, ONSET]
    together = np.isin(onset, rows[~mine, ONSET]).mean() >= 0.5
    longer = np.median(rows[mine, DURATION]) >= 2 * np.median(rows[~mine, DURATION])
    between = np.diff(onset)
    regular = len(between) >= 5 and np.bincount(between).max() >= 0.8 * len(between)
    return bool(together or longer or regular)


def _begin_during(rows: Rows, mine: Bool[np.ndarray, " note"]) -> tuple[int, int]:
    """How many notes begin while one of mine sounds, above it and below it."""
    pitch, others = int(rows[mine, PITCH][0]), rows[~mine]
    starts, ends = rows[mine, ONSET], rows[mine, ONSET] + rows[mine, DURATION]
    last = np.searchsorted(starts, others[:, ONSET], side="right") - 1
    during = others[(last >= 0) & (ends[last] > others[:, ONSET])]
    return int((during[:, PITCH] > pitch).sum()), int((during[:, PITCH] < pitch).sum())


def _is_alone(rows: Rows) -> Bool[np.ndarray, " note"]:
    """Notes that sound with no other at any time."""
    onset, end = rows[:, ONSET], rows[:, ONSET] + rows[:, DURATION]
    before = np.append(-np.inf, np.maximum.accumulate(end)[:-1]) > onset
    after = np.append(onset[1:], np.inf) < end
    return ~before & ~after
