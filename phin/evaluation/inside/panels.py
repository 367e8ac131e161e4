"""How the panels of a figure look: the same type, rules and letters in all that are drawn of a model's inside."""

from typing import TYPE_CHECKING, Any

from phin.evaluation.runs.curves import COLOURS as PALETTE
from phin.music.picture import readable

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

GREY, FAINT, STRONG = "#555555", "#DDDDDD", "#8C8C8C"
COLOURS = dict(zip(("blue", "vermilion", "green", "purple", "orange"), PALETTE, strict=False))
"""Those of the palette that are asked for by name."""


def new_figure(width: float | int, height: float | int) -> "matplotlib.figure.Figure":
    """A white page of so many inches, known to no other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def head(figure: "matplotlib.figure.Figure", title: str, said: str) -> None:
    """Title, and below it how to read the figure."""
    text = figure.suptitle("", x=0.01, ha="left", fontsize=13)
    text.set(**drawable(title))
    text.set_text(f"{text.get_text()}\n")  # an empty line, for what is said below
    figure.text(0.01, 1 - 0.36 / figure.get_figheight(), said, va="top", fontsize=8.5, color=GREY)


def tidy(axes: "matplotlib.axes.Axes", title: str = "", x: str = "", y: str = "", grid: str | None = "both") -> None:
    """Open at the top and the right, a faint grid behind, small letters."""
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(x, fontsize=8.5)
    axes.set_ylabel(y, fontsize=8.5)
    axes.tick_params(labelsize=8, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(STRONG)
    if grid in ("both", "x", "y"):
        axes.grid(axis=grid, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def drawable(text: str) -> dict[str, Any]:
    """A text in those of its letters that can be drawn here, and their fonts, as matplotlib takes them."""
    said, fonts = readable(text)
    return {"text": said, "fontfamily": fonts, "parse_math": False}
