"""The hand: on which string and fret each note of a phrase is played, or why none can be found.

A hand lies on the neck with its index finger at one of the frets, and moves only between strokes. It reaches as far
along the string as frets 1 to 4 lie apart, wherever it is: higher up, where frets lie closer, that is more of them.
`finger` finds the cheapest way through a phrase by Viterbi's algorithm, whose states are which note each string holds
and where the hand is.

What lies where is `phin.music.fretboard`; what a movement costs is our inference, for no source has measured a player.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import inf
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.errors import PhinError
from phin.music.fretboard import DEFAULT, FRET_DISTANCES, FRETS, Tuning, positions
from phin.music.grid import STEPS_PER_SLOT, in_hong, page_begins
from phin.music.phrase import (
    ASSUMED_TEMPO,
    DURATION,
    ONSET,
    PITCH,
    STEPS_PER_HONG,
    STEPS_PER_QUARTER,
    VOICE,
    Column,
    Phrase,
    Rows,
    Voice,
    pitch_name,
)

SPAN = FRET_DISTANCES[4] - FRET_DISTANCES[1]
"""How far the fingers reach from the index, as a share of the open string.

Fret 4, with the index at fret 1: a player's index takes frets 1 and 2, the middle finger 3, the ring finger 4
(musicalfolk.bcsnru.com, 2018/03/23). That the reach is the same length all along the neck is our inference.
"""

_ROUNDING = 1e-9
SILENT = -1

Hold = tuple[int, ...]
"""Which note (its row) each string holds, low string first; SILENT where none."""

ByHand = Float[np.ndarray, " hand"]
"""A cost for each place of the hand: the index finger at fret 1 to 15."""


@dataclass(frozen=True)
class Costs:
    """What makes one fingering worse than another. Lengths are shares of the open string; an open string is free."""

    stop: float = 0.1
    """Each note that a finger stops."""
    reach: float = 3.0
    """Each stopped note, times the length from the index finger to it: the little finger is weak."""
    stretch: float = 3.0
    """Each time strings are struck, times the length between the outermost stopped notes that sound."""
    shift: float = 0.1
    """Each time the hand moves at all."""
    hurry: float = 1.0
    """Each time the hand moves, times its speed in open strings a second: here the tempo comes in."""
    stopped_drone: float = 4.0
    """Each accompaniment note that a finger stops, instead of one that rings by itself."""
    high_drone: float = 0.5
    """Each accompaniment note, times the number of strings below it."""
    low_melody: float = 0.2
    """Each melody note, times the number of strings above it: the melody belongs on string 1."""
    dull: float = 1.0
    """Each melody note, times the strings above it, times the length that a finger cuts off: far up a low string a
    note is dull.
    """


COSTS = Costs()
"""Chosen so that a shift of one fret within an eighth at 100 hong a minute costs about what reaching two frets does:
0.9 of it, as the mean over the neck.
"""


class Unplayable(PhinError):
    """A phrase that no hand can finger in this tuning; says which note, when and why."""


@dataclass(frozen=True, eq=False)
class Fingering:
    """Where the notes of a phrase lie, row by row; all columns are (note,).

    `string` is the string's number, 1 for the highest; `fret` is 0 for the open string; `hand` is the fret at which the
    index finger lies when the note is struck. `cost` is what `Costs` makes of the whole.
    """

    tuning: Tuning
    string: Column
    fret: Column
    hand: Column
    cost: float

    @property
    def pitch(self) -> Column:
        """The MIDI pitches that these strings and frets give: those of the phrase."""
        opened = np.array([self.tuning.open_pitch(string) for string in self.string.tolist()], dtype=np.int64)
        return opened + np.array(FRETS)[self.fret]


def finger(phrase: Phrase, tuning: Tuning = DEFAULT, tempo: int | None = None, costs: Costs = COSTS) -> Fingering:
    """The cheapest fingering of a phrase: a string and a fret for each note.

    No string ever sounds two notes, and all stopped notes that sound together lie under one hand, those that still ring
    included. Where the phrase says at which fret the `hand` stays, it leaves for as few strokes as it can: for none, if
    it reaches all from there. `tempo` is in microseconds a quarter and overrules the phrase's; the less time, the
    dearer a shift. Notes are taken where they lie on the grid, whatever their deviation. Raises Unplayable.
    """
    for note, pitch in enumerate(phrase.pitch.tolist()):
        if not positions(pitch, tuning):
            raise _unplayable(phrase, [note], f"{pitch_name(pitch)} is on no fret of {tuning}")
    search = Search(phrase.rows, tuning, (tempo or phrase.tempo or ASSUMED_TEMPO) / 1e6, costs, phrase.hand)
    layers = search.run()
    if len(layers) < len(search.groups):
        notes = search.groups[len(layers)][1]
        raise _unplayable(phrase, notes, _why_stuck(phrase, tuning, notes))
    string, fret, index_finger = (np.zeros(len(phrase), dtype=np.int64) for _ in range(3))
    for (_, notes), (hold, hand) in zip(search.groups, cheapest_path(layers), strict=True):
        for note in notes:
            place = hold.index(note)
            string[note], fret[note] = tuning.number(place), search.frets[note][place]
            index_finger[note] = hand + 1
    return Fingering(tuning, string, fret, index_finger, float(layers[-1].cost.min()) if layers else 0.0)


# The search.


class Layer(NamedTuple):
    """What is possible just after a group of notes was struck, and where it came from."""

    holds: list[Hold]
    cost: Float[np.ndarray, "hold hand"]
    from_hold: Int[np.ndarray, "hold hand"]
    from_hand: Int[np.ndarray, "hold hand"]


class _Arrival(NamedTuple):
    """The hand's way to where it will be when the next group is struck, for one state of the strings."""

    cost: ByHand
    from_hold: Int[np.ndarray, " hand"]
    from_hand: Int[np.ndarray, " hand"]


