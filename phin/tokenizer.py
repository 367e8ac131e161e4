"""Phrase ⇄ fields: a tune as one row of whole numbers a note. Numpy only, so that a torch-free runtime can use it.

A row has six fields, and the model draws them in this order, each seeing the ones before it:

    step        steps since the last onset (or the end of the tune)
    voice       melody or accompaniment
    technique   how the note is played
    pitch       MIDI number, 52 to 88
    duration    in steps
    velocity    1 to 127

Each field counts its ids from the same four symbols: PAD (nothing here), START (before the first note), END (after the
last; only `step` draws it) and UNKNOWN (nobody wrote it down: read, never drawn). Values follow. The first note's step
is counted from one bar before step 0 (four quarters where the metre is unknown), so that a pickup has room.

Inferred durations are UNKNOWN throughout: a letter rings until the next one, so they would tell the step to come.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate

import numpy as np
from jaxtyping import Bool, Int

from phin.errors import Defect, InvalidTune
from phin.music.lai import LAI, NO_LAI
from phin.music.phrase import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    STEPS_PER_QUARTER,
    UNKNOWN,
    Inferred,
    Metre,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    let_ring,
    rows_from_columns,
)
from phin.music.technique import Technique

PAD_ID, START_ID, END_ID, UNKNOWN_ID = range(4)
NUM_SYMBOLS = 4

LONGEST_STEP = 16 * STEPS_PER_QUARTER
"""Sixteen quarters: the longest gap or note that the vocabulary holds; a longer one is refused by name."""

NUM_TECHNIQUES = 16
"""Those that there are, and room for more: no tune has one without a name, and none is drawn."""


@dataclass(frozen=True)
class Field:
    """One column of a row: values `lowest` to `highest` take the ids after the symbols."""

    name: str
    lowest: int
    highest: int

    @property
    def size(self) -> int:
        """Number of ids, symbols included."""
        return NUM_SYMBOLS + self.highest - self.lowest + 1


FIELDS = (
    Field("step", 0, LONGEST_STEP),
    Field("voice", int(Voice.MELODY), int(Voice.ACCOMPANIMENT)),
    Field("technique", 0, NUM_TECHNIQUES - 1),
    Field("pitch", LOWEST_PITCH, HIGHEST_PITCH),
    Field("duration", 1, LONGEST_STEP),
    Field("velocity", 1, 127),
)
SIZES = tuple(field.size for field in FIELDS)
FIRST_IDS = (0, *accumulate(SIZES))
"""Where the ids of each field begin where those of all stand side by side; in the last place, how many there are."""
STEP, VOICE, TECHNIQUE, PITCH, DURATION, VELOCITY = range(len(FIELDS))
NUM_FIELDS = len(FIELDS)
HEADLINE_FIELDS = (STEP, PITCH, DURATION)
"""Bits per note counts these three, and no other."""

MELODY_ID = NUM_SYMBOLS + Voice.MELODY
NUM_PITCHES = FIELDS[PITCH].size - NUM_SYMBOLS
NUM_INTERVALS = 2 * NUM_PITCHES - 1

_LOWEST = np.array([field.lowest for field in FIELDS])

METRES = tuple(
    Metre.parse(text) for text in "2/4 3/4 4/4 6/8 9/8 2/2 3/8 3/2 4/2 6/4 12/8 5/4 7/8 4/8 5/8 4/1 3/1 6/2 1/4".split()
)
TEMPO_EDGES = (50, 60, 72, 84, 96, 108, 120, 138, 160, 190)
"""Quarters a minute between which tempos count as one condition."""
DENSITY_EDGES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
"""Notes a quarter between which densities count as one condition."""

CONDITIONS = ("lai", "tempo", "metre", "source", "density")
LAI_CONDITION, TEMPO_CONDITION, METRE_CONDITION, SOURCE_CONDITION, DENSITY_CONDITION = range(len(CONDITIONS))
NUM_CONDITIONS = len(CONDITIONS)
UNKNOWN_CONDITION = 0
"""A condition that is hidden or not known; the others count from 1."""
NO_CLOSING = -(2**31)
"""Where nobody says when a tune's last stroke comes."""


