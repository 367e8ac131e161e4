"""A page of text: what letters and tablature have in common, which is all but the music.

A page begins with header lines (`title: ...`, `lai: ...`), in English or Thai. They say what belongs to the piece: its
tuning and drone among them (Chaichana 2022, p. 100).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from phin.errors import Defect, InvalidTune, PhinError
from phin.music.fretboard import Tuning
from phin.music.grid import SLOTS_PER_HONG
from phin.music.lai import LAI, lai_named
from phin.music.letters import DOWN, SYMBOL, Letter
from phin.music.opening import bytes_of
from phin.music.phrase import DUPLE, HONG_PER_LINE, STEPS_PER_HONG, Inferred, Metre, Phrase, pitch_name

MAX_CHARACTERS = 200_000
"""Some 6,000 hong: longer than any tune."""

FACTS = {
    "title": "title",
    "ชื่อ": "title",
    "ชื่อเพลง": "title",
    "เพลง": "title",
    "source": "source",
    "ที่มา": "source",
    "lai": "lai",
    "ลาย": "lai",
    "tempo": "tempo",
    "ความเร็ว": "tempo",
    "metre": "metre",
    "tuning": "tuning",
    "ตั้งสาย": "tuning",
    "สาย": "tuning",
    "drone": "drone",
    "เสียงเสพ": "drone",
    "octaves": "octaves",
    "rhythm": "rhythm",
}
"""The names of header lines, and what they say."""

WORDS = re.compile(
    r"""\([^()]*\)|\[[^\[\]]*\]
    |(?:^|(?<=[\s|]))(?:เกริ่น|ท่อน|ทำนอง|เที่ยว|ซ้ำ|กลับต้น|จบ|ช้า|เร็ว|ด้น|ลูกจบ)[^|:()\[\]]*:?
    |(?:^|(?<=\s))\*(?=\s|$)   # where the body begins""",
    re.VERBOSE,
)
"""Words on a page: the names of parts, repeats, whatever stands in brackets, and the star where the body begins."""

_HEADER = re.compile(r"\s*([^\W\d_][^:：|]*?)\s*[:：]\s*(.*?)\s*$")
_INVISIBLE = str.maketrans(dict.fromkeys("\u200b\ufeff") | {"\u00a0": " "})
_ONLY = {"octaves": ("marked", "inferred"), "rhythm": ("inferred",)}


@dataclass(frozen=True)
class PageReading:
    """A phrase, and what was guessed or left out to take its page in, one line each."""

    phrase: Phrase
    repairs: tuple[str, ...] = ()