_DISTANCE = np.array(FRET_DISTANCES)
_HAND_AT = _DISTANCE[1:]
_AWAY = _DISTANCE[:, None] - _HAND_AT
_REACHED = (_AWAY > -_ROUNDING) & (_AWAY < SPAN + _ROUNDING)
_REACHED[0] = True
_IMPOSSIBLE = np.where(_REACHED, 0.0, inf)
"""(fret, hand): nothing where the hand reaches a fret, or need not (an open string); infinite elsewhere."""
_LENGTH = np.where(_REACHED, _AWAY, 0.0)
_LENGTH[0] = 0.0
"""(fret, hand): from the index finger to a fret that the hand reaches; nothing to an open string."""
ELSEWHERE = 1e6
"""A stroke: more than all else that makes a tune's fingering dear."""
_MOVE = np.abs(_HAND_AT[:, None] - _HAND_AT)
"""(from hand, to hand): how far the index finger goes."""


class Search:
    """Viterbi's algorithm over the groups of notes struck together. `quarter` is in seconds; `stays` is the fret at
    which the index finger was asked to stay.

    Rows are sorted by onset, their pitches lie on frets, and no pitch sounds twice at once. A state is a hold and a
    place of the hand. Strings have places here, the lowest first: no person reads them.
    """

    def __init__(self, rows: Rows, tuning: Tuning, quarter: float, costs: Costs, stays: int | None = None) -> None:
        self.quarter, self.costs, self.num_strings = quarter, costs, tuning.num_strings
        self.elsewhere: ByHand = np.zeros(len(_HAND_AT))
        """What it costs the hand to be there and not where it was asked to stay."""
        self.end = (rows[:, ONSET] + rows[:, DURATION]).tolist()
        self.voice = rows[:, VOICE].tolist()
        self.frets = frets_by_place(rows[:, PITCH].tolist(), tuning)
        self.groups: list[tuple[int, list[int]]] = []
        for note, onset in enumerate(rows[:, ONSET].tolist()):
            if not self.groups or self.groups[-1][0] != onset:
                self.groups.append((onset, []))
            self.groups[-1][1].append(note)
        self.stays = stays
        if stays is not None:
            self.elsewhere += ELSEWHERE
            self.elsewhere[stays - 1] = 0.0

    def run(self, may_silence: bool = False) -> list[Layer]:
        """A layer for each group, as far as the phrase can be played: fewer than there are groups where it cannot.

        With `may_silence`, where nothing else goes, what rings is silenced: the fewest notes, a melody note counting
        for two. Each group must then be playable by itself. A hand that was asked to stay, and could strike each group
        alone, then stays whatever has to be silenced for it.
        """
        if may_silence and self._strikes_all():
            self.elsewhere = np.where(self.elsewhere > 0, inf, 0.0)
        layers: list[Layer] = []
        nowhere = np.zeros(len(_HAND_AT), dtype=np.int64)
        arrivals = {(SILENT,) * self.num_strings: _Arrival(self.elsewhere, nowhere, nowhere)}
        for group, (onset, notes) in enumerate(self.groups):
            if group:
                arrivals = self._arrive(layers[-1], onset, onset - self.groups[group - 1][0])
            ways = _ways([self.frets[note] for note in notes])
            states = self._strike(arrivals.items(), notes, ways)
            if not states and may_silence:
                states = next(filter(None, (self._strike(some, notes, ways) for some in self._silenced(arrivals))), [])
            if not states:
                break
            holds, costs, from_hold, from_hand = zip(*states, strict=True)
            layers.append(Layer(list(holds), np.stack(costs), np.stack(from_hold), np.stack(from_hand)))
        return layers

    def _strikes_all(self) -> bool:
        """Whether the hand was asked to stay at a fret from which it can strike each group, if nothing else rings."""
        if self.stays is None:
            return False
        return all(under_one_hand([self.frets[note] for note in notes], self.stays) for _, notes in self.groups)

    def _arrive(self, before: Layer, onset: int, steps: int) -> dict[Hold, _Arrival]:
        """The cheapest way to each place of the hand at `onset`, for each set of notes that still rings there."""
        seconds = steps * self.quarter / STEPS_PER_QUARTER
        move = self.costs.hurry * _MOVE / seconds + self.costs.shift * (_MOVE > 0)
        alike: dict[Hold, list[int]] = {}
        for index, hold in enumerate(before.holds):
            ringing = tuple(note if note != SILENT and self.end[note] > onset else SILENT for note in hold)
            alike.setdefault(ringing, []).append(index)
        arrivals = {}
        for ringing, indices in alike.items():
            cost = before.cost[indices]  # (hold, hand)
            through = cost.min(axis=0)[:, None] + move  # (from hand, to hand)
            from_hand = through.argmin(axis=0)
            from_hold = np.array(indices)[cost.argmin(axis=0)][from_hand]
            arrivals[ringing] = _Arrival(through.min(axis=0) + self.elsewhere, from_hold, from_hand)
        return arrivals

    def _strike(
        self, arrivals: Iterable[tuple[Hold, _Arrival]], notes: list[int], ways: list[tuple[int, ...]]
    ) -> list[tuple[Hold, ByHand, np.ndarray, np.ndarray]]:
        """Every state in which these notes have just been struck, each in one of the ways, on strings that are free."""
        states = []
        for ringing, arrival in arrivals:
            for way in ways:
                if any(ringing[place] != SILENT for place in way):
                    continue
                hold, cost = list(ringing), arrival.cost
                for note, place in zip(notes, way, strict=True):
                    hold[place] = note
                    cost = cost + self._effort(note, place)
                for place, note in enumerate(ringing):
                    if note != SILENT:
                        cost = cost + _IMPOSSIBLE[self.frets[note][place]]
                if np.isfinite(cost).any():
                    cost = cost + self._stretch(hold)
                    states.append((tuple(hold), cost, arrival.from_hold, arrival.from_hand))
        return states

    def _effort(self, note: int, place: int) -> ByHand:
        """What it costs to finger a note on the string at `place`, by where the hand lies."""
        fret, costs = self.frets[note][place], self.costs
        if self.voice[note] == Voice.ACCOMPANIMENT:
            for_voice = costs.high_drone * place + costs.stopped_drone * (fret > 0)
        else:
            above = self.num_strings - 1 - place
            for_voice = costs.low_melody * above + costs.dull * above * FRET_DISTANCES[fret]
        return costs.reach * _LENGTH[fret] + _IMPOSSIBLE[fret] + costs.stop * (fret > 0) + for_voice

    def _stretch(self, hold: Sequence[int]) -> float:
        """What it costs to hold all stopped notes at once."""
        stopped = [self.frets[note][place] for place, note in enumerate(hold) if note != SILENT]
        stopped = [fret for fret in stopped if fret]
        if not stopped:
            return 0.0
        return self.costs.stretch * (FRET_DISTANCES[max(stopped)] - FRET_DISTANCES[min(stopped)])

    def _silenced(self, arrivals: dict[Hold, _Arrival]) -> Iterator[list[tuple[Hold, _Arrival]]]:
        """The same arrivals with some of what rings silenced: lists of equal loss, the least first."""
        by_loss: dict[int, list[tuple[Hold, _Arrival]]] = {}
        for ringing, arrival in arrivals.items():
            kept_or_not = [(note, SILENT) if note != SILENT else (SILENT,) for note in ringing]
            for left in product(*kept_or_not):
                gone = set(ringing) - set(left)
                loss = sum(2 if self.voice[note] == Voice.MELODY else 1 for note in gone)
                by_loss.setdefault(loss, []).append((left, arrival))
        for loss in sorted(by_loss):
            yield by_loss[loss]