@dataclass(frozen=True)
class Encoded:
    """A tune as the model reads it: a START row, a row a note, an END row.

    `ids` is (note + 2, 6). `onset` is (note + 2,), in steps: the START row stands at the origin from which the first
    note's step is counted, the END row where the last onset was. `bar` is its length in steps, 0 where unknown. The
    first `given` rows are read and never said (`future_first`). `closing` is the step of the last stroke, where the
    model is told beforehand when that comes.
    """

    ids: Int[np.ndarray, "row 6"]
    onset: Int[np.ndarray, " row"]
    bar: int
    given: int = 0
    closing: int = NO_CLOSING

    def closing_told(self) -> "Encoded":
        """The same tune, of which is told when its last stroke comes."""
        return replace(self, closing=int(self.onset[-1]))

    def future_first(self, note: int) -> "Encoded":
        """The same tune told from its end: START, the notes from `note` on at their own times, then START again and the
        notes before them; last stands `note` itself, to be said and not read. END is left out.

        So a model learns to play towards what it knows is coming. How long after the note before it the future begins
        is UNKNOWN there. Raises ValueError where `note` is the first, or begins with the one before it.
        """
        if not 1 <= note < len(self.ids) - 2 or self.onset[note + 1] == self.onset[note]:
            raise ValueError(f"note {note} begins no future of {len(self.ids) - 2} notes")
        future, past = slice(note + 1, len(self.ids) - 1), slice(0, note + 2)
        ids = np.concatenate([self.ids[:1], self.ids[future], self.ids[past]])
        ids[1, STEP] = UNKNOWN_ID
        onset = np.concatenate([self.onset[:1], self.onset[future], self.onset[past]])
        return replace(self, ids=ids, onset=onset, given=len(ids) - note - 2)

    def window(self, start: int, length: int) -> "Encoded":
        """`length` notes from note `start`; what came before is UNKNOWN, but for the time of its last onset."""
        if start == 0 and length >= len(self.ids) - 2:
            return self
        stop = start + 1 + length
        ids, onset = self.ids[start : stop + 1].copy(), self.onset[start : stop + 1]
        if start > 0:
            ids[0] = UNKNOWN_ID
        if stop < len(self.ids) - 1:
            ids, onset = ids[:-1], onset[:-1]
        return replace(self, ids=ids, onset=onset)


