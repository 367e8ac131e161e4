"""Tablature ⇄ Phrase: a line of text a string, the fret in the slot where it is struck.

```
tuning: E-A-E

1 E4 | -  -  - - | -  -  -  3 |
2 A3 | -  -  - 7 | -  5  -  - |
3 E3 | - (0) - - | - (0) - (0)|
```

Strings are numbered from the highest, which stands above, as on the measured instrument (Hamdan et al. 2025); the
tuning is written low string first. 0 is the open string. A fret in round brackets is accompaniment: a drone, or a
lower note of a chord. Strokes that share a slot stand in it with commas between, `5,7` or `-,7`. As in letters, a
stroke rings until the next of its voice, and the last rings one hong: durations are inferred.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.errors import Defect, InvalidTune
from phin.music.fingering import Fingering, finger
from phin.music.fretboard import DEFAULT, FRETS, Tuning, tuning_of
from phin.music.grid import SHARES, SLOTS_PER_HONG, STEPS_PER_SLOT, begin_of, hong_of, in_hong, page_begins, slot_places
from phin.music.page import WORDS, Page, PageReading, barred, header_lines, page_lines, read_text
from phin.music.phrase import (
    DUPLE,
    STEPS_PER_HONG,
    UNKNOWN,
    Inferred,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    let_ring,
    pitch_name,
    rows_from_columns,
)
from phin.whole_file import write_text

_STRING = re.compile(r"\s*(?P<string>\d)\s*(?P<open>[A-G][#b]?-?\d)?\s*\|(?P<slots>.*)\|\s*$")
_FRET = re.compile(r"(?P<bracket>\()?(?P<fret>\d{1,2})(?(bracket)\))|(?P<hold>-)")
_NUMBERS = re.compile(r"[\s\d|]*$")

_Stroke = tuple[int, int, int]
"""Step after the page begins, pitch, voice."""


def read_tablature(path: str | Path) -> PageReading:
    """The tune in a tablature; InvalidTune, naming file, line, hong and slot, where it cannot be read."""
    return parse_tablature(read_text(path), str(path))


def parse_tablature(text: str, where: str = "tablature") -> PageReading:
    """The tune in a tablature's text; `where` is what an error calls it."""
    page, strokes, words, num_hong = Page(where), list[_Stroke](), list[tuple[int, str]](), 0
    block: list[tuple[int, re.Match[str]]] = []
    tuning: Tuning | None = None
    for number, line in page.lines(text):
        tuning = tuning or Tuning.parse(page.facts.get("tuning", DEFAULT.name))
        if _are_numbers(line):
            continue
        if not block and WORDS.fullmatch(line.strip()):
            words.append((num_hong, line.strip()))
            continue
        string = _STRING.match(line)
        if string is None or int(string["string"]) != len(block) + 1:
            reason = f"string {len(block) + 1} of {tuning} should stand here"
            raise page.refuse(number, reason, "write a line a string, the highest first, such as 1 | - - - 5 |")
        block.append((number, string))
        if len(block) == tuning.num_strings:
            added, hong = _block(block, tuning, page, num_hong)
            strokes, num_hong, block = strokes + added, num_hong + hong, []
    if block:
        raise page.refuse(block[-1][0], f"the line ends before string {len(block) + 1}", "write a line a string")
    if not strokes:
        raise InvalidTune(where, Defect.NO_NOTES, "has no frets", "write a line a string, such as 1 | - - - 5 |")
    phrase = _phrase(page, strokes, num_hong)
    begins = page_begins(phrase.metre)
    placed = tuple((begins + hong * STEPS_PER_HONG, text) for hong, text in words)
    return PageReading(replace(phrase, tuning=str(tuning), words=placed), tuple(page.repairs))


def _are_numbers(line: str) -> bool:
    """Whether a line has the numbers of hong above the strings, and is not a string with a fret in every slot."""
    string = _STRING.match(line)
    is_full = string is not None and all(len(hong.split()) == SLOTS_PER_HONG for hong in string["slots"].split("|"))
    return _NUMBERS.match(line) is not None and not is_full


