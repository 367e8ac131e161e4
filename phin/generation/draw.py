"""The loop: what may be drawn, the step, what was drawn; until every tune has come to its end. Numpy only.

Which step it is, torch's or an exported one, is the caller's matter.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.errors import PhinError
from phin.generation.constraints import Constraint
from phin.generation.limits import Heard, Limits
from phin.generation.random import Noise
from phin.generation.rows import Rows, after, hear
from phin.tokenizer import END_ID, FIELDS, FIRST_IDS, NUM_FIELDS, NUM_SYMBOLS, STEP, UNKNOWN_ID

OVER = 0.25
"""With so large a part of the tunes over, the others go on without them."""
LEAST = float(np.finfo(np.float32).tiny)
"""What is less likely counts as this likely."""


class DrawnRows(NamedTuple):
    """The next row of each tune, and what it cost to keep to the constraints."""

    ids: Int[np.ndarray, "tune 6"]
    log_probability: Float[np.ndarray, "tune 6"]
    """Of each field as the model has it, in nats; 0 where it is not drawn."""
    allowed: Float[np.ndarray, "constraint tune 6"]
    """How much of each field's probability each constraint allowed; in the last place, all of them together."""

    def of_all(self, plays: Int[np.ndarray, " tune"], count: int) -> "DrawnRows":
        """The same among `count` tunes, of which only these play; the others have the end of theirs."""
        if len(plays) == count:
            return self
        ids = np.zeros((count, NUM_FIELDS), np.int64)
        ids[:, STEP] = END_ID
        log_probability, allowed = np.zeros(ids.shape), np.ones((len(self.allowed), *ids.shape))
        ids[plays], log_probability[plays], allowed[:, plays] = self
        return DrawnRows(ids, log_probability, allowed)


Drawn = tuple[Int[np.ndarray, "_tune 6"], Float[np.ndarray, "_tune id"]]
"""The next row of each tune, and how likely each id of each field was (`phin.generation.step.Drawn`)."""


@runtime_checkable
class Step(Protocol):
    """What reads rows, with random numbers and limits draws the next one of each tune, and tells how likely each id
    was. It keeps its cache; for other tunes another one is made.
    """

    def __call__(self, rows: Rows, noise: Float[np.ndarray, "tune id"], limits: Limits) -> Drawn: ...

    def keep(self, which: Int[np.ndarray, " kept"]) -> None:
        """Goes on with some of the tunes only."""
        ...


def draw_rows(
    step: Step,
    rows: Rows,
    constraints: Sequence[Constraint],
    seed: int,
    tunes: Sequence[int],
    most_rows: int | None,
    memory: int | None = None,
) -> Iterator[DrawnRows]:
    """The rows that follow the beginnings `rows`, one of each tune at a time, until each has come to its end.

    After its end a tune's rows mean nothing; one that has none after `most_rows` is broken off. With a `memory` only so
    many melody notes are recalled, for tunes without end. Raises PhinError where constraints leave nothing to draw.
    """
    heard, plays = hear(rows, memory), np.arange(len(tunes))
    side = _SideBySide(constraints, seed, tunes)
    for number in count() if most_rows is None else range(most_rows):
        limits, now = side.limits(heard)
        ids, chances = step(rows, side.noise.of_row(number), limits)
        places = limits.places(ids)
        of_all = limits.allows(places)
        allowed = np.array([of_all if each is limits else each.allows(places) for each in (*now, limits)])
        _refuse_nothing_left(ids, allowed[-1], side.tunes, seed)
        yield _weighed(ids, chances, allowed).of_all(plays, len(tunes))
        rows = after(rows, ids, heard)
        over = np.count_nonzero(heard.has_ended)
        if over == len(ids):
            return
        if over >= OVER * len(ids):
            left = np.flatnonzero(~heard.has_ended)
            step.keep(left)
            heard.keep(left)
            rows, plays = Rows(*(column[left] for column in rows)), plays[left]
            side = _SideBySide(constraints, seed, [side.tunes[place] for place in left.tolist()])


class _SideBySide:
    """What tunes that are drawn together keep to, and their random numbers."""

    def __init__(self, constraints: Sequence[Constraint], seed: int, tunes: Sequence[int]) -> None:
        self.tunes, self.noise = tunes, Noise(seed, tunes)
        self._bound = [_Bound(constraint, len(tunes)) for constraint in constraints]
        self._free, self._all = Limits(len(tunes)), Limits(len(tunes))
        self._someone_gives = any(constraint.gives_notes for constraint in constraints)

    def limits(self, heard: Heard) -> tuple[Limits, list[Limits]]:
        """Of the next row: all together, and those of each constraint."""
        now = [each.limits(heard, self._free, self._someone_gives) for each in self._bound]
        if len(now) == 1:
            return now[0], now
        self._all.sum_of(now)
        return self._all, now


class _Bound:
    """A constraint with its limits, which are made anew only where they change from step to step."""

    def __init__(self, constraint: Constraint, count: int) -> None:
        self.constraint = constraint
        self._always, self._now = Limits(count), Limits(count)
        constraint.always(self._always)
        self._changes = type(constraint).now is not Constraint.now

    def limits(self, heard: Heard, free: Limits, someone_gives: bool) -> Limits:
        """What it allows of the next row: anything after the end, and given notes as they are given."""
        leaves_given = someone_gives and not self.constraint.gives_notes
        has_ended = heard.has_ended.any()
        if not (self._changes or leaves_given or has_ended):
            return self._always
        self._now.copy_from(self._always)
        self.constraint.now(heard, self._now)
        if has_ended:
            self._now.copy_from(free, heard.has_ended)
        if leaves_given:
            self._now.leave_given_notes()
        return self._now


_FIRST = np.array(FIRST_IDS[:-1])
_DRAWABLE = np.concatenate([np.arange(field.size) >= NUM_SYMBOLS for field in FIELDS])
_DRAWABLE[END_ID] = True  # a step


def _weighed(
    ids: Int[np.ndarray, "tune 6"],
    chances: Float[np.ndarray, "tune id"],
    allowed: Bool[np.ndarray, "constraint tune id"],
) -> DrawnRows:
    """The rows with their chances, and the share of them that each constraint allows."""
    tune = np.arange(len(ids))[:, None]
    chance = chances[tune, _FIRST + ids]
    shares = np.add.reduceat(allowed * chances, _FIRST, axis=2)
    return DrawnRows(ids, np.log(np.maximum(chance, LEAST)), np.maximum(shares, LEAST))


def _refuse_nothing_left(
    ids: Int[np.ndarray, "tune 6"], allowed: Bool[np.ndarray, "tune id"], tunes: Sequence[int], seed: int
) -> None:
    """Raises PhinError where nothing was allowed, however unlikely."""
    is_left = np.logical_or.reduceat(allowed & _DRAWABLE, _FIRST, axis=1)
    nothing = ~is_left & (ids != UNKNOWN_ID)  # which a field is that is not drawn
    if nothing.any():
        tune, field = (int(place[0]) for place in np.nonzero(nothing))
        where = f"seed {seed}, tune {tunes[tune] + 1}"
        raise PhinError(where, f"no {FIELDS[field].name} is left to draw", "ask for less at once, or take another seed")
