"""Attention drawn: maps over a tune, profiles over lag and place in the bar, and what each head looks back to."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from phin.evaluation.inside.attention import RELATIONS, Looks, Score
from phin.evaluation.inside.panels import COLOURS, GREY, STRONG, head, new_figure, tidy
from phin.music.grid import STEPS_PER_SLOT
from phin.music.lai import LaiLabel, pentatonic_set
from phin.music.phrase import (
    HONG_PER_LINE,
    STEPS_PER_HONG,
    STEPS_PER_QUARTER,
    Metre,
    Phrase,
    hong_before_zero,
    pitch_name,
)

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

KIND_COLOURS = {
    "time": COLOURS["blue"],
    "pitch": COLOURS["vermilion"],
    "index": COLOURS["green"],
    "nothing": COLOURS["purple"],
}
MOST_SHOWN = 64
"""Notes of a tune whose maps are drawn: those of a longer one could not be told apart."""
_LEAST = 1 / 64
"""Times uniform attention: less is drawn as this."""
_PAST = 12
"""Steps that the column of START is wide."""


def map_picture(
    maps: Float[np.ndarray, "head time seen"],
    phrase: Phrase,
    found: LaiLabel,
    turns_by: Sequence[str],
    title: str,
) -> "matplotlib.figure.Figure":
    """One layer over one tune: a map a head, in musical time both ways, under a strip of the notes that are looked at.

    `maps` are of the rows read, START first, of `phrase`, of whose melody the first MOST_SHOWN notes are drawn.
    """
    from matplotlib.colors import PowerNorm

    melody = phrase.melody
    shown = min(len(melody), MOST_SHOWN)
    onset = melody.onset[:shown].astype(int)
    end = int(melody.onset[shown]) if shown < len(melody) else int(melody.end[shown - 1])
    edges = np.array([onset[0] - _PAST, *onset, end])
    columns = math.ceil(len(maps) / 2)
    figure = new_figure(4.2 * columns, 11.2)
    grid = figure.subplots(4, columns, height_ratios=(1, 3.4, 1, 3.4), squeeze=False)
    mesh = None
    for place, weights in enumerate(maps):
        row, column = 2 * (place // columns), place % columns
        strip, axes = grid[row][column], grid[row + 1][column]
        _strip(strip, phrase, found, edges, shown, named=not column)
        norm = PowerNorm(0.5, vmin=0, vmax=1)
        mesh = axes.pcolormesh(
            edges, edges[1:], weights[1 : shown + 1, : shown + 1], cmap="Blues", norm=norm, rasterized=True
        )
        axes.set(xlim=(edges[0], end), ylim=(end, onset[0]))
        tidy(axes, f"head {place + 1} (turns by {turns_by[place]})", grid=None)
        _rule(axes, phrase.metre, int(onset[0]), end)
        if not column:
            axes.set_ylabel("after the note in hong ↓", fontsize=8.5)
        axes.set_xlabel("looks at the note in hong → (left of the tune: its START)", fontsize=8.5)
    for place in range(len(maps), 2 * columns):
        grid[2 * (place // columns)][place % columns].set_visible(False)
        grid[2 * (place // columns) + 1][place % columns].set_visible(False)
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=grid[1:, -1].tolist(), shrink=0.5, pad=0.02, ticks=(0, 0.05, 0.2, 0.5, 1))
        bar.set_label("share of the attention", fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
    part = f", its first {shown} of {len(melody)} notes" if shown < len(melody) else ""
    head(figure, f"{title}{part}", f"{_lai_said(found)} Thin lines are hong (quarters), strong ones bars, ticks slots.")
    return figure


def _lai_said(found: LaiLabel) -> str:
    if found.lai:
        return f"In lai {found.lai.name}: orange is its tonic, blue its other notes, grey others."
    if found.root is not None:
        return "In a pentatonic set, but no lai: blue are its notes, grey others."
    return "In no lai and no pentatonic set: notes are grey."


def _strip(
    axes: "matplotlib.axes.Axes", phrase: Phrase, found: LaiLabel, edges: np.ndarray, shown: int, named: bool
) -> None:
    """The notes, coloured by what they are in the tune's lai."""
    melody = phrase.melody
    onset, pitch = melody.onset[:shown], melody.pitch[:shown]
    inside = pentatonic_set(found.root) if found.root is not None else frozenset()
    colours = [
        COLOURS["orange"] if each % 12 == found.tonic else COLOURS["blue"] if each % 12 in inside else STRONG
        for each in pitch.tolist()
    ]
    axes.barh(pitch, melody.duration[:shown], left=onset, height=0.9, color=colours)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(pitch.min() - 1.5, pitch.max() + 1.5))
    tidy(axes, grid=None)
    tonics = [each for each in np.unique(pitch).tolist() if each % 12 == found.tonic]
    ticks = tonics or [int(pitch.min()), int(pitch.max())]
    axes.set_yticks(ticks, [pitch_name(each) for each in ticks])
    axes.set_xticks([])
    if named:
        axes.set_ylabel("pitch", fontsize=8.5)
    for line in axes.spines.values():
        line.set_visible(False)


