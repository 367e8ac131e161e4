"""The instrument: its frets, its tunings, where a pitch lies on the neck, and which string drones under which lai.

A tuning is written low string first: E-A-E (Chaichana, below). Strings are numbered from the highest, as the measured
instrument's are: string 1 of E-A-E is E4. `Tuning.number` and `Tuning.place` are where one way of counting becomes the
other; whatever a person reads, here and elsewhere, says the number.

Frets: Hamdan et al. 2025, BioResources 20(4) 9699-9719, whose three lists of notes are one pattern of semitones; it is
one instrument's. Tunings: T. Chaichana, Jazz Orchestra Portraits of Thailand, Victoria University of Wellington 2022,
p. 100. He ties the tuning to the piece ("adjusted to the sound of a drone"), so it is an argument everywhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from phin.counted import counted
from phin.errors import PhinError
from phin.music.lai import LAI, Lai
from phin.music.phrase import Phrase, pitch_name

FRETS = (0, 1, 2, 3, 5, 7, 8, 10, 12, 13, 15, 17, 19, 20, 22, 24)
"""Semitones above the open string, by fret; fret 0 is the open string (Hamdan et al. 2025)."""

FRET_DISTANCES = tuple(1 - 2 ** (-semitones / 12) for semitones in FRETS)
"""How far from the nut each fret lies, as a share of the open string: what a hand feels, whatever the neck's length."""

MEASURED_E3 = 52
"""The lowest open string of the measured instrument, as a MIDI number (Hamdan et al. 2025)."""

FEWEST_STRINGS, MOST_STRINGS = 2, 4

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


@dataclass(frozen=True)
class Tuning:
    """The open strings, low string first: `name` in letters, `open_pitches` as MIDI numbers."""

    name: str
    open_pitches: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "Tuning":
        """The tuning written as `E-A-E`, two to four letters A to G, each with # or b if need be.

        Sources give letters; only those of E-A-E have octaves (E3 A3 E4, Hamdan et al. 2025). The rule for all is ours:
        the lowest string takes the octave nearest to the measured E3 (the higher of two as near), each further string
        the lowest pitch not below the string before, so that a repeated letter is a unison course. Raises PhinError.
        """
        where, remedy = f"tuning {text!r}", "write it low string first, like E-A-E"
        letters = [_read_letter(letter.strip(), where, remedy) for letter in text.split("-")]
        if not FEWEST_STRINGS <= len(letters) <= MOST_STRINGS:
            reason = f"has {counted(len(letters), 'string')}, and a phin has {FEWEST_STRINGS} to {MOST_STRINGS}"
            raise PhinError(where, reason, remedy)
        pitches: list[int] = []
        for _, pitch_class in letters:
            lowest_allowed = pitches[-1] if pitches else MEASURED_E3 - 5  # B2 to A#3: the twelve pitches nearest to E3
            pitches.append(lowest_allowed + (pitch_class - lowest_allowed) % 12)
        return cls("-".join(name for name, _ in letters), tuple(pitches))

    def __str__(self) -> str:
        return self.name

    @property
    def num_strings(self) -> int:
        return len(self.open_pitches)

    def number(self, place: int) -> int:
        """The number of the string at `place` in `open_pitches` (0 is the lowest string): 1 is the highest string."""
        return self.num_strings - place

    def place(self, string: int) -> int:
        """Where in `open_pitches` the string with this number stands."""
        return self.num_strings - string

    def open_pitch(self, string: int) -> int:
        """The MIDI pitch of the open string with this number: 64 (E4) for string 1 of E-A-E."""
        return self.open_pitches[self.place(string)]


def _read_letter(letter: str, where: str, remedy: str) -> tuple[str, int]:
    """A letter as it is written in a tuning's name, and its pitch class."""
    match = re.fullmatch(r"([A-Ga-g])([#b♯♭]?)", letter)
    if match is None:
        raise PhinError(where, f"has {letter!r} where a letter A to G should be, with # or b if need be", remedy)
    name, accidental = match[1].upper(), match[2]
    spelled = name + accidental.replace("♯", "#").replace("♭", "b")
    return spelled, (_LETTERS[name] + _ACCIDENTALS[accidental]) % 12


DEFAULT = Tuning.parse("E-A-E")
"""The most widely used tuning (Chaichana 2022, p. 100), and the measured one: MIDI 52, 57, 64."""


def tuning_of(phrase: Phrase) -> Tuning:
    """The tuning that a phrase names, the most widely used one where it names none. Raises PhinError."""
    return Tuning.parse(phrase.tuning) if phrase.tuning else DEFAULT


TUNINGS = (
    DEFAULT,
    *(Tuning.parse(name) for name in ("E-A-A", "E-B-E")),
    *(Tuning.parse(name) for name in ("E-A", "E-B", "E-D", "E-E")),
    *(Tuning.parse(name) for name in ("E-A-E-A", "E-A-E-B", "A-E-A-E", "E-E-A-A")),
    *(Tuning.parse(name) for name in ("D-A-G", "A-D-A")),
)
"""Three strings, two, four (Chaichana 2022, p. 100), and two regional ones for lai noi: D-A-G (Nong Khai; Sumrongthong
et al. 2017) and A-D-A (Miller, Garland Handbook, p. 172)."""


