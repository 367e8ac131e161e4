"""A rule-based composer of phin pieces: labelled, endless, playable, and synthetic.

It knows what the sources say of form and rhythm, and nothing of what makes a tune worth hearing: its pieces teach
techniques, drone and lai where no recording is labelled, and are never evaluated on. Their source is always `composer`.

What is sourced (numbers in brackets are measured on real notation, see the tables below): the form, from a player's
Toei Khong (T. Chaichana, Jazz Orchestra Portraits of Thailand, 2022, p. 112-115); lines of eight hong made of cells of
four; which slots are struck; which intervals follow; drone on the tonic, dyads, strums, upbeat accents and sixteenth
fills (p. 99, 102). What is our invention: everything else, most of all how often a technique is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phin.music.drone import DRONE_LOUDNESS, strokes
from phin.music.fingering import finger, frets_by_place, under_one_hand
from phin.music.fretboard import Drone, Tuning, drone, positions, suitable_tuning
from phin.music.grid import SLOTS_PER_HONG, STEPS_PER_SLOT, page_begins
from phin.music.lai import LAI, Lai
from phin.music.phrase import (
    DUPLE,
    DURATION,
    HIGHEST_PITCH,
    HONG_PER_LINE,
    LOWEST_PITCH,
    NUM_COLUMNS,
    ONSET,
    STEPS_PER_HONG,
    TECHNIQUE,
    LabelSource,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    rows_from_columns,
)
from phin.music.technique import Technique

SOURCE = "composer"
HONG_PER_CELL = HONG_PER_LINE // 2

PLAIN_SHAPES = {"-x-x": 0.59, "---x": 0.31, "-xxx": 0.05, "----": 0.04}
"""How often each hong shape occurs in four Isan lai, 267 notes (Toei Khong, Toei Thammada, Nok Sai, Pong Lang)."""
FULL_SHAPES = {"xxxx": 0.32, "-x-x": 0.19, "-xxx": 0.15, "----": 0.11, "---x": 0.11, "--xx": 0.07}
"""The same in Lao-accent classical tunes, 4,801 notes: how fuller playing is decorated."""
INTERVALS = {0: 0.12, 1: 0.0, 2: 0.44, 3: 0.25, 4: 0.03, 5: 0.16, 6: 0.0}
"""How often each interval class, in semitones, follows in the four Isan lai."""

TEMPI = (95, 152)
"""Hong a minute. Assumed: no source states a tempo; five recordings were measured at 117 to 152."""

DYADS = (3, 5, 7, 10, 12)
"""Semitones between the two notes of a dyad: m3, P4, P5, m7, P8 (Chaichana 2022, p. 102)."""
STRUM = (5, 7)
"""Semitones below the melody note of a strum's other two: a second and a fourth, stacked (Chaichana 2022, p. 102)."""

LOUDNESS = 80
Onsets = list[int]
"""Slots that are struck, counted from the beginning of a cell."""