@dataclass(frozen=True)
class Tokenizer:
    """Phrase ⇄ fields, and a phrase's conditions. `sources` are the names the source condition knows, in order."""

    sources: tuple[str, ...] = ()
    version: int = 1

    def encode(self, phrase: Phrase) -> Encoded:
        """The fields of a phrase. Raises InvalidTune, naming the note, where the vocabulary cannot hold it."""
        rows = phrase.rows.astype(np.int64)
        origin = first_origin(phrase.metre)
        onset = np.concatenate([[origin], phrase.onset]).astype(np.int64)
        values = np.stack(
            [np.diff(onset), phrase.voice, phrase.technique, phrase.pitch, phrase.duration, phrase.velocity], axis=1
        )
        if Inferred.DURATION in phrase.inferred:
            values[:, DURATION] = UNKNOWN
        _refuse_what_does_not_fit(phrase, values)
        ids = np.full((len(rows) + 2, NUM_FIELDS), PAD_ID)
        ids[0] = START_ID
        ids[1:-1] = np.where(values == UNKNOWN, UNKNOWN_ID, values - _LOWEST + NUM_SYMBOLS)
        ids[-1, STEP] = END_ID
        return Encoded(ids, np.append(onset, onset[-1]), phrase.metre.bar if phrase.metre else 0)

    def holds(self, phrase: Phrase) -> bool:
        """Whether `encode` takes the phrase."""
        try:
            self.encode(phrase)
        except InvalidTune:
            return False
        return True

    def decode(self, ids: Int[np.ndarray, "row 6"], metre: Metre | None = None) -> Phrase:
        """The phrase that note rows say, from the first row after START to the row before END or PAD.

        Unknown durations ring as letters do (`let_ring`) and are inferred. Rows that a model drew may strike a pitch
        that still sounds: it stops there (`let_restruck_strings_stop`).
        """
        ids = np.asarray(ids, dtype=np.int64)
        notes = ids[1:] if len(ids) and ids[0, STEP] == START_ID else ids
        over = np.isin(notes[:, STEP], (END_ID, PAD_ID))
        notes = notes[: int(over.argmax())] if over.any() else notes
        values = np.where(notes == UNKNOWN_ID, UNKNOWN, notes - NUM_SYMBOLS + _LOWEST)
        onset = first_origin(metre) + np.cumsum(values[:, STEP])
        rows = rows_from_columns(onset, *(values[:, f] for f in (DURATION, PITCH, VELOCITY, TECHNIQUE, VOICE)))
        rings = (values[:, DURATION] == UNKNOWN).any()
        inferred = frozenset({Inferred.DURATION} if rings else ())
        return Phrase(let_restruck_strings_stop(let_ring(rows)), metre=metre, inferred=inferred)

    def conditions(self, phrase: Phrase) -> Int[np.ndarray, " condition"]:
        """What is known of a phrase before its first note, (5,): ids in the order of CONDITIONS."""
        return self.condition_ids(
            lai=phrase.lai,
            quarters_a_minute=60e6 / phrase.tempo if phrase.tempo else None,
            metre=phrase.metre,
            source=phrase.source,
            notes_a_quarter=density(phrase),
        )

    def condition_ids(
        self,
        lai: str | None = None,
        quarters_a_minute: float | None = None,
        metre: Metre | None = None,
        source: str | None = None,
        notes_a_quarter: float | None = None,
    ) -> Int[np.ndarray, " condition"]:
        """Condition ids from what they mean; None, or a name not in the vocabulary, is UNKNOWN_CONDITION."""
        ids = np.zeros(NUM_CONDITIONS, dtype=np.int64)
        ids[LAI_CONDITION] = _place(lai, LAI_NAMES)
        ids[METRE_CONDITION] = _place(metre, METRES)
        ids[SOURCE_CONDITION] = _place(source, self.sources)
        if quarters_a_minute is not None:
            ids[TEMPO_CONDITION] = 1 + int(np.searchsorted(TEMPO_EDGES, quarters_a_minute, side="right"))
        if notes_a_quarter is not None:
            ids[DENSITY_CONDITION] = 1 + int(np.searchsorted(DENSITY_EDGES, notes_a_quarter, side="right"))
        return ids

    @property
    def condition_sizes(self) -> tuple[int, ...]:
        """Number of ids of each condition, UNKNOWN_CONDITION included."""
        return (
            1 + len(LAI_NAMES),
            2 + len(TEMPO_EDGES),
            1 + len(METRES),
            1 + len(self.sources),
            2 + len(DENSITY_EDGES),
        )

    def to_dict(self) -> dict:
        """Everything that decides what an id means, in primitives: goes into checkpoints."""
        return {
            "version": self.version,
            "sources": list(self.sources),
            "fields": [asdict(field) for field in FIELDS],
            "metres": [str(metre) for metre in METRES],
            "lai": list(LAI_NAMES),
            "tempo_edges": list(TEMPO_EDGES),
            "density_edges": list(DENSITY_EDGES),
            "steps_per_quarter": STEPS_PER_QUARTER,
        }

    @classmethod
    def from_dict(cls, stored: dict) -> "Tokenizer":
        """The tokenizer that a checkpoint was made with. Raises ValueError with what differs from this program's."""
        tokenizer = cls(sources=tuple(stored.get("sources", ())))
        mine = tokenizer.to_dict()
        if differing := [key for key in sorted({*mine, *stored}) if mine.get(key) != stored.get(key)]:
            raise ValueError(
                "; ".join(f"{key}: {stored.get(key)!r} there, {mine.get(key)!r} here" for key in differing)
            )
        return tokenizer


def is_melody_note(ids: Int[np.ndarray, "*row 6"]) -> Bool[np.ndarray, "*row"]:
    """Which rows are notes of the melody."""
    return (ids[..., VOICE] == MELODY_ID) & (ids[..., PITCH] >= NUM_SYMBOLS)


