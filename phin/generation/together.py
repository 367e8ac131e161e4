"""Next steps of several who play at once, in one call of the model (continuous batching): what each reads. Numpy only.

Each keeps its own cache, and goes on alone as soon as it is alone. The caches are laid side by side for the call, the
shorter ones with slots that nobody sees.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from phin.generation.draw import Drawn, Step
from phin.generation.limits import Kind, Limits
from phin.generation.reading import Mixture, Reading, read
from phin.generation.rows import Rows
from phin.generation.slots import Slots

NO_WINDOW = 2**62


@runtime_checkable
class CachedStep(Step, Protocol):
    """A Step whose cache can lie beside those of others."""

    slots: Slots
    sampling: tuple[np.ndarray, ...]
    """`SamplerConfig.numbers` of its tunes."""
    mixture: Mixture


class Turn(NamedTuple):
    """What one who plays waits for: what `step` draws of these."""

    step: Step
    rows: Rows
    noise: Float[np.ndarray, "tune id"]
    limits: Limits


@runtime_checkable
class DrawsTogether(Protocol):
    """An engine that can draw what several steps of its own wait for in one call of the model."""

    def together(self, turns: Sequence[Turn]) -> list[Drawn]:
        """What each draws. They are `of_one_kind`."""
        ...


def of_one_kind(turns: Iterable[Turn]) -> list[list[Turn]]:
    """The turns in groups of those that can be drawn together: who rank as many ids. A beginning is read alone. Each
    group stands where its first stands.
    """
    groups = dict[tuple[int, int], list[Turn]]()
    for place, turn in enumerate(turns):
        kind, step = (0, place), turn.step
        if isinstance(step, CachedStep) and turn.rows.place.shape[1] == 1 and step.slots.used:
            kind = len(step.sampling[1]), 0
        groups.setdefault(kind, []).append(turn)
    return list(groups.values())


class SideBySide(NamedTuple):
    """What the model reads of several turns."""

    reading: Reading
    noise: Float[np.ndarray, "tune id"]
    limits: tuple[np.ndarray, ...]
    """In the order of `phin.generation.step.StepLimits`."""
    mixture: Mixture
    sampling: tuple[np.ndarray, ...]
    """In the order of `phin.generation.sampling.Sampling`."""
    num_slots: int
    """Of the caches side by side."""
    used: list[int]
    """Of them, how many of each turn; they come first."""
    tunes: list[slice]
    """Which are of each turn."""
    rows: list[slice]


def side_by_side(turns: Sequence[Turn]) -> SideBySide:
    """Turns that are `of_one_kind`."""
    steps = [cast(CachedStep, turn.step) for turn in turns]  # as was seen there: asking takes as long as a lookup
    used = [step.slots.used for step in steps]
    num_slots = Slots.BLOCK * -(-max(used) // Slots.BLOCK)
    tunes = _slices([len(step.slots.place) for step in steps])
    rows = _slices([len(step.mixture.tune) for step in steps])
    weights = np.zeros((tunes[-1].stop, rows[-1].stop))
    for step, tune, row in zip(steps, tunes, rows, strict=True):
        weights[tune, row] = step.mixture.weights
    of_rows = _after_each_other([step.mixture.tune for step in steps], [tune.start for tune in tunes])
    stroke, after, kind, *recalled = zip(*(turn.limits.tables for turn in turns), strict=True)
    joined = Rows(*map(np.concatenate, zip(*(turn.rows for turn in turns), strict=True)))
    reading = read(joined, _slots([step.slots for step in steps], tunes, num_slots))
    if len(of_rows) > len(joined.bar):
        # no row is a START, which alone hears conditions: those of a tune read the same in every stream
        on_rows = (column[of_rows] for column in reading[:4])
        reading = Reading(*on_rows, melody=reading.melody, landing=reading.landing)
    temperature, ranks, *filters = zip(*(step.sampling for step in steps), strict=True)
    kinds = _after_each_other(kind, [len(Kind) * tune.start for tune in tunes])
    return SideBySide(
        reading,
        np.concatenate([turn.noise for turn in turns]),
        (np.concatenate(stroke), np.concatenate(after), kinds, *map(np.concatenate, recalled)),
        Mixture(weights, of_rows),
        (np.concatenate(temperature), ranks[0], *map(np.concatenate, filters)),
        num_slots,
        used,
        tunes,
        rows,
    )


def _after_each_other(parts: Sequence[np.ndarray], begins: Sequence[int]) -> np.ndarray:
    """Parts that count from 0 each, counted from where they begin."""
    return np.concatenate([part + begin if begin else part for part, begin in zip(parts, begins, strict=True)])


def _slots(slots: Sequence[Slots], tunes: Sequence[slice], num_slots: int) -> Slots:
    """The slots of all: of each those that are used, and then some that hold nothing."""
    has_windows = any(each.window is not None for each in slots)
    made = Slots(tunes[-1].stop, np.concatenate([_windows(each) for each in slots]) if has_windows else None)
    made.place, made.onset = np.full((tunes[-1].stop, num_slots), -1), np.zeros((tunes[-1].stop, num_slots), np.int64)
    for each, tune in zip(slots, tunes, strict=True):
        made.place[tune, : each.used] = each.place[:, : each.used]
        made.onset[tune, : each.used] = each.onset[:, : each.used]
    return made


def _windows(slots: Slots) -> Int[np.ndarray, "tune 1 1"]:
    return np.full((len(slots.place), 1, 1), NO_WINDOW if slots.window is None else slots.window)


def _slices(sizes: Iterable[int]) -> list[slice]:
    """One after the other."""
    ends = list(accumulate(sizes))
    return [slice(start, stop) for start, stop in zip([0, *ends], ends, strict=False)]
