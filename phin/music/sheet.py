"""A printable A4 sheet: Thai letters above tablature, as one HTML file that needs no other.

Any browser shows it and prints it on A4, with the Thai font that the reader has: letters, marks and titles are set by
the browser, which knows Thai. Nothing is loaded from anywhere.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from phin.fonts import IN_CSS
from phin.music.fingering import Fingering, finger
from phin.music.fretboard import Tuning, tuning_of
from phin.music.grid import SLOTS_PER_HONG, SLOTS_PER_LINE, begin_of
from phin.music.lai import lai_named
from phin.music.notation import lettered_slots
from phin.music.page import letter_of, page_lines
from phin.music.phrase import DUPLE, Inferred, Phrase, pitch_name
from phin.music.tablature import fretted_slots
from phin.whole_file import write_text

STYLE = """
@page { size: A4; margin: 14mm 12mm; }
* { box-sizing: border-box; }
body { font-family: THAI, "Noto Sans", sans-serif; color: #111; margin: 0 auto; max-width: 186mm; }
h1 { font-size: 20pt; font-weight: 600; margin: 0 0 1mm; }
p { font-size: 9pt; color: #444; margin: 0 0 1.5mm; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; margin: 0 0 5mm; break-inside: avoid; }
th { width: 13mm; font-size: 7.5pt; font-weight: 400; color: #555; text-align: left; padding: 0; }
td { text-align: center; padding: 0; line-height: 1.35; overflow: hidden; white-space: nowrap; }
td:nth-child(4n+2) { border-left: 0.35mm solid #555; }
td:last-child { border-right: 0.35mm solid #555; }
td:nth-child(4n+5) { background: #f3f0ea; }
tr.letters td { font-size: 14pt; line-height: 1.75; }
tr.string td { font-size: 9pt; color: #0b5a8a; background: linear-gradient(#999, #999) center / 100% 0.2mm no-repeat; }
tr.string td.struck { background: none; font-weight: 600; }
tr.string td.drone { background: none; color: #a06800; }
tr.numbers td { font-size: 6.5pt; color: #888; border: 0 !important; background: none !important; }
p.words { font-size: 10pt; color: #111; margin: 2mm 0 1mm; }
""".replace("THAI", IN_CSS)


def format_sheet(phrase: Phrase, tuning: Tuning | None = None, fingering: Fingering | None = None) -> str:
    """The sheet's HTML: title, what is known, then lines of eight hong, each letters above a line a string.

    `tuning` is the phrase's own unless given, E-A-E where it has none. Raises Unplayable where the phrase cannot be
    fingered, InvalidTune where a note has no letter or lies off the slots.
    """
    tuning = tuning or tuning_of(phrase)
    fingering = fingering or finger(phrase, tuning)
    begins = begin_of(phrase)
    letters, frets = lettered_slots(phrase, begins), fretted_slots(phrase, fingering, begins)
    num_slots = max(len(letters), len(frets[0]))
    letters, *strings = ([*row, *["-"] * (num_slots - len(row))] for row in (letters, *frets))
    body = [*_head(phrase, tuning)]
    for words, start, end in page_lines(phrase, begins, num_slots // SLOTS_PER_HONG):
        body += [f'<p class="words">{escape(text)}</p>' for text in words]
        if end > start:
            part = slice(start * SLOTS_PER_HONG, end * SLOTS_PER_HONG)
            body.append(_line(letters[part], [string[part] for string in strings], tuning, start))
    title = escape(phrase.title or "phin")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"


def write_sheet(phrase: Phrase, path: str | Path, tuning: Tuning | None = None) -> None:
    """Writes the sheet; the file is there entirely or not at all."""
    write_text(path, format_sheet(phrase, tuning))


def _head(phrase: Phrase, tuning: Tuning) -> Iterator[str]:
    """Title and facts, and how strings are counted."""
    yield f"<h1>{escape(phrase.title or 'phin')}</h1>"
    lai = lai_named(phrase.lai)
    drone = " ".join(letter_of(pitch, phrase, "drone").written() for pitch in phrase.drone)
    facts = (
        f"{lai.thai} (lai {lai.name})" if lai else "",
        f"{60e6 / phrase.tempo:.6g} hong a minute" if phrase.tempo else "",
        f"metre {phrase.metre}" if phrase.metre and phrase.metre != DUPLE else "",
        f"drone (เสียงเสพ) {drone}" if drone else "",
        "rhythm inferred, not written" if Inferred.ONSET in phrase.inferred else "",
        phrase.source,
    )
    if known := " · ".join(escape(fact) for fact in facts if fact):
        yield f"<p>{known}</p>"
    strings = ", ".join(f"{string} is {pitch_name(tuning.open_pitch(string))}" for string in _strings(tuning))
    yield (
        f"<p>Tuning {escape(str(tuning))}, low string first. Strings are numbered from the highest, which stands above:"
        f" {strings}. 0 is the open string; brown frets are the drone and lower notes of chords. Each box is a hong;"
        " its shaded slot 4 is the beat.</p>"
    )


def _line(letters: Sequence[str], strings: Sequence[Sequence[str]], tuning: Tuning, start: int) -> str:
    """A line of the sheet as a table; short lines keep the width of their slots."""
    empty = "<td></td>" * (SLOTS_PER_LINE - len(letters))
    numbers = "".join(
        f"<td>{start + slot // SLOTS_PER_HONG + 1 if slot % SLOTS_PER_HONG == SLOTS_PER_HONG - 1 else ''}</td>"
        for slot in range(len(letters))
    )
    rows = [
        f'<tr class="numbers"><th></th>{numbers}{empty}</tr>',
        f'<tr class="letters"><th></th>{"".join(f"<td>{escape(letter)}</td>" for letter in letters)}{empty}</tr>',
    ]
    for string, frets in zip(_strings(tuning), strings, strict=True):
        name = f"<th>{string} &nbsp;{pitch_name(tuning.open_pitch(string))}</th>"
        rows.append(f'<tr class="string">{name}{"".join(map(_fret, frets))}{empty}</tr>')
    return f"<table>{''.join(rows)}</table>"


def _fret(cell: str) -> str:
    if cell == "-":
        return "<td></td>"
    kind = "drone" if "(" in cell else "struck"
    return f'<td class="{kind}">{cell.translate({ord("("): None, ord(")"): None})}</td>'


def _strings(tuning: Tuning) -> range:
    return range(1, tuning.num_strings + 1)