def melody_ids(ids: Int[np.ndarray, "row 6"]) -> Int[np.ndarray, " row"]:
    """Pitch id of the last melody note up to and including each row; 0 before the first."""
    last = np.maximum.accumulate(np.where(is_melody_note(ids), np.arange(len(ids)), -1))
    return np.where(last >= 0, ids[last, PITCH], 0)


LAI_NAMES = (NO_LAI, *(lai.name for lai in LAI))


def first_origin(metre: Metre | None) -> int:
    """The step from which the first note's step is counted: one bar before the first downbeat."""
    return -metre.bar if metre else -4 * STEPS_PER_QUARTER


def density(phrase: Phrase) -> float | None:
    """Melody notes a quarter; None for a tune without melody, or one whose rhythm nobody wrote down."""
    melody = phrase.melody
    if not len(melody) or Inferred.ONSET in phrase.inferred:
        return None
    return len(melody) * STEPS_PER_QUARTER / int(melody.end.max() - melody.onset.min())


def octave_shift(phrase: Phrase) -> int:
    """The fewest octaves, in semitones, that bring a phrase within the phin's range; InvalidTune if none does."""
    lowest, highest = int(phrase.pitch.min()), int(phrase.pitch.max())
    for octaves in sorted(range(-5, 6), key=abs):
        if lowest + 12 * octaves >= LOWEST_PITCH and highest + 12 * octaves <= HIGHEST_PITCH:
            return 12 * octaves
    raise InvalidTune(
        phrase.title or "tune",
        Defect.RANGE_TOO_WIDE,
        f"its pitches {lowest} to {highest} fit into {LOWEST_PITCH} to {HIGHEST_PITCH} by no shift of whole octaves",
        "leave it out, or move its outer notes by hand",
    )


def _place(name: object, names: Sequence) -> int:
    return names.index(name) + 1 if name in names else UNKNOWN_CONDITION


def _refuse_what_does_not_fit(phrase: Phrase, values: np.ndarray) -> None:
    optional = (VOICE, TECHNIQUE, DURATION, VELOCITY)
    defects = {DURATION: Defect.NOTE_TOO_LONG, PITCH: Defect.RANGE_TOO_WIDE}
    for index, field in enumerate(FIELDS):
        column = values[:, index]
        highest = max(Technique) if index == TECHNIQUE else field.highest
        outside = (column < field.lowest) | (column > highest)
        if index in optional:
            outside &= column != UNKNOWN
        if outside.any():
            note = int(outside.argmax())
            if index == STEP:
                raise _too_long_before(phrase, note, int(column[note]))
            raise InvalidTune(
                phrase.title or "tune",
                defects.get(index, Defect.BAD_NOTATION),
                f"note {note + 1} has {field.name} {column[note]}, and {field.lowest} to {highest} can be held",
                "shorten or move that note, or leave the tune out",
            )


def _too_long_before(phrase: Phrase, note: int, steps: int) -> InvalidTune:
    """Why a note (numbered from 0) begins too long after the one before it, the first after the bar of its pickup."""
    title, longest = phrase.title or "tune", f"{LONGEST_STEP // STEPS_PER_QUARTER} quarters can be held"
    if phrase.metre and phrase.metre.bar > LONGEST_STEP:
        reason = f"a bar of its metre {phrase.metre} lasts {phrase.metre.bar / STEPS_PER_QUARTER:g} quarters"
        return InvalidTune(
            title, Defect.GAP_TOO_LONG, f"{reason}, and {longest}", "write it in bars such as 2/4 or 4/4"
        )
    if steps < 0:
        reason = f"note {note + 1} begins more than a bar before the first downbeat, and no pickup is so long"
        return InvalidTune(title, Defect.GAP_TOO_LONG, reason, "move that note, or leave the tune out")
    reason = f"{steps / STEPS_PER_QUARTER:.4g} quarters pass before note {note + 1} begins, and {longest}"
    return InvalidTune(title, Defect.GAP_TOO_LONG, reason, "shorten that rest, or leave the tune out")
