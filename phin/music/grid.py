"""From ticks to the grid of 24 steps a quarter, and back: the performance is kept, not rounded away."""

import numpy as np

from phin.music.phrase import DURATION, ONSET, PITCH, STEPS_PER_QUARTER, Column, Deviation, Phrase, Rows


def quantise(rows: Rows, ticks_per_quarter: int) -> tuple[Rows, Deviation | None]:
    """Rows in steps, and how far each note lay from them (None where every note lay on the grid).

    `rows` is (note, 6) with onsets and durations in ticks, sorted by (onset, pitch). Onsets go to the nearest step. A
    note lasts a step at least. Two strokes on one pitch never share a step: the later moves to the next free one, and
    the earlier ends where it begins. No note is lost, and `to_ticks` undoes all of it.
    """
    ticks = rows.astype(np.int64)
    steps = ticks.copy()
    steps[:, ONSET] = _nearest_step(ticks[:, ONSET], ticks_per_quarter)
    steps[:, DURATION] = np.maximum(_nearest_step(ticks[:, DURATION], ticks_per_quarter), 1)
    _separate_strokes(steps)
    order = np.lexsort((steps[:, PITCH], steps[:, ONSET]))
    ticks, steps = ticks[order], steps[order]
    off = ticks[:, [ONSET, DURATION]] * STEPS_PER_QUARTER - steps[:, [ONSET, DURATION]] * ticks_per_quarter
    deviation = Deviation(ticks_per_quarter, off[:, 0], off[:, 1]) if off.any() else None
    return steps.astype(np.int32), deviation


def to_ticks(phrase: Phrase, ticks_per_quarter: int | None = None) -> tuple[Rows, int]:
    """Rows in ticks as they were performed, and the ticks a quarter they are counted in.

    A phrase without deviation is on the grid, in any multiple of 24 ticks a quarter that is asked for (24 if none is).
    Rows keep the order of `phrase.rows`.
    """
    rows = phrase.rows.astype(np.int64)
    if phrase.deviation is None:
        resolution = ticks_per_quarter or STEPS_PER_QUARTER
        assert resolution % STEPS_PER_QUARTER == 0, "the grid needs a multiple of 24 ticks a quarter"
        rows[:, [ONSET, DURATION]] *= resolution // STEPS_PER_QUARTER
        return rows, resolution
    resolution = phrase.deviation.ticks_per_quarter
    rows[:, ONSET] = (rows[:, ONSET] * resolution + phrase.deviation.onset) // STEPS_PER_QUARTER
    rows[:, DURATION] = (rows[:, DURATION] * resolution + phrase.deviation.duration) // STEPS_PER_QUARTER
    return rows, resolution


def _nearest_step(ticks: Column, ticks_per_quarter: int) -> Column:
    """Half a step rounds up, so that the same rhythm gives the same steps wherever it stands."""
    return (2 * ticks * STEPS_PER_QUARTER + ticks_per_quarter) // (2 * ticks_per_quarter)


def _separate_strokes(steps: Rows) -> None:
    """Moves strokes of one pitch apart, in place; rows are sorted by the time they were played."""
    free: dict[int, tuple[int, int]] = {}  # pitch -> (row of the stroke before, its onset)
    for row, (onset, pitch) in enumerate(steps[:, [ONSET, PITCH]].tolist()):
        if pitch in free:
            before, start = free[pitch]
            onset = max(onset, start + 1)
            steps[row, ONSET] = onset
            steps[before, DURATION] = min(steps[before, DURATION], onset - start)
        free[pitch] = (row, onset)