def cheapest_path(layers: list[Layer]) -> list[tuple[Hold, int]]:
    """The hold and the place of the hand at each layer of the cheapest way through all."""
    path: list[tuple[Hold, int]] = []
    if not layers:
        return path
    hold, hand = (int(index) for index in np.unravel_index(layers[-1].cost.argmin(), layers[-1].cost.shape))
    for layer in reversed(layers):
        path.append((layer.holds[hold], hand))
        hold, hand = int(layer.from_hold[hold, hand]), int(layer.from_hand[hold, hand])
    return path[::-1]


def frets_by_place(pitches: list[int], tuning: Tuning) -> list[dict[int, int]]:
    """For each pitch, the fret on each string that has it, by the string's place; the highest string first."""
    found = {pitch: {tuning.place(string): fret for string, fret in positions(pitch, tuning)} for pitch in set(pitches)}
    return [found[pitch] for pitch in pitches]


def _ways(frets: list[dict[int, int]]) -> list[tuple[int, ...]]:
    """Every way to put notes struck together on a string each: places of strings, in the order of the notes."""
    ways: list[tuple[int, ...]] = [()]
    for places in frets:
        ways = [(*way, place) for way in ways for place in places if place not in way]
    return ways


def reaches(hand: int, fret: int) -> bool:
    """Whether a hand with its index finger at one fret reaches another, or need not (an open string)."""
    return bool(_REACHED[fret, hand - 1])


