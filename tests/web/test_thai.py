"""Refusals in Thai: each sentence that phin says to somebody on the page, as phin says it, has its words there."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phin.errors import InvalidTune, PhinError
from phin.generation.choice import Chosen, falls_silent, said_of
from phin.generation.draw import _refuse_nothing_left
from phin.generation.given import Given, Use
from phin.generation.play import ALL, Played
from phin.generation.request import Style, TuneRequest
from phin.generation.wishes import Wishes
from phin.music.fitting import fit
from phin.music.fretboard import DEFAULT
from phin.music.notation import format_letters, parse_letters
from phin.music.paper import PAPER, for_paper
from phin.music.phrase import Deviation, Metre
from phin.music.readers import READERS
from phin.music.suggestion import QUALITIES, SAID
from phin.tokenizer import FIRST_IDS, NUM_FIELDS, Tokenizer
from phin.web.app import STATIC
from phin.web.errands import SMALLER
from phin.web.limits import Buckets
from phin.web.refusals import full, stopped, too_large
from phin.web.tune import to_json
from tests.broken_files import FILES, broken_files
from tests.midi_defects import defect_files, good_files
from tests.tiny import PHRASE
from tests.tunes import of_notes
from tests.web.pages import chromium

LETTERS = (
    "| ---x |",
    "words",
    "- - ล",
    "| --ล |",
    "| - - - ลลลล |",
    "| ---ลฺํ |",
    "| ---ลฺฺฺฺ |",
    "title: nothing",
    "lai: blues\n| ---ล |",
    "tempo: fast\n| ---ล |",
    "tempo: 100\ntempo: 120\n| ---ล |",
)


def asked_too_often() -> None:
    buckets = Buckets(1, 1)
    for _ in range(2):
        buckets.take("someone")


def nothing_left() -> None:
    ids, allowed = np.full((1, NUM_FIELDS), 9), np.zeros((1, FIRST_IDS[-1]), bool)
    _refuse_nothing_left(ids, allowed, [0], 3)


def raised(error: PhinError) -> Callable[[], Any]:
    def throw() -> None:
        raise error

    return throw


MET: list[Callable[[], Any]] = [
    *(lambda text=text: parse_letters(text) for text in LETTERS),
    lambda: Wishes(drone=True, tuning="E-B-E").constraints(TuneRequest(lai="noi")),
    lambda: Wishes(lai=True, tuning="D-G").constraints(TuneRequest(lai="se")),
    lambda: Wishes(tonic=True, tuning="E-A-E", hand=14).constraints(TuneRequest(lai="po sai")),
    lambda: Wishes(lai=True, tuning="E-A-E", hand=15).constraints(TuneRequest(lai="noi")),
    nothing_left,
    asked_too_often,
    lambda: Given(PHRASE, Use.CONTINUE).request(TuneRequest(lines=64)),
    lambda: TuneRequest(lai="yai", blend=0.5, other=Style(lai="yai")),
    lambda: Given(replace(PHRASE, rows=PHRASE.rows[:0]), Use.CONTINUE),
    lambda: Given(replace(PHRASE, metre=Metre(13, 8)), Use.DECORATE),
    lambda: Given(of_notes((0, 24, 60), (500, 24, 62)), Use.RHYTHM),
    lambda: Given(of_notes((0, 24, 40)), Use.DECORATE),
    lambda: Tokenizer().encode(of_notes((0, 24, 40))),
    raised(PhinError("the file", "takes longer than 20 s to read", SMALLER)),
    raised(PhinError("the file", "takes more than 2,000 MB of memory to read", SMALLER)),
    raised(PhinError("the file", "ended the process that read it (SIGSEGV)", SMALLER)),
    raised(full("stage", "8 players")),
    raised(full("events", "64 listeners")),
    raised(full("files", "8 that wait")),
    raised(stopped()),
    raised(too_large("tune", "has 9,000 notes", "4,000")),
    raised(too_large("tune", "lasts 900 s", "600")),
]
OFF_THE_SLOTS = [of_notes((0, 24, 60), (step, 24, 62)) for step in (25, 26, 29)]
BETWEEN_FRETS = of_notes((0, 24, 61), (24, 24, 62), (48, 24, 64), (72, 24, 66), (96, 24, 67))
CHROMATIC = of_notes(*((24 * place, 24, 60 + place) for place in range(12)))
LATE = Deviation(480, onset=np.full(5, 6), duration=np.zeros(5, np.int64))
DENSE = of_notes(*((step, 1, 60) for step in range(4)))
ON_PAPER = [
    *OFF_THE_SLOTS,
    BETWEEN_FRETS,
    CHROMATIC,
    DENSE,
    of_notes((0, 24, 61), (24, 24, 63)),
    of_notes((0, 24, 30), (24, 24, 100)),
    of_notes(*((0, 24, pitch) for pitch in (64, 67, 69, 72))),
    of_notes((0, 24, 54), (0, 24, 81)),
    of_notes((0, 96, 54), (24, 24, 81)),
    of_notes((0, 96, 65), (24, 24, 67)),
    replace(CHROMATIC, drone=(61,)),
    replace(BETWEEN_FRETS, deviation=LATE),
    replace(CHROMATIC, lai="yai"),
]
"""Tunes that no page holds as they are, and some that none holds at all."""
SCARCE = tuple(f"note {number}: 0.0005 of its {field}" for number, field in enumerate(("pitch", "step", "voice"), 1))
TOLD: list[str] = [
    str(falls_silent(replace(PHRASE, rows=PHRASE.rows[[0, -1]] + [[0, 0, 0, 0, 0, 0], [200, 0, 0, 0, 0, 0]]))),
    *said_of(
        Chosen(Played(PHRASE, 0.0, {ALL: 0.25}, SCARCE[:1], 1), ()),
        None,
        None,
        ["every note moves 5 semitones up"],
        True,
    ),
    *said_of(
        Chosen(Played(PHRASE, 0.0, {ALL: 0.25}, SCARCE[1:], 1), ()), None, None, ["broken off after 4,096 notes"], True
    ),
]
"""What is said of tunes."""
KEPT = re.compile(
    r"MIDI|RIFF|UTF-8|MB|\.mid|'[^']*'|[A-G](-[A-G])+|[A-G]#?\d|\d+/\d+|x|yai|noi|se|po sai|sutsanaen|soi"
    r"|(tempo|octaves|rhythm|title|lai|source|metre|tuning|drone)(: (\d+|marked|inferred))?"
    r"|X:1|K:(\w+( dorian)?)?|L:1/8|A ถึง G|# หรือ b"
)
"""Latin letters that stay: what was typed, names of lai, tunings, pitches and files, and how a header is written."""


def in_thai(sentences: list[str]) -> list[str]:
    """What the page makes of sentences, where Thai is chosen."""
    source = (STATIC / "js" / "thai.js").read_text(encoding="utf-8").replace("export function", "function")
    with chromium() as browser:
        return browser.new_page().evaluate(f"(sentences) => {{ {source}\nreturn sentences.map(inThai); }}", sentences)


def is_in_thai(sentence: str, thai: str) -> None:
    assert re.search("[ก-๙]", thai), sentence
    assert not re.search("[A-Za-z]", KEPT.sub("", thai)), f"{sentence} -> {thai}"
    assert "{" not in thai


@pytest.mark.slow
def test_what_is_refused_on_the_page_and_suggested_is_said_in_thai() -> None:
    """Fails: who plays the phin and reads no English is told in English what is wrong with a page of letters."""
    sentences = list[str]()
    for make in MET:
        with pytest.raises(PhinError) as met:
            make()
        sentences += [met.value.reason, met.value.remedy]
    sentences += TOLD
    sentences += [*QUALITIES, f"{QUALITIES[0]} and {QUALITIES[-1]}", SAID, "nothing speaks for another"]
    for sentence, thai in zip(sentences, in_thai(sentences), strict=True):
        is_in_thai(sentence, thai)


def of_files(folder: Path) -> Iterator[str]:
    """What is said of every broken file that there is, and of good ones that have to be mended."""
    made = {**good_files(), **{name: data for name, (data, _) in defect_files().items()}}
    for name, data in made.items():
        (folder / name).write_bytes(data)
    for path in [*(FILES / file.name for file in broken_files()), *(folder / name for name in made)]:
        try:
            tunes, repairs, _ = READERS[path.suffix](path)
            yield from (said.replace(str(path), path.name) for said in repairs)
            for tune in tunes:
                Tokenizer().encode(tune)
        except PhinError as error:
            yield from (error.reason, error.remedy)


def of_paper() -> Iterator[str]:
    """What is said of tunes that are put on paper: by the page that shows them, and where they are saved."""
    for tune in ON_PAPER:
        yield from (*to_json(tune).said, *fit(tune, DEFAULT).changes)
        for ending in PAPER:
            try:
                shown, changes = for_paper(tune, ending)
                yield from changes
                format_letters(shown)
            except InvalidTune as error:
                yield from (error.reason, error.remedy)


@pytest.mark.slow
def test_what_is_said_of_a_file_that_is_opened_or_saved_is_said_in_thai(tmp_path: Path) -> None:
    """Fails: whose file is broken is told so in English, or half in English: a pattern took words for a number."""
    sentences = sorted({*of_files(tmp_path), *of_paper()})
    for sentence, thai in zip(sentences, in_thai(sentences), strict=True):
        is_in_thai(sentence, thai)


@pytest.mark.slow
def test_what_has_no_thai_is_said_whole_as_it_is() -> None:
    """Fails: half of a sentence is Thai and half of it English, and neither reader has all of it."""
    sentences = [
        "has no colour",
        "has many notes",
        "lasts too many s",
        "note one: 0.0005 of its pitch",
        "txt: not written: it has no colour",
        "almost nothing was left to draw: of its colour",
        "somewhere: 'x' is no letter of the seven",
        "it rises a step and has no colour",
    ]
    assert in_thai(sentences) == sentences
