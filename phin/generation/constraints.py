"""Constraints: what a tune must keep to, as objects that can be put together. Numpy only.

Each forbids ids (phin.generation.limits). What is the same at every step it says once, in `always`; what hangs on what
was drawn so far it says before each step, in `now`. Forbidding is not asking: the model draws as if the rest of the
tune were free, and only what it may not draw is left out. How much probability that is, is counted (`draw_rows`).
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.errors import InvalidConfig
from phin.generation.limits import FORBIDDEN, Heard, Kind, Limits
from phin.music.fingering import frets_by_place, under_one_hand
from phin.music.fretboard import FRETS, Drone, Tuning
from phin.music.lai import Lai
from phin.music.phrase import STEPS_PER_HONG, Voice
from phin.tokenizer import END_ID, FIELDS, NUM_SYMBOLS, PITCH, STEP

MOST_TOGETHER = 3
"""Notes of a chord, at most."""
MOST_REST = 2 * STEPS_PER_HONG
"""Steps: a tune that rests longer has fallen silent."""
STEP_OF_ID = np.arange(FIELDS[STEP].size) - NUM_SYMBOLS
PITCH_OF_ID = np.arange(FIELDS[PITCH].size) - NUM_SYMBOLS + FIELDS[PITCH].lowest
IS_STEP, IS_PITCH = (np.arange(FIELDS[f].size) >= NUM_SYMBOLS for f in (STEP, PITCH))


class Constraint:
    """Something a tune keeps to. Does nothing unless a kind of it says otherwise."""

    @property
    def latest(self) -> int | None:
        """By which step the tune has its last stroke, if this says when it ends."""
        return None

    @property
    def closing(self) -> int | None:
        """At which step its last stroke is to come, if this says so: what a model that counts down is told."""
        return self.latest

    gives_notes: bool = False
    """Whether it says what a given note is; then nothing else does."""

    @property
    def recalls(self) -> bool:
        """Whether it makes motifs dearer that were played before."""
        return False

    def always(self, limits: Limits) -> None:
        """What holds at every step."""

    def now(self, heard: Heard, limits: Limits) -> None:
        """What holds at the next step, besides. Nothing of how long or how loud a note is."""


RECENT = 16
"""Melody notes in which a pitch was heard often, or not."""


@dataclass
class Length(Constraint):
    """Ends with one note at `last_stroke` (a step), and neither before nor after."""

    last_stroke: int

    @property
    def latest(self) -> int:
        return self.last_stroke

    def now(self, heard: Heard, limits: Limits) -> None:
        left = np.clip(self.last_stroke - heard.onset, -1, STEP_OF_ID[-1] + 1)
        limits.step += _UNTIL[left]
        limits.kind[:] = _KIND_UNTIL[left]


@dataclass
class ComesTo(Length):
    """Drawn up to a note at `last_stroke` that goes on as it was given: no tune ends there, though its rows do."""


def _until(left: int) -> tuple[Float[np.ndarray, " step"], Int[np.ndarray, " step"]]:
    """What so many steps before the last stroke holds of a step: which ones there are, and of which kind."""
    limits = Limits(1)
    goes_on, ends = IS_STEP & (STEP_OF_ID <= left) & (left > 0), (np.arange(len(STEP_OF_ID)) == END_ID) & (left == 0)
    limits.step[0, ~(goes_on | ends)] = FORBIDDEN
    limits.kind[0, IS_STEP & (STEP_OF_ID == left)] = Kind.CLOSING
    return limits.step[0], limits.kind[0]


_UNTIL, _KIND_UNTIL = map(np.stack, zip(*map(_until, [*range(STEP_OF_ID[-1] + 2), -1]), strict=True))
"""For every number of steps that are left; the last but one where there are more, the last where it is past."""


@dataclass
class AboutLength(Constraint):
    """Ends near `wanted` (a step), the likelier the later, and at `at_most` whatever happens.

    Up to `wanted` the end's logit is lowered by `pull` for each hong that is left; after it, raised by as much for each
    hong too many. The model is not told when its last stroke is to come, or it would always end just there. Where a
    tune goes on after something, it has a stroke `after` that.
    """

    wanted: int
    at_most: int
    pull: float = 1.0
    after: int | None = None

    @property
    def latest(self) -> int:
        return self.at_most

    @property
    def closing(self) -> None:
        return None

    def now(self, heard: Heard, limits: Limits) -> None:
        hong = (heard.onset - self.wanted) / STEPS_PER_HONG
        limits.step[:, END_ID] += (self.pull * hong).astype(np.float32)
        lands = heard.onset[:, None] + STEP_OF_ID
        too_late = IS_STEP & ((lands > self.at_most) | (heard.onset >= self.at_most)[:, None])
        limits.step[too_late] = FORBIDDEN
        nothing_new = heard.num_notes == 0 if self.after is None else heard.onset <= self.after
        limits.step[nothing_new, END_ID] = FORBIDDEN


@dataclass
class Chords(Constraint):
    """No pitch is struck twice at one time, and no more than `MOST_TOGETHER` notes.

    Where every step on is forbidden but a far one, a model would rather stay where it is, and for ever.
    """

    def now(self, heard: Heard, limits: Limits) -> None:
        if heard.together.shape[1] >= MOST_TOGETHER:
            limits.step[heard.together[:, MOST_TOGETHER - 1] > 0, NUM_SYMBOLS] = FORBIDDEN
        tunes = np.arange(limits.count)[:, None]
        limits.pitch[tunes, Kind.TOGETHER, :, heard.together] = FORBIDDEN  # where there are fewer, what is never drawn


@dataclass
class InLai(Constraint):
    """Melody notes lie in the lai's five pitch classes, and so does what is struck with them."""

    lai: Lai

    def always(self, limits: Limits) -> None:
        outside = IS_PITCH & ~np.isin(PITCH_OF_ID % 12, sorted(self.lai.pitch_classes))
        limits.pitch[..., outside] = FORBIDDEN


