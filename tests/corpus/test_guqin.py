"""MusicXML of guqin pieces; every score here is made up in the collection's format."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from phin.corpus import guqin
from phin.corpus.files import find_units
from phin.corpus.guqin import read_guqin
from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig
from phin.errors import Defect, InvalidTune, MissingCorpus
from phin.music.opening import bytes_of
from phin.music.page import PageReading
from phin.music.phrase import DUPLE, UNKNOWN, Metre, Voice

pytest.importorskip("music21", reason="music21 (extra: corpora) is not installed")

DIVISIONS = 10080
"""A quarter, as music21 writes it."""
TIE = '<tie type="start"/>'
TIED = '<tie type="stop"/>'


def note(pitch: str, quarters: float = 1, more: str = "", before: str = "") -> str:
    """One note, `C3` or `F#3`; `more` stands after its duration, `before` before its pitch."""
    alter = "<alter>1</alter>" if "#" in pitch else ""
    head = f"<pitch><step>{pitch[0]}</step>{alter}<octave>{pitch[-1]}</octave></pitch>"
    return f"<note>{before}{head}<duration>{round(quarters * DIVISIONS)}</duration>{more}</note>"


def chord(pitch: str, quarters: float = 1, more: str = "") -> str:
    """A note that sounds with the one before it."""
    return note(pitch, quarters, more, "<chord/>")


def score(path: Path, bars: Sequence[str], metres: Sequence[str] = ("2/4",), parts: int = 1) -> Path:
    """A file of bars; the signature of each is written where it is given."""
    written = []
    for number, bar in enumerate(bars):
        time = ""
        if number < len(metres):
            beats, kind = metres[number].split("/")
            time = f"<time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>"
        divisions = f"<divisions>{DIVISIONS}</divisions>" if number == 0 else ""
        attributes = f"<attributes>{divisions}{time}</attributes>" if divisions or time else ""
        written.append(f'<measure number="{number + 1}">{attributes}{bar}</measure>')
    names = "".join(f'<score-part id="P{p}"><part-name>Guqin</part-name></score-part>' for p in range(parts))
    body = "".join(f'<part id="P{p}">{"".join(written)}</part>' for p in range(parts))
    title = "<work><work-title>酒狂</work-title></work><movement-title>酒狂</movement-title>"
    text = f'<score-partwise version="3.0">{title}<part-list>{names}</part-list>{body}</score-partwise>'
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>{text}', encoding="utf-8")
    return path


def read(path: Path, bars: Sequence[str], *settings, **more) -> PageReading:
    return read_guqin(score(path / "a.xml", bars, *settings, **more), "guqin")


def times(reading: PageReading) -> list[tuple[int, int, int]]:
    """Onset, duration and pitch of each note."""
    return [(onset, duration, pitch) for onset, duration, pitch, *_ in reading.phrase.rows.tolist()]


def test_a_piece_keeps_its_pitches_lengths_title_and_metre(tmp_path: Path) -> None:
    """The player would learn other notes than the ones that were printed, and believe in strokes that nobody wrote."""
    staccato = "<notations><articulations><staccato/></articulations></notations>"
    rest = f"<note><rest/><duration>{DIVISIONS // 2}</duration></note>"
    bars = [note("C3", 0.5, staccato) + rest + note("F#3"), note("A3", 1.5) + note("G3", 0.5)]
    reading = read(tmp_path, bars)
    assert times(reading) == [(0, 12, 48), (24, 24, 54), (48, 36, 57), (84, 12, 55)]
    phrase = reading.phrase
    assert (phrase.title, phrase.source, phrase.metre, phrase.tempo) == ("酒狂", "guqin", DUPLE, None)
    assert set(phrase.technique.tolist()) == set(phrase.velocity.tolist()) == {UNKNOWN}
    assert reading.repairs == ()


def test_the_highest_note_of_a_chord_is_the_melody(tmp_path: Path) -> None:
    """The bass string would be taken for the tune."""
    reading = read(tmp_path, [note("C3") + chord("G4") + chord("G4") + note("E4")])
    assert times(reading) == [(0, 24, 48), (0, 24, 67), (24, 24, 64)]
    assert reading.phrase.voice.tolist() == [Voice.ACCOMPANIMENT, Voice.MELODY, Voice.MELODY]


def test_tied_notes_are_one_stroke_and_others_are_not(tmp_path: Path) -> None:
    """A long note would be plucked again in every bar; or two strokes on one pitch would be one."""
    bars = [note("D4") + note("C3", 1, TIE) + chord("A3"), note("C3", 1, TIED) + chord("A3") + note("C3", 1, TIE)]
    bars += [note("D4") + note("C3", 1, TIED)]
    expected = [(0, 24, 62), (24, 48, 48), (24, 24, 57), (48, 24, 57), (72, 24, 48), (96, 24, 62), (120, 24, 48)]
    assert times(read(tmp_path, bars)) == expected
    broken_off = [note("C3", 1, TIE) + f"<note><rest/><duration>{DIVISIONS}</duration></note>", note("C3", 2, TIED)]
    assert times(read(tmp_path, broken_off)) == [(0, 24, 48), (48, 48, 48)]


def test_what_is_written_above_the_notes_is_not_played(tmp_path: Path) -> None:
    """The name of a chord would sound as three notes."""
    name = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    assert times(read(tmp_path, [name + note("D4", 2)])) == [(0, 48, 62)]


def test_a_piece_without_a_title_has_its_files_name(tmp_path: Path) -> None:
    """Two versions of a piece would not be known for one, and one of them would be held out."""
    path = score(tmp_path / "梅花三弄.xml", [note("D4", 2)])
    for tag in ("work", "movement-title"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text[: text.index(f"<{tag}>")] + text[text.index(f"</{tag}>") + len(tag) + 3 :], encoding="utf-8"
        )
    assert read_guqin(path, "guqin").phrase.title == "梅花三弄"


def test_a_file_that_is_too_large_for_a_piece_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strange file would cost minutes and gigabytes."""
    path = score(tmp_path / "a.xml", [note("D4", 2)])
    monkeypatch.setattr(guqin, "bytes_of", partial(bytes_of, most=path.stat().st_size))
    read_guqin(path, "guqin")
    monkeypatch.setattr(guqin, "bytes_of", partial(bytes_of, most=path.stat().st_size - 1))
    with pytest.raises(InvalidTune, match="has more than") as refused:
        read_guqin(path, "guqin")
    assert refused.value.defect is Defect.TOO_LARGE