def under_one_hand(frets: list[dict[int, int]], hand: int | None = None) -> bool:
    """Whether notes struck together can be fingered if nothing else rings; with the index finger at the fret `hand`, if
    it is given.
    """
    if hand is not None:
        frets = [{place: fret for place, fret in at.items() if reaches(hand, fret)} for at in frets]
    for way in _ways(frets):
        stopped = [fret for at, place in zip(frets, way, strict=True) if (fret := at[place])]
        if not stopped or FRET_DISTANCES[max(stopped)] - FRET_DISTANCES[min(stopped)] < SPAN + _ROUNDING:
            return True
    return False


# Saying what is wrong.


def when(phrase: Phrase, note: int) -> str:
    """When a note is struck, in words: hong and slot, slot 4 being the beat."""
    step = int(phrase.onset[note])
    hong, within = divmod(step - page_begins(phrase.metre), STEPS_PER_HONG)
    if hong < 0:
        return f"step {step}"
    slot, late = divmod(within, STEPS_PER_SLOT)
    return in_hong(hong, slot, bool(late))


def numbered(notes: Sequence[int]) -> str:
    """Rows as a person counts them: "notes 1, 2 and 5"."""
    *before, last = (str(note + 1) for note in notes)
    return f"notes {', '.join(before)} and {last}" if before else f"note {last}"


def _unplayable(phrase: Phrase, notes: list[int], reason: str) -> Unplayable:
    where = f"{phrase.title or 'phrase'}, {numbered(notes)} ({when(phrase, notes[0])})"
    return Unplayable(where, reason, "take the nearest that can be played (phin-convert --fit)")


def _why_stuck(phrase: Phrase, tuning: Tuning, notes: list[int]) -> str:
    """Why a group of notes cannot be struck where the search ended."""
    frets = frets_by_place(phrase.pitch[notes].tolist(), tuning)
    sizes = range(min(len(notes), tuning.num_strings), 0, -1)
    most = next(size for size in sizes if any(_ways(list(some)) for some in combinations(frets, size)))
    if most < len(notes):
        return f"{len(notes)} notes are struck together, and only {most} of them can have a string of {tuning} each"
    if not under_one_hand(frets):
        names = " and ".join(pitch_name(pitch) for pitch in phrase.pitch[notes].tolist())
        return f"{names} are struck together, and lie further apart on {tuning} than a hand reaches"
    onset = phrase.onset[notes[0]]
    ringing = np.flatnonzero((phrase.onset < onset) & (phrase.end > onset)).tolist()
    rings = "rings" if len(ringing) == 1 else "ring"
    return f"{numbered(ringing)} still {rings}, and no string of {tuning} that the hand can reach is left"