@dataclass
class ClosesOn(Constraint):
    """The last stroke has one of these pitch classes: the tonic."""

    pitch_classes: tuple[int, ...]

    def always(self, limits: Limits) -> None:
        outside = IS_PITCH & ~np.isin(PITCH_OF_ID % 12, self.pitch_classes)
        limits.pitch[:, Kind.CLOSING, :, outside] = FORBIDDEN
        limits.voice[:, Kind.CLOSING, NUM_SYMBOLS + Voice.ACCOMPANIMENT] = FORBIDDEN


@dataclass
class OnFretboard(Constraint):
    """Every pitch lies on a fret of the tuning, and what is struck together lies under one hand.

    `hand` keeps the index finger at one fret for the whole tune; None lets it move.
    """

    tuning: Tuning
    hand: int | None = None
    _beside: dict[tuple[int, ...], Bool[np.ndarray, " id"]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.hand is not None:
            refuse_hand("hand", self.hand)

    def always(self, limits: Limits) -> None:
        limits.pitch[..., IS_PITCH & ~self.beside(())] = FORBIDDEN

    def now(self, heard: Heard, limits: Limits) -> None:
        struck = heard.together > 0
        limits.step[struck.sum(axis=1) >= self.tuning.num_strings, NUM_SYMBOLS] = FORBIDDEN
        for tune in np.flatnonzero(struck.any(axis=1) & ~heard.has_ended):
            possible = self.beside(tuple(sorted(heard.together[tune, struck[tune]].tolist())))
            limits.pitch[tune, Kind.TOGETHER, :, IS_PITCH & ~possible] = FORBIDDEN
            if not possible.any():
                limits.step[tune, NUM_SYMBOLS] = FORBIDDEN

    def beside(self, struck: tuple[int, ...]) -> Bool[np.ndarray, " id"]:
        """Which pitch ids can be struck together with these."""
        if struck not in self._beside:
            lower = [int(PITCH_OF_ID[id]) for id in struck]
            ids = zip(PITCH_OF_ID.tolist(), IS_PITCH.tolist(), strict=True)
            self._beside[struck] = np.array([is_pitch and self._can_strike([*lower, pitch]) for pitch, is_pitch in ids])
        return self._beside[struck]

    def _can_strike(self, pitches: list[int]) -> bool:
        frets = frets_by_place(pitches, self.tuning)
        if len(set(pitches)) < len(pitches) or not all(frets):
            return False
        return under_one_hand(frets, self.hand)


def refuse_hand(key: str, fret: int) -> None:
    """Raises InvalidConfig where there is no fret to keep the index finger at."""
    if not 1 <= fret < len(FRETS):
        raise InvalidConfig(f"{key}={fret}", "there is no such fret", f"take 1 to {len(FRETS) - 1}")


@dataclass
class OverDrone(Constraint):
    """A melody alone, above a drone that is struck under it afterwards, on strings that the drone leaves free."""

    drone: Drone
    tuning: Tuning

    def always(self, limits: Limits) -> None:
        free = [string for string in range(1, self.tuning.num_strings + 1) if string != self.drone.string]
        opened = [self.tuning.open_pitch(string) for string in free]
        possible = np.isin(PITCH_OF_ID, [pitch + above for pitch in opened for above in FRETS])
        limits.pitch[..., IS_PITCH & ~(possible & (PITCH_OF_ID > self.drone.pitch))] = FORBIDDEN
        only_melody(limits)


@dataclass
class OnlyMelody(Constraint):
    """One note at a time."""

    def always(self, limits: Limits) -> None:
        only_melody(limits)


def only_melody(limits: Limits) -> None:
    """Forbids chords and accompaniment."""
    limits.voice[..., NUM_SYMBOLS + Voice.ACCOMPANIMENT] = FORBIDDEN
    limits.step[:, NUM_SYMBOLS] = FORBIDDEN


@dataclass
class Rhythm(Constraint):
    """Melody notes begin at these steps and at no others; the tune ends after the last."""

    onsets: tuple[int, ...]

    def __post_init__(self) -> None:
        gaps = np.diff(self.onsets)
        if not self.onsets or (gaps <= 0).any() or (gaps > STEP_OF_ID[-1]).any():
            reason = "is no rhythm: its strokes must follow each other, and no rest may be longer than 16 quarters"
            raise InvalidConfig("rhythm", reason, "mend it")

    @property
    def latest(self) -> int:
        return self.onsets[-1]

    def always(self, limits: Limits) -> None:
        only_melody(limits)

    def now(self, heard: Heard, limits: Limits) -> None:
        coming = np.searchsorted(self.onsets, heard.onset, side="right")
        coming = np.where(heard.num_notes == 0, 0, coming)
        is_over = coming == len(self.onsets)
        wanted = np.where(is_over, 0, np.array(self.onsets)[np.minimum(coming, len(self.onsets) - 1)] - heard.onset)
        goes_on = IS_STEP & (STEP_OF_ID == wanted[:, None]) & ~is_over[:, None]
        limits.kind[goes_on & (coming == len(self.onsets) - 1)[:, None]] = Kind.CLOSING
        ends = is_over[:, None] & (np.arange(len(STEP_OF_ID)) == END_ID)
        limits.step[~(goes_on | ends)] = FORBIDDEN


@dataclass
class GivenNotes(Constraint):
    """Melody notes (onset, pitch) that stand fast: the tune passes none by, and between them it is free.

    A given note is taken as it is, whatever else forbids its pitch, and nothing is struck with it: of two melody notes
    nobody could tell which one was to stay. `free` are the steps from one to another in which alone other notes come;
    None: anywhere.
    """

    notes: tuple[tuple[int, int], ...]
    free: tuple[int, int] | None = None
    gives_notes = True

    def now(self, heard: Heard, limits: Limits) -> None:
        onsets = np.array([onset for onset, _ in self.notes])
        if self.free is not None:
            lands = heard.onset[:, None] + STEP_OF_ID
            is_free = (lands >= self.free[0]) & (lands < self.free[1])
            limits.step[IS_STEP & ~is_free & ~np.isin(lands, onsets)] = FORBIDDEN
        limits.step[np.isin(heard.onset, onsets) & (heard.num_notes > 0), NUM_SYMBOLS] = FORBIDDEN
        coming = np.searchsorted(onsets, heard.onset, side="right")
        coming = np.where(heard.num_notes == 0, np.searchsorted(onsets, heard.onset, side="left"), coming)
        for tune in np.flatnonzero((coming < len(onsets)) & ~heard.has_ended):
            onset, pitch = self.notes[coming[tune]]
            wanted = onset - heard.onset[tune]
            limits.step[tune, IS_STEP & (STEP_OF_ID > wanted)] = FORBIDDEN
            limits.step[tune, END_ID] = FORBIDDEN
            if wanted <= STEP_OF_ID[-1]:
                limits.kind[tune, NUM_SYMBOLS + wanted] = Kind.GIVEN
                limits.pitch[tune, Kind.GIVEN, :, PITCH_OF_ID != pitch] = FORBIDDEN
                limits.voice[tune, Kind.GIVEN, NUM_SYMBOLS + Voice.ACCOMPANIMENT] = FORBIDDEN


@dataclass
class MostNotes(Constraint):
    """No two strokes follow each other faster than this: so many steps at least from one to the next.

    `fixed` are steps at which a stroke must come (the last one, given ones): the tune keeps its distance before them.
    """

    least_steps: int
    fixed: tuple[int, ...] = ()

    def now(self, heard: Heard, limits: Limits) -> None:
        lands = heard.onset[:, None] + STEP_OF_ID
        hurried = IS_STEP & (STEP_OF_ID > 0) & (STEP_OF_ID < self.least_steps) & (heard.num_notes > 0)[:, None]
        near = [at for at in self.fixed if lands.min() <= at < lands.max() + self.least_steps]
        for at in near:
            hurried |= IS_STEP & (lands < at) & (lands > at - self.least_steps)
        limits.step[hurried & ~np.isin(lands, near)] = FORBIDDEN


@dataclass
class Repetition(Constraint):
    """Makes it dearer to go on as before; logits of either sign go down, and each tune by its own notes alone.

    A motif of the melody (intervals in their rhythm, in any key) that agrees for `free` intervals or more costs `motif`
    for each of them from the last free one on, if the next note is as it was then. A melody pitch costs `pitch` times
    the share that it had in the last RECENT melody notes. The drone is neither counted nor made dearer.
    """

    motif: float = 0.0
    pitch: float = 0.0
    free: int = 3

    @property
    def recalls(self) -> bool:
        return self.motif > 0

    def now(self, heard: Heard, limits: Limits) -> None:
        if self.motif:
            self._make_motifs_dearer(heard, limits)
        if self.pitch:
            recent = heard.memory.melodies[:, -RECENT:]
            for tune in range(limits.count):
                ids, times = np.unique(recent[tune][recent[tune] > 0], return_counts=True)
                if len(ids):
                    share = (times / times.sum()).astype(np.float32)
                    limits.pitch[tune, :, Voice.MELODY, ids] -= self.pitch * share[:, None]

    def _make_motifs_dearer(self, heard: Heard, limits: Limits) -> None:
        agree, step, pitch = heard.memory.ways_on()
        cost = np.where(agree >= self.free, self.motif * (agree - self.free + 1), 0.0)
        step = step - (heard.onset - heard.memory.last_onset)[:, None]
        is_id = (step >= 0) & (step <= STEP_OF_ID[-1])
        is_id &= (pitch >= NUM_SYMBOLS) & (pitch < FIELDS[PITCH].size)
        cost *= is_id
        dearest = np.argsort(-cost, axis=1, kind="stable")[:, : limits.recalled_cost.shape[1]]
        count, cost = dearest.shape[1], np.take_along_axis(cost, dearest, axis=1)
        limits.recalled_cost[:, :count] = cost
        for column, ids in enumerate((step + NUM_SYMBOLS, pitch)):
            limits.recalled[:, column, :count] = np.take_along_axis(ids, dearest, axis=1) * (cost > 0)
