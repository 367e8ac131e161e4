"""The loop: what may be drawn, the step, what was drawn; until every tune has come to its end. Numpy only.

Which step it is, torch's or an exported one, is the caller's matter.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from phin.errors import PhinError
from phin.generation.all_limits import AllLimits
from phin.generation.constraints import Constraint
from phin.generation.limits import Limits
from phin.generation.random import Noise
from phin.generation.rows import Rows, after, hear
from phin.tokenizer import END_ID, FIELDS, FIRST_IDS, NUM_FIELDS, NUM_SYMBOLS, STEP, UNKNOWN_ID

OVER = 1 / 16
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
    first_row: int = 0,
) -> Iterator[DrawnRows]:
    """The rows that follow the beginnings `rows`, one of each tune at a time, until each has come to its end.

    After its end a tune's rows mean nothing; one that has none after `most_rows` is broken off. Random numbers are
    those of the rows from `first_row` on. Raises PhinError where constraints leave nothing to draw.
    """
    heard, plays = hear(rows), np.arange(len(tunes))
    noise, all_limits = Noise(seed, tunes), AllLimits(constraints, len(tunes))
    for number in count() if most_rows is None else range(most_rows):
        ids, chances = step(rows, noise.of_row(first_row + number), all_limits.limits(heard))
        allowed = all_limits.allowed(ids)
        shares = np.add.reduceat(allowed * chances, _FIRST, axis=2)
        if not shares[-1].all():
            _refuse_nothing_left(ids, allowed[-1], noise.tunes, seed)
        chance = chances[np.arange(len(ids))[:, None], _FIRST + ids]
        drawn = DrawnRows(ids, np.log(np.maximum(chance, LEAST)), np.maximum(shares, LEAST))
        yield drawn.of_all(plays, len(tunes))
        rows = after(rows, ids, heard)
        over = np.count_nonzero(heard.has_ended)
        if over == len(ids):
            return
        if over >= OVER * len(ids):
            left = _left(heard.has_ended)
            step.keep(left)
            heard.keep(left)
            rows, plays = Rows(*(column[left] for column in rows)), plays[left]
            noise = Noise(seed, [noise.tunes[place] for place in left.tolist()])
            all_limits = AllLimits(constraints, len(left))


def _left(is_over: Bool[np.ndarray, " tune"]) -> Int[np.ndarray, " left"]:
    """Those that go on, where they are; but the last ones in the places of those that do not, so that few move."""
    going = np.flatnonzero(~is_over)
    left = np.arange(len(going))
    left[is_over[: len(going)]] = going[going >= len(going)]
    return left


_FIRST = np.array(FIRST_IDS[:-1])
_DRAWABLE = np.concatenate([np.arange(field.size) >= NUM_SYMBOLS for field in FIELDS])
_DRAWABLE[END_ID] = True  # a step


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