def format_tablature(phrase: Phrase, tuning: Tuning | None = None, fingering: Fingering | None = None) -> str:
    """The phrase as a page of tablature: header, then lines of eight hong, a line a string.

    `tuning` is the phrase's own unless given, E-A-E where it has none. Raises Unplayable where it cannot be fingered,
    and InvalidTune where a note lies off the slots.
    """
    tuning = tuning or tuning_of(phrase)
    fingering = fingering or finger(phrase, tuning)
    begins = begin_of(phrase)
    cells = fretted_slots(phrase, fingering, begins)
    lines = list(header_lines(replace(phrase, tuning=str(tuning))))
    lines += ["octaves: inferred"] * (Inferred.OCTAVE in phrase.inferred) + [""]
    names = [f"{string} {pitch_name(tuning.open_pitch(string))}" for string in range(1, tuning.num_strings + 1)]
    for words, start, end in page_lines(phrase, begins, len(cells[0]) // SLOTS_PER_HONG):
        lines += words
        if end > start:
            part = [string[start * SLOTS_PER_HONG : end * SLOTS_PER_HONG] for string in cells]
            widths = [max(map(len, slot)) for slot in zip(*part, strict=True)]
            rows = [[f"{text:^{width}}" for text, width in zip(string, widths, strict=True)] for string in part]
            lines += [f"{name:<4} {barred(row)}" for name, row in zip(names, rows, strict=True)]
            lines.append("")
    return "\n".join(lines).strip("\n") + "\n"


def fretted_slots(phrase: Phrase, fingering: Fingering, begins: int) -> list[list[str]]:
    """What stands in every slot of every string, string 1 first: (string, slot), whole hong of them (`hong_of`)."""
    places = slot_places(phrase, begins)
    num_slots = hong_of(phrase, begins) * SLOTS_PER_HONG
    cells = [["-"] * num_slots for _ in range(fingering.tuning.num_strings)]
    parts: dict[tuple[int, int], list[str]] = {}
    for (slot, part, share), string, fret, voice in zip(
        places, fingering.string.tolist(), fingering.fret.tolist(), phrase.voice.tolist(), strict=True
    ):
        shared = parts.setdefault((string, slot), ["-"] * share)
        shared[part] = f"({fret})" if voice == Voice.ACCOMPANIMENT else str(fret)
        cells[string - 1][slot] = ",".join(shared)
    return cells


def write_tablature(phrase: Phrase, path: str | Path, tuning: Tuning | None = None) -> None:
    """Writes the page; the file is there entirely or not at all."""
    write_text(path, format_tablature(phrase, tuning))


def _block(
    block: Sequence[tuple[int, re.Match[str]]], tuning: Tuning, page: Page, before: int
) -> tuple[list[_Stroke], int]:
    """The strokes of one line of the page, and how many hong it has; `before` it there were so many."""
    strokes: list[_Stroke] = []
    first_line, lengths = block[0][0], []
    for number, match in block:
        string = int(match["string"])
        open_pitch = tuning.open_pitch(string)
        if match["open"] and match["open"] != pitch_name(open_pitch):
            reason = f"string {string} is {match['open']}, and in {tuning} it is {pitch_name(open_pitch)}"
            raise page.refuse(number, reason, "mend the tuning in the header, or the name of the string")
        hong = match["slots"].split("|")
        lengths.append(len(hong))
        for place, text in enumerate(hong):
            slots = text.split()
            if len(slots) != SLOTS_PER_HONG:
                reason = f"hong {place + 1} has {len(slots)} slots, not {SLOTS_PER_HONG}"
                raise page.refuse(number, reason, "write four, with blanks between them")
            for slot, cell in enumerate(slots):
                at = in_hong(place, slot)
                begins = ((before + place) * SLOTS_PER_HONG + slot) * STEPS_PER_SLOT
                strokes += _cell(cell, begins, open_pitch, page, number, at)
    if len(set(lengths)) > 1:
        raise page.refuse(first_line, f"its strings have {lengths} hong", "give each string as many")
    return strokes, lengths[0]


def _cell(cell: str, begins: int, open_pitch: int, page: Page, line: int, at: str) -> list[_Stroke]:
    """What is struck in a slot of a string."""
    parts = cell.split(",")
    if len(parts) not in SHARES:
        raise page.refuse(line, f"{at}: {len(parts)} strokes share a slot", "write one, two or three")
    strokes: list[_Stroke] = []
    for place, part in enumerate(parts):
        match = _FRET.fullmatch(part)
        if match is None or (match["fret"] and int(match["fret"]) >= len(FRETS)):
            remedy = f"write a fret from 0 to {len(FRETS) - 1}, or - where nothing is struck"
            raise page.refuse(line, f"{at}: {part!r} is no fret", remedy)
        if match["fret"]:
            voice = Voice.ACCOMPANIMENT if match["bracket"] else Voice.MELODY
            step = begins + place * STEPS_PER_SLOT // len(parts)
            strokes.append((step, open_pitch + FRETS[int(match["fret"])], voice))
    return strokes


def _phrase(page: Page, strokes: Sequence[_Stroke], num_hong: int) -> Phrase:
    """The strokes, each ringing until the next of its voice, but no longer than until its string sounds again."""
    metre = page.facts.get("metre", DUPLE)
    onset, pitch, voice = (np.array(column) for column in zip(*strokes, strict=True))
    begins = page_begins(metre)
    rows = rows_from_columns(onset + begins, np.full_like(onset, UNKNOWN), pitch, voice=voice)
    inferred = {Inferred.DURATION} | ({Inferred.ONSET} if "rhythm" in page.facts else set())
    inferred |= {Inferred.OCTAVE} if page.facts.get("octaves") == "inferred" else set()
    rows = let_restruck_strings_stop(let_ring(rows, end=begins + num_hong * STEPS_PER_HONG))
    return Phrase(rows, metre=metre, inferred=frozenset(inferred), **page.of_the_phrase)