class Position(NamedTuple):
    """A place on the neck: the string's number, 1 for the highest, and the fret, 0 for the open string."""

    string: int
    fret: int


def playable(tuning: Tuning = DEFAULT) -> tuple[int, ...]:
    """The MIDI pitches that lie on some fret, ascending: 26 in E-A-E, among them no C#, D# or G#.

    They are the instrument's: some tunings reach below or above the MIDI 52 to 88 that a phrase of this project keeps.
    """
    return tuple(sorted({pitch + semitones for pitch in tuning.open_pitches for semitones in FRETS}))


@lru_cache(maxsize=4096)
def positions(pitch: int, tuning: Tuning = DEFAULT) -> tuple[Position, ...]:
    """Where a MIDI pitch lies, string 1 first; empty where it is on no fret. A string has each pitch at most once."""
    strings = range(1, tuning.num_strings + 1)
    above_open = {string: pitch - tuning.open_pitch(string) for string in strings}
    return tuple(Position(string, FRETS.index(above_open[string])) for string in strings if above_open[string] in FRETS)


class DroneKind(StrEnum):
    """What drones (sieng sep, เสียงเสพ) under a lai, from the best to the last resort."""

    OPEN_TONIC = "open tonic"
    OPEN_FIFTH = "open fifth"
    STOPPED_TONIC = "stopped tonic"


@dataclass(frozen=True)
class Drone:
    """A note that can sound under a whole tune: its MIDI pitch, where it lies, and what it is to the lai."""

    pitch: int
    string: int
    fret: int
    kind: DroneKind

    def __str__(self) -> str:
        at_fret = f", fret {self.fret}" if self.fret else ""
        return f"{pitch_name(self.pitch)}, {self.kind} on string {self.string}{at_fret}"


def open_drones(lai: Lai, tuning: Tuning = DEFAULT) -> tuple[Drone, ...]:
    """The open strings that are the lai's tonic, low string first, then those that are its fifth."""
    wanted = ((DroneKind.OPEN_TONIC, lai.tonic), (DroneKind.OPEN_FIFTH, lai.fifth))
    return tuple(
        Drone(pitch, tuning.number(place), 0, kind)
        for kind, pitch_class in wanted
        for place, pitch in enumerate(tuning.open_pitches)
        if pitch % 12 == pitch_class
    )


def drone(lai: Lai, tuning: Tuning = DEFAULT) -> Drone | None:
    """What drones under the lai: the lowest open string with its tonic, else with its fifth, else a stopped tonic.

    Every drone that a source describes has the tonic in it (Chaichana 2022, pp. 102, 104), with the fifth beside it in
    Toei Khong (p. 113). What to do without an open tonic is our inference: the fifth alone rings free of the hand;
    failing that, a finger holds the tonic on the lowest string that has it, as low as it goes (C, the tonic of lai po
    sai, is open in no tuning of the table). None where a tuning of the player's own has neither.
    """
    if ready := open_drones(lai, tuning):
        return ready[0]
    stopped = (
        Drone(pitch + semitones, tuning.number(place), fret, DroneKind.STOPPED_TONIC)
        for place, pitch in enumerate(tuning.open_pitches)
        for fret, semitones in enumerate(FRETS)
        if (pitch + semitones) % 12 == lai.tonic
    )
    return next(stopped, None)


def drone_table(tunings: Sequence[Tuning] = TUNINGS) -> dict[str, dict[str, Drone | None]]:
    """What drones in each tuning (by name) under each of the six lai (by name): print it as a table."""
    return {tuning.name: {lai.name: drone(lai, tuning) for lai in LAI} for tuning in tunings}


_SUITABLE = {
    "yai": DEFAULT,
    "noi": Tuning.parse("A-D-A"),
    "se": Tuning.parse("E-B-E"),
    "sutsanaen": Tuning.parse("D-G-D"),
    "po sai": Tuning.parse("G-C-G"),
    "soi": Tuning.parse("A-D-A"),
}


def suitable_tuning(lai: Lai) -> Tuning:
    """A tuning of three strings with the tonic and the fifth of the lai open, the tonic below the highest string.

    So the tonic drones, as in every drone that a source describes, and a melody can lie above it. Sources tie a tuning
    to a lai twice: what could be read and heard in lai yai goes with E-A-E, and A-D-A is one of two for lai noi (the
    other, D-A-G, drones on a D below E3). The rest is our inference. Lai se has E-B-E, which the table names for no
    lai. In lai soi, whose tonic is lai noi's, A-D-A serves again. No tuning of the table serves lai sutsanaen or po
    sai: G is open in it only as the highest string, of D-A-G, and C nowhere. Their D-G-D and G-C-G are fifth, tonic,
    fifth, as E-A-E is to lai yai; no source that could be read has them.
    """
    return _SUITABLE[lai.name]