def test_lengths_that_have_no_common_grid_are_refused(tmp_path: Path) -> None:
    """Times would overflow, and the piece would be read as noise."""
    primes = (65521, 65519, 65497)
    bars = [f"<attributes><divisions>{p}</divisions></attributes>{note('C3', 1 / DIVISIONS)}" for p in primes]
    with pytest.raises(InvalidTune, match="divides the quarter too finely") as refused:
        read(tmp_path, bars)
    assert refused.value.defect is Defect.ABSURD_TICKS


@pytest.mark.parametrize(
    ("bars", "metres", "metre", "first"),
    [
        ([note("C3"), note("D3", 2), note("E3", 2)], ["2/4"], DUPLE, -24),  # a pickup
        ([note("C3", 2), note("D3", 2)], ["2/4", "2/4"], DUPLE, 0),
        ([note("C3", 3.5), note("D3", 2.5)], ["7/8", "5/8"], None, 0),
        ([note("C3", 1.5), note("D3", 1.5)], ["3/8"], Metre(3, 8), 0),
        (["<note><rest/><duration>20160</duration></note>", note("D3", 2)], ["2/4"], DUPLE, 0),
    ],
    ids=["pickup", "one metre", "metre that changes", "three", "a bar of rest"],
)
def test_step_0_is_a_downbeat_and_a_metre_that_changes_is_none(tmp_path: Path, bars, metres, metre, first) -> None:
    """The beat would be heard where it is not: a free piece would be forced into the metre of its first bar."""
    phrase = read(tmp_path, bars, metres).phrase
    assert phrase.metre == metre
    assert phrase.onset[0] == first


def test_what_lies_off_the_grid_is_moved_and_said_and_triplets_are_not(tmp_path: Path) -> None:
    """A player would take our rounding for the printed rhythm."""
    reading = read(
        tmp_path, [note("C3", 1 / 5) + note("D3", 4 / 5) + "".join(note(p, 1 / 3) for p in ("E3", "G3", "A3"))]
    )
    assert times(reading) == [(0, 5, 48), (5, 19, 50), (24, 8, 52), (32, 8, 55), (40, 8, 57)]
    assert reading.repairs == ("notes moved to the grid of 24 steps a quarter: 2",)


def test_grace_notes_are_left_out_and_counted(tmp_path: Path) -> None:
    """A slide into a note would take time from the beat, or be lost without a word."""
    grace = "<note><grace/><pitch><step>B</step><octave>2</octave></pitch></note>"
    reading = read(tmp_path, [grace + note("C3") + note("D3")])
    assert times(reading) == [(0, 24, 48), (24, 24, 50)]
    assert reading.repairs == ("grace notes left out: 1",)


