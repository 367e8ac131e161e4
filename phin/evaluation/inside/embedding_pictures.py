"""Tables of embeddings drawn: their points by PCA and by t-SNE, and what a probe reads off pitches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from phin.evaluation.inside.embeddings import PitchProbe, Shown
from phin.evaluation.inside.panels import COLOURS, GREY, STRONG, head, new_figure, tidy

if TYPE_CHECKING:
    import matplotlib.figure

_IN_ORDER = tuple(COLOURS.values())
_MARKERS = "osD^v"


def table_picture(title: str, shown: Sequence[Shown], said: str) -> "matplotlib.figure.Figure":
    """A row a table: principal components on the left, t-SNE on the right, each point with its name.

    Points that have an order are joined in it.
    """
    figure = new_figure(11, 4.3 * len(shown) + 0.7)
    grid = figure.subplots(len(shown), 2, squeeze=False)
    for (table, components, neighbours, perplexity), (left, right) in zip(shown, grid, strict=True):
        note = "" if table.learned else "  NOT LEARNED: as they began"
        first, second = (f"component {place + 1} ({share:.0%})" for place, share in enumerate(components.share))
        tidy(left, f"{table.name}: {table.said}{note}", first, second)
        tidy(right, f"{table.name}, t-SNE (perplexity {perplexity:.1f}): only who is near whom counts")
        right.set_xticks([])
        right.set_yticks([])
        for axes, points in ((left, components.points), (right, neighbours)):
            if table.in_order:
                axes.plot(*points.T, color=STRONG, linewidth=0.5, alpha=0.6, zorder=1)
            for place, name in enumerate(table.groups):
                inside = table.group == place
                style = {"color": _IN_ORDER[place % len(_IN_ORDER)], "marker": _MARKERS[place % len(_MARKERS)]}
                axes.scatter(*points[inside].T, s=26, zorder=2, label=name, edgecolors="white", linewidths=0.5, **style)
            for label, point in zip(table.labels, points, strict=True):
                axes.annotate(label, point, (3, 3), textcoords="offset points", fontsize=7, color=GREY)
            axes.margins(0.14)
        if len(table.groups) > 1:
            left.legend(fontsize=7.5, frameon=False, loc="best", handletextpad=0.2)
    head(figure, title, said)
    return figure


def probe_picture(found: Sequence[PitchProbe], said: str) -> "matplotlib.figure.Figure":
    """A panel a table: R² of each target, beside random vectors and permuted targets."""
    tables = list(dict.fromkeys(row.table for row in found))
    widths = [max(2, len({row.target for row in found if row.table == table})) for table in tables]
    figure = new_figure(13, 4.6)
    grid = figure.subplots(1, len(tables), sharey=True, squeeze=False, width_ratios=widths)[0]
    kinds = (
        ("this table", COLOURS["blue"], "o", lambda found: (found.r2, found.r2)),
        ("random vectors (mean to 95th percentile)", COLOURS["orange"], "s", lambda f: (f.random, f.random_high)),
        ("permuted pitches (mean to 95th percentile)", COLOURS["purple"], "D", lambda f: (f.permuted, f.permuted_high)),
    )
    for axes, table in zip(grid, tables, strict=True):
        rows = [row for row in found if row.table == table]
        targets = list(dict.fromkeys(row.target for row in rows))
        gaps = sorted({row.gap for row in rows})
        for row in rows:
            x = targets.index(row.target) + (gaps.index(row.gap) - (len(gaps) - 1) / 2) * 0.4
            for place, (name, colour, marker, values) in enumerate(kinds):
                low, high = (max(value, -1.0) for value in values(row.found))
                at = x + (place - 1) * 0.1
                axes.plot([at, at], [low, high], color=colour, linewidth=2, zorder=2)
                filled = colour if not row.gap else "white"
                label = name if not row.gap else f"_{name}"
                axes.plot(
                    [at], [low], marker, color=colour, markerfacecolor=filled, markersize=5.5, zorder=3, label=label
                )
        axes.axhline(0, color=STRONG, linewidth=0.8)
        tidy(axes, table, grid="y")
        axes.set_xticks(
            range(len(targets)), [target.replace(" circle", "\ncircle").replace(" of ", "\nof ") for target in targets]
        )
        axes.set_xlim(-0.6, len(targets) - 0.4)
        axes.set_ylim(-1.08, 1.05)
    grid[0].set_ylabel("cross-validated R² (cut off below -1)", fontsize=8.5)
    handles, labels = grid[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower left", ncols=3, fontsize=8.5, frameon=False)
    head(figure, "What a linear probe reads off pitches that it has not seen", said)
    return figure
