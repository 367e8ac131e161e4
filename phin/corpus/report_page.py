"""The report of an intake as a page."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from phin.corpus.report import Kind, Outcome, kind_of_repair
from phin.html_page import document

PAGE = "report.html"
MOST_ROWS = 1000
"""Files that are listed under one heading; a browser opens the page however many there are."""

_STYLE = """
td { overflow-wrap: anywhere; } td.n { white-space: nowrap; width: 6rem; }
td.bar { width: 40%; } .bar div { background: var(--bar); height: .8rem; border-radius: 2px; min-width: 1px; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .2rem .8rem; }
summary { cursor: pointer; padding: .3rem 0; } summary b { font-weight: 600; } details table { font-size: .9rem; }
.note { background: var(--soft); border-left: 4px solid var(--bar); padding: .5rem .8rem; }
"""


class ReportPage:
    """report.html, made of the outcomes as they come: the first of each defect and of each repair are listed."""

    def __init__(self) -> None:
        self._refused: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._repaired: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def add(self, outcome: Outcome) -> None:
        """One more outcome."""
        if outcome.kind is Kind.REFUSED:
            _keep(self._refused[outcome.defect], outcome.id, outcome.reason)
        for repair in outcome.repairs:
            _keep(self._repaired[kind_of_repair(repair)], outcome.id, repair)

    def write(self, folder: Path, counts: Mapping[str, Any], licence: str) -> None:
        """The page, in `folder`."""
        corpus = counts["corpus"]
        page = document(f"{corpus}: what was taken in", corpus, self._parts(counts, licence), _STYLE)
        (folder / PAGE).write_text(page, encoding="utf-8")

    def _parts(self, counts: Mapping[str, Any], licence: str) -> Iterator[str]:
        num_refused = sum(counts["refused"].values())
        yield f"<p>{counts['accepted']:,} of {counts['found']:,} tunes taken in, {counts.get('notes', 0):,} notes.</p>"
        yield f'<p class="note">Licence: {escape(licence)}</p>'
        yield from _bars(
            "What became of them",
            {
                "accepted as they are": counts["accepted"] - counts["accepted_with_repairs"],
                "accepted with repairs": counts["accepted_with_repairs"],
                "refused": num_refused,
                "read, but left out as kin of held-out tunes": counts["left_out_as_kin_of_held_out"],
            },
        )
        yield from _lists("Refused, by reason", counts["refused"], self._refused)
        yield from _lists("Repaired, by what was done", counts["repaired"], self._repaired)
        yield from _bars("Splits", counts["splits"])
        yield from _bars("Sources", counts.get("sources", {}))
        if families := counts.get("largest_families"):
            yield f"<p>{counts['families']:,} families: versions of one tune, never on two sides of a split.</p>"
            rows = ((f"{size:,}", title) for size, title in families)
            yield from _section("Largest families", _table(("tunes", "commonest title"), rows, number_first=True))


def _keep(rows: list[tuple[str, str]], *row: str) -> None:
    if len(rows) < MOST_ROWS:
        rows.append((row[0], row[1]))


def _section(heading: str, body: Iterable[str]) -> Iterator[str]:
    yield f"<section><h2>{escape(heading)}</h2>"
    yield from body
    yield "</section>"


def _bars(heading: str, counts: Mapping[str, int]) -> Iterator[str]:
    most = max([*counts.values(), 1])
    body = ["<table>"]
    for name, count in counts.items():
        bar = f'<td class="bar"><div style="width:{100 * count / most:.1f}%"></div></td>' if count else "<td></td>"
        body.append(f'<tr><td>{escape(name)}</td><td class="n">{count:,}</td>{bar}</tr>')
    return _section(heading, [*body, "</table>"])


def _lists(heading: str, counts: Mapping[str, int], rows: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
    """What happened to how many, most first; the files open on a click."""
    body: list[str] = [] if counts else ["<p>None.</p>"]
    for name, count in counts.items():
        body.append(f"<details><summary><b>{escape(name)}</b>: {count:,}</summary>")
        body += _table(("file", "what"), rows[name])
        if len(rows[name]) < count:
            body.append(f"<p>The first {len(rows[name]):,}; all are in report.json.</p>")
        body.append("</details>")
    return _section(heading, body)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]], number_first: bool = False) -> list[str]:
    first = ' class="n"' if number_first else ""
    lines = [f"<table><tr><th{first}>{escape(head[0])}</th><th>{escape(head[1])}</th></tr>"]
    lines += [f"<tr><td{first}>{escape(one)}</td><td>{escape(other)}</td></tr>" for one, other in rows]
    return [*lines, "</table>"]
