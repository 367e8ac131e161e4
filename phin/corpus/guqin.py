"""A piece as MusicXML of one part → its tune: the files of lukewys/Guqin-Dataset, read through the music21 package.

They were typed from printed numbered notation, and a program gave every bar its time signature from its length. Of how
the guqin (古琴) is played only harmonics were typed, as staccato dots; nothing says how the other notes are played, so
all techniques stay unknown. So do tempo and velocity. (Written after the collection's README and a part of one file;
tried on made-up files alone.)
"""

import importlib.util
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import numpy as np

from phin.errors import Defect, InvalidTune, MissingCorpus, PhinError, to_install
from phin.music.grid import quantise
from phin.music.opening import bytes_of
from phin.music.page import PageReading
from phin.music.phrase import STEPS_PER_QUARTER, Metre, Phrase, Voice, rows_from_columns

if TYPE_CHECKING:  # importing it takes over a second
    from music21.note import Note
    from music21.stream.base import Part


class _Stroke(NamedTuple):
    """Times in quarters from the beginning of the first bar."""

    onset: Fraction
    duration: Fraction
    pitch: int
    voice: Voice


def refuse_without_music21(source: str) -> None:
    """MissingCorpus where the package that reads MusicXML is not installed; it is looked for, not imported."""
    if importlib.util.find_spec("music21") is None:
        what = f"is not installed, and reads the MusicXML of {source}"
        raise MissingCorpus("music21", what, f"run: {to_install('corpora')}")


def read_guqin(path: str | Path, source: str) -> PageReading:
    """The piece of a file; InvalidTune where it is torn, has several parts or voices, or cannot be named in MIDI.

    Pitches are as written, the highest of a chord is the melody, tied notes are one, repeats are written once. A metre
    is known where all bars have the same.
    """
    part, title = _only_part(path)
    strokes, num_graces = _strokes(part, path)
    if not strokes:
        raise InvalidTune(path, Defect.NO_NOTES, "holds no notes", "leave it out")
    metre = _metre(part)
    origin = _origin(part, strokes[0].onset, metre)
    denominators = {time.denominator for stroke in strokes for time in (stroke.onset, stroke.duration)}
    ticks_per_quarter = math.lcm(origin.denominator, *denominators)
    if max(stroke.onset + stroke.duration for stroke in strokes) * ticks_per_quarter >= 2**31:
        reason = "divides the quarter too finely"
        raise InvalidTune(path, Defect.ABSURD_TICKS, reason, "write its tuplets more simply")
    rows = rows_from_columns(
        onset=np.array([int((stroke.onset - origin) * ticks_per_quarter) for stroke in strokes]),
        duration=np.array([int(stroke.duration * ticks_per_quarter) for stroke in strokes]),
        pitch=np.array([stroke.pitch for stroke in strokes]),
        voice=np.array([stroke.voice for stroke in strokes]),
    )
    steps, deviation = quantise(rows, ticks_per_quarter)
    repairs = []
    if num_graces:
        repairs.append(f"grace notes left out: {num_graces}")
    if deviation is not None:
        num_off = int(((deviation.onset != 0) | (deviation.duration != 0)).sum())
        repairs.append(f"notes moved to the grid of {STEPS_PER_QUARTER} steps a quarter: {num_off}")
    return PageReading(Phrase(steps, metre, title=title, source=source, deviation=deviation), tuple(repairs))


def _only_part(path: str | Path) -> tuple["Part", str]:
    """The part of a score and the score's title, which is the file's name where it says none."""
    from music21.exceptions21 import Music21Exception
    from music21.musicxml.xmlToM21 import MusicXMLImporter
    from music21.stream.base import Score

    data = bytes_of(path)
    score = Score()
    try:
        root = ElementTree.fromstring(data)
        if root.tag != "score-partwise":
            raise ValueError(f"begins with {root.tag}, not with score-partwise")
        MusicXMLImporter().xmlRootToScore(root, score)  # music21's converter would keep pickled copies of files
    except (ElementTree.ParseError, LookupError, ValueError, Music21Exception) as error:
        reason = f"is no MusicXML ({' '.join(str(error).split())})"
        raise InvalidTune(path, Defect.UNREADABLE, reason, "fetch the file again") from None
    parts = list(score.parts)
    if len(parts) != 1:
        raise InvalidTune(path, Defect.BAD_NOTATION, f"has {len(parts)} parts", "keep the one with the melody")
    named = score.metadata and score.metadata.bestTitle
    return parts[0], " ".join((named or "").split()) or Path(path).stem


