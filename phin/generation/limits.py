"""What a step may draw: a number added to the logit of every id, -inf where it may not be. Numpy only.

The fields of a row are drawn in order, and what the later ones may be hangs on the step that was drawn before them. So
the tables after the step come in kinds, and the step says which kind of note comes: a new one, one struck together with
the last, the closing one, or one that was given. One more table a voice for the pitch: a drone may lie where a melody
may not.
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.motif import MotifMemory
from phin.music.phrase import Voice
from phin.tokenizer import (
    DURATION,
    FIELDS,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    STEP,
    TECHNIQUE,
    VELOCITY,
    VOICE,
    is_melody_note,
)

FORBIDDEN = -np.inf
NUM_VOICES = FIELDS[VOICE].size - NUM_SYMBOLS
MOST_RECALLED = 32
"""Motifs whose going on can be made less likely at one time."""


class Kind(IntEnum):
    """Which note a step leads to; what is given is given, whatever else it is."""

    NEW = 0
    TOGETHER = 1
    CLOSING = 2
    GIVEN = 3


OF_A_KIND = ("voice", "technique", "pitch", "duration", "velocity")
"""Tables that come in kinds."""


@dataclass
class Limits:
    """Tables for `count` tunes side by side, all zeros at first."""

    count: int
    step: Float[np.ndarray, "tune step"] = field(init=False)
    kind: Int[np.ndarray, "tune step"] = field(init=False)
    """A Kind for each id of the step."""
    voice: Float[np.ndarray, "tune kind id"] = field(init=False)
    technique: Float[np.ndarray, "tune kind id"] = field(init=False)
    pitch: Float[np.ndarray, "tune kind voice id"] = field(init=False)
    duration: Float[np.ndarray, "tune kind id"] = field(init=False)
    velocity: Float[np.ndarray, "tune kind id"] = field(init=False)
    recalled: Int[np.ndarray, "tune 2 motif"] = field(init=False)
    """Step and pitch with which motifs played before would go on; 0 where there are fewer."""
    recalled_cost: Float[np.ndarray, "tune motif"] = field(init=False)
    """What is taken from the logit of that pitch if that step was drawn and the melody has it."""

    def __post_init__(self) -> None:
        kinds = len(Kind)
        self.step = np.zeros((self.count, FIELDS[STEP].size), np.float32)
        self.kind = np.zeros((self.count, FIELDS[STEP].size), np.int64)
        for name, index in (("voice", VOICE), ("technique", TECHNIQUE), ("duration", DURATION), ("velocity", VELOCITY)):
            setattr(self, name, np.zeros((self.count, kinds, FIELDS[index].size), np.float32))
        self.pitch = np.zeros((self.count, kinds, NUM_VOICES, FIELDS[PITCH].size), np.float32)
        self.recalled = np.zeros((self.count, 2, MOST_RECALLED), np.int64)
        self.recalled_cost = np.zeros((self.count, MOST_RECALLED), np.float32)
        self.kind[:, NUM_SYMBOLS] = Kind.TOGETHER  # a step of nothing

    def copy_from(self, other: "Limits", tunes: Bool[np.ndarray, " tune"] | None = None) -> None:
        """Becomes what another is, in place; of some tunes, if they are given."""
        which = ... if tunes is None else tunes
        for mine, theirs in zip(self.tables, other.tables, strict=True):
            mine[which] = theirs[which]

    def add(self, other: "Limits") -> None:
        """Adds what another limits. Of two kinds the later one holds."""
        np.maximum(self.kind, other.kind, out=self.kind)
        self.step += other.step
        for name in OF_A_KIND:
            getattr(self, name)[...] += getattr(other, name)
        used = other.recalled_cost > 0
        self.recalled = np.where(used[:, None], other.recalled, self.recalled)
        self.recalled_cost = np.where(used, other.recalled_cost, self.recalled_cost)

    def leave_given_notes(self) -> None:
        """Limits nothing of notes that are given."""
        for name in OF_A_KIND:
            getattr(self, name)[:, Kind.GIVEN] = 0

    def allows(self, ids: Int[np.ndarray, "tune 6"]) -> Bool[np.ndarray, "tune id"]:
        """Which ids of all fields side by side could be drawn, each field's given those before it in `ids`."""
        tune = np.arange(self.count)
        kind = self.kind[tune, ids[:, STEP]]
        voice = (ids[:, VOICE] == NUM_SYMBOLS + Voice.ACCOMPANIMENT).astype(np.int64)
        by_field = {STEP: self.step, PITCH: self.pitch[tune, kind, voice]}
        tables = {VOICE: self.voice, TECHNIQUE: self.technique, DURATION: self.duration, VELOCITY: self.velocity}
        by_field |= {index: table[tune, kind] for index, table in tables.items()}
        return np.concatenate([by_field[index] for index in range(NUM_FIELDS)], axis=1) > FORBIDDEN

    @property
    def tables(self) -> tuple[np.ndarray, ...]:
        """The tables in the order of `phin.generation.step.StepLimits`."""
        return tuple(getattr(self, each.name) for each in fields(self) if each.name != "count")


class Heard:
    """What has been drawn of `count` tunes so far, as limits need to know it."""

    def __init__(self, onset: Int[np.ndarray, " tune"]) -> None:
        count = len(onset)
        self.onset = onset.copy()
        """Of the last row, in steps; before the first note that of the START row."""
        self.melody = np.zeros(count, np.int64)
        """The last melody note's pitch id; 0 before the first."""
        self.together = np.zeros((count, 0), np.int64)
        """Pitch ids struck at the last onset; 0 where there are fewer."""
        self.has_ended = np.zeros(count, bool)
        self.num_notes = np.zeros(count, np.int64)
        self.memory = MotifMemory(count)

    def hear(
        self, ids: Int[np.ndarray, "tune 6"], is_there: Bool[np.ndarray, " tune"] | None = None
    ) -> Int[np.ndarray, "tune 4"]:
        """Takes in the next row of each tune, and tells what it recalls. What comes after an end is not heard.

        `is_there` says which tunes have a row; all, if it is not given.
        """
        there = ~self.has_ended if is_there is None else is_there & ~self.has_ended
        self.has_ended = self.has_ended | (there & (ids[:, STEP] < NUM_SYMBOLS))
        is_note = there & ~self.has_ended
        step = np.where(is_note, ids[:, STEP] - NUM_SYMBOLS, 0)
        begins_anew = is_note & ((step > 0) | (self.num_notes == 0))
        is_melody = is_note & is_melody_note(ids)
        self.onset = self.onset + step
        self.together = np.where(begins_anew[:, None], 0, self.together)
        self.together = np.concatenate([np.where(is_note, ids[:, PITCH], 0)[:, None], self.together], axis=1)
        self.together = np.sort(self.together, axis=1)[:, ::-1]  # what is nothing comes last
        self.together = self.together[:, : int((self.together > 0).sum(axis=1).max(initial=0))]
        self.melody = np.where(is_melody, ids[:, PITCH], self.melody)
        self.num_notes = self.num_notes + is_note
        return self.memory.hear(np.where(is_note[:, None], ids, PAD_ID), self.onset)
