"""Bits per note as a table: its rows, and how a terminal shows them. No torch is needed."""

from dataclasses import asdict, dataclass
from typing import Any

from phin.corpus.sources import MADE
from phin.evaluation.intervals import said_interval

ALL = "all"
MONITOR = "val/bits_per_note"
"""What stops, chooses and compares runs: plain bits, never the weighted total."""
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


def as_dicts(rows: list[BitsRow]) -> list[dict[str, Any]]:
    """For report.json."""
    return [asdict(row) for row in rows]
