"""A performance with its techniques told: the phrase that it is, and for each note the answer and what is heard there.

The answer is the detector's, which learned from rules (`phin.model.detector`). The reason names what is heard of the
note that goes with the answer, in numbers a player can check by ear; it is no account of what went on in the network.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from phin.counted import counted
from phin.model.detector import Detection, Detector, answers, detect
from phin.music.gathering import gather, gathered
from phin.music.gesture import FAR, Gestures
from phin.music.midi import MidiReading
from phin.music.phrase import LabelSource, Phrase
from phin.music.technique import Technique, word

LEARNED_FROM = "synthetic pieces played by rules, not players"


@dataclass(frozen=True)
class NoteAnswer:
    """How a note was played: `technique` is None where nobody can tell; `probability` is the likeliest one's."""

    technique: Technique | None
    probability: float
    num_strokes: int
    reason: str


@dataclass(frozen=True, eq=False)
class Annotation:
    """The phrase with the techniques in it, marked as detected, and the answer for each of its rows.

    A technique is UNKNOWN where nobody can tell.
    """

    phrase: Phrase
    notes: list[NoteAnswer]


def annotate(reading: MidiReading, detector: Detector) -> Annotation:
    """The reading's strokes gathered into notes, each with its technique, or with none."""
    found = detect(reading, detector)
    strokes = gather(reading, found.probability.argmax(axis=1), found.begins)
    probability = np.array([found.probability[note].mean(axis=0) for note in strokes])
    probability = probability.reshape(-1, found.probability.shape[1])
    technique = answers(probability, found.threshold)
    phrase, place = gathered(reading.phrase, strokes, technique)
    notes = [_answer(found, probability[note], strokes[note]) for note in place.tolist()]
    return Annotation(replace(phrase, techniques_from=LabelSource.DETECTED), notes)


def _answer(
    found: Detection, probability: Float[np.ndarray, " technique"], strokes: Int[np.ndarray, " stroke"]
) -> NoteAnswer:
    likeliest, next_one = (Technique(place) for place in np.argsort(-probability, kind="stable")[:2].tolist())
    sure = float(probability[likeliest])
    if sure >= found.threshold:
        return NoteAnswer(likeliest, sure, len(strokes), reason(found.heard, likeliest, strokes))
    shares = f"{word(likeliest)} ({sure:.0%}) or {word(next_one)} ({probability[next_one]:.0%})"
    why = f"perhaps {shares}: an answer needs {found.threshold:.1%}"
    return NoteAnswer(None, sure, len(strokes), why)


def reason(heard: Gestures, technique: Technique, strokes: Int[np.ndarray, " stroke"]) -> str:
    """What is heard of a note's strokes (rows, in the order of time) that goes with the technique."""
    at = np.empty(len(heard), dtype=np.int64)
    at[heard.row] = np.arange(len(heard))
    return _REASONS[technique](_Heard(heard, at[strokes]))


@dataclass(frozen=True)
class _Heard:
    """What is heard of one note."""

    gestures: Gestures
    strokes: Int[np.ndarray, " stroke"]

    def first(self, name: str) -> float:
        """Of its first stroke."""
        return float(self.gestures.column(name)[self.strokes[0]])

    @property
    def rate(self) -> str:
        """How fast its strokes follow, where there are several."""
        apart = self.gestures.column("part before: apart")[self.strokes[1:]]
        return f", {1 / apart.mean():.0f} a second" if len(apart) and apart.mean() > 0 else ""


def _softer(note: _Heard) -> str:
    louder = note.first("part before: louder")
    return f", {louder:.0f} softer in velocity" if louder > 0 else ""


def _legato(note: _Heard) -> str:
    if note.first("part before: apart") >= FAR:
        return "no stroke before it on its part"
    up, silence = -note.first("part before: interval"), note.first("part before: silence")
    way = f"{'rises' if up > 0 else 'falls'} {abs(up):.0f} semitones" if up else "stays on the pitch"
    tie = f"overlaps it by {-silence * 1000:.0f} ms" if silence < 0 else f"follows it after {silence * 1000:.0f} ms"
    return f"{way} from the stroke before and {tie}{_softer(note)}"


def _struck_together(note: _Heard) -> str:
    others = round(note.first("struck below") + note.first("struck above"))
    if not others:
        return "lies under another note"
    up = note.first("up to")
    nearest = f", {up:.0f} semitones below the next" if up else ""
    return f"struck together with {counted(others, 'other')}{nearest}"


def _repeated(note: _Heard) -> str:
    return f"{counted(len(note.strokes), 'stroke')} on one pitch{note.rate}"


def _led_into(note: _Heard) -> str:
    fast = len(note.strokes) - 1
    return f"{counted(fast, 'fast note')} lead into it{note.rate}" if fast else "a fast note in a flick"


def _alternating(note: _Heard) -> str:
    away = np.abs(note.gestures.column("part before: interval")[note.strokes[1:]])
    between = f" between two pitches {away.max():.0f} semitones apart" if len(away) else ""
    return f"{counted(len(note.strokes), 'stroke')}{between}{note.rate}"


def _accented(note: _Heard) -> str:
    off_beat = ", off the beat" if note.first("beat, cosine") < 0 else ""
    return f"{note.first('louder than near'):+.0f} in velocity beside the notes around it{off_beat}"


def _droning(note: _Heard) -> str:
    share, above = note.first("share of pitch"), note.first("above the lowest")
    lies = f"{above:.0f} semitones above the lowest note" if above else "the lowest note"
    return f"{share:.0%} of all strokes have its pitch, {lies}"


def _plain(note: _Heard) -> str:
    ways = ["the pitch is not bent"] * (not note.first("bent")) + [f"sounds for {note.first('length'):.2f} s"]
    return f"one stroke: {', '.join(ways)}"


def _bend(note: _Heard) -> str:
    return f"pitch bend rises {note.first('bend highest'):.1f} semitones and holds"


def _slide(note: _Heard) -> str:
    start, moves = note.first("bend starts"), note.first("bend moves")
    return f"pitch bend runs {abs(start):.1f} semitones {'up' if start < 0 else 'down'} to the pitch in {moves:.2f} s"


def _vibrato(note: _Heard) -> str:
    wide = (note.first("bend highest") - note.first("bend lowest")) / 2
    return f"pitch bend swings {note.first('bend swings'):.1f} times a second, {wide:.1f} semitones to each side"


def _muted(note: _Heard) -> str:
    return f"sounds for {note.first('length') * 1000:.0f} ms"


_REASONS: dict[Technique, Callable[[_Heard], str]] = {
    Technique.PLAIN: _plain,
    Technique.DRONE: _droning,
    Technique.DYAD: _struck_together,
    Technique.STRUM: _struck_together,
    Technique.ACCENT: _accented,
    Technique.TREMOLO: _repeated,
    Technique.FLICK: _led_into,
    Technique.TRILL: _alternating,
    Technique.HAMMER_ON: _legato,
    Technique.PULL_OFF: _legato,
    Technique.SLIDE: _slide,
    Technique.BEND: _bend,
    Technique.VIBRATO: _vibrato,
    Technique.MUTE: _muted,
}
