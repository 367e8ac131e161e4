"""Calibration drawn: reliability by field, bits by place in the tune, and a tune's surprises on its piano roll."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phin.evaluation.inside.calibration import Calibration, HongBits, Stretch
from phin.evaluation.inside.panels import COLOURS, GREY, STRONG, head, new_figure, tidy
from phin.music.grid import BEAT
from phin.music.phrase import STEPS_PER_HONG, Phrase, hong_before_zero
from phin.music.picture import piano_roll

if TYPE_CHECKING:
    import matplotlib.figure

FIELD_COLOURS = {"step": COLOURS["blue"], "pitch": COLOURS["vermilion"], "duration": COLOURS["green"]}
FEWEST = 20
"""Labels of a bin: those of fewer are in the table, and say too little to be drawn."""
_STRONGEST = 0.75
"""How strong the shade of the most surprising hong is."""


def reliability_picture(found: Sequence[Calibration], said: str) -> "matplotlib.figure.Figure":
    """A panel a field: how often the likeliest value came, over how likely the model took it for; below, how many."""
    figure = new_figure(max(3.6 * len(found) + 0.6, 7.0), 5.8)
    grid = figure.subplots(2, len(found), height_ratios=(3, 1), sharex=True, squeeze=False)
    for column, field in enumerate(found):
        axes, counts = grid[0][column], grid[1][column]
        colour = FIELD_COLOURS.get(field.field, COLOURS["purple"])
        axes.plot([0, 1], [0, 1], color=STRONG, linewidth=0.8, linestyle="--", label="as right as sure")
        bins = [each for each in field.bins if each.labels >= FEWEST]
        sure = [each.confidence for each in bins]
        if bins:
            axes.vlines(sure, [each.low for each in bins], [each.high for each in bins], color=colour, linewidth=2)
            came = [each.came for each in bins]
            axes.plot(sure, came, "o-", color=colour, markersize=5, label=field.field, clip_on=False)
        error = f"calibration error {field.error:.3f}\n(by chance alone {field.by_chance:.3f})"
        tidy(axes, f"{field.field}: {field.came:.0%} right\n{error}", y="" if column else "share that came")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.legend(fontsize=8, frameon=False, loc="upper left")
        counts.bar(
            [each.lowest + 0.05 for each in field.bins], [each.labels for each in field.bins], 0.092, color=colour
        )
        tidy(counts, x="probability of the likeliest value", y="" if column else "notes", grid="y")
    head(figure, "Is the model right as often as it is sure?", said)
    return figure


def place_picture(rows: Sequence[Stretch], said: str) -> "matplotlib.figure.Figure":
    """Bits per note over the place in the tune: in all, and by field, of the same tunes and of all."""
    figure = new_figure(11, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, of, title in (
        (left, "long", "the same tunes throughout: those of 64 notes or more"),
        (right, "all", "all tunes: later notes are those of longer ones"),
    ):
        mine = [row for row in rows if row.of == of]
        x = np.arange(len(mine))
        series = (("all three", "black", "bits"), *((name, colour, name) for name, colour in FIELD_COLOURS.items()))
        for (name, colour, attribute), marker in zip(series, "osD^", strict=True):
            axes.plot(
                x, [getattr(row, attribute) for row in mine], marker=marker, color=colour, label=name, markersize=5
            )
        axes.vlines(x, [row.low for row in mine], [row.high for row in mine], color="black", linewidth=2)
        tidy(axes, title, "note of the tune", "bits per note")
        names = [f"{row.first}" if row.first == row.last else f"{row.first}-{row.last}" for row in mine]
        axes.set_xticks(x, names, rotation=30, ha="right")
        axes.set_ylim(0)
        axes.legend(fontsize=8, frameon=False)
    head(figure, "Where in a tune notes are hard to foretell", said)
    return figure


def surprise_picture(phrase: Phrase, found: Sequence[HongBits], title: str) -> "matplotlib.figure.Figure":
    """The piano roll of a melody; the more a hong surprised, the deeper its shade, with its bits above."""
    figure = piano_roll(phrase.melody, title)
    systems = figure.axes[:]
    most = max(each.bits for each in found)
    for hong in found:
        beat = (hong.hong - 1 - hong_before_zero(phrase.metre)) * STEPS_PER_HONG
        for axes in systems:
            left, right = axes.get_xlim()
            first, last = max(beat - BEAT, left), min(beat + STEPS_PER_HONG - BEAT, right)
            if first < last:
                shade = _STRONGEST * hong.bits / most
                axes.axvspan(first, last, color=COLOURS["orange"], alpha=shade, linewidth=0, zorder=-1)
            if left <= beat < right:
                at, above = (beat, 1), axes.get_xaxis_transform()
                axes.annotate(
                    f"{hong.bits:.1f}", at, (0, 3), above, "offset points", ha="center", fontsize=7, color=GREY
                )
    note = f"orange: bits of the notes that begin in a hong, 0 to {most:.1f}, written above its beat"
    figure.text(1 - 0.25 / 11, 0.12 / figure.get_figheight(), note, ha="right", fontsize=8, color=GREY)
    return figure
