"""The playing techniques: what stands in a row's technique column, who documents it, and how it shows in MIDI.

Page numbers are those of T. Chaichana, Jazz Orchestra Portraits of Thailand, Victoria University of Wellington 2022,
unless another source is named. What a technique looks like in MIDI is our own engineering everywhere: no source speaks
of it. The grade says how far a technique is the phin's: `EXPERIMENTAL` ones are physically possible on a fretted lute
with metal strings, and no source that could be read has a phin player use them. Western keyboard ornaments (mordents,
turns and their kin) are left out: nothing ties them to this instrument.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Technique(IntEnum):
    """The value is what stands in the column; -1 (UNKNOWN) is not among them."""

    PLAIN = 0
    DRONE = 1
    DYAD = 2
    STRUM = 3
    ACCENT = 4
    TREMOLO = 5
    FLICK = 6
    TRILL = 7
    HAMMER_ON = 8
    PULL_OFF = 9
    SLIDE = 10
    BEND = 11
    VIBRATO = 12
    MUTE = 13


class Evidence(StrEnum):
    """Who documents a technique."""

    PHIN = "documented on the phin"
    SISTER = "documented on a sister lute"
    EXPERIMENTAL = "guitar-style, experimental"


@dataclass(frozen=True)
class TechniqueFacts:
    """What is known of a technique. `thai` is empty where no source gives a word for it."""

    thai: str
    romanised: str
    evidence: Evidence
    source: str
    signature: str
    """How it shows in MIDI."""


FACTS: dict[Technique, TechniqueFacts] = {
    Technique.PLAIN: TechniqueFacts(
        "ดีด", "dit", Evidence.PHIN, "plectrum of horn, or a guitar pick: p. 100", "one note"
    ),
    Technique.DRONE: TechniqueFacts(
        "เสียงเสพ",
        "sieng sep",
        Evidence.PHIN,
        "both transcriptions of phin players: p. 102; what drones: p. 99",
        "a repeated low pitch, at the melody's strokes or between them",
    ),
    Technique.DYAD: TechniqueFacts(
        "คู่", "khu", Evidence.PHIN, "m3, P4, P5, m7, P8: p. 102", "two strokes less than 30 ms apart"
    ),
    Technique.STRUM: TechniqueFacts(
        "", "", Evidence.PHIN, "three strings, M2 and P4 stacked: p. 102", "three strokes, low to high, a little apart"
    ),
    Technique.ACCENT: TechniqueFacts(
        "", "", Evidence.PHIN, "accents on the upbeat: p. 102", "a higher velocity than its neighbours', off the beat"
    ),
    Technique.TREMOLO: TechniqueFacts(
        "รัว",
        "rua",
        Evidence.SISTER,
        "the northern sueng, heavy tremolo: p. 162",
        "one pitch struck twice or more within a slot",
    ),
    Technique.FLICK: TechniqueFacts(
        "สะบัด",
        "sabat",
        Evidence.SISTER,
        "the jakhe: anyflip.com/ylkkk/wcju, p. 151-200, and marks in a school club's jakhe parts",
        "two or three fast notes that lead into a note",
    ),
    Technique.TRILL: TechniqueFacts(
        "พรม",
        "phrom",
        Evidence.SISTER,
        "marks in a school club's jakhe and so parts (warut92/thm-club)",
        "fast alternation with the neighbour above",
    ),
    Technique.HAMMER_ON: TechniqueFacts(
        "", "", Evidence.EXPERIMENTAL, "none", "a rise of one to four semitones on one string, overlapping and softer"
    ),
    Technique.PULL_OFF: TechniqueFacts(
        "", "", Evidence.EXPERIMENTAL, "none", "a fall of one to four semitones on one string, overlapping and softer"
    ),
    Technique.SLIDE: TechniqueFacts(
        "", "", Evidence.EXPERIMENTAL, "none", "a pitch bend that runs from the note before to this one"
    ),
    Technique.BEND: TechniqueFacts("", "", Evidence.EXPERIMENTAL, "none", "a pitch bend that rises, then holds"),
    Technique.VIBRATO: TechniqueFacts(
        "", "", Evidence.EXPERIMENTAL, "none", "a pitch bend that swings four to eight times a second"
    ),
    Technique.MUTE: TechniqueFacts("", "", Evidence.EXPERIMENTAL, "none", "a note shorter than 60 ms"),
}


def word(technique: Technique) -> str:
    """What a technique is called: hammer-on."""
    return technique.name.lower().replace("_", "-")
