"""A comparison as a page that any browser opens, from the disk, without a network: its tables and its picture."""

import base64
from collections.abc import Iterator, Sequence
from html import escape

from phin.corpus.page import STYLE
from phin.evaluation.comparison_tables import Table

_WIDE = "body { max-width: 76rem; } .wide { overflow-x: auto; } img { width: 100%; background: #fff; }"


def page(tables: Sequence[Table], svg: bytes) -> str:
    """The page as HTML; the picture is in it."""
    return "\n".join(_html(tables, svg)) + "\n"


def _html(tables: Sequence[Table], svg: bytes) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>phin: runs compared</title><style>{STYLE}{_WIDE}</style></head><body>"
    yield "<h1>Runs compared</h1>"
    for place, table in enumerate(tables):
        yield f"<section><h2>{escape(table.title)}</h2>"
        if table.rows:
            yield '<div class="wide"><table>'
            yield _row("th", table.head, table.words)
            yield from (_row("td", row, table.words) for row in table.rows)
            yield "</table></div>"
        yield from (f"<p>{escape(note)}</p>" for note in table.notes)
        yield "</section>"
        if not place:
            data = base64.b64encode(svg).decode("ascii")
            yield f'<p><img alt="Validation and loss over steps" src="data:image/svg+xml;base64,{data}"></p>'
    yield "</body></html>"


def _row(kind: str, cells: Sequence[str], words: int) -> str:
    marks = ("" if place < words else ' class="n"' for place in range(len(cells)))
    return (
        "<tr>" + "".join(f"<{kind}{m}>{escape(cell)}</{kind}>" for m, cell in zip(marks, cells, strict=True)) + "</tr>"
    )
