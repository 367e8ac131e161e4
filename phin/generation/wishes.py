"""What a tune must keep to, as a person asks for it, and the constraints that make it so. No torch is needed.

What is asked for as a condition (`lai=yai`) leans a tune; what is asked for here binds it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phin.errors import InvalidConfig, PhinError
from phin.generation.constraints import (
    PITCH_OF_ID,
    ClosesOn,
    Constraint,
    InLai,
    MostNotes,
    OnFretboard,
    OnlyMelody,
    OverDrone,
    Repetition,
    refuse_hand,
)
from phin.generation.request import TuneRequest
from phin.music.drone import with_drone
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT, Drone, DroneKind, Tuning, drone, playable
from phin.music.lai import Lai, lai_named
from phin.music.phrase import (
    DURATION,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    ONSET,
    PITCH,
    STEPS_PER_QUARTER,
    Phrase,
    let_restruck_strings_stop,
    rows_from_columns,
)
from phin.tokenizer import LONGEST_STEP

FEWEST_OF_LAI = 3
"""Of its five notes: a tune on fewer is not heard to be in it."""


@dataclass
class Wishes:
    """What binds a tune; nothing of it does unless it is set."""

    lai: bool = False
    """Its notes lie in the lai that is asked for."""
    tonic: bool = False
    """It closes on the tonic of that lai."""
    melody: bool = False
    """One note at a time: neither chords nor a drone."""
    tuning: str | None = None
    """Every note lies on a fret of this tuning (low string first, as E-A-E), every chord under one hand."""
    hand: int | None = None
    """The hand stays with its index finger at this fret."""
    drone: bool = False
    """A melody over the drone of the lai, which an open string has: its strokes are put under it, one a hong."""
    most_notes: float | None = None
    """Strokes a second, at most; those of the drone are struck with the melody's where they would come faster."""
    motif: float = 0.0
    """What it costs to go on with a motif that was played before, for each interval beyond two (`Repetition`)."""
    pitch: float = 0.0
    """What a pitch costs, times its share in the last sixteen melody notes."""

    def __post_init__(self) -> None:
        for name in ("motif", "pitch"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidConfig(f"keep.{name}={getattr(self, name)}", "is no cost", "take 0 for none, or 1 to 5")
        if self.melody and self.drone:
            reason = "is one note at a time, and keep.drone=true strikes another under it"
            raise InvalidConfig("keep.melody=true", reason, "leave one of them out")
        if self.most_notes is not None and not 0.1 <= self.most_notes <= 100:
            raise InvalidConfig(f"keep.most_notes={self.most_notes}", "is no pace to play at", "take 0.1 to 100")
        if self.hand is not None and self.tuning is None:
            remedy = "say which, as keep.tuning=E-A-E"
            raise InvalidConfig(f"keep.hand={self.hand}", "means nothing without a tuning", remedy)
        if self.hand is not None:
            refuse_hand("keep.hand", self.hand)
        if self.tuning is not None:
            try:
                Tuning.parse(self.tuning)
            except PhinError as error:
                raise InvalidConfig(f"keep.tuning={self.tuning}", error.reason, error.remedy) from None

    def constraints(self, request: TuneRequest, later_strokes: Sequence[int] = ()) -> list[Constraint]:
        """What a tune of this request keeps to. Raises PhinError where no tune could.

        `later_strokes` are the steps at which a note must come, if others than the last of the request.
        """
        if self.tonic and request.about:
            reason = f"cannot be with about={request.about}: which note closes the tune is known when it is drawn"
            raise InvalidConfig("keep.tonic=true", reason, "leave one of them out")
        lai = self._lai(request)
        if request.blend == 1 and request.lai is not None and lai is None:
            reason = "means nothing with blend=1, which is the other style alone, where nothing keeps to it"
            raise InvalidConfig(f"lai={request.lai}", reason, "leave it out, or take keep.lai=true")
        found: list[Constraint] = []
        if self.lai and lai:
            found.append(InLai(lai))
        if self.tonic and lai:
            found.append(ClosesOn((lai.tonic,)))
        if self.melody:
            found.append(OnlyMelody())
        if self.tuning is not None:
            found.append(OnFretboard(self._tuning, self.hand))
        if self.drone and lai:
            found.append(OverDrone(self._drone(lai), self._tuning))
        if self.most_notes is not None:
            closing = () if request.about or later_strokes else (request.last_stroke,)
            found.append(MostNotes(self.least_steps(request), fixed=(*later_strokes, *closing)))
        if self.motif or self.pitch:
            found.append(Repetition(self.motif, self.pitch))
        if lai and self.tuning is not None and (self.lai or self.tonic):
            self._refuse_far_lai(lai)
        return found

    def finished(self, phrase: Phrase, request: TuneRequest) -> tuple[Phrase, tuple[str, ...]]:
        """A tune that was drawn, its strings free for what is struck next, over its drone; and what that changed."""
        if self.tuning is None and not self.drone:
            return phrase, ()
        lai = self._lai(request)
        phrase = replace(phrase, tuning=self._tuning.name, hand=self.hand)
        if self.drone and lai:
            phrase = at_pace(with_drone(replace(phrase, drone=(self._drone(lai).pitch,))), self.least_steps(request))
        return fit(phrase, self._tuning)

    def out_of_hand(self, pitches: Sequence[int]) -> int:
        """How many of these the hand does not reach where it stays; none where it may move."""
        return 0 if self.hand is None else int((~np.isin(pitches, self._under_hand)).sum())

    def least_steps(self, request: TuneRequest) -> int:
        """From one stroke to the next, at the tempo of the request."""
        if self.most_notes is None:
            return 1
        steps_a_second = STEPS_PER_QUARTER / (request.written_tempo / 1e6)
        return max(math.ceil(round(steps_a_second / self.most_notes, 4)), 1)

    @property
    def _under_hand(self) -> list[int]:
        """The pitches that the hand reaches where it stays."""
        return PITCH_OF_ID[OnFretboard(self._tuning, self.hand).beside(())].tolist()

    @property
    def _tuning(self) -> Tuning:
        return DEFAULT if self.tuning is None else Tuning.parse(self.tuning)

    def _lai(self, request: TuneRequest) -> Lai | None:
        """The lai that is asked for, if it binds."""
        lai = lai_named(request.lai)
        wants = [name for name in ("lai", "tonic", "drone") if getattr(self, name)]
        if wants and lai is None:
            raise InvalidConfig(f"keep.{wants[0]}=true", "means nothing without a lai", "say which, as lai=yai")
        return lai if wants else None

    def _drone(self, lai: Lai) -> Drone:
        held = drone(lai, self._tuning)
        if held is None or held.kind is DroneKind.STOPPED_TONIC:
            reason = f"no open string of {self._tuning} has the tonic or the fifth of lai {lai.name}"
            raise InvalidConfig("keep.drone=true", reason, "take another keep.tuning, or no drone")
        return held

    def _refuse_far_lai(self, lai: Lai) -> None:
        frets = {pitch % 12 for pitch in playable(self._tuning) if LOWEST_PITCH <= pitch <= HIGHEST_PITCH}
        if missing := lai.pitch_classes - frets:
            where = f"keep.tuning={self.tuning}"
            reason = f"lai {lai.name} has {len(missing)} of its five notes on no fret of it"
            raise PhinError(where, reason, "take another tuning, or another lai")
        if self.hand is None:
            return
        reached = lai.pitch_classes & {pitch % 12 for pitch in self._under_hand}
        where, remedy = f"keep.hand={self.hand}", "take another fret, or let the hand move"
        if self.lai and len(reached) < FEWEST_OF_LAI:
            raise PhinError(where, f"of lai {lai.name} {len(reached)} of five notes lie under it", remedy)
        if self.tonic and lai.tonic not in reached:
            raise PhinError(where, f"the tonic of lai {lai.name} does not lie under it", remedy)


def at_pace(phrase: Phrase, least_steps: int) -> Phrase:
    """The phrase with the strokes of its drone so many steps at least from others: one that is nearer to a melody's is
    struck with it, or left out where that is the drone's own pitch. Each rings until its string is struck again.
    """
    is_drone, melody = ~phrase.is_melody, np.unique(phrase.melody.onset)
    if least_steps == 1 or not is_drone.any():
        return phrase
    stroke = phrase.rows[is_drone][:1]
    taken = set(phrase.melody.onset[phrase.melody.pitch == stroke[0, PITCH]].tolist())
    onsets = list[int]()
    for onset in phrase.onset[is_drone].tolist():
        near = int(melody[np.abs(melody - onset).argmin()])
        at = near if abs(near - onset) < least_steps else onset
        if at not in taken and (not onsets or at == near != onsets[-1] or at - onsets[-1] >= least_steps):
            onsets.append(at)
    struck = np.repeat(stroke, len(onsets), axis=0)
    struck[:, ONSET] = onsets
    rings = np.diff([*onsets, int(phrase.end.max())])
    struck[:, DURATION] = np.minimum(rings, LONGEST_STEP)
    rows = rows_from_columns(*np.concatenate([phrase.melody.rows, struck]).T)
    return replace(phrase, rows=let_restruck_strings_stop(rows))
