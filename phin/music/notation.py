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
from pathlib import Path

import numpy as np

from phin.counted import counted
from phin.errors import Defect, InvalidTune
from phin.music.grid import (
    SHARES,
    SLOTS_PER_HONG,
    STEPS_PER_SLOT,
    begin_of,
    hong_of,
    in_hong,
    page_begins,
    slot_name,
    slot_places,
)
from phin.music.letters import DOWN, LETTERS, MOST_OCTAVES, NATURAL, SYMBOL, UNMARKED_DO, UP, Letter, marks_of
from phin.music.page import WORDS, Page, PageReading, barred, header_lines, letter_of, page_lines, read_text
from phin.music.phrase import (
    DUPLE,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    UNKNOWN,
    Inferred,
    Phrase,
    let_ring,
    rows_from_columns,
)
from phin.whole_file import write_text

ONE_KIND = str.maketrans(
    dict.fromkeys("‐‑‒–—―−ー－", "-") | {"｜": "|"} | dict(zip("๐๑๒๓๔๕๖๗๘๙", "0123456789", strict=True))
)
_TOKEN = re.compile(rf"(?P<held>\.(?:\s*\.)+|…)|{SYMBOL}|(?P<blank>\s+)|(?P<strange>.)")


_Slot = tuple[Letter | None, ...]
"""What shares a slot, None for a hyphen."""


def read_letters(path: str | Path) -> PageReading:
    """The tune on a page of letters; InvalidTune, naming file, line, hong and slot, where it cannot be read."""
    return parse_letters(read_text(path), str(path))


def parse_letters(text: str, where: str = "letters") -> PageReading:
    """The tune in a page's text; `where` is what an error calls it."""
    page, slots, words = Page(where), list[_Slot](), list[tuple[int, str]]()
    pieces = [piece for number, line in page.lines(text) for piece in _pieces(number, line)]
    music = "".join(piece for _, piece, is_words in pieces if not is_words)
    is_shorthand = not set("|-") & set(music)
    line_before, num_hong = 0, 0
    for line, piece, is_words in pieces:
        if line != line_before:
            line_before, num_hong = line, 0
        if is_words:
            words.append((len(slots), piece))
        elif is_shorthand:
            slots += _shorthand(piece, page, line)
        else:
            for cell in _cells(piece, page, line):
                num_hong += 1
                slots += _hong(cell, page, line, num_hong)
    if is_shorthand and slots:
        page.facts["rhythm"] = "inferred"
        page.repairs.append("a player's shorthand: its rhythm is inferred")
    return PageReading(_phrase(page, slots, words), tuple(page.repairs))


