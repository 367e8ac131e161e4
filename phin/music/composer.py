"""A rule-based composer of phin pieces: labelled, endless, playable, and synthetic.

It knows what the sources say of form and rhythm, and nothing of what makes a tune worth hearing: its pieces teach
techniques, drone and lai where no recording is labelled, and are never evaluated on. Their source is always `composer`.

What is sourced (numbers in brackets are measured on real notation, see the tables below): the form, from a player's
Toei Khong (T. Chaichana, Jazz Orchestra Portraits of Thailand, 2022, p. 112-115); lines of eight hong made of cells of
four; which slots are struck; which intervals follow, without wide leaps (p. 217); drone on the tonic, dyads, strums,
upbeat accents and sixteenth fills (p. 99, 102). What is our invention: everything else, most of all how often a
technique is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

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
    pitch_name,
    rows_from_columns,
)
from phin.music.technique import Technique

SOURCE = "composer"
HONG_PER_CELL = HONG_PER_LINE // 2

PLAIN_SHAPES = {"-x-x": 0.59, "---x": 0.31, "-xxx": 0.05, "----": 0.04}
"""How often each hong shape occurs in four Isan lai, 267 notes (Toei Khong, Toei Thammada, Nok Sai, Pong Lang)."""
FULL_SHAPES = {"xxxx": 0.32, "-x-x": 0.19, "-xxx": 0.15, "----": 0.11, "---x": 0.11, "--xx": 0.07}
"""The same in Lao-accent classical tunes, 4,801 notes: how fuller playing is decorated."""
INTERVALS = {0: 0.12, 2: 0.44, 3: 0.25, 4: 0.03, 5: 0.12, 7: 0.04}
"""How often each interval, in semitones, follows in the four Isan lai.

Measured by class, for letters leave octaves open; that each sounds as the nearest is our reading of "no wide leaps"
(Chaichana 2022, p. 217). Fourths and fifths were measured as one, .16: three fourths to a fifth is our guess.
"""
SPREAD = 5
"""How many degrees from its middle a melody goes: our invention."""

TEMPI = (95, 152)
"""Hong a minute. Assumed: no source states a tempo. Five Isan recordings read 117 to 152 by librosa
(analysis_results.json of kitsanannam-hue/phin-isan-musicgen-finetuner).
"""

DYADS = (3, 5, 7, 10, 12)
"""Semitones between the two notes of a dyad: m3, P4, P5, m7, P8 (Chaichana 2022, p. 102)."""
STRUM = (5, 7)
"""Semitones below the melody note of a strum's other two: a second and a fourth, stacked (Chaichana 2022, p. 102)."""

