"""The journal: what was read stays read, whatever happens to the run; and nothing that is torn is believed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phin.corpus.journal import NOT_TO_BE_FOUND, Journal, decode, encode, mark_of
from phin.corpus.reading import Reading
from phin.errors import Defect, PhinError
from phin.music.lai import Family, LaiLabel
from phin.music.phrase import Inferred, LabelSource, Metre
from tests.tunes import wander, with_drone

READINGS = [
    Reading("a/1", replace(wander(0), title="ลายใหญ่", tempo=600_000, source="midi")),
    Reading("a/2", with_drone(wander(1)), ("two\nlines", "3 notes left out"), found=LaiLabel(9, Family.SAN)),
    Reading("a/3", replace(wander(2), metre=None, techniques_from=LabelSource.DETECTED), found=LaiLabel(0)),
    Reading("a/4", replace(wander(3), metre=Metre(12, 8), inferred=frozenset(Inferred))),
    Reading("a/5", None, defect=Defect.TOO_SHORT, reason="a/5: ธ has 3 notes. Leave it out."),
]
MARKS = [mark_of("file", number) for number in range(5)]


def marks(*chosen: int) -> np.ndarray:
    return np.array(chosen, dtype=np.uint64)


def written(path: Path) -> list[int]:
    """A journal of five files of one tune each; where their records lie."""
    with Journal(path) as journal:
        return [journal.append(mark, encode([reading])) for mark, reading in zip(MARKS, READINGS, strict=True)]


def test_what_was_read_is_kept_whole() -> None:
    """A tune that was read yesterday would come out of the journal without its title, its mode or its repairs, or
    with its inferred rhythm as a written one.
    """
    assert decode(encode(READINGS)) == READINGS
    assert b"\n" not in encode(READINGS)
    assert decode(encode([])) == []


def test_files_are_found_again_by_their_marks_in_another_run(tmp_path: Path) -> None:
    """An interrupted run would begin anew."""
    places = written(tmp_path / "journal")
    with Journal(tmp_path / "journal") as journal:
        found = journal.places(marks(MARKS[3], mark_of("stranger"), MARKS[0]))
        assert found.tolist() == [places[3], -1, places[0]]
        assert journal.read(places[3]) == [READINGS[3]]
        assert journal.append(1, encode(READINGS)) > places[4]
        assert journal.read(places[0]) == [READINGS[0]]


def test_of_a_file_that_was_read_twice_the_last_reading_counts(tmp_path: Path) -> None:
    """A tune that was corrected would be learned with the old mistake."""
    written(tmp_path / "journal")
    with Journal(tmp_path / "journal") as journal:
        later = journal.append(MARKS[0], encode(READINGS[4:]))
        assert journal.places(marks(MARKS[0])).tolist() == [later]


def test_what_is_not_to_be_found_is_not_found(tmp_path: Path) -> None:
    """A file that was too slow on a busy day would be refused for ever."""
    with Journal(tmp_path / "journal") as journal:
        place = journal.append(NOT_TO_BE_FOUND, encode(READINGS[4:]))
        assert journal.read(place) == READINGS[4:], "in this run it counts"
        assert journal.places(marks(NOT_TO_BE_FOUND)).tolist() == [-1]


def test_a_mark_is_of_all_its_facts() -> None:
    """A changed file would be taken for the one that was read."""
    assert len({mark_of(1, "a", 2), mark_of(1, "a", 3), mark_of(1, "a2", 0), mark_of(2, "a", 2)}) == 4
    assert NOT_TO_BE_FOUND not in MARKS


def test_a_journal_that_is_torn_anywhere_keeps_the_lines_before(tmp_path: Path) -> None:
    """A run that was killed while it wrote would leave a journal that stops every later run, or half a tune in it."""
    path = tmp_path / "journal"
    places = written(path)
    whole = path.read_bytes()
    for cut in [*range(0, len(whole), 37), places[4] - 1, places[4], places[4] + 1, len(whole) - 1]:
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            kept = journal.places(marks(*MARKS))
            ends = [*places[1:], len(whole)]
            assert kept.tolist() == [p if end <= cut else -1 for p, end in zip(places, ends, strict=True)]
            added = journal.append(7, encode(READINGS))
            assert journal.read(added) == READINGS
        with Journal(path) as journal:
            assert journal.places(marks(7)).tolist() == [added], "and goes on behind them"


@pytest.mark.parametrize("damage", [b"\x00" * 40, b"x", b"\n", b"deadbeef", "ล".encode()])
def test_a_damaged_line_is_passed_over_and_those_behind_it_are_kept(tmp_path: Path, damage: bytes) -> None:
    """A bad block on the disk would be learned as notes."""
    path = tmp_path / "journal"
    places = written(path)
    data = bytearray(path.read_bytes())
    data[places[2] + 30 : places[2] + 30 + len(damage)] = damage
    path.write_bytes(data)
    with Journal(path) as journal:
        kept = journal.places(marks(*MARKS))
        assert kept.tolist() == [places[0], places[1], -1, places[3], places[4]]


def test_records_of_files_that_are_gone_are_left_out_in_the_end(tmp_path: Path) -> None:
    """The journal of a folder that changes every day would fill the disk."""
    path = tmp_path / "journal"
    places = written(path)
    before = path.stat().st_size
    with Journal(path) as journal:
        journal.keep_only(np.array(places[1:]))
        assert path.stat().st_size == before, "most of it is in use: it is not worth the writing"
        journal.keep_only(np.array([places[4], places[2]]))
        kept = journal.places(marks(*MARKS))
        assert [place >= 0 for place in kept] == [False, False, True, False, True]
        assert journal.read(int(kept[2])) == [READINGS[2]]
        assert journal.read(int(kept[4])) == [READINGS[4]]
    assert path.stat().st_size < before / 2
    with Journal(path) as journal:
        assert [place >= 0 for place in journal.places(marks(*MARKS))] == [False, False, True, False, True]


def test_what_stays_in_memory_of_a_file_is_two_numbers(tmp_path: Path) -> None:
    """Memory would grow with the folder, and a large one could not be taken in."""
    with Journal(tmp_path / "journal") as journal:
        for number in range(1000):
            journal.append(mark_of(number), encode(READINGS[:1]))
        held = [value for value in vars(journal).values() if hasattr(value, "itemsize")]
        assert sorted(len(value) * value.itemsize for value in held) == [8000, 8000]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_folder_where_nothing_can_be_written_is_refused_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped data.cache would look like another run at work, and wait for it for ever."""

    def waits(*_: object) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr("phin.corpus.journal.log.warning", waits)
    with pytest.raises(PhinError, match="/proc: no file can be made there"), Journal(Path("/proc") / "mine.journal"):
        pass