@dataclass(frozen=True)
class Manner:
    """How often a piece uses each technique where it may: our invention, drawn wide so that none can be guessed."""

    accent: float
    tremolo: float
    flick: float
    trill: float
    legato: float
    slide: float
    bend: float
    vibrato: float
    mute: float
    dyad: float
    strum: float
    drone_every: int
    """Slots between strokes of the drone."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Manner":
        """Some of them often, some never."""
        often = rng.uniform(0, 0.45, 11) * (rng.random(11) < 0.75)
        return cls(*(float(share) for share in often), drone_every=int(rng.choice([2, 4, 4, 8])))


@dataclass(frozen=True)
class _Note:
    """A melody note: its slot from the beginning of the piece, and its place in the scale."""

    slot: int
    degree: int


def compose(rng: np.random.Generator, lai: Lai | None = None, tuning: Tuning | None = None) -> Phrase:
    """A piece in a lai (any of the six unless given), in a tuning that suits it, with every label known.

    Intro (kroen), tune, tune again, improvisation (don), tune, close. It can be fingered in its tuning. Raises
    ValueError for a tuning in which no open string drones under the lai.
    """
    lai = lai or LAI[int(rng.integers(len(LAI)))]
    tuning = tuning or suitable_tuning(lai)
    held = drone(lai, tuning)
    if held is None or held.fret:
        raise ValueError(f"no open string of {tuning} drones under lai {lai.name}")
    piece = _Piece(rng, lai, tuning, held)
    for words, notes, num_hong in piece.parts():
        piece.add(words, notes, num_hong)
    tempo = round(60e6 / int(rng.integers(*TEMPI, endpoint=True)))
    return piece.finished(tempo, Manner.random(rng))


class _Piece:
    """A piece in the making."""

    def __init__(self, rng: np.random.Generator, lai: Lai, tuning: Tuning, held: Drone) -> None:
        self.rng, self.lai, self.tuning, self.held = rng, lai, tuning, held
        self.scale = _scale(lai, tuning, held)
        tonic, fifth = lai.tonic, (lai.tonic + 7) % 12
        self.tonics = [degree for degree, pitch in enumerate(self.scale) if pitch % 12 == tonic]
        self.fifths = [degree for degree, pitch in enumerate(self.scale) if pitch % 12 == fifth]
        self.middle = float(rng.uniform(0.35, 0.6)) * len(self.scale)
        self.notes: list[_Note] = []
        self.words: list[tuple[int, str]] = []
        self.num_hong = 0

    def add(self, words: str, notes: Sequence[_Note], num_hong: int) -> None:
        """Sets a part behind what is there."""
        start = self.num_hong * SLOTS_PER_HONG
        self.words.append((page_begins(DUPLE) + self.num_hong * STEPS_PER_HONG, words))
        self.notes += [replace(note, slot=note.slot + start) for note in notes]
        self.num_hong += num_hong

    def parts(self) -> list[tuple[str, list[_Note], int]]:
        """Words, notes and hong of each part, in order."""
        intro, tune = self._intro(), self._tune()
        return [
            ("เกริ่น", *intro),
            ("ทำนองหลัก", *tune),
            ("ทำนองหลัก", *tune),
            ("ด้น", *self._improvisation(tune[0])),
            ("ทำนองหลัก", *tune),
            ("จบ", *self._close()),
        ]

    def _intro(self) -> tuple[list[_Note], int]:
        """Running sixteenths from the fifth to the tonic."""
        cells = [self._cell(FULL_SHAPES, self._near(self.fifths)) for _ in range(int(self.rng.choice([1, 3])))]
        return _joined([*cells, self._cell(FULL_SHAPES, self._near(self.tonics))])

    def _tune(self) -> tuple[list[_Note], int]:
        """Two to four lines of two cells; the second cell of a line answers the first and ends on the tonic."""
        answer = self._cell(PLAIN_SHAPES, self._near(self.tonics))
        cells: list[list[_Note]] = []
        for _ in range(int(self.rng.integers(2, 5))):
            said_twice = self.rng.random() < 0.3  # as the cell of Nok Sai is
            cells += [answer if said_twice else self._cell(PLAIN_SHAPES, self._near(self.fifths)), answer]
        return _joined(cells)

    def _improvisation(self, tune: Sequence[_Note]) -> tuple[list[_Note], int]:
        """Cells of the tune in sequence or filled up, with new ones between (phuk klon: Chaichana 2022, p. 110)."""
        cells = []
        length = HONG_PER_CELL * SLOTS_PER_HONG
        starts = sorted({note.slot // length for note in tune})
        for _ in range(2 * int(self.rng.integers(2, 4)) - 1):
            start = int(self.rng.choice(starts)) * length
            motif = [replace(n, slot=n.slot - start) for n in tune if start <= n.slot < start + length]
            change = self.rng.random()
            if change < 0.35:
                cells.append(self._in_sequence(motif))
            elif change < 0.7:
                cells.append(self._filled(motif))
            else:
                cells.append(self._cell(FULL_SHAPES, self._near(self.fifths)))
        return _joined([*cells, self._cell(FULL_SHAPES, self._near(self.tonics))])

    def _close(self) -> tuple[list[_Note], int]:
        """A slow line onto the tonic."""
        slow = {"---x": 1.0}
        return _joined([self._cell(slow, self._near(self.fifths)), self._cell(slow, self._near(self.tonics))])

    def _near(self, degrees: Sequence[int]) -> int:
        """Of some degrees of the scale one of the two that are nearest to the middle of the piece."""
        ranked = sorted(degrees, key=lambda degree: abs(degree - self.middle))
        return int(self.rng.choice(ranked[:2]))

    def _cell(self, shapes: dict[str, float], last: int) -> list[_Note]:
        """Four hong that end, on their last slot, on a degree."""
        kinds, share = list(shapes), np.array(list(shapes.values()))
        drawn = [kinds[int(self.rng.choice(len(kinds), p=share / share.sum()))] for _ in range(HONG_PER_CELL)]
        if drawn[-1] == "----":
            drawn[-1] = "---x"
        slots = [place for place, sign in enumerate("".join(drawn)) if sign == "x"]
        degrees = self._walk(len(slots), last)
        return [_Note(slot, degree) for slot, degree in zip(slots, degrees, strict=True)]

    def _walk(self, count: int, last: int) -> list[int]:
        """Degrees that lead to the last one, by the measured intervals; made backwards, so that it is reached."""
        degrees = [last]
        pitch = np.array(self.scale)
        for _ in range(count - 1):
            leap = np.abs(pitch - pitch[degrees[-1]])
            weight = np.array([INTERVALS[min(size % 12, 12 - size % 12)] for size in leap.tolist()])
            weight *= np.exp(-leap / 5) * np.exp(-(((np.arange(len(pitch)) - self.middle) / 5) ** 2))
            degrees.append(int(self.rng.choice(len(pitch), p=weight / weight.sum())))
        return degrees[::-1]

    def _in_sequence(self, cell: Sequence[_Note]) -> list[_Note]:
        """The cell some steps of the scale higher or lower."""
        degrees = [note.degree for note in cell]
        moves = [move for move in (-2, -1, 1, 2) if 0 <= min(degrees) + move and max(degrees) + move < len(self.scale)]
        move = int(self.rng.choice(moves)) if moves else 0
        return [replace(note, degree=note.degree + move) for note in cell]

    def _filled(self, cell: Sequence[_Note]) -> list[_Note]:
        """The cell with passing notes in slots that were empty."""
        filled = [cell[0]]
        for note in cell[1:]:
            before = filled[-1]
            if note.slot - before.slot > 1 and self.rng.random() < 0.6:
                middle = (before.degree + note.degree) // 2
                degree = min(max(middle + int(self.rng.choice([0, 1])), 0), len(self.scale) - 1)
                filled.append(_Note(note.slot - 1, degree))
            filled.append(note)
        return filled

    def finished(self, tempo: int, manner: Manner) -> Phrase:
        """The piece as a phrase: the melody with its techniques, chords where they can be held, the drone."""
        onset = page_begins(DUPLE) + np.array([note.slot for note in self.notes]) * STEPS_PER_SLOT
        pitch = np.array([self.scale[note.degree] for note in self.notes])
        gap = np.diff(onset, append=onset[-1] + STEPS_PER_HONG)
        technique = np.array([self._technique(place, onset, pitch, gap, manner) for place in range(len(onset))])
        columns = [onset, np.minimum(gap, 2 * STEPS_PER_HONG), pitch, self._loudness(len(onset)), technique]
        melody = rows_from_columns(*columns)
        chords = [row for note in melody.tolist() for row in self._chord(note, manner)]
        struck = [row for row in chords if row[TECHNIQUE] == Technique.STRUM]
        strums = sorted({(row[ONSET], row[ONSET] + row[DURATION]) for row in struck})
        held = self._drone(int(onset[0]), int(onset[-1]) + 1, manner.drone_every * STEPS_PER_SLOT, strums)
        return self._as_phrase(
            np.concatenate([melody, np.array(chords, dtype=np.int64).reshape(-1, NUM_COLUMNS), held]), tempo
        )

    def _technique(self, note: int, onset: np.ndarray, pitch: np.ndarray, gap: np.ndarray, manner: Manner) -> Technique:
        """How a melody note is played: at most one technique, drawn among those that have room here."""
        before = int(pitch[note] - pitch[note - 1]) if note else 0
        since = int(gap[note - 1]) if note else STEPS_PER_HONG
        on_beat, off_beat = onset[note] % STEPS_PER_HONG == 0, onset[note] % STEPS_PER_HONG == STEPS_PER_HONG // 2
        is_long, is_short = gap[note] >= STEPS_PER_HONG, gap[note] == STEPS_PER_SLOT
        near = 1 <= abs(before) <= 4
        choices = (
            (Technique.ACCENT, manner.accent * bool(off_beat)),
            (Technique.TREMOLO, manner.tremolo * bool(is_long)),
            (Technique.FLICK, manner.flick * bool(on_beat and since > STEPS_PER_SLOT)),
            (Technique.TRILL, manner.trill * bool(is_long)),
            (Technique.HAMMER_ON, manner.legato * (near and before > 0 and since <= 2 * STEPS_PER_SLOT)),
            (Technique.PULL_OFF, manner.legato * (near and before < 0 and since <= 2 * STEPS_PER_SLOT)),
            (Technique.SLIDE, manner.slide * (near and not is_short)),
            (Technique.BEND, manner.bend * bool(is_long)),
            (Technique.VIBRATO, manner.vibrato * bool(is_long)),
            (Technique.MUTE, manner.mute * bool(is_short)),
        )
        for technique, share in choices:
            if self.rng.random() < share:
                return technique
        return Technique.PLAIN

    def _loudness(self, count: int) -> np.ndarray:
        """MIDI velocities that waver; what an accent adds comes with the performance."""
        return (LOUDNESS + self.rng.integers(-10, 11, count)).clip(1, 127)

    def _chord(self, note: Sequence[int], manner: Manner) -> list[list[int]]:
        """The lower notes struck with a melody note on a beat, as rows: one for a dyad, two for a strum, or none."""
        onset, duration, pitch, velocity, technique, _ = note
        if onset % STEPS_PER_HONG or technique not in (Technique.PLAIN, Technique.ACCENT):
            return []
        letters = self.lai.pitch_classes
        if self.rng.random() < manner.strum:
            lower, kind = [pitch - below for below in STRUM], Technique.STRUM
        elif self.rng.random() < manner.dyad:
            lower, kind = [pitch - int(self.rng.choice(DYADS))], Technique.DYAD
        else:
            return []
        inside = all(low % 12 in letters and positions(low, self.tuning) and low >= LOWEST_PITCH for low in lower)
        if not inside or self.held.pitch in lower:
            return []
        together = frets_by_place([*lower, pitch], self.tuning)
        if kind is Technique.DYAD:  # the drone rings on, on its own string
            together.append({self.tuning.place(self.held.string): 0})
        if not under_one_hand(together):
            return []
        return [[onset, duration, low, max(velocity - 12, 1), kind, Voice.ACCOMPANIMENT] for low in lower]

    def _drone(self, first: int, end: int, every: int, strums: Sequence[tuple[int, int]]) -> np.ndarray:
        """The drone's rows: a stroke every so many steps, also on the beat; silent while a strum takes its string."""
        rows = []
        for onset, duration in strokes(first, end, every, strums):
            loud = DRONE_LOUDNESS + int(self.rng.integers(-8, 9))
            rows.append([onset, duration, self.held.pitch, loud, Technique.DRONE, Voice.ACCOMPANIMENT])
        return np.array(rows, dtype=np.int64).reshape(-1, NUM_COLUMNS)

    def _as_phrase(self, rows: np.ndarray, tempo: int) -> Phrase:
        rows = let_restruck_strings_stop(rows_from_columns(*rows.T))
        phrase = Phrase(
            rows,
            metre=DUPLE,
            tempo=tempo,
            lai=self.lai.name,
            title=f"synthetic piece in lai {self.lai.name}",
            source=SOURCE,
            tuning=str(self.tuning),
            drone=(self.held.pitch,),
            words=tuple(self.words),
            techniques_from=LabelSource.RULE,
        )
        return _with_true_legato(phrase, self.tuning)


