"""phin-suggest: letters in, a table or a tune with techniques out, and one line for each mistake."""

import csv
import json
from pathlib import Path

import pytest

from phin.cli.suggest import main
from phin.music.midi import read_midi
from phin.music.phrase import UNKNOWN, LabelSource

LETTERS = "title: my tune\n| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tune.txt").write_text(LETTERS, encoding="utf-8")
    return tmp_path


def complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(argv))
    assert stop.value.code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_table_says_of_each_note_what_and_why(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: a player cannot see which note is meant, or what speaks for it, or where it was learned."""
    main(["tune.txt", "table.csv"])
    said = capsys.readouterr().out
    assert "14 melody notes" in said
    assert "not from players" in said
    with Path("table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["hong"], row["slot"], row["pitch"]) for row in rows[:2]] == [
        ("1", "1", "4", "A4"),
        ("1", "2", "2", "C5"),
    ]
    assert all("synthetic" in row["learned from"] for row in rows)
    assert {row["technique"] for row in rows} <= {"plain", "no answer"}
    assert {row["ornament"] for row in rows} - {"no answer"}, "no ornament is ever likely enough"
    assert all(row["ornament"] in ("no answer", row["likeliest ornament"]) for row in rows)
    assert all(row["if ornamented"].startswith(row["likeliest ornament"]) for row in rows)
    assert all(len(row["if ornamented"].split(", ")) == 3 for row in rows)
    assert rows[0]["because"] == "it stands on the beat"
    main(["tune.txt", "table.json"])
    stored = json.loads(Path("table.json").read_text(encoding="utf-8"))
    assert len(stored["notes"]) == 14
    assert "not from players" in stored["about"]
    assert stored["notes"][1]["probability"] == pytest.approx(float(rows[1]["probability"]))


def test_a_tune_is_written_with_techniques_by_its_seed(desk: Path) -> None:
    """Fails: what is suggested cannot be heard, or is another thing each time."""
    for name, seed in (("a.mid", "1"), ("b.midi", "1"), ("c.mid", "2")):
        main(["tune.txt", name, "--seed", seed])
    tunes = [read_midi(Path(name)).phrase for name in ("a.mid", "b.midi", "c.mid")]
    assert (tunes[0].technique != UNKNOWN).all()
    assert tunes[0].techniques_from is LabelSource.RULE
    assert tunes[0].technique.tolist() == tunes[1].technique.tolist() != tunes[2].technique.tolist()
    assert tunes[0].pitch.tolist() == tunes[2].pitch.tolist()


def test_a_mistake_gets_one_line(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: a page of traceback, or a file half written."""
    assert "OUT has no ending that phin-suggest knows" in complaint(capsys, "tune.txt", "out.wav")
    assert "--seed: means nothing for a table" in complaint(capsys, "tune.txt", "out.csv", "--seed", "1")
    for seed in ("-1", "one"):
        assert f"--seed: '{seed}' is no whole number" in complaint(capsys, "tune.txt", "out.mid", "--seed", seed)
    assert "nowhere.txt" in complaint(capsys, "nowhere.txt", "out.csv")
    assert [path.name for path in desk.iterdir()] == ["tune.txt"]