def _rule(axes: "matplotlib.axes.Axes", metre: Metre | None, first: int, end: int) -> None:
    """Hong and bars both ways, slots on the axes; a hong has its number on its beat."""
    beats = np.arange(-(-first // STEPS_PER_HONG) * STEPS_PER_HONG, end + 1, STEPS_PER_HONG)
    before = hong_before_zero(metre)
    every = 1 if len(beats) <= 12 else 2 if len(beats) <= 24 else 4
    numbered = [beat for beat in beats.tolist() if (beat // STEPS_PER_HONG + 1 + before) % every == 0]
    names = [str(beat // STEPS_PER_HONG + 1 + before) for beat in numbered]
    axes.set_xticks(numbered, names)
    axes.set_yticks(numbered, names)
    is_bar = (beats % metre.bar == 0) if metre else np.zeros(len(beats), bool)
    style = {"colors": np.where(is_bar, GREY, STRONG).tolist(), "linewidths": np.where(is_bar, 0.45, 0.15)}
    axes.vlines(beats, first - _PAST, end, **style)
    axes.hlines(beats, first - _PAST, end, **style)
    slots = np.arange(-(-first // STEPS_PER_SLOT) * STEPS_PER_SLOT, end + 1, STEPS_PER_SLOT)
    outside = {"colors": GREY, "linewidths": 0.4, "clip_on": False}
    axes.vlines(slots, -0.014, 0, transform=axes.get_xaxis_transform(), **outside)
    axes.hlines(slots, -0.014, 0, transform=axes.get_yaxis_transform(), **outside)
    axes.tick_params(length=0, pad=5)


def lag_picture(found: Looks, turns_by: Sequence[str], said: str) -> "matplotlib.figure.Figure":
    """Each head's attention over the lag, against uniform attention."""
    lag = np.arange(len(found.by_lag)) * STEPS_PER_SLOT / STEPS_PER_QUARTER
    there = found.uniform_by_lag > 0
    figure = _profiles(
        lag[there],
        found.by_lag[there] / found.uniform_by_lag[there, None, None],
        turns_by,
        "lag in hong (quarters)",
        range(0, 17, 4),
    )
    marks = "Dashed: one hong back and one line (8 hong) back."
    for axes in figure.axes:
        for back in (1, HONG_PER_LINE):
            axes.axvline(back, color=GREY, linewidth=0.8, linestyle="--", zorder=1)
    head(figure, "How far back each head looks", f"{said} {marks}")
    return figure


def place_picture(found: Looks, turns_by: Sequence[str], said: str) -> "matplotlib.figure.Figure":
    """Each head's attention over where in the bar the note looked at begins, against uniform attention."""
    quarters = np.arange(len(found.by_place)) * STEPS_PER_SLOT / STEPS_PER_QUARTER
    there = found.uniform_by_place > 0
    figure = _profiles(
        1 + quarters[there],
        found.by_place[there] / found.uniform_by_place[there, None, None],
        turns_by,
        "quarter of the bar in which the note looked at begins",
        range(1, 1 + math.ceil(found.bar / STEPS_PER_QUARTER)),
    )
    head(figure, "Where in the bar each head looks", said)
    return figure


def _profiles(
    x: np.ndarray,
    times: Float[np.ndarray, "place layer head"],
    turns_by: Sequence[str],
    name: str,
    ticks: Sequence[int],
) -> "matplotlib.figure.Figure":
    """A panel a head, layers down; how many times uniform attention, on a logarithmic scale."""
    _, layers, heads = times.shape
    figure = new_figure(2.0 * heads + 0.6, 1.75 * layers + 0.9)
    grid = figure.subplots(layers, heads, sharex=True, sharey=True, squeeze=False)
    lowest, highest = max(float(times.min()), _LEAST), min(float(times.max()), 64.0)
    for layer, head_number in np.ndindex(layers, heads):
        axes: Any = grid[layer, head_number]
        axes.axhline(1, color=STRONG, linewidth=0.8, zorder=0)
        axes.plot(
            x,
            times[:, layer, head_number].clip(lowest),
            color=KIND_COLOURS[turns_by[int(head_number)]],
            linewidth=1.3,
            marker=".",
            markersize=3,
        )
        title = f"layer {layer + 1} head {head_number + 1} ({turns_by[head_number]})"
        tidy(axes, title, name if layer == layers - 1 and head_number == heads // 2 else "")
        axes.title.set_fontsize(8)
        axes.set_yscale("log", base=2)
        axes.minorticks_off()
        axes.set_ylim(lowest / 1.2, highest * 1.2)
        if highest < 4 and lowest > 1 / 4:
            axes.set_yticks([0.5, 0.7, 1, 1.4, 2])
        axes.yaxis.set_major_formatter(lambda value, _: f"1/{1 / value:g}" if value < 0.5 else f"{value:g}")
        axes.set_xticks(ticks)
    figure.supylabel("attention, times uniform", fontsize=8.5)
    return figure


def score_picture(rows: Sequence[Score], said: str) -> "matplotlib.figure.Figure":
    """A square a head, a panel a relation: above against uniform attention, below against what lies near it."""
    from matplotlib.colors import Normalize

    names = [name for name in RELATIONS if any(row.relation == name for row in rows)]
    layers, heads = max(row.layer for row in rows), max(row.head for row in rows)
    kinds = {row.head: row.turns_by for row in rows}
    figure = new_figure(2.75 * len(names) + 0.8, 2 * (0.42 * layers + 1.0) + 0.9)
    grid = figure.subplots(2, len(names), squeeze=False)
    image = None
    for column, name in enumerate(names):
        for place, which in enumerate(("over_uniform", "over_near")):
            values = np.full((layers, heads), np.nan)
            for row in rows:
                if row.relation == name:
                    values[row.layer - 1, row.head - 1] = getattr(row, which)
            axes = grid[place][column]
            image = axes.imshow(np.log2(values.clip(_LEAST)), cmap="PuOr_r", norm=Normalize(-3, 3), aspect="auto")
            for layer, head_number in np.ndindex(layers, heads):
                value = values[layer, head_number]
                if not math.isnan(value):
                    strong = abs(math.log2(max(value, _LEAST))) > 2
                    colour = "white" if strong else "black"
                    text = f"{value:.2g}"
                    axes.text(head_number, layer, text, ha="center", va="center", fontsize=7.5, color=colour)
            against = "uniform" if not place else "its neighbours"
            tidy(axes, f"{name},\ntimes {against}", grid=None)
            axes.set_xticks(range(heads), [f"{kinds[h + 1][0]}{h + 1}" for h in range(heads)])
            axes.set_yticks(range(layers), [str(layer + 1) for layer in range(layers)])
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            if not column:
                axes.set_ylabel("layer", fontsize=8.5)
    if image is not None:
        bar = figure.colorbar(image, ax=grid.tolist()[0] + grid.tolist()[1], shrink=0.6, ticks=(-3, -2, -1, 0, 1, 2, 3))
        bar.ax.set_yticklabels(["⅛", "¼", "½", "1", "2", "4", "8"], fontsize=8)
        bar.set_label("times (1: no preference)", fontsize=8.5)
    letters = ", ".join(f"{kind[0]} {kind}" for kind in dict.fromkeys(kinds.values()))
    head(figure, "What each head looks back to", f"{said} Heads turn by: {letters}.")
    return figure
