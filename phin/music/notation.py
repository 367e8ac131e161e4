"""Thai letters ⇄ Phrase: ด ร ม ฟ ซ ล ท in hong (ห้อง, boxes) of four slots, eight hong a line.

How it is counted (T. Chaichana, Jazz Orchestra Portraits of Thailand, 2022, p. 75-77): a hong is a quarter, a slot a
sixteenth, and the strong stroke is the last of the four, so slot 4 lies on the quarter's beat. ด is C where the
instrument is "in Am" (p. 98, 107): letters name places on the instrument, ล = A.

How it is read here:

- Leading hyphens are silence. After a letter they let it ring, across hong and line; the last letter rings one hong, or
  to the last hyphen that is written. So letters say when a note begins, never when it ends: durations are inferred.
- An unmarked letter lies from C4 to B4, each nikhahit (ํ) an octave higher, each phinthu (ฺ) an octave lower. A tune
  without any mark is one for an instrument of one octave: each note then takes the octave nearest to the note before,
  and the octaves are inferred. A header line `octaves: marked` says that they are not.
- Several letters in one slot (`ลด` between blanks) share its time evenly; that they begin where the slot does is our
  reading, no source says it.
- Digits are the same seven letters: 1-7, with 8 and 9 for high 1 and 2, `n*` high and `n.` low.
- A player's shorthand has letters alone, in groups between slashes or lines, without hyphens or bars. Its rhythm is
  inferred as real pairs of both kinds of page have it (the Nok Sai and Pong Lang pages): the last letter of a group
  on slot 4, even eighths before it, the first letter long.
- Words stay where they stand: parts (เกริ่น, ท่อน), repeats (ซ้ำ), and whatever stands in brackets. Repeats are written
  once.

What a page cannot say is not said: the melody voice alone is written, and a rhythm off the slots or a pitch that has
no letter is refused by its place.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from phin.errors import Defect, InvalidTune, PhinError
from phin.music.grid import (
    SLOTS_PER_HONG,
    STEPS_PER_SLOT,
    page_begins,
    slot_name,
    slot_places,
)
from phin.music.lai import LAI
from phin.music.phrase import (
    HIGHEST_PITCH,
    HONG_PER_LINE,
    LOWEST_PITCH,
    STEPS_PER_HONG,
    Inferred,
    Metre,
    Phrase,
    pitch_name,
    rows_from_columns,
)
from phin.whole_file import whole_file

LETTERS = "ดรมฟซลท"
NATURAL = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the letters above C."""
UP, DOWN = "\u0e4d", "\u0e3a"
"""Nikhahit and phinthu."""
UNMARKED_DO = 60
"""C4, where an unmarked ด lies."""

MAX_CHARACTERS = 200_000
"""Some 6,000 hong: longer than any tune."""
DUPLE = Metre(2, 4)
"""Isan music is duple, written 2/4 (Chaichana 2022, p. 75, 110)."""

