"""What a step may draw (constrained decoding): what is added to every id's logit, -inf where it may not be. Numpy only.

The fields of a row are drawn in order, and what the later ones may be hangs on the step that was drawn before them. So
the tables after the step come in kinds, and the step says which kind of note comes: a new one, one struck together with
the last, the closing one, or one that was given. One more table a voice for the pitch: a drone may lie where a melody
may not.
"""

from enum import IntEnum
from itertools import accumulate, pairwise
from math import prod

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.motif import MotifMemory
from phin.music.phrase import Voice
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    FIRST_IDS,
    NUM_SYMBOLS,
    PITCH,
    SIZES,
    STEP,
    TECHNIQUE,
    VELOCITY,
    VOICE,
    is_melody_note,
)

FORBIDDEN = -np.inf
NUM_VOICES = FIELDS[VOICE].size - NUM_SYMBOLS
RINGS_ON = 2**40
"""Steps, for ever."""
MOST_RECALLED = 32
"""Motifs whose going on can be made less likely at one time."""


class Kind(IntEnum):
    """Which note a step leads to; what is given is given, whatever else it is."""

    NEW = 0
    TOGETHER = 1
    CLOSING = 2
    GIVEN = 3


AFTER = {
    "voice": (FIELDS[VOICE].size,),
    "technique": (FIELDS[TECHNIQUE].size,),
    "pitch": (NUM_VOICES, FIELDS[PITCH].size),
    "duration": (FIELDS[DURATION].size,),
    "velocity": (FIELDS[VELOCITY].size,),
}
"""The tables after the step, of one kind, as they lie side by side in `Limits.after`, each with its shape."""
PLACES = dict(zip(AFTER, pairwise(accumulate(map(prod, AFTER.values()), initial=0)), strict=True))
"""Where each table begins and ends there."""
NUM_AFTER = PLACES["velocity"][1]


class Limits:
    """Tables for `count` tunes side by side, all zeros at first.

    What is real of them but the costs lies in `numbers`, the steps of all tunes before all else; it can be a part of a
    larger block, and so can the kinds.
    """

    voice: Float[np.ndarray, "tune kind id"]
    technique: Float[np.ndarray, "tune kind id"]
    pitch: Float[np.ndarray, "tune kind voice id"]
    duration: Float[np.ndarray, "tune kind id"]
    velocity: Float[np.ndarray, "tune kind id"]

    def __init__(
        self,
        count: int,
        numbers: Float[np.ndarray, " number"] | None = None,
        kind: Int[np.ndarray, "tune step"] | None = None,
    ) -> None:
        self.count = count
        self.numbers = np.zeros(count * NUM_OF_TUNE, np.float32) if numbers is None else numbers
        self.kind = np.zeros((count, SIZES[STEP]), np.int8) if kind is None else kind
        """A Kind for each id of the step."""
        self.kind[:, NUM_SYMBOLS] = Kind.TOGETHER  # a step of nothing
        steps = count * SIZES[STEP]
        self.step: Float[np.ndarray, "tune step"] = self.numbers[:steps].reshape(count, -1)
        self.after: Float[np.ndarray, "tune kind limit"] = self.numbers[steps:].reshape(count, len(Kind), NUM_AFTER)
        self.recalled: Int[np.ndarray, "tune 2 motif"] = np.zeros((count, 2, MOST_RECALLED), np.int64)
        """Step and pitch with which motifs played before would go on; 0 where there are fewer."""
        self.recalled_cost: Float[np.ndarray, "tune motif"] = np.zeros((count, MOST_RECALLED), np.float32)
        """What is taken from the logit of that pitch if that step was drawn and the melody has it."""
        for name, (start, stop) in PLACES.items():
            setattr(self, name, self.after[:, :, start:stop].reshape(count, len(Kind), *AFTER[name]))
        self._rows = self.after.reshape(-1, NUM_AFTER)
        self._tunes = np.arange(count)
        self._row_of_step = np.empty(self.kind.shape, np.int64)
        self._begins = np.empty((count, FIRST_IDS[-1]), np.int64)
        self._begins[:, : SIZES[STEP]] = SIZES[STEP] * self._tunes[:, None]
        self._begins[:, SIZES[STEP] :] = steps + len(Kind) * NUM_AFTER * self._tunes[:, None]

    @property
    def tables(self) -> tuple[np.ndarray, ...]:
        """In the order of `phin.generation.step.StepLimits`. They are the same arrays each time."""
        np.add(self.kind, len(Kind) * self._tunes[:, None], out=self._row_of_step)
        return self.step, self._rows, self._row_of_step, self.recalled, self.recalled_cost

    def places(self, ids: Int[np.ndarray, "tune 6"]) -> Int[np.ndarray, "tune id"]:
        """Where in `numbers` the ids of all fields stand side by side, each field's given those before it in `ids`."""
        kind = self.kind[self._tunes, ids[:, STEP]]
        is_accompaniment = ids[:, VOICE] == NUM_SYMBOLS + Voice.ACCOMPANIMENT
        places = _PLACES_OF[kind, is_accompaniment.view(np.int8)]
        places += self._begins
        return places

    def added(self, ids: Int[np.ndarray, "tune 6"]) -> Float[np.ndarray, "tune id"]:
        """What is added to the logits of all fields side by side, each field's given those before it in `ids`."""
        return self.numbers.take(self.places(ids))