LOUDNESS = 80
CHORD_SOFTER = 12
"""How much less MIDI velocity the lower notes of a dyad or strum have than the melody note above them."""


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
    ValueError for a tuning in which none can be written: no open string drones under the lai, the one that does lies
    outside MIDI 52 to 88, or the other strings lack a note of the lai within the reach of the measured intervals.
    """
    lai = lai or LAI[int(rng.integers(len(LAI)))]
    tuning = tuning or suitable_tuning(lai)
    held = drone(lai, tuning)
    if held is None or held.fret:
        raise ValueError(f"no open string of {tuning} drones under lai {lai.name}")
    name = pitch_name(held.pitch)
    if not LOWEST_PITCH <= held.pitch <= HIGHEST_PITCH:
        span = f"{pitch_name(LOWEST_PITCH)} to {pitch_name(HIGHEST_PITCH)}"
        raise ValueError(f"{name}, which drones on {tuning} under lai {lai.name}, is outside {span}")
    scale = _scale(lai, tuning, held)
    if not scale:
        raise ValueError(f"lai {lai.name} lacks notes on the strings of {tuning} that are free while {name} drones")
    piece = _Piece(rng, lai, tuning, held, scale)
    for words, notes, num_hong in piece.parts():
        piece.add(words, notes, num_hong)
    tempo = round(60e6 / int(rng.integers(*TEMPI, endpoint=True)))
    return piece.finished(tempo, Manner.random(rng))


class _Piece:
    """A piece in the making."""

    def __init__(self, rng: np.random.Generator, lai: Lai, tuning: Tuning, held: Drone, scale: list[int]) -> None:
        self.rng, self.lai, self.tuning, self.held, self.scale = rng, lai, tuning, held, scale
        below = sum(pitch < held.pitch for pitch in scale)
        middle = below + float(rng.uniform(0.25, 0.55)) * (len(scale) - below)
        self.follows = _followers(scale, middle)
        self.home, self.away = self._ends(middle)
        self.notes: list[_Note] = []
        self.words: list[tuple[int, str]] = []
        self.num_hong = 0

    def _ends(self, middle: float) -> tuple[int, int]:
        """The degrees that lines end on: a tonic near the middle of the melody, and a fifth beside it."""
        pitch_class = np.array(self.scale) % 12
        beside = self.follows * (pitch_class == self.lai.fifth)
        tonics = (pitch_class == self.lai.tonic) & beside.any(axis=1)
        home = self._drawn(tonics * _nearness(len(self.scale), middle))
        return home, self._drawn(beside[home])

    def _drawn(self, weight: Float[np.ndarray, " degree"]) -> int:
        return int(self.rng.choice(len(weight), p=weight / weight.sum()))

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
        cells = [self._cell(FULL_SHAPES, self.away, self.away) for _ in range(int(self.rng.choice([1, 3])))]
        return _joined([*cells, self._cell(FULL_SHAPES, self.away, self.home)])

    def _tune(self) -> tuple[list[_Note], int]:
        """Two to four lines of two cells; the second cell of a line answers the first and ends on the tonic."""
        answer = self._cell(PLAIN_SHAPES, (self.away, self.home), self.home)
        cells: list[list[_Note]] = []
        for _ in range(int(self.rng.integers(2, 5))):
            said_twice = self.rng.random() < 0.3  # as the cell of Nok Sai is
            cells += [answer if said_twice else self._cell(PLAIN_SHAPES, self.home, self.away), answer]
        return _joined(cells)

    def _improvisation(self, tune: Sequence[_Note]) -> tuple[list[_Note], int]:
        """Cells of the tune in sequence or filled up, with new ones between (phuk klon: Chaichana 2022, p. 110)."""
        length = HONG_PER_CELL * SLOTS_PER_HONG
        starts = sorted({note.slot // length * length for note in tune})
        motifs = [[replace(n, slot=n.slot - at) for n in tune if at <= n.slot < at + length] for at in starts]
        cells: list[list[_Note]] = []
        last = self.home
        for _ in range(2 * int(self.rng.integers(2, 4)) - 1):
            change = self.rng.random()
            if change < 0.35:
                moved = [cell for motif in motifs for cell in self._sequences(motif)]
                cells.append(self._following(last, moved or motifs))
            elif change < 0.7:
                cells.append(self._filled(self._following(last, motifs)))
            else:
                cells.append(self._cell(FULL_SHAPES, last, self.away))
            last = cells[-1][-1].degree
        return _joined([*cells, self._cell(FULL_SHAPES, last, self.home)])

    def _close(self) -> tuple[list[_Note], int]:
        """A slow line onto the tonic."""
        slow = {"---x": 1.0}
        return _joined([self._cell(slow, self.home, self.away), self._cell(slow, self.away, self.home)])

    def _cell(self, shapes: dict[str, float], before: int | tuple[int, ...], last: int) -> list[_Note]:
        """Four hong that follow on a degree, or on each of some, and end, on their last slot, on another."""
        kinds, share = list(shapes), np.array(list(shapes.values()))
        drawn = [kinds[int(self.rng.choice(len(kinds), p=share / share.sum()))] for _ in range(HONG_PER_CELL)]
        if drawn[-1] == "----":
            drawn[-1] = "---x"
        slots = [place for place, sign in enumerate("".join(drawn)) if sign == "x"]
        degrees = self._walk(len(slots), np.atleast_1d(before), last)
        return [_Note(slot, degree) for slot, degree in zip(slots, degrees, strict=True)]

    def _walk(self, count: int, before: Int[np.ndarray, " degree"], last: int) -> list[int]:
        """So many degrees that follow by the measured intervals on what is before, the last of them given.

        Each is drawn among those from which the last can still be reached in the steps that are left. Where it cannot
        be from what is before, the walk begins anywhere.
        """
        arrives = [np.eye(len(self.scale))[last]]  # the share of walks of so many steps that end on the last degree
        for _ in range(count - 1):
            arrives.append(self.follows @ arrives[-1])
        first = self.follows[before].prod(axis=0) * arrives[-1]
        degrees = [self._drawn(first if first.any() else arrives[-1])]
        for left in reversed(arrives[:-1]):
            degrees.append(self._drawn(self.follows[degrees[-1]] * left))
        return degrees

    def _following(self, before: int, cells: Sequence[list[_Note]]) -> list[_Note]:
        """One of some cells, drawn by the interval at which its first note follows on a degree; any if none does."""
        weight = self.follows[before, [cell[0].degree for cell in cells]]
        return cells[self._drawn(weight if weight.any() else np.ones(len(cells)))]

    def _sequences(self, cell: Sequence[_Note]) -> list[list[_Note]]:
        """The cell one and two steps of the scale higher and lower, as far as the scale goes."""
        degrees = [note.degree for note in cell]
        moves = [move for move in (-2, -1, 1, 2) if 0 <= min(degrees) + move and max(degrees) + move < len(self.scale)]
        return [[replace(note, degree=note.degree + move) for note in cell] for move in moves]

    def _filled(self, cell: Sequence[_Note]) -> list[_Note]:
        """The cell with passing notes in slots that were empty."""
        filled = [cell[0]]
        for note in cell[1:]:
            before = filled[-1]
            passing = self.follows[before.degree] * self.follows[:, note.degree]
            if note.slot - before.slot > 1 and passing.any() and self.rng.random() < 0.6:
                filled.append(_Note(note.slot - 1, self._drawn(passing)))
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
        return [[onset, duration, low, max(velocity - CHORD_SOFTER, 1), kind, Voice.ACCOMPANIMENT] for low in lower]

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
    """The pitches that a melody over the drone can have, ascending; none where they are too few for a tune.

    Those of the lai, but the drone's own, that lie on a string other than its, in range: the longest run without a gap
    wider than any measured interval that has all five notes, and a fifth beside a tonic to end lines on.
    """
    pitches = range(LOWEST_PITCH, HIGHEST_PITCH + 1)
    free = {pitch for pitch in pitches for place in positions(pitch, tuning) if place.string != held.string}
    runs: list[list[int]] = [[]]
    for pitch in sorted(pitch for pitch in free - {held.pitch} if pitch % 12 in lai.pitch_classes):
        if runs[-1] and pitch - runs[-1][-1] > max(INTERVALS):
            runs.append([])
        runs[-1].append(pitch)

    def serves(run: list[int]) -> bool:
        ends = [(tonic, fifth) for tonic in run for fifth in run if (tonic % 12, fifth % 12) == (lai.tonic, lai.fifth)]
        beside = any(abs(tonic - fifth) in INTERVALS for tonic, fifth in ends)
        return beside and {pitch % 12 for pitch in run} == lai.pitch_classes

    return max(filter(serves, runs), key=len, default=[])


def _nearness(num_degrees: int, middle: float) -> Float[np.ndarray, " degree"]:
    """How readily a melody around the middle strikes each degree."""
    return np.exp(-(((np.arange(num_degrees) - middle) / SPREAD) ** 2))


def _followers(scale: Sequence[int], middle: float) -> Float[np.ndarray, "degree next"]:
    """How often each degree follows each, in a walk around the middle; rows sum to one.

    A walk whose pairs of neighbours weigh the same both ways meets each pair in proportion to its weight. So all pairs
    that lie one interval apart share out what was measured of that interval, and the measured shares hold in the long
    run whatever the range and the holes of the scale are.
    """
    pitch, near = np.array(scale), _nearness(len(scale), middle)
    apart = np.abs(pitch[:, None] - pitch)
    weight = np.zeros(apart.shape)
    for semitones, share in INTERVALS.items():
        pairs = (apart == semitones) * np.outer(near, near)
        weight += share * pairs / max(pairs.sum(), 1e-12)
    return weight / weight.sum(axis=1, keepdims=True)


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
