"""Which tunes are measured: those of a folder, whoever made them, and none that phin made by rule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phin.errors import PhinError
from phin.evaluation.tunes import tune_set
from phin.evaluation.tunes.tune_set import Alike, Within, drawn, held_out, last_hong, read_folder
from phin.music.composer import compose
from phin.music.midi import write_midi
from phin.music.notation import write_letters
from phin.music.phrase import DURATION, ONSET, STEPS_PER_HONG, Metre, Phrase, rows_from_columns
from tests.evaluation.structured import returning, store_of
from tests.tunes import TWO_FOUR, wander, with_drone


def test_a_folder_is_read_in_every_form_and_what_is_no_tune_is_told(tmp_path: Path) -> None:
    """Fails: a file is left out in silence, and the numbers are of other tunes than one thinks."""
    (tmp_path / "deep").mkdir()
    write_midi(returning(1), tmp_path / "deep" / "b.mid")
    write_letters(replace(returning(2), title="letters"), tmp_path / "a.txt")
    (tmp_path / "two.abc").write_text(
        "X:1\nT:One\nM:2/4\nL:1/8\nK:C\nCDEG|AGED|\nX:7\nT:Empty\nK:C\nX:2\nT:Two\nM:2/4\nL:1/8\nK:C\nEGAG|EDCD|\n"
    )
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "notes.md").write_text("not a tune")
    found = read_folder(tmp_path)
    assert found.ids == ["a.txt", "deep/b.mid", "two.abc#1", "two.abc#3"]
    assert found.tunes[1].pitch.tolist() == returning(1).pitch.tolist()
    torn, empty = found.refused
    assert "broken.mid" in torn
    assert "two.abc:" in empty, "by its place"
    assert "tune 7" in empty, "one bad tune costs itself alone"
    assert len(set(found.family.tolist())) == 4


def test_a_tune_in_several_forms_is_one_tune(tmp_path: Path) -> None:
    """Fails: each tune that phin-generate wrote counts twice, as MIDI and as letters."""
    for ending, write in ((".txt", write_letters), (".mid", write_midi)):
        write(returning(4), tmp_path / f"tune-0-1{ending}")
        write(returning(5), tmp_path / f"tune-0-2{ending}")
    found = read_folder(tmp_path)
    assert found.ids == ["tune-0-1.mid", "tune-0-2.mid"]
    assert [line.rpartition(": ")[2] for line in found.refused] == [
        f"{name}.mid is read, which has the same name." for name in ("tune-0-1", "tune-0-2")
    ]


def test_what_was_half_written_is_no_tune(tmp_path: Path) -> None:
    """Fails: tunes that a killed command never finished are judged beside those that it did."""
    write_midi(returning(4), tmp_path / "tune-0-1.mid")
    for desk in (".writing-ab12", ".new.77.partial"):
        (tmp_path / desk).mkdir()
        write_midi(returning(5), tmp_path / desk / "tune-0-2.mid")
    assert read_folder(tmp_path).ids == ["tune-0-1.mid"]


def test_of_several_forms_the_first_that_can_be_read_is(tmp_path: Path) -> None:
    """Fails: a good page is lost for a broken file of its name, or is said to have been read when it was not."""
    (tmp_path / "a.mid").write_bytes(b"torn")
    for name in ("a", "b"):
        write_letters(returning(4), tmp_path / f"{name}.txt")
    write_midi(returning(4), tmp_path / "b.mid")
    found = read_folder(tmp_path)
    assert found.ids == ["a.txt", "b.mid"]
    torn, page = found.refused
    assert "a.mid: does not begin as MIDI does" in torn
    assert page.endswith("b.txt: b.mid is read, which has the same name.")


def test_a_tune_in_whose_end_nothing_begins_is_left_out(tmp_path: Path) -> None:
    """Fails: short tunes are set beside a long last note, of which no note is left, and all ends in a traceback."""
    tune, rows = returning(3), returning(4).rows.copy()
    rows[-1, DURATION] = 8 * STEPS_PER_HONG
    held = replace(returning(4), rows=rows)
    assert not len(last_hong(held, 1))
    store = store_of(tmp_path / "s", [returning(1)], [held, tune])
    anything = Alike(frozenset(), Within.NOTHING)
    assert len(held_out(store, "test", anything, 9, seed=0)) == 2
    (short,) = held_out(store, "test", anything, 9, seed=0, hong=1).tunes
    assert len(short)


def test_tunes_stand_beside_real_ones_that_close_where_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: what is drawn in whole lines that close on the downbeat is set beside reels, which close a beat later and
    run in sixteenths, and its rhythm is called too even (as it was here, for a week)."""
    monkeypatch.setattr(tune_set, "FEW", 2)

    def closing(beat: int, metre: Metre | None = TWO_FOUR) -> Phrase:
        rows = returning(beat).rows
        until = rows[rows[:, ONSET] < 240]
        last = rows_from_columns(np.array([336 + 24 * beat]), np.array([24]), np.array([69]))
        return Phrase(np.concatenate([until, last]), metre=metre)

    test = [closing(0), closing(8), closing(2), closing(1), closing(0, Metre(4, 4)), closing(1, Metre(6, 8))]
    store = store_of(tmp_path / "s", [closing(1)], test)
    alike = Alike.to([closing(16), closing(8, metre=None)], store, "test")
    assert [alike.takes(tune) for tune in test] == [True, True, False, False, False, False], "in whole lines"
    assert str(alike) == "in the same metres that close at the same place of a line"
    assert len(held_out(store, "test", alike, 9, seed=0)) == 2
    alike = Alike.to([closing(4)], store, "test")
    assert [alike.takes(tune) for tune in test] == [True, True, True, False, False, False], "there are none in the line"
    assert str(alike) == "in the same metres that close at the same place of the bar"
    few = Alike.to([closing(1)], store, "test")
    assert [few.takes(tune) for tune in test] == [True, True, True, True, False, False], "of one no spread can be told"
    assert str(few) == "in the same metres wherever they close"
    free = Alike.to([closing(1, metre=None)], store, "test")
    assert [free.takes(tune) for tune in test] == [True, True, True, True, True, False]
    assert str(free) == "in any metre that divides a line"


