"""Curves of runs: what the CSV logger wrote while they trained, read in order, and drawn on one page."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from phin.errors import PhinError
from phin.evaluation.bits_table import MONITOR
from phin.music.picture import readable

if TYPE_CHECKING:
    import matplotlib.figure

LOSS = "train/loss"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's."""
_LINES, _MARKERS = ("-", "--", ":", "-."), "osD^vPX*"
METRICS = "metrics.csv"
"""As conf/logger/ names it."""
_NARROW = 46
"""Names of so many letters stand in two columns below the picture."""


class Curve(NamedTuple):
    """A number over optimiser steps done."""

    steps: Int[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


@dataclass(frozen=True)
class Curves:
    """What was logged of a run."""

    validation: Curve
    loss: Curve
    steps: int
    """How many were done; of a run that did not finish, when something was last logged."""

    @property
    def best(self) -> tuple[float, int] | None:
        """The lowest validation and its step; None where there was no validation."""
        if not len(self.validation.steps):
            return None
        place = int(np.argmin(self.validation.values))
        return float(self.validation.values[place]), int(self.validation.steps[place])

    @property
    def last(self) -> float | None:
        """The last validation."""
        return float(self.validation.values[-1]) if len(self.validation.steps) else None


def read_curves(run: Path, steps: int | None) -> Curves:
    """The curves of a run that finished after so many steps. None: it did not; then it may be in mid-line.

    Raises PhinError where the log is torn.
    """
    path = run / METRICS
    rows = _rows(path, steps is not None) if path.is_file() else {}
    done = max(rows, default=-1) + 1 if steps is None else steps  # the logger counts them from 0
    return Curves(_curve(rows, MONITOR), _curve(rows, LOSS), done)


def _rows(path: Path, finished: bool) -> dict[int, dict[str, float]]:
    """What was logged at each step, by name; of a name that was logged twice at a step, the later value."""
    remedy = "mend it, or remove it and compare without its curve"
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        raise PhinError(path, f"cannot be read ({getattr(error, 'strerror', None) or 'torn'})", remedy) from None
    if not finished:
        text = text[: text.rfind("\n") + 1]
    rows: dict[int, dict[str, float]] = {}
    reader = csv.reader(io.StringIO(text, newline=""))
    head = next(reader, [])
    if head and "step" not in head:
        raise PhinError(path, "has no column 'step'", remedy)
    for cells in reader:
        try:
            row = {name: float(cell) for name, cell in zip(head, cells, strict=True) if cell}
            step = int(row["step"])
        except (ValueError, KeyError, OverflowError):
            raise PhinError(path, f"line {reader.line_num} is torn", remedy) from None
        rows.setdefault(step, {}).update(row)
    return rows


def _curve(rows: dict[int, dict[str, float]], name: str) -> Curve:
    points = [(step + 1, row[name]) for step, row in sorted(rows.items()) if math.isfinite(row.get(name, math.nan))]
    steps, values = zip(*points, strict=True) if points else ((), ())
    return Curve(np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))


@dataclass(frozen=True)
class Line:
    """A run as it is drawn."""

    name: str
    colour: int
    """Runs of one colour (and kind of line) are of one arm."""
    marker: int
    curves: Curves


def smoothed(curve: Curve) -> Curve:
    """The mean of every value and those near it: a twentieth of the curve, and near its ends as many on either side."""
    total = np.concatenate([[0.0], np.cumsum(curve.values)])
    place, count = np.arange(len(curve.values)), len(curve.values)
    reach = np.minimum(count // 40, np.minimum(place, count - 1 - place))
    return Curve(curve.steps, (total[place + reach + 1] - total[place - reach]) / (2 * reach + 1))


def picture(lines: Sequence[Line]) -> "matplotlib.figure.Figure":
    """Validation and loss over steps, a line a run, and below them which is which."""
    from matplotlib.figure import Figure

    names = [readable(line.name) for line in lines]
    columns = 2 if len(lines) > 2 and max(len(name) for name, _ in names) <= _NARROW else 1
    figure = Figure(figsize=(11, 4.6 + 0.22 * math.ceil(len(lines) / columns)), layout="constrained")
    panels = figure.subplots(1, 2)
    for line in lines:
        style = {
            "color": COLOURS[line.colour % len(COLOURS)],
            "linestyle": _LINES[line.colour // len(COLOURS) % len(_LINES)],
            "marker": _MARKERS[line.marker % len(_MARKERS)],
        }
        validation, loss = line.curves.validation, line.curves.loss
        panels[0].plot(*validation, **style, markersize=4.5, linewidth=1.5)
        panels[1].plot(*loss, color=style["color"], linewidth=0.6, alpha=0.25, label="_each value")
        panels[1].plot(*smoothed(loss), **style, markersize=3.5, linewidth=1.2, markevery=max(1, len(loss.steps) // 8))
    for panel, title, said in (
        (panels[0], MONITOR, "bits per note, validation split"),
        (panels[1], LOSS, "weighted sum of its own terms; strong: running mean"),
    ):
        panel.set_title(title, fontsize=10, loc="left")
        panel.set_ylabel(said, fontsize=9)
        panel.set_xlabel("optimiser steps", fontsize=9)
        panel.grid(color="#ddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    handles = panels[0].get_lines()
    legend = figure.legend(
        handles, [name for name, _ in names], loc="outside lower left", ncols=columns, handlelength=3.2
    )
    legend.set_frame_on(False)
    for text, (_, fonts) in zip(legend.get_texts(), names, strict=True):
        text.set(fontsize=8.5, fontfamily=fonts, parse_math=False)
    return figure
