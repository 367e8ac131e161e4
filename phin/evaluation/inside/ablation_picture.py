"""What parts of a model are worth, drawn: heads as a square each, all else as a point with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from phin.evaluation.inside.ablation import Kind, Worth
from phin.evaluation.inside.panels import COLOURS, STRONG, head, new_figure, tidy

if TYPE_CHECKING:
    import matplotlib.figure

KIND_COLOURS = {
    Kind.ATTENTION: COLOURS["blue"],
    Kind.FIELD: COLOURS["vermilion"],
    Kind.INPUT: COLOURS["green"],
    Kind.CONDITION: COLOURS["purple"],
}


def worth_picture(
    rows: Sequence[Worth], num_heads: int, turns_by: Sequence[str], said: str
) -> "matplotlib.figure.Figure":
    """Heads on the left, by layer; other parts on the right, in the order given."""
    from matplotlib.patches import Patch

    heads = np.array([row.worth for row in rows if row.kind == Kind.HEAD]).reshape(-1, num_heads)
    others = [row for row in rows if row.kind != Kind.HEAD]
    figure = new_figure(12.5, max(3.2 + 0.26 * len(others), 1.5 + 0.6 * len(heads)))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    left.imshow(heads, cmap="Blues", vmin=0, vmax=max(float(heads.max()), 1e-9) * 1.1, aspect="auto")
    for layer, place in np.ndindex(heads.shape):
        value = heads[layer, place]
        colour = "white" if value > 0.6 * heads.max() else "black"
        left.text(place, layer, f"{value:.3f}", ha="center", va="center", fontsize=8.5, color=colour)
    tidy(left, "attention heads, zeroed one at a time: bits per note more", grid=None)
    left.set_xticks(range(num_heads), [f"head {place + 1}\n({kind})" for place, kind in enumerate(turns_by)])
    left.set_yticks(range(len(heads)), [f"layer {layer + 1}" for layer in range(len(heads))])
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    for place, row in enumerate(others):
        colour = KIND_COLOURS[Kind(row.kind)]
        right.plot([row.low, row.high], [place, place], color=colour, linewidth=2)
        right.plot(
            [row.worth], [place], "o", color=colour, markersize=6, markerfacecolor="white" if row.is_idle else colour
        )
        text = (
            "nothing there to hide"
            if row.is_idle
            else f"{row.worth:+.3f}"
            if abs(row.worth) >= 5e-4
            else f"{row.worth:+.1g}"
        )
        right.annotate(
            text, (max(row.high, row.worth), place), (6, 0), textcoords="offset points", va="center", fontsize=8
        )
    right.axvline(0, color=STRONG, linewidth=0.8)
    tidy(
        right,
        "all else: bits per note more without it (of lai and density: fewer when told)",
        "bits per note",
        grid="x",
    )
    right.set_yticks(range(len(others)), [row.part for row in others])
    right.set_ylim(len(others) - 0.4, -0.6)
    right.set_xscale("symlog", linthresh=0.1, linscale=1)
    right.set_xticks([0, 0.05, 0.1, 0.5, 1, 2, 5], ["0", "0.05", "0.1", "0.5", "1", "2", "5"])
    right.margins(x=0.15)
    there = [kind for kind in KIND_COLOURS if any(row.kind == kind for row in others)]
    keys = [Patch(color=KIND_COLOURS[kind], label=kind.value) for kind in there]
    figure.legend(handles=keys, loc="outside lower right", ncols=len(keys), fontsize=8.5, frameon=False)
    head(figure, "What each part is worth", said)
    return figure