VOICES = note("C4", 2, "<voice>1</voice>") + f"<backup><duration>{2 * DIVISIONS}</duration></backup>"
REST = f"<note><rest/><duration>{2 * DIVISIONS}</duration></note>"
UNPITCHED = REST.replace("<rest/>", "<unpitched/>")
QUARTER_TONE = note("F#3").replace("<alter>1<", "<alter>0.5<")


@pytest.mark.parametrize(
    ("bars", "parts", "defect", "words"),
    [
        ([note("C3")], 2, Defect.BAD_NOTATION, "has 2 parts"),
        ([note("C3", 2), VOICES + note("C3", 2, "<voice>2</voice>")], 1, Defect.BAD_NOTATION, "bar 2 has several"),
        ([note("C3", 2), QUARTER_TONE], 1, Defect.BAD_NOTATION, "bar 2: has a pitch"),
        ([UNPITCHED], 1, Defect.BAD_NOTATION, "bar 1 has a note without pitch"),
        ([REST], 1, Defect.NO_NOTES, "holds no notes"),
    ],
    ids=["parts", "voices", "quarter tone", "drum", "rest"],
)
def test_a_score_that_is_no_single_tune_is_refused_by_its_place(tmp_path: Path, bars, parts, defect, words) -> None:
    """Two parts would be mixed to a tune that nobody played."""
    with pytest.raises(InvalidTune, match=words) as refused:
        read(tmp_path, bars, parts=parts)
    assert refused.value.defect is defect
    assert str(tmp_path / "a.xml") in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<score-partwise><part-list>",
        b"<html/>",
        b"no xml",
        b"\0\0",
        b"<a>\xff</a>",
        b"<?xml version='1.0' encoding='x'?>",
    ],
)
def test_a_torn_score_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    """A half-fetched piece would pass for a short one, or stop the whole corpus."""
    (tmp_path / "torn.xml").write_bytes(text)
    with pytest.raises(InvalidTune, match=r"torn\.xml") as refused:
        read_guqin(tmp_path / "torn.xml", "guqin")
    assert refused.value.defect is Defect.UNREADABLE
    assert "\n" not in str(refused.value)


def collection(folder: Path) -> Path:
    """A copy of the repository with a piece of two books, and the same by paragraphs, which is not taken."""
    for place in ("xml_no_split/一/a.xml", "xml_no_split/二/b.xml", "xml/一/a_1.xml"):
        path = folder / "Guqin_Dataset_v1" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        pitches = "CDEGAGED" if place.endswith("a.xml") else "GEDCDEGA"
        score(path, [note(f"{pitches[at]}2") + note(f"{pitches[at + 1]}2") for at in range(0, 8, 2)])
    return folder


def test_a_copy_of_the_collection_becomes_a_corpus_in_the_phins_range(tmp_path: Path) -> None:
    """The guqin's low strings would be asked of a phin, or a piece would be learned whole and again by paragraphs."""
    path = str(collection(tmp_path / "copy"))
    store = prepare(CorpusConfig("g", ["guqin"], path=path, cache=str(tmp_path)), progress=False)
    assert [store.id(tune).removeprefix("guqin/Guqin_Dataset_v1/") for tune in range(len(store))] == [
        "xml_no_split/一/a.xml",
        "xml_no_split/二/b.xml",
    ]
    assert store.sources == ("guqin",)
    assert store.phrase(0).pitch.tolist() == [60, 62, 64, 67, 69, 67, 64, 62]
    assert "research use only" in store.licence
    assert not store.has_technique


def test_without_music21_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece would be refused on its own, after all of them had been fetched."""
    monkeypatch.setitem(sys.modules, "music21", None)  # as Python itself keeps what cannot be imported
    config = CorpusConfig("g", ["guqin"], download=True, cache=str(tmp_path / "cache"))
    with pytest.raises(MissingCorpus, match=r"music21: is not installed.*\[corpora\]") as refused:
        find_units(config)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "cache").exists()


def test_finding_the_pieces_does_not_import_music21(tmp_path: Path) -> None:
    """Every command would start a second later."""
    config = f"CorpusConfig('g', ['guqin'], path={str(collection(tmp_path))!r})"
    imports = "from phin.corpus.files import CorpusConfig, find_units"
    check = f"import sys; {imports}; assert find_units({config})[0]; assert 'music21' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