@dataclass
class Page:
    """What the header of a page says, and what was guessed or left out so far, one line each."""

    where: str
    facts: dict[str, Any] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str, remedy: str) -> InvalidTune:
        """What is wrong in a line of the page."""
        return InvalidTune(f"{self.where}:{line}", Defect.BAD_NOTATION, reason, remedy)

    def lines(self, text: str) -> Iterator[tuple[int, str]]:
        """Number and text of every line that is neither empty nor a remark; header lines go to `facts` instead."""
        if len(text) > MAX_CHARACTERS:
            reason = f"has more than {MAX_CHARACTERS:,} characters"
            raise InvalidTune(self.where, Defect.TOO_LARGE, reason, "cut it into single tunes")
        begun = False
        for number, line in enumerate(text.translate(_INVISIBLE).splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            header = _HEADER.match(line)
            if header and "|" not in line and not WORDS.match(line.strip()) and not begun:
                self._read_fact(header[1], header[2], number)
            elif header and begun and header[1].casefold() in FACTS:
                raise self.refuse(number, f"{header[1]} stands below the first notes", "move the line above them")
            else:
                begun = True
                yield number, line

    @property
    def of_the_phrase(self) -> dict[str, Any]:
        """Those of the facts that a phrase has a place for."""
        names = ("title", "source", "lai", "tempo", "tuning", "drone")
        return {name: self.facts[name] for name in names if name in self.facts}

    def _read_fact(self, key: str, value: str, line: int) -> None:
        name = FACTS.get(key.casefold())
        if name is None:
            self.repairs.append(f"header line {key!r} left out: it says nothing to phin")
        elif name in self.facts:
            raise self.refuse(line, f"{key} is said twice", "leave one of the two out")
        elif value:
            self.facts[name] = self._fact(name, value, line)

    def _fact(self, name: str, value: str, line: int) -> Any:
        """What a header line says, as a phrase keeps it."""
        if name == "lai":
            lai = value.casefold().removeprefix("ลาย").removeprefix("lai ").strip()
            for known in LAI:
                if lai in (known.name, known.thai.removeprefix("ลาย")):
                    return known.name
            names = ", ".join(known.name for known in LAI)
            raise self.refuse(line, f"there is no lai {value!r}", f"take one of {names}, or leave the line out")
        if name == "tempo":
            number = re.match(r"\d+(?:\.\d+)?", value)
            if not number or not 4 <= float(number[0]) <= 1000:
                raise self.refuse(line, f"{value!r} is no tempo", "write hong a minute, such as tempo: 110")
            return round(60e6 / float(number[0]))
        if name in ("metre", "tuning"):
            try:
                return Metre.parse(value) if name == "metre" else str(Tuning.parse(value))
            except PhinError as error:
                raise self.refuse(line, f"{error.where} {error.reason}", error.remedy) from None
        if name == "drone":
            symbols = [re.fullmatch(SYMBOL, text) for text in value.split()]
            letters = [Letter.of_symbol(symbol) for symbol in symbols if symbol and not symbol["hold"]]
            if not letters or len(letters) < len(symbols) or not all(letter.is_writable for letter in letters):
                remedy = f"write its letters with blanks between, such as ล{DOWN} ม"
                raise self.refuse(line, f"{value!r} is no drone", remedy)
            return tuple(sorted({letter.pitch for letter in letters}))
        if value not in _ONLY.get(name, (value,)):
            remedy = f"write {name}: {' or '.join(_ONLY[name])}, or leave the line out"
            raise self.refuse(line, f"{name} is {value!r}", remedy)
        return value


def read_text(path: str | Path) -> str:
    """The text of a file: UTF-8, UTF-16 where it says so, else the Thai code page of Windows. Raises InvalidTune."""
    data = bytes_of(path)
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp874")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidTune(path, Defect.UNREADABLE, "is no text", "save it as plain text in UTF-8")


class PageLine(NamedTuple):
    """A line of a page: the words above it, its first hong, and the one after its last, counted from 0."""

    words: list[str]
    start: int
    end: int


def page_lines(phrase: Phrase, begins: int, num_hong: int) -> list[PageLine]:
    """The lines of a page that begins at a step: eight hong each, or fewer where words begin a new one.

    Words after the last hong stand above a line of none.
    """
    words: dict[int, list[str]] = {}
    for step, text in phrase.words:
        hong = min(max(step - begins, 0) // STEPS_PER_HONG, num_hong)
        words.setdefault(hong, []).append(_as_words(text))
    edges, lines = sorted({0, *words, num_hong}), []
    for start, end in pairwise(edges):
        for at in range(start, end, HONG_PER_LINE):
            above = words.pop(at, []) if at == start else []
            lines.append(PageLine(above, at, min(at + HONG_PER_LINE, end)))
    return lines + [PageLine(left, num_hong, num_hong) for left in words.values()]


def _as_words(text: str) -> str:
    """Words as they are known again: what is neither a part nor a repeat goes into brackets."""
    text = " ".join(text.split())
    match = WORDS.match(text)
    return text if match and match.end() == len(text) else f"({' '.join(re.sub(r'[()]', ' ', text).split())})"


def header_lines(phrase: Phrase) -> Iterator[str]:
    """What is known of a phrase, a line each, as `Page.lines` reads it. InvalidTune for a drone that has no letter."""
    for name in ("title", "source"):
        if text := " ".join(getattr(phrase, name).split()):
            yield f"{name}: {text}"
    if lai := lai_named(phrase.lai):
        yield f"lai: {lai.name}"
    if phrase.tempo:
        yield f"tempo: {60e6 / phrase.tempo:.6g}"
    if phrase.metre and phrase.metre != DUPLE:
        yield f"metre: {phrase.metre}"
    if phrase.tuning:
        yield f"tuning: {phrase.tuning}"
    if phrase.drone:
        yield f"drone: {' '.join(letter_of(pitch, phrase, 'drone').written() for pitch in phrase.drone)}"
    if Inferred.ONSET in phrase.inferred:
        yield "rhythm: inferred"


def letter_of(pitch: int, phrase: Phrase, place: str) -> Letter:
    """The letter of a MIDI pitch; InvalidTune, naming its place in the phrase, where it has none."""
    letter = Letter.of_pitch(pitch)
    if letter is None:
        remedy = "move the tune to where each note has one (phin-convert --transpose or --fit), or keep it as MIDI"
        reason = f"{place}: {pitch_name(pitch)} has no Thai letter"
        raise InvalidTune(phrase.title or "phrase", Defect.BAD_NOTATION, reason, remedy)
    return letter


def barred(slots: Sequence[str]) -> str:
    """A line of a page: whole hong of slots between bars."""
    hong = [" ".join(slots[at : at + SLOTS_PER_HONG]) for at in range(0, len(slots), SLOTS_PER_HONG)]
    return "| " + " | ".join(hong) + " |"
