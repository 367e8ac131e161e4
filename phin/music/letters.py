"""The seven letters of Thai notation, and their pitches: ด ร ม ฟ ซ ล ท.

Letters name places on the instrument: ด is C where it is "in Am", ล = A (T. Chaichana, Jazz Orchestra Portraits of
Thailand, 2022, p. 98, 107). An unmarked letter lies from C4 to B4, each nikhahit (ํ) an octave higher, each phinthu (ฺ)
an octave lower. Digits are the same letters: 1 to 7, with 8 and 9 for high 1 and 2, `n*` high and `n.` low. Nothing
lies more than two octaves from there: three dots hold a note, so digits could not say it.
"""

import re
from dataclasses import dataclass

LETTERS = "ดรมฟซลท"
NATURAL = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the letters above C."""
UP, DOWN = "\u0e4d", "\u0e3a"
"""Nikhahit and phinthu."""
UNMARKED_DO = 60
"""C4, where an unmarked ด lies."""
MOST_OCTAVES = 2
"""Above or below the unmarked one that can be written; the phin's own range needs one below and two above."""

SYMBOL = (
    rf"(?P<letter>[{LETTERS}])(?P<marks>[{UP}{DOWN}]*)"
    r"|(?P<digit>[1-9])(?P<signs>\*+|\.{1,2}(?!\.)|)"
    r"|(?P<hold>-)"
)
"""A regular expression for what can stand in a slot: a letter, a digit, a hyphen."""


@dataclass(frozen=True)
class Letter:
    """A place in LETTERS, and the octaves above the unmarked one."""

    place: int
    octave: int = 0

    @property
    def pitch(self) -> int:
        """The MIDI number."""
        return UNMARKED_DO + NATURAL[self.place] + 12 * self.octave

    @property
    def is_writable(self) -> bool:
        """Whether it is near enough to the unmarked octave."""
        return abs(self.octave) <= MOST_OCTAVES

    @classmethod
    def of_pitch(cls, pitch: int) -> "Letter | None":
        """The letter of a MIDI number; None where it has none, as C# has, and what lies three octaves away."""
        octave, semitones = divmod(pitch - UNMARKED_DO, 12)
        letter = cls(NATURAL.index(semitones), octave) if semitones in NATURAL else None
        return letter if letter and letter.is_writable else None

    @classmethod
    def of_symbol(cls, symbol: re.Match[str]) -> "Letter":
        """The letter that a match of SYMBOL, not a hyphen, writes."""
        octave = sum(1 if mark in (UP, "*") else -1 for mark in marks_of(symbol))
        if symbol["letter"]:
            return cls(LETTERS.index(symbol["letter"]), octave)
        higher, place = divmod(int(symbol["digit"]) - 1, len(LETTERS))
        return cls(place, octave + higher)

    def written(self, marked: bool = True, digits: bool = False) -> str:
        """As a page has it; without `marked`, as pages for instruments of one octave do."""
        octave = self.octave if marked else 0
        if not digits:
            return LETTERS[self.place] + (UP * octave if octave >= 0 else DOWN * -octave)
        if octave == 1 and self.place < 2:
            return str(self.place + 1 + len(LETTERS))
        return str(self.place + 1) + ("*" * octave if octave >= 0 else "." * -octave)


def marks_of(symbol: re.Match[str]) -> str:
    """The octave marks of a match of SYMBOL."""
    return (symbol["marks"] or "") + (symbol["signs"] or "")
