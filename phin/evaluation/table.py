"""Bits per note as a table: its rows, their intervals by family, and how a terminal shows them. No torch is needed."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from phin.corpus.sources import MADE

NUM_RESAMPLES = 2000
ALL = "all"
_UNLIKE = "Compare with figures of the same tunes alone."


@dataclass(frozen=True)
class BitsRow:
    """Bits per melody note of one source, or of all; intervals hold 95 % of the resamples of families."""

    source: str
    tunes: int
    families: int
    notes: int
    step: float
    pitch: float
    duration: float
    beside: dict[str, float]
    """Bits a note of what is not in the headline, technique and velocity, over the notes where it was written down."""
    inferred: dict[str, int]
    """In how many tunes what was inferred, and so is in no figure of this row (an octave: but for the pitch class)."""
    bits: float
    interval: tuple[float, float]
    markov: float
    markov_interval: tuple[float, float]
    difference: float
    """Ours less the Markov model's, on the same tunes."""
    difference_interval: tuple[float, float]


def interval_by_family(
    bits: Float[np.ndarray, " tune"], notes: Real[np.ndarray, " tune"], family: Int[np.ndarray, " tune"]
) -> tuple[float, float]:
    """A 95 % bootstrap interval of bits over notes; whole families are drawn, for their tunes are not independent."""
    low, high = np.percentile(resampled(bits, notes, family), [2.5, 97.5])
    return float(low), float(high)


def resampled(
    values: Float[np.ndarray, " tune"],
    weights: Real[np.ndarray, " tune"],
    family: Int[np.ndarray, " tune"],
    seed: int = 0,
) -> Float[np.ndarray, " resample"]:
    """The sum of values over that of weights, in each of NUM_RESAMPLES draws of as many families as there are."""
    _, place = np.unique(family, return_inverse=True)
    by_family = np.stack([np.bincount(place, weights=values), np.bincount(place, weights=weights)])
    count = by_family.shape[1]
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES)
    total, weight = by_family @ times.T
    return total / weight


def table(rows: list[BitsRow], split: str) -> str:
    """The report for a terminal."""
    width = max(10, *(len(row.source) + 2 for row in rows))
    head = (
        f"{'source':<{width}}{'tunes':>7}{'notes':>9}{'step':>7}{'pitch':>7}{'dur.':>7}{'bits/note':>11}  {'95 %':<13}"
    )
    lines = [f"Held-out bits per note ({split} split, lower is better; intervals by family)", ""]
    lines.append(head + f"{'Markov':>8}  {'95 %':<13}{'fewer':>7}")
    for row in rows:
        ours, markovs = (said_interval(interval, row.families) for interval in (row.interval, row.markov_interval))
        lines.append(
            f"{row.source:<{width}}{row.tunes:>7}{row.notes:>9}{row.step:>7.3f}{row.pitch:>7.3f}{row.duration:>7.3f}"
            f"{row.bits:>11.3f}  {ours:<13}{row.markov:>8.3f}  {markovs:<13}{-row.difference / row.markov:>7.1%}"
        )
    if made := [row.source for row in rows if row.source in MADE]:
        lines += ["", f"{', '.join(made)}: made by phin's own rules; what is read of it says nothing about music."]
    if beside := rows[-1].beside:
        said = ", ".join(f"{name} {bits:.3f}" for name, bits in beside.items())
        lines += ["", f"Beside it, bits a note where somebody wrote it down: {said}"]
    if inferred := rows[-1].inferred:
        said = ", ".join(f"{kind} in {count}" for kind, count in inferred.items())
        lines += ["", f"Of {rows[-1].tunes} tunes, not counted as nobody wrote it down: {said}. {_UNLIKE}"]
    return "\n".join(lines)


def said_interval(interval: tuple[float, float], families: int) -> str:
    """An interval as the table has it; of one family there is none, whatever is drawn."""
    return "one family" if families == 1 else f"{interval[0]:.3f}-{interval[1]:.3f}"


def as_dicts(rows: list[BitsRow]) -> list[dict[str, Any]]:
    """For report.json."""
    return [asdict(row) for row in rows]
