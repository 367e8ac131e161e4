"""The loop: what may be drawn, the step, what was drawn; until every tune has come to its end. Numpy only.

Which step it is, torch's or an exported one, is the caller's matter.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.errors import PhinError
from phin.generation.constraints import Constraint
from phin.generation.limits import Limits
from phin.generation.random import gumbel
from phin.generation.rows import Rows, after, hear
from phin.tokenizer import FIELDS, NUM_FIELDS


class DrawnRows(NamedTuple):
    """As `phin.generation.step.Drawn`, in numpy."""

    ids: Int[np.ndarray, "tune 6"]
    log_probability: Float[np.ndarray, "tune 6"]
    allowed: Float[np.ndarray, "tune 6"]


Noise = tuple[Float[np.ndarray, "tune _"], ...]
Step = Callable[[Rows, Noise, Limits], DrawnRows]
"""What reads rows and draws the next one of each tune. It keeps its cache; for other tunes another one is made."""


def noise_for(seed: int, tunes: Sequence[int], row: int) -> Noise:
    """The random numbers for row `row` (from 0) of each tune, a table a field."""
    return tuple(
        gumbel(seed, list(tunes), row, field, FIELDS[field].size).astype(np.float32) for field in range(NUM_FIELDS)
    )


def draw_rows(
    step: Step, rows: Rows, constraints: Sequence[Constraint], seed: int, tunes: Sequence[int], most_rows: int
) -> Iterator[DrawnRows]:
    """The rows that follow the beginnings `rows`, one of each tune at a time, until each has come to its end.

    After its end a tune's rows mean nothing. Raises PhinError where constraints leave nothing to draw, and where a tune
    has no end after `most_rows`.
    """
    heard = hear(rows)
    always, limits, free = (Limits(len(tunes)) for _ in range(3))
    for constraint in constraints:
        constraint.always(always)
    for number in range(most_rows):
        limits.copy_from(always)
        for constraint in constraints:
            constraint.now(heard, limits)
        limits.copy_from(free, heard.has_ended)
        drawn = step(rows, noise_for(seed, tunes, number), limits)
        _refuse_nothing_left(drawn, tunes, seed)
        yield drawn
        rows = after(rows, drawn.ids, heard)
        if heard.has_ended.all():
            return
    reason = "a tune did not come to its end"
    raise PhinError(f"seed {seed}", reason, "take another seed, or a lower sampler.temperature")


def _refuse_nothing_left(drawn: DrawnRows, tunes: Sequence[int], seed: int) -> None:
    nothing = ~(drawn.allowed > 0)
    if nothing.any():
        tune, field = (int(place[0]) for place in np.nonzero(nothing))
        where = f"seed {seed}, tune {tunes[tune] + 1}"
        raise PhinError(where, f"no {FIELDS[field].name} is left to draw", "ask for less at once, or take another seed")
