"""Motifs drawn: in Thai letters, with how much more of them a set has, and where else they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from phin.counted import counted
from phin.evaluation.inside.panels import COLOURS, GREY, STRONG, drawable, head, new_figure, tidy
from phin.evaluation.inside.patterns import Characteristic
from phin.music.letters import DOWN, LETTERS, UP

if TYPE_CHECKING:
    import matplotlib.figure

LONGEST_TITLE = 34
_DIGITS = str.maketrans(dict(zip(LETTERS, "1234567", strict=True)) | {UP: "*", DOWN: "."})


def motif_picture(
    found: Sequence[Characteristic], titles: Sequence[str], ours: str, theirs: str, said: str
) -> "matplotlib.figure.Figure":
    """A line a motif: its letters, log-odds and interval, how often it is there, and a tune that it also stands in."""
    figure = new_figure(13, 1.5 + 0.34 * len(found))
    axes = figure.subplots()
    for place, row in enumerate(found):
        colour, marker = (COLOURS["blue"], "o") if row.log_odds > 0 else (COLOURS["vermilion"], "s")
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2)
        axes.plot([row.log_odds], [place], marker, color=colour, markersize=6)
        rest = f": {titles[place][:LONGEST_TITLE]}" if titles[place] else ""
        text = f"{row.ours}× in {row.our_tunes}  |  {row.theirs}× in {counted(row.their_tunes, 'tune')}{rest}"
        style = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 8, "color": GREY}
        axes.text(1.02, place, text, **style).set(**drawable(text))
        style = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right", "fontsize": 12}
        axes.text(-0.02, place, "", **style).set(**lettered(row.letters))
    axes.axvline(0, color=STRONG, linewidth=0.8)
    tidy(axes, f"← more in {theirs}     more in {ours} →", "log-odds (natural logarithm), 95 % by tune", grid="x")
    axes.set_yticks([])
    axes.set_ylim(len(found) - 0.4, -0.6)
    top = f"{ours}  |  {theirs}, and one of them"
    axes.text(1.02, -0.75, top, transform=axes.get_yaxis_transform(), va="bottom", fontsize=8, color=GREY)
    head(figure, "Characteristic motifs, in letters (any key)", said)
    return figure


def lettered(letters: str) -> dict[str, Any]:
    """Letters as matplotlib takes them; where no font has them, the digits that stand for them."""
    found = drawable(letters)
    return found if found["text"] == letters else drawable(letters.translate(_DIGITS))
