"""Tables, pictures and sounds as a page, all of them in the one file."""

import base64
from collections.abc import Iterator, Sequence
from html import escape

from phin.evaluation.tabular import Table
from phin.html_page import document

_STYLE = """
body { max-width: 76rem; } .wide { overflow-x: auto; }
img { width: 100%; max-width: 60rem; background: #fff; } audio { width: 100%; max-width: 60rem; }
pre { overflow-x: auto; } .wide td, .wide th { font-size: .88rem; padding: .2rem .5rem; }
.wide td.n { white-space: nowrap; } .wide td:not(.n) { min-width: 9rem; } .wide td:first-child { white-space: nowrap; }
"""


def report_page(title: str, parts: Sequence[str]) -> str:
    """The page as HTML: a heading, and what stands below it."""
    return document(f"phin: {title.lower()}", title, parts, _STYLE)


def section(table: Table, *below: str) -> str:
    """A table under its title, with its notes and what stands below them."""
    return "\n".join(_section(table, below))


def image(data: bytes, kind: str, said: str) -> str:
    """A picture that is in the page itself; `kind` is svg or png, `said` what it shows, for who cannot see it."""
    return f'<p><img alt="{escape(said)}" src="{_within(data, "image/svg+xml" if kind == "svg" else "image/png")}"></p>'


def sound(wav: bytes, said: str) -> str:
    """A sound that is in the page itself, and plays when it is asked to."""
    return (
        f'<p><audio controls preload="none" aria-label="{escape(said)}" src="{_within(wav, "audio/wav")}"></audio></p>'
    )


def _within(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _section(table: Table, below: Sequence[str]) -> Iterator[str]:
    yield f"<section><h2>{escape(table.title)}</h2>"
    if table.rows:
        yield '<div class="wide"><table>'
        yield _row("th", table.head, table.words)
        yield from (_row("td", row, table.words) for row in table.rows)
        yield "</table></div>"
    yield from (f"<p>{escape(note)}</p>" for note in table.notes)
    yield from below
    yield "</section>"


def _row(kind: str, cells: Sequence[str], words: int) -> str:
    marks = ("" if place < words else ' class="n"' for place in range(len(cells)))
    return (
        "<tr>" + "".join(f"<{kind}{m}>{escape(cell)}</{kind}>" for m, cell in zip(marks, cells, strict=True)) + "</tr>"
    )
