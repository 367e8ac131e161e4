"""A page of a Thai music club's site → its tunes: the HTML files of warut92/thm-club.

The tunes stand in `<div id="thm">`, as its own script (scripts/thm.js@0.0.2) reads them: `(title)` with `_` for blanks
and `%2` for the digit, `([part])`, `//` for back to the beginning, lines of hong in digits. `1*` is high, `1.` low, 8
and 9 are high 1 and 2; `%1` before a hong numbers an ending, in place of its first hyphen where three are left.

- Of several endings of a part the last is kept, as of ABC: repeats are written once. One runs to the next, or to the
  `//` before that. Parts for two hands do so where both lines number the same hong, and else keep all: no page was seen
  that says how the lines would pair.
- Signs beside a digit say how a hand moves: strokes in and out (v ^), bows ({ }), fingers and strings (`\\๓`, `/+`,
  `\\iii`), and + = º, which no source explains. No technique of ours means them, and they are left out.
- `t` is phrom (พรม), a trill; small notes in square brackets share a slot, and where they are more than one they are a
  flick (สะบัด): the script says both. A flick leads into a note (`89[88]1`), so it is that note's technique, and the
  small notes are no notes of their own. Where nothing is struck in the next slot, or that note has a sign of its own,
  they are notes without a technique.
- Parts for the so duang (ซอด้วง) mark fingers' places, from its lower string ซ: an unmarked ท goes stepwise to an
  unmarked ด above it. So their octaves are inferred.
- Parts for the gong circle (ฆ้องวง) have a line for each hand, the right one above. The right hand has the tune, and
  where it rests the left one does (`--32 -2-3` over `---- 1--7.` is ม ร ด ร ม); what the left strikes with it
  accompanies.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path

import numpy as np

from phin.corpus.collected import CollectedTune, collect
from phin.errors import Defect, InvalidTune
from phin.music.grid import STEPS_PER_SLOT, in_hong
from phin.music.notation import parse_letters
from phin.music.page import PageReading, read_text
from phin.music.phrase import (
    DURATION,
    ONSET,
    TECHNIQUE,
    UNKNOWN,
    LabelSource,
    Phrase,
    Voice,
    let_restruck_strings_stop,
    rows_from_columns,
)
from phin.music.technique import Technique

_MUSIC = re.compile(r"""<div\s+id=["']thm["']\s*>(.*?)</div>""", re.DOTALL)
_HEADING = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_TITLE = re.compile(r"\(X?([^\s()\[\]=]+)\)")
_TAG = re.compile(r"<!--.*?-->|</?[a-z]+[^<>]*>")
_MARK = r"(?:[v^{}+=ot]|\\(?:i{1,5}|[0๐-๙ชกน+])|/(?:i{1,8}|[1-8estfi+]))"
_NOTE = rf"q?(?P<digit>[1-9])(?P<signs>(?:[*.]|{_MARK})*)"
_SLOT = re.compile(rf"(?P<hold>-)|\[(?P<small>[^\[\]]*)\]|(?P<note>{_NOTE})|(?P<strange>.)")


@dataclass(frozen=True)
class _Tune:
    title: str
    first: int
    lines: list[str]
    """From the line of the title on, number `first` of the file."""


def read_thm(path: str | Path, source: str) -> list[CollectedTune]:
    """The tunes of a page, each read or refused by file, line, hong and slot; InvalidTune where it is no such page."""
    text = read_text(path)
    music = _MUSIC.search(text)
    if not music:
        remedy = "take a page of the club's notation"
        raise InvalidTune(path, Defect.UNREADABLE, 'has no <div id="thm"> that ends', remedy)
    heading = _HEADING.search(text)
    instrument = heading[1] if heading else ""
    first = text.count("\n", 0, music.start(1)) + 1
    tunes = _tunes(music[1].splitlines(), first)
    return collect(
        ((tune.title, lambda tune=tune: _read(tune, instrument, str(path))) for tune in tunes if _has_music(tune)),
        source,
    )


def _tunes(lines: list[str], first: int) -> Iterator[_Tune]:
    found: _Tune | None = None
    for number, line in enumerate(lines, start=first):
        if title := _TITLE.fullmatch(line.strip()):
            if found:
                yield found
            found = _Tune(_plain(title[1]), number, [])
        if found:
            found.lines.append(line)
    if found:
        yield found


def _has_music(tune: _Tune) -> bool:
    """Whether there are lines below the title that are not words: pages have titles of parts not yet written."""
    return any(_kind(line) == "music" for line in tune.lines[1:])


def _kind(line: str) -> str:
    line = _TAG.sub("", line).strip()
    if not line or line == "next":
        return "blank"
    return "words" if line == "//" or re.fullmatch(r"\(.*\)|\[[^\[\]]*[ก-๙][^\[\]]*\]", line) else "music"


def _plain(words: str) -> str:
    return " ".join(re.sub(r"%(\d)", r"\1", words).replace("_", " ").split())


def _read(tune: _Tune, instrument: str, path: str) -> PageReading:
    names = f"{instrument} {tune.title}"
    where, fingered = path, "ซอด้วง" in names
    if "ฆ้องวง" not in names:
        tune, left_out = _last_endings(tune)
        reading = _read_hand(tune, where, fingered)
        return PageReading(_with_flicks(reading.phrase), (*reading.repairs, *left_out))
    (upper, lower), left_out = _last_endings_of_both(*_hands(tune, where))
    marked = bool(re.search(r"[89*]|\d\.", "".join(line for line in tune.lines[1:] if _kind(line) == "music")))
    right, left = (_read_hand(hand, where, False, marked) for hand in (upper, lower))
    phrase = _with_flicks(_joined(right.phrase, left.phrase))
    return PageReading(phrase, tuple(dict.fromkeys((*right.repairs, *left.repairs, *left_out))))


def _last_endings(tune: _Tune) -> tuple[_Tune, list[str]]:
    """The tune without the endings that a later one of their part replaces, and what to say of it.

    A hong that is left out stays as `%`, so that the others keep their numbers.
    """
    cells = [
        (number, kind, cell)
        for number, line in enumerate(tune.lines)
        for kind in ("words" if number == 0 else _kind(line),)
        for cell in (_TAG.sub("", line).split() if kind == "music" else [line])
    ]
    endings = [at for at, (_, kind, cell) in enumerate(cells) if kind == "music" and re.match(r"%\d", cell)]
    kept, left_out = [cell for _, _, cell in cells], list[str]()
    for first, second in pairwise(endings):
        between = [at for at in range(first, second) if cells[at][1] == "words"]
        back = [at for at in between if cells[at][2].strip() == "//"]
        if cells[second][2][1] <= cells[first][2][1] or len(back) < len(between):
            continue
        close = back[0] + 1 if back else second
        kept[first:close] = ["%" if kind == "music" else "" for _, kind, _ in cells[first:close]]
        left_out.append(f"line {tune.first + cells[first][0]}: an ending left out: of several the last is kept")
    lines: list[list[str]] = [[] for _ in tune.lines]
    for (number, _, _), cell in zip(cells, kept, strict=True):
        lines[number].append(cell)
    return replace(tune, lines=[" ".join(line) for line in lines]), left_out


def _last_endings_of_both(upper: _Tune, lower: _Tune) -> tuple[tuple[_Tune, _Tune], list[str]]:
    """`_last_endings` of two hands, where it leaves the same hong out of both; else all are kept, which is said."""
    (right, left_out), (left, _) = _last_endings(upper), _last_endings(lower)
    gone = [
        [[cell == "%" for cell in line.split()] for line in hand.lines[1:] if _kind(line) == "music"]
        for hand in (right, left)
    ]
    if gone[0] == gone[1]:
        return (right, left), left_out
    return (upper, lower), ["endings kept, all of them: the two hands number others"]


def _with_flicks(phrase: Phrase) -> Phrase:
    """The phrase in which small notes, read as notes in FLICK, are part of the note that they lead into."""
    rows, gone = np.array(phrase.rows), np.zeros(len(phrase), dtype=bool)
    small = phrase.is_melody & (phrase.technique == Technique.FLICK)
    rows[small, TECHNIQUE] = UNKNOWN
    slot = phrase.onset // STEPS_PER_SLOT
    for place in np.unique(slot[small]).tolist():
        led_into = np.flatnonzero(phrase.is_melody & ~small & (phrase.onset == (place + 1) * STEPS_PER_SLOT))
        if len(led_into) == 1 and rows[led_into[0], TECHNIQUE] == UNKNOWN:
            gone |= small & (slot == place)
            rows[led_into[0], TECHNIQUE] = Technique.FLICK
    melody = np.flatnonzero(phrase.is_melody & ~gone)
    rows[melody[:-1], DURATION] = np.diff(rows[melody, ONSET])
    said = LabelSource.WRITTEN if (rows[:, TECHNIQUE] != UNKNOWN).any() else None
    return replace(phrase, rows=let_restruck_strings_stop(rows[~gone]), techniques_from=said)


def _hands(tune: _Tune, where: str) -> tuple[_Tune, _Tune]:
    """The lines of the right hand, and those of the left, each blank where the other's are."""
    lines: tuple[list[str], list[str]] = ([], [])
    at = [number for number, line in enumerate(tune.lines) if number and _kind(line) == "music"]
    pairs = list(zip(at[::2], at[1::2], strict=False))
    alone = [above for above, below in pairs if below != above + 1] + at[len(pairs) * 2 :]
    for above, below in pairs:
        if not alone and len(tune.lines[above].split()) != len(tune.lines[below].split()):
            alone.append(above)
    if alone:
        reason = "the lines of the two hands do not pair"
        raise InvalidTune(
            f"{where}:{tune.first + alone[0]}", Defect.BAD_NOTATION, reason, "write the left hand's below the right's"
        )
    for number, line in enumerate(tune.lines):
        for hand in (0, 1):
            other = number in at and at.index(number) % 2 != hand
            lines[hand].append("" if other else line)
    return replace(tune, lines=lines[0]), replace(tune, lines=lines[1])


def _joined(right: Phrase, left: Phrase) -> Phrase:
    """The right hand's notes and those of the left where it rests; the others of the left as accompaniment."""
    melody = {int(row[0]): row for row in left.rows} | {int(row[0]): row for row in right.rows}
    onset = np.array(sorted(melody))
    last = max(int(right.end[-1]), int(left.end[-1])) - int(onset[-1])
    length = dict(zip(onset.tolist(), np.append(np.diff(onset), last).tolist(), strict=True))
    under = [row for row in left.rows if row[2] != melody[int(row[0])][2]]
    rows = np.array([melody[step] for step in onset.tolist()] + under)
    voice = np.array([Voice.MELODY] * len(onset) + [Voice.ACCOMPANIMENT] * len(under))
    duration = np.array([length[int(row[0])] for row in rows])
    inferred = right.inferred | left.inferred
    return replace(
        right,
        rows=rows_from_columns(rows[:, 0], duration, rows[:, 2], UNKNOWN, rows[:, TECHNIQUE], voice),
        inferred=inferred,
    )


def _read_hand(tune: _Tune, where: str, fingered: bool, marked: bool = False) -> PageReading:
    """A tune of single lines, whose numbers in the file they keep; `marked` where another hand marks the octaves."""
    page, techniques, repairs = [""] * (tune.first - 1), list[int](), dict[str, None]()
    for number, line in enumerate(tune.lines, start=tune.first):
        kind = "blank" if number == tune.first else _kind(line)
        if kind == "words":
            bare = _plain(re.sub(r"[()\[\]]", " ", line.strip()))
            page.append("(กลับต้น)" if bare == "//" else f"({bare})")
        else:
            page.append("" if kind == "blank" else _line(line, techniques, repairs, f"{where}:{number}", fingered))
    if marked:
        page[0] = "octaves: marked"
    if fingered:
        repairs["a so duang's marks are fingers: its octaves are inferred"] = None
    reading = parse_letters("\n".join(page), where)
    phrase = reading.phrase
    rows = np.array(phrase.rows)
    rows[:, TECHNIQUE] = techniques
    return PageReading(replace(phrase, rows=rows), (*reading.repairs, *repairs))


def _line(line: str, techniques: list[int], repairs: dict[str, None], place: str, fingered: bool) -> str:
    """A line of hong in digits as a page of ours has it; what each note is played with is added to `techniques`."""
    written = ""
    for number, text in zip(count(1), _TAG.sub("", line).split(), strict=False):
        if text == "%":
            continue
        ending = re.match(r"%(\d)", text)
        slots: list[str] = []
        for token in _SLOT.finditer(text[2:] if ending else text):
            at = f"{place}: {in_hong(number - 1, len(slots))}"
            if token["hold"]:
                slots.append("-")
            elif token["small"] is not None:
                small = list(re.finditer(_NOTE, token["small"]))
                if not small or "".join(note.group() for note in small) != token["small"]:
                    raise InvalidTune(at, Defect.BAD_NOTATION, f"{token.group()!r} are no notes", "write digits in it")
                slots.append("".join(_digit(note, fingered) for note in small))
                techniques += [Technique.FLICK if len(small) > 1 else UNKNOWN] * len(small)
            elif token["note"]:
                slots.append(_digit(token, fingered))
                techniques.append(Technique.TRILL if "t" in re.sub(r"[\\/].", "", token["signs"]) else UNKNOWN)
            else:
                reason = f"{token.group()!r} is no sign of this notation"
                raise InvalidTune(at, Defect.BAD_NOTATION, reason, "write 1 to 9, - or a sign of the club's script")
        if ending and len(slots) == 3:
            slots.insert(0, "-")
        if set(slots) == {"-"} and len(slots) != 4:
            repairs[f"line {place.rpartition(':')[2]}, hong {number}: {len(slots)} hyphens read as four"] = None
            slots = ["-"] * 4
        if len(slots) != 4:
            reason = f"hong {number} has {len(slots)} slots, not 4"
            raise InvalidTune(place, Defect.BAD_NOTATION, reason, "write four notes or hyphens")
        if ending:
            written += f" | ({ending[1]})" if written else f"({ending[1]})"
        written += f" | {' '.join(slots)}"
    return f"{written} |" if written else ""


def _digit(note: re.Match[str], fingered: bool) -> str:
    """The digit and its octave marks, without the signs between them; of fingers' places the digit alone."""
    if fingered:
        return str((int(note["digit"]) - 1) % 7 + 1)
    return note["digit"] + re.sub(r"[^*.]", "", note["signs"])
