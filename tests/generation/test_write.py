"""Tunes in files: every form, all or nothing, and no change on paper in silence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phin.errors import InvalidConfig, PhinError
from phin.generation.write import FORMATS, write_tunes
from phin.music.midi import read_midi
from phin.music.notation import format_letters, read_letters
from phin.music.phrase import DUPLE, Phrase, rows_from_columns
from phin.music.tablature import read_tablature
from phin.music.writers import WRITERS

PITCHES = [69, 72, 74, 76, 79, 76, 74, 72, 69, 69]


def tune(onsets: list[int] | None = None, up: int = 0, title: str = "phin 0-1") -> Phrase:
    """Ten notes of lai yai, on the slots unless told otherwise, so many semitones higher."""
    onset = np.arange(10) * 6 if onsets is None else np.array(onsets)
    rows = rows_from_columns(onset, np.append(np.diff(onset), 24), np.array(PITCHES) + up)
    return Phrase(rows, metre=DUPLE, tempo=600_000, title=title)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_ending_is_written_and_notes_come_back(tmp_path: Path) -> None:
    """Fails: a form that phin-convert knows is not to be had of a new tune, or a page holds another tune."""
    formats = [ending[1:] for ending in WRITERS]
    (files,) = write_tunes([tune()], tmp_path, formats=formats)
    assert names(tmp_path) == sorted(f"tune-1.{form}" for form in formats)
    assert files.said == ()
    assert read_midi(files.of[".mid"]).phrase == tune()
    page = files.of[".txt"].read_text(encoding="utf-8")
    assert format_letters(read_letters(files.of[".txt"]).phrase) == page
    assert page == format_letters(tune())
    assert read_tablature(files.of[".tab"]).phrase.pitch.tolist() == PITCHES


def test_unless_told_a_tune_is_written_to_hear_to_see_and_to_play_from(tmp_path: Path) -> None:
    """Fails: a player gets a tune that only a computer can read."""
    write_tunes([tune(), tune(up=5)], tmp_path)
    assert names(tmp_path) == sorted(f"tune-{number}.{form}" for number in (1, 2) for form in FORMATS)
    assert {"mid", "wav", "png", "txt", "html"} == set(FORMATS)


def test_a_rhythm_off_the_slots_is_moved_on_paper_only_and_said_twice(tmp_path: Path) -> None:
    """Fails: a page shows another rhythm than was drawn, and nobody knows; or the MIDI file is bent to the page."""
    drawn = tune([0, 7, 12, 18, 24, 30, 36, 42, 49, 54])
    (files,) = write_tunes([drawn], tmp_path)
    said = "2 notes moved to slots, by 1/6 of a slot at most"
    assert files.said == (f".txt: {said}", f".html: {said}")
    assert read_midi(files.of[".mid"]).phrase == drawn
    for page in (".txt", ".html"):
        assert f"({said})" in files.of[page].read_text(encoding="utf-8")
    read = read_letters(files.of[".txt"]).phrase
    assert read.onset.tolist() == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]
    assert format_letters(read) == files.of[".txt"].read_text(encoding="utf-8")


def test_a_tune_without_letters_moves_to_where_it_has_them(tmp_path: Path) -> None:
    """Fails: a tune in a key with a black note, as most fiddle tunes are, leaves its player without a page."""
    (files,) = write_tunes([tune(up=4)], tmp_path, formats=["mid", "txt", "html", "tab"])
    read = read_letters(files.of[".txt"]).phrase
    moved = {int(step) for step in read.pitch - tune(up=4).pitch}
    assert moved == {1}
    assert ".txt: every note moves 1 semitone up, to where it has a letter" in files.said
    assert "every note moves" in files.of[".html"].read_text(encoding="utf-8")
    assert any(line.startswith(".tab: ") for line in files.said)
    assert read_midi(files.of[".mid"]).phrase == tune(up=4)


def test_what_no_page_can_hold_is_left_out_and_said(tmp_path: Path) -> None:
    """Fails: one chromatic tune stops the writing of all the others; or its page is missing and nobody says why."""
    rows = tune().rows.copy()
    rows[:, 2] = 60 + np.arange(10)
    (tmp_path / "tune-1.txt").write_text("a page of an earlier tune")
    first, second = write_tunes([replace(tune(), rows=rows), tune()], tmp_path, replace=True, formats=["mid", "txt"])
    assert set(first.of) == {".mid"}
    assert len(first.said) == 1
    assert "has no Thai letter" in first.said[0]
    assert set(second.of) == {".mid", ".txt"}
    assert names(tmp_path) == ["tune-1.mid", "tune-2.mid", "tune-2.txt"]


@pytest.mark.parametrize("form", [ending[1:] for ending in WRITERS])
def test_another_tune_is_replaced_only_where_that_is_asked(tmp_path: Path, form: str) -> None:
    """Fails: a tune that somebody kept is gone, because only .mid was looked at."""
    write_tunes([tune()], tmp_path, formats=[form])
    before = (tmp_path / f"tune-1.{form}").read_bytes()
    write_tunes([tune()], tmp_path, formats=[form])  # the same again is no other tune
    with pytest.raises(PhinError, match=f"tune-1.{form}: is another tune"):
        write_tunes([tune(), tune(up=3, title="x")][::-1], tmp_path, formats=[form])
    assert names(tmp_path) == [f"tune-1.{form}"]
    assert (tmp_path / f"tune-1.{form}").read_bytes() == before
    write_tunes([tune(up=3, title="x")], tmp_path, formats=[form], replace=True)
    assert (tmp_path / f"tune-1.{form}").read_bytes() != before


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a writer that breaks off leaves some forms of a tune and not the others."""

    def breaks(phrase: Phrase, path: Path) -> None:
        raise PhinError(path, "the disk is full", "make room")

    monkeypatch.setitem(WRITERS, ".html", breaks)
    with pytest.raises(PhinError, match="full"):
        write_tunes([tune()], tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (["mid", "mp3"], "formats=mp3: no tune can be written so"),
        ([], "nothing is asked"),
        (["mid", "MID"], "mid twice"),
    ],
)
def test_a_form_that_nobody_writes_is_refused_before_anything(tmp_path: Path, formats: list[str], said: str) -> None:
    """Fails: minutes of drawing end in a refusal."""
    from phin.cli.generate import GenerateConfig

    with pytest.raises(InvalidConfig, match=said):
        write_tunes([tune()], tmp_path, formats=formats)
    with pytest.raises(InvalidConfig, match=said):
        GenerateConfig(checkpoint="nowhere.ckpt", formats=formats)
    assert names(tmp_path) == []