_DASHES = str.maketrans(
    dict.fromkeys("‐‑‒–—―−ー－", "-") | {"｜": "|", "：": ":", "\u00a0": " ", "\u200b": None, "\ufeff": None}
)
_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_SYMBOL = (
    rf"(?P<letter>[{LETTERS}])(?P<marks>[{UP}{DOWN}]*)"
    r"|(?P<digit>[1-9])(?P<signs>\*{1,2}|\.{1,2}(?!\.)|)"
    r"|(?P<hold>-)"
)
_TOKEN = re.compile(rf"(?P<held>\.{{2,}}|…)|{_SYMBOL}|(?P<blank>\s+)|(?P<strange>.)")
_WORDS = re.compile(
    r"""\([^()]*\)|\[[^\[\]]*\]
    |(?:^|(?<=[\s|]))(?:เกริ่น|ท่อน|ทำนอง|เที่ยว|ซ้ำ|กลับต้น|จบ|ช้า|เร็ว|ด้น|ลูกจบ)[^|:()\[\]]*:?
    |(?:^|(?<=\s))\*(?=\s|$)   # where the body begins""",
    re.VERBOSE,
)
_HEADER = re.compile(r"\s*([^\W\d_][^:|]*?)\s*:\s*(.*?)\s*$")
_KEYS = {
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
"""Header lines, in English or Thai, and what they say."""


@dataclass(frozen=True)
class LettersReading:
    """A phrase, and what was guessed or left out to take its page in, one line each."""

    phrase: Phrase
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Letter:
    """A place in LETTERS, the octaves above the unmarked one, and whether the page said which octave."""

    place: int
    octave: int = 0

    @property
    def pitch(self) -> int:
        return UNMARKED_DO + NATURAL[self.place] + 12 * self.octave


_Slot = tuple[_Letter | None, ...]
"""What shares a slot, None for a hyphen."""


@dataclass
class _Page:
    """What a page says, before it is a phrase."""

    where: str
    facts: dict[str, Any] = field(default_factory=dict)
    slots: list[_Slot] = field(default_factory=list)
    words: list[tuple[int, str]] = field(default_factory=list)
    """The slot that words stand before, and the words."""
    repairs: list[str] = field(default_factory=list)

    def refuse(self, line: int, reason: str, remedy: str, defect: Defect = Defect.BAD_NOTATION) -> InvalidTune:
        return InvalidTune(f"{self.where}:{line}", defect, reason, remedy)


def read_letters(path: str | Path) -> LettersReading:
    """The tune on a page of letters; InvalidTune, naming file, line, hong and slot, where it cannot be read."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = f"cannot be opened ({error.strerror})"
        raise InvalidTune(path, Defect.UNREADABLE, reason, "check the path") from None
    return parse_letters(_decode(data, str(path)), str(path))


def parse_letters(text: str, where: str = "letters") -> LettersReading:
    """The tune in a page's text; `where` is what an error calls it."""
    if len(text) > MAX_CHARACTERS:
        reason = f"has more than {MAX_CHARACTERS:,} characters"
        raise InvalidTune(where, Defect.TOO_LARGE, reason, "cut it into single tunes")
    page = _Page(where)
    pieces = list(_pieces(text, page))
    music = "".join(piece for _, piece, is_words in pieces if not is_words)
    is_shorthand = not set("|-") & set(music)
    line_before, num_hong = 0, 0
    for line, piece, is_words in pieces:
        if line != line_before:
            line_before, num_hong = line, 0
        if is_words:
            page.words.append((len(page.slots), piece))
        elif is_shorthand:
            page.slots += _shorthand(piece, page, line)
        else:
            for cell in _cells(piece, page, line):
                num_hong += 1
                page.slots += _hong(cell, page, line, num_hong)
    if is_shorthand and page.slots:
        page.facts["rhythm"] = True
        page.repairs.append("a player's shorthand: its rhythm is inferred")
    return LettersReading(_phrase(page), tuple(page.repairs))


def format_letters(phrase: Phrase, digits: bool = False) -> str:
    """The melody as a page: header, then lines of eight hong; `parse_letters` gives the same letters back.

    InvalidTune where a note lies off the slots or has no letter. `digits` writes 1 to 7 instead of ด to ท.
    """
    slots = _filled_slots(phrase, digits)
    words: dict[int, list[str]] = {}
    begins = page_begins(phrase.metre, int(phrase.melody.onset[0]))
    for step, text in phrase.words:
        words.setdefault(max(step - begins, 0) // STEPS_PER_HONG, []).append(text)
    hong = [" ".join(slots[at : at + SLOTS_PER_HONG]) for at in range(0, len(slots), SLOTS_PER_HONG)]
    lines, start = list(_header(phrase)), 0
    lines.append("")
    for end in sorted({*words, len(hong)} - {0}) if hong else sorted(words):
        lines += _written_words(words.pop(start, []))
        for at in range(start, min(end, len(hong)), HONG_PER_LINE):
            lines.append("| " + " | ".join(hong[at : min(at + HONG_PER_LINE, end)]) + " |")
        start = end
    lines += _written_words(words.pop(start, []))
    return "\n".join(lines).strip("\n") + "\n"


def write_letters(phrase: Phrase, path: str | Path, digits: bool = False) -> None:
    """Writes the page; the file is there entirely or not at all."""
    text = format_letters(phrase, digits)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def nearest_octaves(pitch_classes: Sequence[int]) -> list[int]:
    """Pitches of a melody whose octaves nobody wrote: each as near to the one before as the phin's range allows.

    Of two as near, the one nearer to the middle of the range; the first lies from C4 to B4.
    """
    middle = (LOWEST_PITCH + HIGHEST_PITCH) / 2
    pitches: list[int] = []
    for pitch_class in pitch_classes:
        before = pitches[-1] if pitches else UNMARKED_DO + pitch_class
        here = range(LOWEST_PITCH + (pitch_class - LOWEST_PITCH) % 12, HIGHEST_PITCH + 1, 12)
        pitches.append(min(here, key=lambda pitch: (abs(pitch - before), abs(pitch - middle))))
    return pitches


def _decode(data: bytes, where: str) -> str:
    """A page's text: UTF-8, UTF-16 where it says so, else the Thai code page of Windows."""
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp874")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidTune(where, Defect.UNREADABLE, "is no text", "save it as plain text in UTF-8")


def _pieces(text: str, page: _Page) -> Iterator[tuple[int, str, bool]]:
    """Line number, text, and whether it is words; header lines go to the page."""
    begun = False
    text = unicodedata.normalize("NFC", text).translate(_DASHES).translate(_THAI_DIGITS)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        header = _HEADER.match(line)
        if header and not begun and not _WORDS.match(line):
            _read_header(header[1], header[2], page, number)
            continue
        begun = True
        end = 0
        for words in _WORDS.finditer(line):
            if line[end : words.start()].strip():
                yield number, line[end : words.start()], False
            yield number, words.group().strip().rstrip(":").strip(), True
            end = words.end()
        if line[end:].strip():
            yield number, line[end:], False


def _read_header(key: str, value: str, page: _Page, line: int) -> None:
    name = _KEYS.get(key.casefold())
    if name is None:
        page.repairs.append(f"header line {key!r} left out: it says nothing to phin")
        return
    if name in page.facts:
        raise page.refuse(line, f"{key} is said twice", "leave one of the two out")
    if not value:
        return
    page.facts[name] = _fact(name, value, page, line)


def _fact(name: str, value: str, page: _Page, line: int) -> object:
    """What a header line says, as the phrase keeps it."""
    if name == "lai":
        lai = value.casefold().removeprefix("ลาย").removeprefix("lai ").strip()
        for known in LAI:
            if lai in (known.name, known.thai.removeprefix("ลาย")):
                return known.name
        names = ", ".join(known.name for known in LAI)
        raise page.refuse(line, f"there is no lai {value!r}", f"take one of {names}, or leave the line out")
    if name == "tempo":
        number = re.match(r"\d+(?:\.\d+)?", value)
        if not number or not 4 <= float(number[0]) <= 1000:
            raise page.refuse(line, f"{value!r} is no tempo", "write hong a minute, such as tempo: 110")
        return round(60e6 / float(number[0]))
    if name == "metre":
        try:
            return Metre.parse(value)
        except PhinError as error:
            raise page.refuse(line, f"{value!r} is no metre ({error.reason})", error.remedy) from None
    if name == "drone":
        symbols = [re.fullmatch(_SYMBOL, text) for text in value.split()]
        letters = [_letter(symbol) for symbol in symbols if symbol and not symbol["hold"]]
        if not letters or len(letters) < len(symbols):
            raise page.refuse(
                line, f"{value!r} is no drone", f"write its letters with blanks between, such as ล{DOWN} ม"
            )
        return tuple(sorted({letter.pitch for letter in letters}))
    if name == "octaves" and value != "marked":
        raise page.refuse(line, f"octaves are {value!r}", "write octaves: marked, or leave the line out")
    if name == "rhythm" and value != "inferred":
        raise page.refuse(line, f"rhythm is {value!r}", "write rhythm: inferred, or leave the line out")
    return value


def _cells(piece: str, page: _Page, line: int) -> list[str]:
    """The text of each hong in a piece of a line, with bars or without."""
    if "|" in piece:
        cells = re.split(r"\|+", piece)
        cells = cells[0 if cells[0].strip() else 1 : len(cells) if cells[-1].strip() else -1]
        return cells
    groups = piece.split()
    sizes = {sum(1 for _ in _TOKEN.finditer(group)) for group in groups}
    if sizes == {SLOTS_PER_HONG}:
        return groups
    if len(groups) % SLOTS_PER_HONG:
        reason = f"has {len(groups)} slots, and four make a hong"
        raise page.refuse(line, reason, "write whole hong, with | between them")
    return [" ".join(groups[at : at + SLOTS_PER_HONG]) for at in range(0, len(groups), SLOTS_PER_HONG)]


def _hong(cell: str, page: _Page, line: int, number: int) -> list[_Slot]:
    """The four slots of a hong."""
    slots: list[_Slot] = []
    texts = cell.split()
    for text in texts:
        symbols: list[_Letter | None] = []
        for token in _TOKEN.finditer(text):
            before = len(slots) if len(texts) == SLOTS_PER_HONG else sum(map(len, slots)) + len(symbols)
            symbols.append(_symbol(token, page, line, f"hong {number}, slot {before + 1}"))
        slots.append(tuple(symbols))
    flat = [symbol for slot in slots for symbol in slot]
    if len(flat) == SLOTS_PER_HONG:
        return [(symbol,) for symbol in flat]
    if len(slots) != SLOTS_PER_HONG:
        reason = f"hong {number} has {len(flat)} letters and hyphens, not {SLOTS_PER_HONG}"
        remedy = "write four, or set blanks between its slots where one has several letters"
        raise page.refuse(line, reason, remedy)
    for place, slot in enumerate(slots, start=1):
        if STEPS_PER_SLOT % len(slot):
            reason = f"hong {number}, slot {place}: {len(slot)} letters share a slot"
            raise page.refuse(line, reason, "write one, two or three in a slot")
    return slots


def _symbol(token: re.Match[str], page: _Page, line: int, place: str) -> _Letter | None:
    """The letter of a token, None for a hyphen."""
    if token["strange"] or token["held"]:
        reason = f"{place}: {token.group()!r} is no letter of the seven"
        raise page.refuse(line, reason, f"write {' '.join(LETTERS)}, 1 to 9, or - where nothing is struck")
    if token["hold"]:
        return None
    if len(set(_marks(token))) > 1:
        raise page.refuse(line, f"{place}: {token.group()} is high and low at once", "leave one of its marks out")
    letter = _letter(token)
    if not 0 <= letter.pitch <= 127:
        raise page.refuse(line, f"{place}: {token.group()} is beyond hearing", "leave some of its marks out")
    return letter


def _marks(symbol: re.Match[str]) -> str:
    return (symbol["marks"] or "") + (symbol["signs"] or "")


def _letter(symbol: re.Match[str]) -> _Letter:
    octave = sum(1 if mark in (UP, "*") else -1 for mark in _marks(symbol))
    if symbol["letter"]:
        return _Letter(LETTERS.index(symbol["letter"]), octave)
    higher, place = divmod(int(symbol["digit"]) - 1, len(LETTERS))
    return _Letter(place, octave + higher)


def _shorthand(piece: str, page: _Page, line: int) -> Iterator[_Slot]:
    """The slots of groups of letters between slashes; dots after a letter hold it for whole hong."""
    for group in piece.split("/"):
        letters: list[_Letter] = []
        for token in _TOKEN.finditer(group):
            if token["held"]:
                yield from _inferred_rhythm(letters)
                yield from [(None,)] * -(-len(token.group()) // SLOTS_PER_HONG) * SLOTS_PER_HONG
                letters = []
            elif not token["blank"] and (
                letter := _symbol(token, page, line, f"letter {len(letters) + 1} of its group")
            ):
                letters.append(letter)
        yield from _inferred_rhythm(letters)


def _inferred_rhythm(letters: Sequence[_Letter]) -> Iterator[_Slot]:
    """`a b c d e` as `---a -b-c -d-e`, and of six letters the first two as `---a ---b`."""
    alone = letters[: 2 - len(letters) % 2]
    for letter in alone:
        yield from ((None,), (None,), (None,), (letter,))
    for letter in letters[len(alone) :]:
        yield from ((None,), (letter,))


def _phrase(page: _Page) -> Phrase:
    """The notes where their slots are, each ringing until the next."""
    facts = page.facts
    metre = facts.get("metre", DUPLE)
    begins = page_begins(metre)
    struck = [
        (begins + place * STEPS_PER_SLOT + share * STEPS_PER_SLOT // len(slot), letter)
        for place, slot in enumerate(page.slots)
        for share, letter in enumerate(slot)
        if letter is not None
    ]
    if not struck:
        remedy = f"write letters ({' '.join(LETTERS)}) in hong of four slots"
        raise InvalidTune(page.where, Defect.NO_NOTES, "has no letters", remedy)
    inferred = {Inferred.DURATION}
    onset = np.array([step for step, _ in struck])
    letters = [letter for _, letter in struck]
    pitch = [letter.pitch for letter in letters]
    if "octaves" not in facts and not any(letter.octave for letter in letters):
        inferred.add(Inferred.OCTAVE)
        pitch = nearest_octaves([NATURAL[letter.place] for letter in letters])
    if "rhythm" in facts:
        inferred.add(Inferred.ONSET)
    last = max(STEPS_PER_HONG, begins + len(page.slots) * STEPS_PER_SLOT - int(onset[-1]))
    words = tuple((begins + slot * STEPS_PER_SLOT, text) for slot, text in page.words)
    return Phrase(
        rows_from_columns(onset, np.append(np.diff(onset), last), np.array(pitch)),
        metre=metre,
        words=words,
        inferred=frozenset(inferred),
        **{name: facts[name] for name in ("title", "source", "lai", "tempo", "tuning", "drone") if name in facts},
    )


def _filled_slots(phrase: Phrase, digits: bool) -> list[str]:
    """The text of every slot, whole hong of them, from hong 1 to the last that is struck or written to."""
    melody = phrase.melody
    if not len(melody):
        where = phrase.title or "phrase"
        raise InvalidTune(where, Defect.NO_NOTES, "has no melody, so there is nothing to write", "choose another tune")
    places = slot_places(melody)
    last = places[-1]
    rings = int(melody.duration[-1]) if melody.duration[-1] > STEPS_PER_HONG else 1
    end = last.slot * STEPS_PER_SLOT + last.part * STEPS_PER_SLOT // last.share + rings
    slots: list[list[str]] = [["-"]] * (-(-end // STEPS_PER_HONG) * SLOTS_PER_HONG)
    for (slot, part, share), pitch in zip(places, melody.pitch.tolist(), strict=True):
        if len(slots[slot]) != share or slots[slot] == ["-"]:
            slots[slot] = ["-"] * share
        slots[slot][part] = _letter_of(pitch, phrase, slot_name(slot), digits)  # of several at once the highest stays
    return ["".join(slot) for slot in slots]


def _letter_of(pitch: int, phrase: Phrase, place: str, digits: bool = False) -> str:
    """The letter of a MIDI pitch; InvalidTune where it has none."""
    octave, semitones = divmod(pitch - UNMARKED_DO, 12)
    if semitones not in NATURAL:
        remedy = "transpose the tune to where it has, or fit it to the phin"
        reason = f"{place}: {pitch_name(pitch)} has no Thai letter"
        raise InvalidTune(phrase.title or "phrase", Defect.BAD_NOTATION, reason, remedy)
    return _written(NATURAL.index(semitones), 0 if Inferred.OCTAVE in phrase.inferred else octave, digits)


def _written(place: int, octave: int, digits: bool) -> str:
    if not digits:
        return LETTERS[place] + (UP * octave if octave >= 0 else DOWN * -octave)
    if octave == 1 and place < 2:
        return str(place + 1 + len(LETTERS))
    return str(place + 1) + ("*" * octave if octave >= 0 else "." * -octave)


def _header(phrase: Phrase) -> Iterator[str]:
    """What is known of the phrase, a line each."""
    for name in ("title", "source"):
        if text := " ".join(getattr(phrase, name).split()):
            yield f"{name}: {text}"
    if phrase.lai and phrase.lai in (lai.name for lai in LAI):
        yield f"lai: {phrase.lai}"
    if phrase.tempo:
        yield f"tempo: {60e6 / phrase.tempo:.6g}"
    if phrase.metre and phrase.metre != DUPLE:
        yield f"metre: {phrase.metre}"
    if phrase.tuning:
        yield f"tuning: {phrase.tuning}"
    if phrase.drone:
        marked = replace(phrase, inferred=phrase.inferred - {Inferred.OCTAVE})
        yield f"drone: {' '.join(_letter_of(pitch, marked, 'drone') for pitch in phrase.drone)}"
    melody = phrase.melody
    unmarked = ((melody.pitch >= UNMARKED_DO) & (melody.pitch < UNMARKED_DO + 12)).all()
    if unmarked and Inferred.OCTAVE not in phrase.inferred:
        yield "octaves: marked"
    if Inferred.ONSET in phrase.inferred:
        yield "rhythm: inferred"


def _written_words(words: Sequence[str]) -> Iterator[str]:
    """Words as they are known again: what is neither a part nor a repeat goes into brackets."""
    for text in words:
        text = " ".join(text.split())
        match = _WORDS.match(text)
        yield text if match and match.end() == len(text) else f"({re.sub(r'[()]', ' ', text).strip()})"
