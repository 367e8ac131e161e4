"""A table of words and numbers, as a terminal shows it; `phin.evaluation.html` shows the same in a browser."""

from collections.abc import Sequence
from typing import NamedTuple

_WIDEST = 116


class Table(NamedTuple):
    """A table for a terminal and for a page: the first `words` columns are words, the others numbers."""

    title: str
    head: tuple[str, ...]
    rows: list[list[str]]
    notes: list[str]
    words: int = 1
    longest: int | None = None
    """How many letters of a cell a terminal shows; a page shows all."""
    a_column_a_run: bool = False
    """Whether a terminal may break it after any column: of many runs it is wide."""


def text(found: Sequence[Table]) -> str:
    """The tables for a terminal."""
    return "\n\n".join("\n".join([table.title, "", *_text(table)]) for table in found) + "\n"


def _text(table: Table) -> list[str]:
    said: list[str] = []
    if table.rows:
        written = [[_cut(cell, table.longest) for cell in row] for row in [table.head, *table.rows]]
        widths = [max(map(len, column)) for column in zip(*written, strict=True)]
        for columns in _pieces(widths) if table.a_column_a_run else [range(len(widths))]:
            said += [""] if said else []
            for row in written:
                cells = (f"{row[k]:{'<' if k < table.words else '>'}{widths[k]}}" for k in columns)
                said.append("  ".join(cells).rstrip())
    return [*said, *([""] if said and table.notes else []), *table.notes]


def _cut(cell: str, longest: int | None) -> str:
    """What fits into a column: the beginning and the end."""
    if longest is None or len(cell) <= longest:
        return cell
    return f"{cell[: longest // 2 - 1]}…{cell[-longest // 2 :]}"


def _pieces(widths: Sequence[int]) -> list[list[int]]:
    """Which columns stand beside each other; the first stands in every piece."""
    pieces, used = [[0]], widths[0]
    for column in range(1, len(widths)):
        if len(pieces[-1]) > 1 and used + 2 + widths[column] > _WIDEST:
            pieces.append([0])
            used = widths[0]
        pieces[-1].append(column)
        used += 2 + widths[column]
    return pieces
