"""What a page reads by itself, and suggests, against a server: pages of letters and of tablature, whole or torn."""

import json
from typing import Any

import numpy as np
import pytest

from phin.web.tune import to_json
from tests.tiny import PHRASE, melodies
from tests.web.playing import Playground, both
from tests.web.serving import Served, file

pytestmark = pytest.mark.slow

LETTERS = {
    "marked": "title: ลายใหญ่\nlai: yai\ntempo: 110.5\ntuning: E-A-E\ndrone: ลฺ ม\n\n"
    "| ---ล | -ด-ร | -ม-ซํ | -ล-ด |\n| ---- | ลฺ--- |\n",
    "no octaves": "| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |",
    "octaves said": "octaves: marked\n| ---ล | -ด-ร | -ม-ซ |",
    "shared slots": "metre: 4/4\n| - ลด - ม | ซลด - - - | -ล ด- - ม |",
    "digits": "| ---6 | -1-2 | 3.-5*- | 8-9- |",
    "without bars": "---ล -ด-ร -ม-ซ -ล-ด",
    "slots without bars": "- - - ล - ด - ร",
    "words": "เกริ่น\n| ---ล | -ด-ร | (ซ้ำ 2 รอบ)\nท่อน 1: | -ม-ซ | -ล-ด | [จบ]\n",
    "other signs": "| －－—ล ｜ ‐ด–ร |\n# a remark\n| -๑-๒ |",
    "Thai digits": "ความเร็ว: ๑๑๐.๕\nmetre: ๔/๔\n| ---ล | -๑-๒ |",
    "a shorthand": "ลาย: ลายใหญ่\nล ด ร ม ซ / ล ซ ม ร .... / ด ร ม\nม ร ด ล",
    "a header that says nothing": "by: somebody\nตั้งสาย: E-B-E\n| ---ล |",
    "no letters": "title: nothing\n",
    "nothing": "",
    "no notation": "once upon a time\n",
    "three letters": "| ---ล | -ด- |",
    "four in a slot": "| - ลดรม - ม |",
    "six in a slot": "| ลดรมซฟ - - ม |",
    "five letters": "| ลดรมซ |",
    "a strange letter": "| ---x | ---ล |",
    "high and low": "| ---ลํฺ |",
    "far away": "| ---ลํํํ |",
    "a header below": "| ---ล |\ntempo: 90\n",
    "said twice": "tempo: 90\ntempo: 100\n| ---ล |",
    "no such lai": "lai: major\n| ---ล |",
    "no tempo": "tempo: fast\n| ---ล |",
    "no metre": "metre: 3:4\n| ---ล |",
    "too large a metre": "metre: 256/4\n| ---ล |",
    "a bar shorter than a hong": "metre: 1/8\n| ---ล | -ด-ร |",
    "no tuning": "tuning: E-X\n| ---ล |",
    "no drone": "drone: x\n| ---ล |",
    "no octaves at all": "octaves: some\n| ---ล |",
}
TABS = {
    "three strings": "1 E4 | - - - 3 | - 5,7 - - |\n2 A3 | - - 7 - | - - - - |\n3 E3 | - (0) - - | (0) - - (0) |\n",
    "another tuning": "tuning: E-A\nmetre: 3/4\n(a part)\n1 | - - - 3 |\n2 | (0) - - - |\n",
    "Thai frets": "๑ | - - - ๓ |\n๒ | - - - - |\n๓ | (๐) - - - |\n",
    "of two mistakes the first": "tuning E-A\nmetre: 3/4\n1 | - - - 3 |\n2 | - - - - |\n",
    "a fret in every slot": "1 2 3 4\n1 | 0 2 3 5 |\n2 | 0 - 0 - |\n3 | 0 0 0 0 |\n",
    "too few strings": "1 | - - - 3 |\n2 | - - - - |\n",
    "another open string": "1 D4 | - - - 3 |\n2 | - - - - |\n3 | - - - - |\n",
    "no such fret": "1 | - - - 16 |\n2 | - - - - |\n3 | - - - - |\n",
    "three slots": "1 | - - 3 |\n2 | - - - - |\n3 | - - - - |\n",
    "unlike strings": "1 | - - - 3 | - - - - |\n2 | - - - - |\n3 | - - - - |\n",
    "no frets": "1 | - - - - |\n2 | - - - - |\n3 | - - - - |\n",
    "no string": "- - - 3\n",
}
PAGES = [*(("txt", text) for text in LETTERS.values()), *(("tab", text) for text in TABS.values())]


def test_pages_are_read_as_a_server_reads_them(ground: Playground, drawer: Served) -> None:
    """Fails: a tune that was typed on a phone is another one there, or its mistake is told in other words."""
    both(ground, drawer, "read", [file(text, form, name="mine.txt") for form, text in PAGES])
    thai = LETTERS["marked"]
    encoded = [thai.encode("utf-16"), thai.encode("utf-8-sig"), thai.replace("ํ", "").encode("cp874"), b"\xff\x00\xfe"]
    both(ground, drawer, "read", [file(content, "txt") for content in encoded])


def test_torn_pages_are_read_or_refused_alike(ground: Playground, drawer: Served) -> None:
    """Fails: a page with a slip of the finger is read otherwise without a server."""
    rng = np.random.default_rng(4)
    signs = list("|- ลดรมฟซท\u0e4d\u0e3a/().:1290,#\n")
    torn = list[dict[str, Any]]()
    for number in range(150):
        form, text = PAGES[number % len(PAGES)]
        letters = list(text or "| ---ล |")
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(letters)))
            letters[at : at + int(rng.integers(0, 2))] = [str(rng.choice(signs))] if rng.random() < 0.7 else []
            letters = letters or ["-"]
        torn.append(file("".join(letters), form))
    both(ground, drawer, "read", torn)


def test_a_page_that_was_written_is_read_back(ground: Playground, drawer: Served) -> None:
    """Fails: what a page saves it cannot open."""
    tunes = [json.loads(to_json(tune).model_dump_json()) for tune in (PHRASE, *melodies(6, num_notes=20))]
    pages = [(form, tune[name]) for tune in tunes for form, name in (("txt", "letters"), ("tab", "tablature"))]
    written = [file(text, form) for form, text in pages if text]
    assert len(written) > len(tunes)
    both(ground, drawer, "read", written)
    given = {"given": written[0], "use": "continue", "lines": 1, "seed": 6}
    assert ground.generate("player", **given) == drawer.told("generate", **given)


def test_what_is_suggested_is_what_a_server_suggests(ground: Playground, drawer: Served) -> None:
    """Fails: a page gives other reasons, or other odds, than the weights that came with it."""
    tunes = [json.loads(to_json(tune).model_dump_json()) for tune in (PHRASE, *melodies(4, num_notes=20))]
    both(ground, drawer, "suggest", [{"tune": tune} for tune in tunes])


def test_a_source_that_is_none_is_refused_as_by_a_server(ground: Playground, drawer: Served) -> None:
    """Fails: a torn request is a fault of the program's."""
    sources = [{}, {"form": "txt"}, {**file("| ---ล |", "txt"), "tune": json.loads(to_json(PHRASE).model_dump_json())}]
    sources += [{"form": "txt", "content": "%%%"}]
    both(ground, drawer, "read", sources)
