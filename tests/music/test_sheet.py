"""The sheet: what a player prints shows every letter above the fret that sounds it, and loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from phin.errors import InvalidTune
from phin.music.augment import transpose
from phin.music.fingering import Unplayable, finger
from phin.music.notation import parse_letters
from phin.music.phrase import VOICE, Phrase, Voice
from phin.music.sheet import format_sheet

PAGE = """title: <b>เต้ย</b>
lai: yai
tempo: 136
drone: ลฺ

ท่อน 1
| - - - ลฺ | - ด - ร | - ม - ซ |
ท่อน 2
| - - - ดํ |
"""


class Rows(HTMLParser):
    """The rows of all tables, each by its class and the texts of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, list[str]]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append((dict(attrs).get("class") or "", []))
        elif tag == "td":
            self.inside = True
            self.rows[-1][1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][1][-1] += data


@pytest.fixture
def phrase() -> Phrase:
    return parse_letters(PAGE).phrase


def test_every_letter_stands_above_its_fret(phrase: Phrase) -> None:
    """Fails: the player strikes one note and sings another."""
    rows = Rows(format_sheet(phrase)).rows
    assert {len(cells) for _, cells in rows} == {32}, "every line is as wide"
    letters, frets, line = {}, {}, -1
    for kind, cells in rows:
        line += kind == "numbers"
        found = letters if kind == "letters" else frets
        if kind != "numbers":
            found |= {(line, slot): cell for slot, cell in enumerate(cells) if cell not in ("", "-")}
    assert [letters[place] for place in sorted(letters)] == ["ลฺ", "ด", "ร", "ม", "ซ", "ดํ"]
    assert sorted(frets) == sorted(letters)
    assert [int(frets[place]) for place in sorted(frets)] == finger(phrase).fret.tolist()


def test_the_sheet_says_what_is_known_and_how_strings_are_counted(phrase: Phrase) -> None:
    """Fails: a reader takes the highest string for the lowest, as half of all sources do."""
    page = format_sheet(phrase)
    text = re.sub(r"<[^>]*>", " ", page)
    for said in ("ลายใหญ่ (lai yai)", "136 hong a minute", "drone (เสียงเสพ) ลฺ", "Tuning E-A-E, low string first"):
        assert said in text
    assert "1 is E4, 2 is A3, 3 is E3" in text
    assert re.findall(r'class="words">([^<]*)<', page) == ["ท่อน 1", "ท่อน 2"]


def test_nothing_is_loaded_and_nothing_in_a_title_is_run(phrase: Phrase) -> None:
    """Fails: a sheet asks other machines for its fonts, or a title with a tag in it breaks the page."""
    page = format_sheet(phrase)
    assert "&lt;b&gt;เต้ย&lt;/b&gt;" in page
    assert not re.search(r"https?:|src=|href=|@import|url\(|<script|<b>", page)
    assert "@page { size: A4" in page


def test_what_cannot_be_shown_is_refused(phrase: Phrase) -> None:
    """Fails: a sheet shows a note that no finger reaches, or leaves it out."""
    with pytest.raises(InvalidTune, match="has no Thai letter"):
        format_sheet(transpose(phrase, 1), fingering=finger(phrase))
    with pytest.raises(Unplayable):
        format_sheet(parse_letters("| - - - ลํํ | - - - ด |").phrase)


def test_a_tune_that_is_all_accompaniment_has_no_sheet(phrase: Phrase) -> None:
    """Fails: a traceback, and the tunes beside it are lost, because a model drew a drone and nothing else."""
    rows = phrase.rows.copy()
    rows[:, VOICE] = Voice.ACCOMPANIMENT
    with pytest.raises(InvalidTune, match="has no melody"):
        format_sheet(replace(phrase, rows=rows))