NUM_OF_TUNE = SIZES[STEP] + len(Kind) * NUM_AFTER
"""Numbers of each tune in `Limits.numbers`."""


def _places_of() -> Int[np.ndarray, "kind voice id"]:
    """By the kind of a step and the voice after it: where the ids of all fields stand among the numbers of a tune, the
    step's counted from the first of them, the others' from the first after the step.
    """
    made = np.empty((len(Kind), NUM_VOICES, FIRST_IDS[-1]), np.int64)
    made[:, :, : SIZES[STEP]] = np.arange(SIZES[STEP])
    begins = np.concatenate([start + np.arange(AFTER[name][-1]) for name, (start, _) in PLACES.items()])
    of_voice = np.concatenate([np.full(size, size if voices else 0) for *voices, size in AFTER.values()])
    kinds, voices = np.arange(len(Kind))[:, None, None], np.arange(NUM_VOICES)[:, None]
    made[:, :, SIZES[STEP] :] = kinds * NUM_AFTER + begins + voices * of_voice
    return made


_PLACES_OF = _places_of()


_LASTS = np.arange(FIELDS[DURATION].size) - NUM_SYMBOLS + FIELDS[DURATION].lowest
_LASTS[:NUM_SYMBOLS] = RINGS_ON
"""How long a note lasts, by the id of its duration."""


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
        self.ends = np.repeat(onset[:, None], FIELDS[PITCH].size, axis=1)
        """When the last stroke of each pitch id is over, in steps; before it, that of the START row. A note that nobody
        knows the duration of rings until the next onset."""
        self._rings = False
        """Whether some tune has heard such a note."""
        self.has_ended = np.zeros(count, bool)
        self.num_notes = np.zeros(count, np.int64)
        self.memory = MotifMemory(count)
        self._tunes = np.arange(count)

    @property
    def until(self) -> Int[np.ndarray, " tune"]:
        """The step at which all that was struck is over, where a pitch that is struck again stops first."""
        return self.ends.max(axis=1)

    def hear(
        self,
        ids: Int[np.ndarray, "tune 6"],
        is_there: Bool[np.ndarray, " tune"] | None = None,
        onset: Int[np.ndarray, " tune"] | None = None,
    ) -> Int[np.ndarray, "tune 4"]:
        """Takes in the next row of each tune, and tells what it recalls. What comes after an end is not heard.

        `is_there` says which tunes have a row; all, if it is not given. `onset` says when the rows begin, where their
        steps do not.
        """
        is_note = ids[:, STEP] != END_ID
        there = ~self.has_ended if is_there is None else is_there & ~self.has_ended
        self.has_ended = self.has_ended | (there & ~is_note)
        is_note &= there
        if onset is None:
            onset = self.onset + (ids[:, STEP] - NUM_SYMBOLS)
        onset = np.where(is_note, onset, self.onset)
        begins_anew = is_note & ((onset != self.onset) | (self.num_notes == 0))
        is_melody = is_note & is_melody_note(ids)
        self.onset = onset
        struck = (ids[:, PITCH] * is_note)[:, None]
        if begins_anew.all():
            self.together = struck
        else:
            kept = np.where(begins_anew[:, None], 0, self.together)
            ascending = np.sort(np.concatenate([struck, kept], axis=1), axis=1)
            self.together = ascending[:, ::-1]  # what is nothing comes last
            self.together = self.together[:, : int((self.together > 0).sum(axis=1).max(initial=0))]
        sounds, lasts = (self._tunes, ids[:, PITCH]), _LASTS[ids[:, DURATION]]
        if self._rings:
            self.ends = np.where((self.ends >= RINGS_ON) & begins_anew[:, None], onset[:, None], self.ends)
        self.ends[sounds] = np.where(is_note, onset + lasts, self.ends[sounds])
        self._rings = self._rings or int(lasts.max()) >= RINGS_ON
        self.melody = np.where(is_melody, ids[:, PITCH], self.melody)
        self.num_notes = self.num_notes + is_note
        return self.memory.hear(ids, onset, is_melody)

    def begin_again(self, which: Bool[np.ndarray, " tune"], onset: Int[np.ndarray, " tune"]) -> None:
        """These tunes start once more, at `onset`: what they were told of their end is recalled, and not played."""
        self.onset = np.where(which, onset, self.onset)
        self.ends = np.where(which[:, None], onset[:, None], self.ends)
        self.together = np.where(which[:, None], 0, self.together)
        self.num_notes = np.where(which, 0, self.num_notes)

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Of some of the tunes only."""
        for name in ("onset", "melody", "together", "ends", "has_ended", "num_notes"):
            setattr(self, name, getattr(self, name)[which])
        self._tunes = np.arange(len(which))
        self.memory.keep(which)
