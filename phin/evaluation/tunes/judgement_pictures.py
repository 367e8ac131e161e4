"""A judgement as pictures: each measure's distance from real tunes, histograms beside those of real tunes, and what
returns after how many hong.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phin.evaluation.runs.curves import COLOURS
from phin.evaluation.tunes.baselines import NGRAM
from phin.evaluation.tunes.distances import Distance
from phin.evaluation.tunes.judgement import Judgement
from phin.evaluation.tunes.verdicts import JUDGED, REAL, SPOILS, Row
from phin.music.structure import LAGS

EDGE = 3.0
"""Standard deviations that the picture of distances holds; what lies beyond stands on its edge."""
_MARKERS = "sv^DPX<"
_GREY = "#777777"
_FIXED = "DejaVu Sans Mono"


def picture_of_distances(judgement: Judgement) -> Figure:
    """A line a measure: how far the tunes, the spoiled sets and the n-gram's lie from real tunes, in their spread."""
    rows = [row for row in judgement.rows if JUDGED in row.distance]
    figure = Figure(figsize=(9.5, 1.9 + 0.32 * len(rows)), layout="constrained")
    panel = figure.subplots()
    panel.axvspan(-1, 1, color="#eeeeee", zorder=0, label="within one standard deviation of real tunes")
    panel.axvline(0, color=_GREY, linewidth=1)
    for number, name in enumerate((*SPOILS, NGRAM)):
        there = [(row.distance[name][0], place) for place, row in enumerate(rows) if name in row.distance]
        values, places = np.array(there).T
        style = {"marker": _MARKERS[number], "color": _GREY if name == NGRAM else COLOURS[number], "alpha": 0.75}
        panel.scatter(values.clip(-EDGE, EDGE), places, s=26, label=name, **style)
    for place, row in enumerate(rows):
        middle, low, high = np.clip(row.distance[JUDGED], -EDGE, EDGE)
        label = JUDGED if not place else None
        error = [[middle - low], [high - middle]]
        panel.errorbar(middle, place, xerr=error, fmt="o", color="black", markersize=6, linewidth=1.6, label=label)
    panel.set_yticks(range(len(rows)), [f"{row.name}{' *' if row.untrusted else ''}" for row in rows], fontsize=9)
    for text, row in zip(panel.get_yticklabels(), rows, strict=True):
        text.set_color(_GREY if row.untrusted else "black")
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(-EDGE - 0.15, EDGE + 0.15)
    said = "standard deviations of real tunes, above (+) or below (-) their mean; what lies beyond 3 stands on the edge"
    panel.set_xlabel(f"{said}\n* takes a spoiled set for real tunes: not to be trusted alone", fontsize=8.5)
    panel.set_title("How far from real tunes?", loc="left", fontsize=11)
    _quiet(panel, "x")
    figure.legend(loc="outside lower left", ncols=4, fontsize=8, frameon=False)
    return figure


def picture_of_profiles(found: Sequence[Distance]) -> Figure:
    """A panel a histogram: the tunes' shares beside those of real tunes."""
    wide = [each for each in found if len(each.bins) > 9]
    narrow = [each for each in found if len(each.bins) <= 9]
    figure = Figure(figsize=(11, 2.3 * len(wide) + 2.5), layout="constrained")
    grid = figure.add_gridspec(len(wide) + 1, max(len(narrow), 1))
    panels = [figure.add_subplot(grid[row, :]) for row in range(len(wide))]
    panels += [figure.add_subplot(grid[len(wide), column]) for column in range(len(narrow))]
    for panel, each in zip(panels, [*wide, *narrow], strict=True):
        places = np.arange(len(each.bins))
        panel.bar(places - 0.2, each.real_shares, 0.4, color=_GREY, label=REAL)
        panel.bar(places + 0.2, each.shares, 0.4, color=COLOURS[0], label=JUDGED)
        panel.set_xticks(places, each.bins, fontsize=7.5, family=_FIXED if each.name == "hong shapes" else None)
        overlap = f"overlap {each.overlap[0]:.2f}; of real tunes with others {each.ceiling[0]:.2f}"
        between = ", " if len(each.bins) > 9 else "\n"
        panel.set_title(f"{each.name}: {each.about}{between}{overlap}", loc="left", fontsize=9)
        panel.set_ylabel("share", fontsize=8)
        _quiet(panel, "y")
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def picture_of_lags(judgement: Judgement) -> Figure:
    """Likeness of hong by how far apart they are: the tunes', and what can be expected."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    panel = figure.subplots()
    by_lag: dict[int, Row] = {int(row.name.removeprefix("similarity_")): row for row in _similarities(judgement)}
    panel.axhline(0, color=_GREY, linewidth=0.8)
    for number, name in enumerate((REAL, JUDGED, "shuffled hong", "one line", NGRAM)):
        lags = [lag for lag in LAGS if lag in by_lag and name in by_lag[lag].values]
        values = [by_lag[lag].values[name] for lag in lags]
        middle = np.array([value.mean for value in values])
        error = np.abs([[value.low, value.high] for value in values] - middle[:, None]).T
        colour = {REAL: _GREY, JUDGED: "black"}.get(name, COLOURS[number % len(COLOURS)])
        places = np.array([LAGS.index(lag) for lag in lags]) + 0.05 * (number - 2)
        style = {"marker": _MARKERS[number], "color": colour, "markersize": 5, "capsize": 2}
        panel.errorbar(places, middle, yerr=error, label=name, linestyle="-" if number < 2 else ":", **style)
    panel.set_xticks(
        range(len(LAGS)), [f"{lag} hong" if lag % 8 else f"{lag // 8} line{'s' * (lag > 8)}" for lag in LAGS]
    )
    panel.set_ylabel("likeness above chance", fontsize=9)
    panel.set_xlabel("how far apart (a line is eight hong; bars: 95 % by family)", fontsize=9)
    panel.set_title("What returns, and after how long?", loc="left", fontsize=11)
    _quiet(panel, "y")
    panel.legend(fontsize=8, frameon=False)
    return figure


def _similarities(judgement: Judgement) -> list[Row]:
    return [row for row in judgement.rows if row.name.startswith("similarity_")]


def _quiet(panel: Axes, axis: str) -> None:
    panel.grid(axis="x" if axis == "x" else "y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