def test_versions_of_one_tune_are_one_family(tmp_path: Path) -> None:
    """Fails: ten takes of one tune make an interval narrow."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_midi(replace(returning(seed), title=f"tune {seed}"), tmp_path / f"{name}.mid")
    assert read_folder(tmp_path).family.tolist() == [0, 0, 2]


def test_what_phin_made_by_rule_is_refused(tmp_path: Path) -> None:
    """Fails: a number is reported on synthetic pieces."""
    piece = compose(np.random.default_rng(0))
    write_midi(piece, tmp_path / "piece.mid")
    with pytest.raises(
        PhinError, match=r"piece\.mid: was made by phin's own rules, .* nothing is measured on synthetic"
    ):
        read_folder(tmp_path)


def test_a_folder_without_tunes_is_told(tmp_path: Path) -> None:
    """Fails: a report of nothing."""
    with pytest.raises(PhinError, match=r"holds no tune that can be read\. Give it files that end in \.txt"):
        read_folder(tmp_path)
    (tmp_path / "x.mid").write_bytes(b"")
    with pytest.raises(PhinError, match=r"holds no tune that can be read \(.*x\.mid"):
        read_folder(tmp_path)
    with pytest.raises(PhinError, match=r"is no folder"):
        read_folder(tmp_path / "nowhere")


def test_the_end_of_a_tune_is_its_last_whole_hong() -> None:
    """Fails: half a hong is counted, or the final is lost."""
    tune = returning(3)
    end = last_hong(tune, 8)
    hong = (end.onset + 18) // 24
    assert int(hong[-1] - hong[0]) == 7
    assert end.pitch[-1] == tune.pitch[-1]
    assert (end.rows == tune.rows[-len(end) :]).all()
    assert last_hong(tune, 99) is tune


def test_only_the_melody_of_what_is_drawn_counts() -> None:
    """Fails: a tune that is all drone stops the report."""
    drone = with_drone(wander(1, 8))
    only = Phrase(drone.rows[drone.voice == 1], metre=drone.metre)
    found = drawn("x", [replace(only, title="silent"), drone])
    assert len(found) == 1
    assert found.refused == ["silent: has no melody note."]
    with pytest.raises(PhinError, match="have no melody note"):
        drawn("x", [only])
