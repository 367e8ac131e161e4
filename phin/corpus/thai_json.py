"""A song as JSON of Thai letters → its tune: the files of GetomG/Thai-Music-Thesis.

A file has a `title` and `sections`, each a `name` and `bars`: lines of hong, four letters or hyphens each. A line, or a
part of one, can be a dialogue: `{"นำ": [...], "ตาม": [...]}`, where what leads (นำ) is played first and what follows
(ตาม) after it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phin.corpus.collected import CollectedTune, collect
from phin.errors import Defect, InvalidTune
from phin.music.letters import UP
from phin.music.notation import parse_letters
from phin.music.page import PageReading, read_text

LEADS, FOLLOWS = "นำ", "ตาม"

_MISTYPED = re.compile(f"(?<={UP})\u0e31")
"""Mai han akat after a nikhahit: two signs of one shape, typed over each other."""


def read_thai_json(path: str | Path, source: str) -> list[CollectedTune]:
    """The song of a file, read or refused; InvalidTune where the file is no song, or is torn.

    What is wrong in the music is named by the line (counted through all sections), hong and slot.
    """
    try:
        song = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        reason = f"is no JSON ({error})"
        raise InvalidTune(path, Defect.UNREADABLE, reason, "fetch the file again") from None
    match song:
        case {"title": str(title), "sections": list(sections)} if title.strip():
            title = " ".join(title.split())
            return collect([(title, lambda: _read(sections, f"{path}/{title}"))], source)
    remedy = "take the song's own file, which has a title and sections"
    raise InvalidTune(path, Defect.UNREADABLE, "is no song", remedy)


def _read(sections: list[Any], where: str) -> PageReading:
    """The tune in a song's sections: each line of theirs is a line of a page."""
    lines: list[str] = []
    mistyped = 0
    for section in sections:
        match section:
            case {"bars": list(bars), **rest}:
                name = rest.get("name")
            case _:
                reason = "a section has no bars"
                raise InvalidTune(where, Defect.BAD_NOTATION, reason, "write them as lists of hong")
        for number, bar in enumerate(bars):
            words = f"({re.sub(r'[()]', ' ', name)}) " if isinstance(name, str) and number == 0 else ""
            place = f"{where}:{len(lines) + 1}"
            line = f"{words}| {' | '.join(_hong(bar, place))} |"
            mistyped += len(_MISTYPED.findall(line))
            lines.append(_MISTYPED.sub("", line))
    reading = parse_letters("\n".join(lines), where)
    if not mistyped:
        return reading
    return PageReading(reading.phrase, (*reading.repairs, f"{mistyped} octave marks were typed over: one mark each"))


def _hong(bar: Any, place: str) -> Iterator[str]:
    """The hong of a line in the order they are played."""
    match bar:
        case str():
            if "|" in bar:
                raise InvalidTune(place, Defect.BAD_NOTATION, f"{bar!r} is more than a hong", "write one a string")
            yield bar
        case list():
            for part in bar:
                yield from _hong(part, place)
        case dict() if set(bar) == {LEADS, FOLLOWS}:
            yield from _hong(bar[LEADS], place)
            yield from _hong(bar[FOLLOWS], place)
        case _:
            reason = f"{str(bar)[:40]!r} is neither hong nor a dialogue of {LEADS} and {FOLLOWS}"
            raise InvalidTune(place, Defect.BAD_NOTATION, reason, "write hong of four slots")