def format_letters(phrase: Phrase, digits: bool = False) -> str:
    """The melody as a page: header, then lines of eight hong; `parse_letters` gives the same letters back.

    InvalidTune where a note lies off the slots or has no letter. `digits` writes 1 to 7 instead of ด to ท.
    """
    begins = begin_of(phrase.melody)
    slots = lettered_slots(phrase, begins, digits)
    lines = list(header_lines(phrase))
    if Inferred.OCTAVE not in phrase.inferred and not any(mark in "".join(slots) for mark in (UP, DOWN, *"*.89")):
        lines.append("octaves: marked")
    lines.append("")
    for words, start, end in page_lines(phrase, begins, len(slots) // SLOTS_PER_HONG):
        lines += words
        if end > start:
            lines.append(barred(slots[start * SLOTS_PER_HONG : end * SLOTS_PER_HONG]))
    return "\n".join(lines).strip("\n") + "\n"


def write_letters(phrase: Phrase, path: str | Path, digits: bool = False) -> None:
    """Writes the page; the file is there entirely or not at all."""
    write_text(path, format_letters(phrase, digits))


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


def _pieces(number: int, line: str) -> Iterator[tuple[int, str, bool]]:
    """The pieces of a line: its number, text, and whether that is words."""
    end = 0
    for words in WORDS.finditer(line):
        if (music := line[end : words.start()]).strip():
            yield number, _plain(music), False
        yield number, words.group().strip().rstrip(":").strip(), True
        end = words.end()
    if line[end:].strip():
        yield number, _plain(line[end:]), False


def _plain(music: str) -> str:
    """The same in one kind of dash, bar and digit."""
    return unicodedata.normalize("NFC", music).translate(ONE_KIND)


def _cells(piece: str, page: Page, line: int) -> list[str]:
    """The text of each hong in a piece of a line, with bars or without."""
    if "|" in piece:
        cells = re.split(r"\|+", piece)
        cells = cells[0 if cells[0].strip() else 1 : len(cells) if cells[-1].strip() else -1]
        return cells
    if not any(token["letter"] or token["digit"] or token["hold"] for token in _TOKEN.finditer(piece)):
        remedy = f"write {' '.join(LETTERS)}, 1 to 9 or -, and round brackets about words"
        raise page.refuse(line, f"{piece.strip()!r} is no notation", remedy)
    groups = piece.split()
    sizes = {sum(1 for _ in _TOKEN.finditer(group)) for group in groups}
    if sizes == {SLOTS_PER_HONG}:
        return groups
    if len(groups) % SLOTS_PER_HONG:
        reason = f"has {counted(len(groups), 'slot')}, and four make a hong"
        raise page.refuse(line, reason, "write whole hong, with | between them")
    return [" ".join(groups[at : at + SLOTS_PER_HONG]) for at in range(0, len(groups), SLOTS_PER_HONG)]


def _hong(cell: str, page: Page, line: int, number: int) -> list[_Slot]:
    """The four slots of a hong."""
    slots: list[_Slot] = []
    texts = cell.split()
    for text in texts:
        symbols: list[Letter | None] = []
        for token in _TOKEN.finditer(text):
            before = len(slots) if len(texts) == SLOTS_PER_HONG else sum(map(len, slots)) + len(symbols)
            symbols.append(_symbol(token, page, line, in_hong(number - 1, before)))
        slots.append(tuple(symbols))
    flat = [symbol for slot in slots for symbol in slot]
    if len(flat) == SLOTS_PER_HONG:
        return [(symbol,) for symbol in flat]
    if len(slots) != SLOTS_PER_HONG:
        reason = f"hong {number} has {len(flat)} letters and hyphens, not {SLOTS_PER_HONG}"
        remedy = "write four, or set blanks between its slots where one has several letters"
        raise page.refuse(line, reason, remedy)
    for place, slot in enumerate(slots):
        if len(slot) not in SHARES:
            reason = f"{in_hong(number - 1, place)}: {len(slot)} letters share a slot"
            raise page.refuse(line, reason, "write one, two or three in a slot")
    return slots


def _symbol(token: re.Match[str], page: Page, line: int, place: str) -> Letter | None:
    """The letter of a token, None for a hyphen."""
    if token["strange"] or token["held"]:
        reason = f"{place}: {token.group()!r} is no letter of the seven"
        raise page.refuse(line, reason, f"write {' '.join(LETTERS)}, 1 to 9, or - where nothing is struck")
    if token["hold"]:
        return None
    if len(set(marks_of(token))) > 1:
        raise page.refuse(line, f"{place}: {token.group()} is high and low at once", "leave one of its marks out")
    letter = Letter.of_symbol(token)
    if not letter.is_writable:
        reason = f"{place}: {token.group()} is more than {MOST_OCTAVES} octaves from the unmarked letters"
        raise page.refuse(line, reason, "leave some of its marks out")
    return letter


def _shorthand(piece: str, page: Page, line: int) -> Iterator[_Slot]:
    """The slots of groups of letters between slashes; dots after a letter, four a hong, hold it for whole hong."""
    for group in piece.split("/"):
        letters: list[Letter] = []
        for token in _TOKEN.finditer(group):
            if token["held"]:
                yield from _inferred_rhythm(letters)
                num_dots = max(token.group().count("."), 1)
                yield from [(None,)] * -(-num_dots // SLOTS_PER_HONG) * SLOTS_PER_HONG
                letters = []
            elif not token["blank"] and (
                letter := _symbol(token, page, line, f"letter {len(letters) + 1} of its group")
            ):
                letters.append(letter)
        yield from _inferred_rhythm(letters)


def _inferred_rhythm(letters: Sequence[Letter]) -> Iterator[_Slot]:
    """`a b c d e` as `---a -b-c -d-e`, and of six letters the first two as `---a ---b`."""
    alone = letters[: 2 - len(letters) % 2]
    for letter in alone:
        yield from ((None,), (None,), (None,), (letter,))
    for letter in letters[len(alone) :]:
        yield from ((None,), (letter,))


def _phrase(page: Page, slots: Sequence[_Slot], words: Sequence[tuple[int, str]]) -> Phrase:
    """The notes where their slots are, each ringing until the next."""
    facts = page.facts
    metre = facts.get("metre", DUPLE)
    begins = page_begins(metre)
    struck = [
        (begins + place * STEPS_PER_SLOT + share * STEPS_PER_SLOT // len(slot), letter)
        for place, slot in enumerate(slots)
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
    if facts.get("octaves") != "marked" and not any(letter.octave for letter in letters):
        inferred.add(Inferred.OCTAVE)
        pitch = nearest_octaves([NATURAL[letter.place] for letter in letters])
    if facts.get("octaves") == "inferred":
        inferred.add(Inferred.OCTAVE)
    if "rhythm" in facts:
        inferred.add(Inferred.ONSET)
    rows = rows_from_columns(onset, np.full_like(onset, UNKNOWN), np.array(pitch))
    return Phrase(
        let_ring(rows, end=begins + len(slots) * STEPS_PER_SLOT),
        metre=metre,
        words=tuple((begins + slot * STEPS_PER_SLOT, text) for slot, text in words),
        inferred=frozenset(inferred),
        **page.of_the_phrase,
    )


def lettered_slots(phrase: Phrase, begins: int, digits: bool = False) -> list[str]:
    """The letters in every slot, whole hong of them, to the last that is struck or written to; see `format_letters`."""
    melody = phrase.melody
    if not len(melody):
        where = phrase.title or "phrase"
        raise InvalidTune(where, Defect.NO_NOTES, "has no melody, so there is nothing to write", "choose another tune")
    places, marked = slot_places(melody, begins), Inferred.OCTAVE not in phrase.inferred
    slots: list[list[str]] = [["-"]] * hong_of(melody, begins) * SLOTS_PER_HONG
    for (slot, part, share), pitch in zip(places, melody.pitch.tolist(), strict=True):
        if len(slots[slot]) != share or slots[slot] == ["-"]:
            slots[slot] = ["-"] * share
        letter = letter_of(pitch, phrase, slot_name(slot))
        slots[slot][part] = letter.written(marked, digits)  # of several at once the highest stays
    return ["".join(slot) for slot in slots]
