"""Folk tunes in ABC notation, read into phrases.

What is unusual here, and why:

- **Repeats are written once.** A second pass is a copy and flatters every figure. Repeat signs are bar lines and no
  more, of several endings the last is kept, part orders (`P:ABA`) and da capos are not played out.
- **Step 0 comes from the bar lines**, not from the first note: the phase of the bar that most bar lines share is the
  downbeat, so a pickup has negative onsets. A line break where a bar is full counts as a bar line: Essen writes none.
- **Nothing is invented and no note is lost.** Velocity and technique are unknown. Grace notes, chord symbols,
  decorations, slurs and all voices but the first are left out; what else cannot be read refuses the tune, by its line.
- Accidentals hold to the next written bar line, in every octave and through a line break. That is ABC's own rule, and
  the Essen files fit no other: they cancel accidentals within a bar, across line breaks too, and never write one twice.
- Times are fractions of a quarter until the last step, so triplets and broken rhythm (`>`) add up exactly.

The notation: https://abcnotation.com/wiki/abc:standard:v2.1
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from phin.errors import Defect, InvalidTune, PhinError
from phin.music.grid import quantise
from phin.music.midi_limits import MAX_TEMPO, MIN_TEMPO
from phin.music.opening import bytes_of
from phin.music.phrase import STEPS_PER_QUARTER, Metre, Phrase, Voice, rows_from_columns

LONGEST_PICKUP = 4
"""Quarters before the first bar line that still count as a pickup where there is no metre to tell."""

NATURAL = dict(zip("CDEFGABcdefgab", (60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83), strict=True))
ACCIDENTAL = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
FIFTHS = "FCGDAEB"
MODES = {"": 0, "maj": 0, "ion": 0, "lyd": 1, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5}
"""Fifths by which a mode's signature differs from that of the major key on its tonic; capitals make no difference."""

TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""`(p` is p notes in the time of so many; 5, 7 and 9 notes in that of two, or of three in compound metre."""

_LENGTH = r"(?:\n?\d{1,4})?(?:\n?/{1,6}\d{0,4})?"  # mail programs wrapped some files between a note and its length
TOKEN = re.compile(
    rf"""(?P<field>^[A-Za-z+]:(?![|:]).*|\[[A-Za-z]:[^\]\n]*\])
    |(?P<note>(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{_LENGTH}))
    |(?P<ending>(?:\[|(?<=[|:\]]))(?P<pass>\d)(?:[,-]\d)*)
    |(?P<hanger>(?:H|"[^"\n]*"|![^!|\s]*!)x(?=[ \t]*[|:\[]))   # a rest of no time, to hang a sign on the bar line
    |(?P<skip>[ \t`\\)*$]+|\((?!\d)|y\d*|\{{[^}}]*\}}|"[^"\n]*"|![^!|\s]*!|=(?:20)?[ \t]*$)
    |(?P<bar>(?:\[(?=\|))?[|:]+(?:\][|:]*)*)
    |(?P<newline>\n)
    |(?P<broken>>+|<+)
    |(?P<tie>-)
    |(?P<rest>(?P<kind>[zxZX])(?P<rest_length>{_LENGTH}))
    |(?P<tuplet>\((?P<p>[2-9])(?::(?P<q>\d?))?(?::(?P<r>\d?))?)
    |(?P<chord>\[(?P<heads>(?:"[^"\n]*"|[^\]|"])+)\](?P<chord_length>{_LENGTH})
        |\+(?!f+\+)(?P<old_heads>(?:[\^_=]*[A-Ga-g][,']*[\d/]*){{2,}})\+)
    |(?P<symbol>\+[^+|\s]*\+|[~.!+]|[H-WYh-w](?![H-WYh-w]{{2}}))   # three such letters on end are a word
    |(?P<overlay>&[^|\n]*)
    |(?P<unknown>.)""",
    re.MULTILINE | re.VERBOSE,
)
KEY = re.compile(
    r"(?P<tonic>[A-G])(?P<mark>[#b]?)\s*"
    r"(?P<mode>(?!clef|treble|bass|alto|tenor|perc|octave|transpose|middle|staff)[A-Za-z]*)(?P<more>.*)"
)
BEATS = re.compile(r"(?:(?P<beats>[1-9]\d?/[1-9]\d?(?:\s+[1-9]\d?/[1-9]\d?)*)\s*=)?\s*(?P<rate>[1-9]\d{0,4})(?![\d/])")


@dataclass(frozen=True)
class AbcTune:
    """One tune of a file."""

    number: str
    """What its `X:` says."""
    line: int
    """The line of its `X:` in the file, from 1."""
    text: str


def split_tunes(text: str) -> list[AbcTune]:
    """A file's tunes, in order; what stands before the first `X:` belongs to none."""
    text = re.sub(r"\r\n?", "\n", text)
    starts = list(re.finditer(r"^[ \t]*X:([^%\n]*)", text, re.MULTILINE))
    ends = [*(start.start() for start in starts), len(text)][1:]
    tunes: list[AbcTune] = []
    line, counted = 1, 0
    for start, end in zip(starts, ends, strict=True):
        line, counted = line + text.count("\n", counted, start.start()), start.start()
        tunes.append(AbcTune(start[1].strip(), line, text[counted:end]))
    return tunes


def read_one(tune: AbcTune, where: str, source: str = "") -> Phrase:
    """The tune as a phrase; where it cannot be read, an InvalidTune naming its line in the file `where`."""
    text = re.sub(r"(?<!\\)%.*", "", tune.text).replace("=3D", "=")  # =3D: mail programs wrote an equals sign so
    head, end = _extent(text)
    reader, position = _Reader(), 0
    try:
        for field in re.finditer(r"^[ \t]*([A-Za-z]):(.*)", text[:head], re.MULTILINE):
            position = field.start()
            reader.read_field(field[1], field[2])
        if not text[head:end].strip():
            raise _refusal("holds no music", "write its notes after the K: line, or leave the tune out", Defect.EMPTY)
        for token in _last_endings(_first_voice(text, head, end, reader.voice)):
            position = token.start()
            reader.read(token)
        position = 0
        return reader.phrase(source)
    except InvalidTune as refusal:
        line = tune.line + text.count("\n", 0, position)
        place = f"bar {reader.num_bars + 1}" if position >= head else f"tune {tune.number}"
        raise InvalidTune(f"{where}:{line}", refusal.defect, f"{place} {refusal.reason}", refusal.remedy) from None


def decode(data: bytes) -> str:
    """A file's text: UTF-8, else Latin-1, which older files are in."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_abc(path: str | Path) -> list[Phrase]:
    """Every tune of a file; stops at the first that cannot be read."""
    return [read_one(tune, str(path)) for tune in tunes_of(path)]


def read_each(path: str | Path) -> list[Phrase | InvalidTune]:
    """Every tune of a file, or why it cannot be read."""
    found = list[Phrase | InvalidTune]()
    for tune in tunes_of(path):
        try:
            found.append(read_one(tune, str(path)))
        except InvalidTune as refusal:
            found.append(refusal)
    return found


def tunes_of(path: str | Path) -> list[AbcTune]:
    """The tunes of a file as they are written. Raises InvalidTune where it holds none."""
    tunes = split_tunes(decode(bytes_of(path)))
    if not tunes:
        raise InvalidTune(path, Defect.EMPTY, "holds no tune", "begin each tune with X:1 and end its head with K:")
    return tunes


def _refusal(reason: str, remedy: str, defect: Defect = Defect.BAD_NOTATION) -> InvalidTune:
    """Why a tune is refused; `read_one` puts in the place."""
    return InvalidTune("", defect, reason, remedy)


def _extent(text: str) -> tuple[int, int]:
    """Where the music begins and ends: after `K:` (or the head's last field), and before a blank line and words."""
    key = re.search(r"^[ \t]*K:.*", text, re.MULTILINE)
    fields = re.match(r"(?:[ \t]*(?:[A-Za-z]:(?![|:]).*)?(?:\n|\Z))*", text)
    head = key.end() if key else fields.end() if fields else 0
    words = re.compile(r"\S[ \t]*\n[ \t]*\n[^|]*\Z").search(text, head)
    return head, words.start() + 1 if words else len(text)


def _first_voice(text: str, start: int, end: int, named: str | None) -> Iterator[re.Match[str]]:
    """The tokens of the music in the voice that comes first; `named` is the first that the head names."""
    voice, first, begun = named, named, False
    for token in TOKEN.finditer(text, start, end):
        if token.lastgroup == "field" and token.group().lstrip("[")[0] == "V":
            voice = token.group().strip("[]")[2:].strip().partition(" ")[0]
            first = first or ("1" if begun else voice)
        elif voice == first:
            begun = begun or token.lastgroup == "note"
            yield token


def _last_endings(tokens: Iterator[re.Match[str]]) -> list[re.Match[str]]:
    """The tokens without the endings that a later ending replaces: what a listener hears last is kept."""
    kept = list(tokens)
    endings = [index for index, token in enumerate(kept) if token.lastgroup == "ending"]
    for first, second in reversed(list(pairwise(endings))):
        if kept[second]["pass"] > kept[first]["pass"]:
            close = next((i for i in range(first, second) if re.search(r":|\]|\|\|", kept[i]["bar"] or "")), second)
            kept[first + 1 : close] = [token for token in kept[first + 1 : close] if token.lastgroup == "field"]
    return kept


@dataclass(slots=True)
class _Note:
    """Times in quarters."""

    onset: Fraction
    duration: Fraction
    pitch: int
    voice: Voice


class _Reader:
    """What has been read of a tune so far; it takes tokens one by one. Times in quarters."""

    def __init__(self) -> None:
        self.title, self.beats = "", ""
        self.voice: str | None = None
        self.metre: Metre | None = None
        self.changes_metre = False
        self.unit: Fraction | None = None  # a length of 1
        self.signature: dict[str, int] = {}  # semitones by which a letter is raised, in the key
        self.altered: dict[str, int] = {}  # and in the bar
        self.now, self.bar_start = Fraction(0), Fraction(0)
        self.num_bars = 0
        self.lines: list[Fraction] = []  # bar lines
        self.notes: list[_Note] = []
        self.sounding: dict[int, _Note] = {}  # by the pitch without accidental; the last note or chord
        self.tied: dict[int, _Note] = {}  # those of them that go on
        self.last_length: Fraction | None = None
        self.lean = Fraction(1)
        self.tuplet, self.tuplet_left = Fraction(1), 0
        self._lengths: dict[str, Fraction] = {}
        kinds = ("field", "note", "bar", "newline", "broken", "tie", "rest", "tuplet", "chord", "unknown")
        self._reads = {kind: getattr(self, f"_{kind}") for kind in kinds}  # the other kinds leave no trace

    def read(self, token: re.Match[str]) -> None:
        if read := self._reads.get(token.lastgroup or ""):
            read(token)

    def read_field(self, letter: str, value: str) -> None:
        value = value.strip()
        if letter == "T":
            self.title = self.title or value
        elif letter == "V":
            self.voice = self.voice or value.partition(" ")[0]
        elif letter == "K":
            self.signature = _signature(value)
        elif letter == "L":
            if not (length := re.match(r"([1-9]\d?)(?:/([1-9]\d{0,2}))?", value)):
                raise _refusal(f"has the unit length {value!r}", "write a fraction such as L:1/8")
            self.unit, self._lengths = Fraction(4 * int(length[1]), int(length[2] or 1)), {}
        elif letter == "M":
            metre = _metre(value)
            self.changes_metre |= bool(self.notes) and metre != self.metre
            self.metre = metre
        elif letter == "Q" and not self.beats and not self.notes:
            value = re.sub(r'"[^"]*"', "", value).strip()
            self.beats = value if BEATS.match(value) else ""

    def _field(self, token: re.Match[str]) -> None:
        text = token.group()
        self.read_field(text[1], text[3:-1]) if text[0] == "[" else self.read_field(text[0], text[2:])

    def _bar(self, token: re.Match[str]) -> None:
        self.num_bars += self.now != self.bar_start
        self.bar_start = self.now
        self.lines.append(self.now)
        self.altered.clear()

    def _newline(self, token: re.Match[str]) -> None:
        """A bar line that was left out, where the bar is full; accidentals go on."""
        since = self.now - self.bar_start
        if self.metre and since and since % _bar_length(self.metre) == 0:
            self.lines.append(self.now)

    def _note(self, token: re.Match[str]) -> None:
        written, pitch = self._pitch(token)
        length = self._scaled(self._length(token["length"]))
        self._sound([(written, pitch, length)], length)

    def _chord(self, token: re.Match[str]) -> None:
        """The next note comes when the chord's first ends, as ABC has it, however long the others are."""
        scale = self._scaled(self._length(token["chord_length"] or "") / self._length(""))
        heads: list[tuple[int, int, Fraction]] = []
        ties: set[int] = set()
        for head in TOKEN.finditer(token["heads"] or token["old_heads"]):
            if head.lastgroup == "note":
                heads.append((*self._pitch(head), self._length(head["length"]) * scale))
            elif head.lastgroup == "tie" and heads:
                ties.add(heads[-1][0])
            elif head.lastgroup not in ("skip", "symbol", "newline", "rest"):
                self._unknown(head)
        if not heads:
            self._unknown(token)
        self._sound(heads, heads[0][2])
        self.tied = {written: note for written, note in self.sounding.items() if written in ties}

    def _sound(self, heads: list[tuple[int, int, Fraction]], length: Fraction) -> None:
        """Notes that begin now, or go on where they were tied; the highest is the melody."""
        sounding: dict[int, _Note] = {}
        top = max(pitch for _, pitch, _ in heads)
        for written, pitch, duration in heads:
            tied = self.tied.get(written)
            if tied and tied.pitch == pitch:
                tied.duration += duration
                sounding[written] = tied
            elif all(note.pitch != pitch for note in sounding.values()):  # a unison on two strings is one note
                voice = Voice.MELODY if pitch == top else Voice.ACCOMPANIMENT
                sounding[written] = _Note(self.now, duration, pitch, voice)
                self.notes.append(sounding[written])
        self.now += length
        self.last_length, self.sounding, self.tied = length, sounding, {}

    def _pitch(self, note: re.Match[str]) -> tuple[int, int]:
        """The MIDI number without the accidental, and with it."""
        accidental, letter, octave = note.group("accidental", "letter", "octave")
        written = NATURAL[letter] + 12 * (octave.count("'") - octave.count(","))
        if accidental:
            shift = self.altered[letter.upper()] = ACCIDENTAL[accidental]
        elif written in self.tied:
            return written, self.tied[written].pitch  # a tie carries its accidental over the bar line
        else:
            shift = self.altered.get(letter.upper(), self.signature.get(letter.upper(), 0))
        if not 0 <= written + shift <= 127:
            raise _refusal(f"holds {note.group()!r}, which no MIDI number can name", "write it nearer to the stave")
        return written, written + shift

    def _rest(self, token: re.Match[str]) -> None:
        length = self._length(token["rest_length"])
        if token["kind"] in "ZX" and self.now == self.bar_start:  # in mid-bar, Z is a slip for z
            if not self.metre:
                raise _refusal("rests for whole bars without a metre", "write M: in the head, or the rest with z")
            length = length / self._length("") * _bar_length(self.metre)
        length = self._scaled(length)
        self.now += length
        self.last_length, self.sounding, self.tied = length, {}, {}

    def _tie(self, token: re.Match[str]) -> None:
        self.tied = self.sounding

    def _broken(self, token: re.Match[str]) -> None:
        if self.last_length is None:
            raise _refusal(f"leans with {token.group()!r} on no note", "write a note before it")
        short = Fraction(1, 2 ** min(len(token.group()), 8))
        before, self.lean = (2 - short, short) if token.group()[0] == ">" else (short, 2 - short)
        change = self.last_length * (before - 1)
        self.now += change
        for note in self.sounding.values():
            note.duration += change

    def _tuplet(self, token: re.Match[str]) -> None:
        p = int(token["p"])
        compound = self.metre is not None and self.metre.numerator in (6, 9, 12)
        q = int(token["q"] or 0) or TUPLET_TIME.get(p, 3 if compound else 2)
        self.tuplet, self.tuplet_left = Fraction(q, p), int(token["r"] or 0) or p

    def _unknown(self, token: re.Match[str]) -> None:
        raise _refusal(f"holds {token.group()!r}, which is no note", "mend the line, or leave the tune out")

    def _scaled(self, length: Fraction) -> Fraction:
        """The length within its broken rhythm and its tuplet, both of which move on by one."""
        if self.lean != 1:
            length, self.lean = length * self.lean, Fraction(1)
        if self.tuplet_left:
            length, self.tuplet_left = length * self.tuplet, self.tuplet_left - 1
        return length

    def _length(self, text: str) -> Fraction:
        """Quarters that `3/2`, `/` or nothing stand for, before broken rhythm and tuplets."""
        if text not in self._lengths:
            if self.unit is None:  # ABC's default: sixteenths in bars shorter than 3/4
                self.unit = Fraction(1, 4 if self.metre and _bar_length(self.metre) < 3 else 2)
            whole, slashes, parts = re.findall(r"(\d*)\n?(/*)(\d*)", text.lstrip("\n"))[0]
            many, divisor = int(whole or 1), int(parts or 2 ** len(slashes))
            if not many or not divisor:
                raise _refusal(f"holds the length {text!r}", "write lengths such as 2, /2 or 3/2")
            self._lengths[text] = self.unit * Fraction(many, divisor)
        return self._lengths[text]

    def phrase(self, source: str) -> Phrase:
        """All that was read, with step 0 on the downbeat of the first full bar."""
        if not self.notes:
            raise _refusal("holds no notes", "write its notes after the K: line, or leave it out", Defect.NO_NOTES)
        metre = None if self.changes_metre else self.metre
        origin = _origin(self.notes[0].onset, self.lines, metre)
        denominators = {time.denominator for note in self.notes for time in (note.onset, note.duration)}
        resolution = math.lcm(origin.denominator, *denominators)  # ticks a quarter

        def ticks(time: Fraction) -> int:
            return time.numerator * (resolution // time.denominator)

        if ticks(max(note.onset + note.duration for note in self.notes)) >= 2**31:
            raise _refusal("divides the quarter too finely", "write its tuplets more simply", Defect.ABSURD_TICKS)
        rows = rows_from_columns(
            onset=np.array([ticks(note.onset) for note in self.notes]) - ticks(origin),
            duration=np.array([ticks(note.duration) for note in self.notes]),
            pitch=np.array([note.pitch for note in self.notes]),
            voice=np.array([note.voice for note in self.notes]),
        )
        steps, deviation = quantise(rows, resolution)
        tempo = _tempo(self.beats, self._length("")) if self.beats else None
        return Phrase(steps, metre, tempo, title=self.title, source=source, deviation=deviation)


def _origin(first: Fraction, lines: list[Fraction], metre: Metre | None) -> Fraction:
    """The time of step 0. Whole bars of rest before the first note are left out."""
    if metre is None:
        return lines[0] if lines and 0 <= lines[0] - first <= LONGEST_PICKUP else first
    bar = _bar_length(metre)
    phases = Counter(line % bar for line in dict.fromkeys(lines))
    origin = max(phases, key=phases.__getitem__, default=Fraction(0))  # of equals, the earliest in the tune
    return origin + bar * max((first - origin) // bar, 0)


def _bar_length(metre: Metre) -> Fraction:
    return Fraction(metre.bar, STEPS_PER_QUARTER)


def _metre(value: str) -> Metre | None:
    parts = re.match(r"\(?(\d{1,3}(?:\+\d{1,3})*)\)?/(\d{1,3})", {"C": "4/4", "C|": "2/2"}.get(value, value))
    if not parts:
        return None
    try:
        return Metre(sum(map(int, parts[1].split("+"))), int(parts[2]))
    except PhinError:
        return None


def _signature(value: str) -> dict[str, int]:
    """Semitones by which a key raises or lowers each letter."""
    if value in ("Hp", "HP"):  # the highland pipes
        return {"F": 1, "C": 1}
    if re.match(r"$|none\b|clef|treble|bass|alto|tenor|perc", value):
        return {}
    key = KEY.match(value)
    mode = key["mode"].lower()[:3] if key else ""
    if not key or mode not in (*MODES, "exp"):
        raise _refusal(f"is in the key {value!r}", "write a key such as K:G, K:Am or K:D dorian")
    fifths = FIFTHS.index(key["tonic"]) - 1 + {"": 0, "#": 7, "b": -7}[key["mark"]] + MODES.get(mode, 0)
    shifts = {} if mode == "exp" else {letter: (fifths + 6 - place) // 7 for place, letter in enumerate(FIFTHS)}
    signs = re.findall(r"(\^\^?|__?|=)([A-Ga-g])(?![A-Za-z])", key["more"])
    return shifts | {letter.upper(): ACCIDENTAL[sign] for sign, letter in signs}


def _tempo(beats: str, unit: Fraction) -> int:
    """Microseconds a quarter; an old `Q:120` without a beat counts unit lengths, as ABC has it."""
    tempo = BEATS.match(beats)
    assert tempo is not None
    beat = 4 * sum(map(Fraction, tempo["beats"].split()), Fraction(0)) if tempo["beats"] else unit
    found = round(60_000_000 / (int(tempo["rate"]) * beat))
    if not MIN_TEMPO <= found <= MAX_TEMPO:
        raise _refusal(f"has the tempo Q:{beats}", "write one of 4 to 1000 quarters a minute", Defect.ABSURD_TEMPO)
    return found
