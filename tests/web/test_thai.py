"""Refusals in Thai: each sentence that phin says to somebody on the page, as phin says it, has its words there."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from phin.errors import PhinError
from phin.generation.choice import Chosen, falls_silent, said_of
from phin.generation.draw import _refuse_nothing_left
from phin.generation.given import Given, Use
from phin.generation.play import ALL, Played
from phin.generation.request import Style, TuneRequest
from phin.generation.wishes import Wishes
from phin.music.notation import parse_letters
from phin.music.phrase import Metre
from phin.music.suggestion import QUALITIES, SAID
from phin.tokenizer import FIRST_IDS, NUM_FIELDS, Tokenizer
from phin.web.app import STATIC
from phin.web.errands import SMALLER
from phin.web.limits import Buckets
from phin.web.refusals import full, stopped, too_large
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
    raised(full("stage", "8 players")),
    raised(stopped()),
    raised(too_large("tune", "has 9,000 notes", "4,000")),
    raised(too_large("tune", "lasts 900 s", "600")),
]
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
KEPT = re.compile(r"MIDI|tempo(: \d+)?|'[^']*'|[A-G](-[A-G])+|yai|noi|se|po sai|sutsanaen|soi|\d+/\d+|x|MB")
"""Latin letters that stay: what was typed, names of lai and tunings, and how a header is written."""


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
    source = (STATIC / "js" / "thai.js").read_text(encoding="utf-8").replace("export function", "function")
    with chromium() as browser:
        said = browser.new_page().evaluate(f"(sentences) => {{ {source}\nreturn sentences.map(inThai); }}", sentences)
    for sentence, thai in zip(sentences, said, strict=True):
        assert re.search("[ก-๙]", thai), sentence
        assert not re.search("[A-Za-z]", KEPT.sub("", thai)), f"{sentence} -> {thai}"
        assert "{" not in thai