def _strokes(part: "Part", path: str | Path) -> tuple[list[_Stroke], int]:
    """The notes that are struck, by onset, and the number of grace notes that were left out."""
    strokes: list[_Stroke] = []
    num_graces = 0
    going_on: dict[int, int] = {}  # pitch -> its stroke, where that is tied to what comes next
    for number, onset, notes in _notes(part, path):
        if notes[0].duration.isGrace:
            num_graces += 1
            continue
        duration, place = Fraction(notes[0].duration.quarterLength), f"{path}: bar {number}"
        heads = {_midi_number(note.pitch.ps, place): note for note in notes}
        tied: dict[int, int] = {}
        for pitch, note in heads.items():
            before = strokes[going_on[pitch]] if pitch in going_on else None
            if before and before.onset + before.duration == onset:
                tied[pitch] = going_on[pitch]
                strokes[tied[pitch]] = before._replace(duration=before.duration + duration)
            else:
                tied[pitch] = len(strokes)
                voice = Voice.MELODY if pitch == max(heads) else Voice.ACCOMPANIMENT
                strokes.append(_Stroke(onset, duration, pitch, voice))
            if note.tie is None or note.tie.type not in ("start", "continue"):
                del tied[pitch]
        going_on = tied
    return strokes, num_graces


def _notes(part: "Part", path: str | Path) -> Iterator[tuple[int, Fraction, tuple["Note", ...]]]:
    """The notes of every stroke with the number of their bar, counted from 1, and their onset."""
    from music21.chord import Chord
    from music21.harmony import Harmony
    from music21.note import Note
    from music21.stream.base import Measure, Voice

    for number, bar in enumerate(part.getElementsByClass(Measure), start=1):
        if len(bar.getElementsByClass(Voice)):
            reason = f"bar {number} has several voices"
            raise InvalidTune(path, Defect.BAD_NOTATION, reason, "keep the one with the melody")
        for struck in bar.notes:
            if isinstance(struck, Harmony):  # the name of a chord is not played
                continue
            notes = struck.notes if isinstance(struck, Chord) else (struck,)
            pitched = tuple(note for note in notes if isinstance(note, Note))
            if len(pitched) < len(notes):
                reason = f"bar {number} has a note without pitch"
                raise InvalidTune(path, Defect.BAD_NOTATION, reason, "keep the part with the melody")
            yield number, Fraction(bar.offset) + Fraction(struck.offset), pitched


def _midi_number(pitch: float, place: str) -> int:
    if pitch % 1 or not 0 <= pitch <= 127:
        raise InvalidTune(
            place, Defect.BAD_NOTATION, f"has a pitch ({pitch:g}) that is no MIDI number", "write another"
        )
    return int(pitch)


def _metre(part: "Part") -> Metre | None:
    """The one metre of all bars."""
    written = {signature.ratioString for signature in part.recurse().getElementsByClass("TimeSignature")}
    if len(written) != 1:
        return None
    try:
        return Metre.parse(written.pop())
    except PhinError:  # a bar that the grid cannot hold
        return None


def _origin(part: "Part", first: Fraction, metre: Metre | None) -> Fraction:
    """The time of step 0: the first full bar in which something sounds; the first note, where no metre is known."""
    if metre is None:
        return first
    bar = Fraction(metre.bar, STEPS_PER_QUARTER)
    begins = [Fraction(measure.offset) for measure in part.getElementsByClass("Measure")]
    has_pickup = len(begins) > 1 and begins[1] - begins[0] < bar
    downbeat = begins[1] if has_pickup else begins[0]
    return downbeat + bar * max((first - downbeat) // bar, 0)