def _scale(lai: Lai, tuning: Tuning, held: Drone) -> list[int]:
    """The pitches of the lai, but the drone's own, that lie on a string other than its, in range, ascending."""
    pitches = range(LOWEST_PITCH, HIGHEST_PITCH + 1)
    free = {pitch for pitch in pitches for place in positions(pitch, tuning) if place.string != held.string}
    return sorted(pitch for pitch in free - {held.pitch} if pitch % 12 in lai.pitch_classes)


def _joined(cells: Sequence[Sequence[_Note]]) -> tuple[list[_Note], int]:
    """Cells one behind the other, and their hong."""
    length = HONG_PER_CELL * SLOTS_PER_HONG
    notes = [replace(note, slot=note.slot + at * length) for at, cell in enumerate(cells) for note in cell]
    return notes, len(cells) * HONG_PER_CELL


def _with_true_legato(phrase: Phrase, tuning: Tuning) -> Phrase:
    """The phrase, its hammer-ons, pull-offs and slides plain where the hand comes from another string."""
    string = finger(phrase, tuning).string
    rows, melody = phrase.rows.copy(), np.flatnonzero(phrase.is_melody)
    crosses = np.append(True, string[melody][1:] != string[melody][:-1])
    bound = np.isin(rows[melody, TECHNIQUE], (Technique.HAMMER_ON, Technique.PULL_OFF, Technique.SLIDE))
    rows[melody[crosses & bound], TECHNIQUE] = Technique.PLAIN
    return replace(phrase, rows=rows)
