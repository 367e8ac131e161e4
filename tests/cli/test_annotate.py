"""phin-annotate: what is told of each note, that it was learned from rules, and one line for each mistake."""

import csv
import json
from functools import partial
from pathlib import Path

import mido
import numpy as np
import pytest

from phin.cli.annotate import main
from phin.music.midi import midi_bytes, read_midi
from phin.music.perform import PerformanceStyle
from phin.music.phrase import UNKNOWN, LabelSource, Phrase, Voice, rows_from_columns
from phin.music.technique import Technique
from tests.cli.mistakes import complaint_of

complaint = partial(complaint_of, main)
WRITTEN = {8: Technique.BEND, 16: Technique.VIBRATO, 24: Technique.TREMOLO}


def played() -> Phrase:
    """A line of quarters; three of its notes are played in a way of their own."""
    onset, technique = np.arange(32) * 24, np.zeros(32, dtype=np.int64)
    technique[list(WRITTEN)] = list(WRITTEN.values())
    pitch = np.array([69, 72, 74, 76, 79, 76, 74, 72] * 4)
    return Phrase(rows_from_columns(onset, onset * 0 + 24, pitch, 80, technique), tempo=500_000)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file by phin, `ours.mid`, and the same without the phrase beside its notes, `theirs.mid`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours.mid").write_bytes(midi_bytes(played(), style=PerformanceStyle(bend_depth=1.9)))
    file = mido.MidiFile("ours.mid")
    for track in file.tracks:
        track[:] = [message for message in track if message.type != "text"]
    file.save("theirs.mid")
    return tmp_path


def test_each_note_is_told_with_its_place_its_technique_and_why(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: a player cannot find the note that is meant, or is told to believe the machine."""
    main(["theirs.mid", "told.csv"])
    assert "learned from synthetic pieces played by rules, not players" in capsys.readouterr().out
    with open("told.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 32, "the strokes of a tremolo are one note"
    for place, technique in WRITTEN.items():
        assert rows[place]["technique"] == technique.name.lower()
        assert float(rows[place]["probability"]) > 0.8
    assert rows[8]["reason"] == "pitch bend rises 1.9 semitones and holds"
    assert rows[8]["evidence"] == "guitar-style, experimental"
    assert rows[16]["reason"].startswith("pitch bend swings 5.")
    assert (rows[24]["thai"], rows[24]["pitch"]) == ("รัว", "A4")
    assert int(rows[24]["strokes"]) >= 2
    assert "strokes on one pitch" in rows[24]["reason"]
    assert (rows[0]["line"], rows[0]["hong"], rows[0]["slot"]) == ("1", "1", "4"), "the beat is slot 4"
    assert (rows[8]["line"], rows[8]["hong"], rows[8]["slot"]) == ("2", "1", "4")
    assert {row["learned from"] for row in rows} == {"synthetic pieces played by rules, not players"}
    for row in rows:
        assert (row["technique"] == "unknown") == ("perhaps" in row["reason"])


def test_json_and_csv_say_the_same(desk: Path) -> None:
    """Fails: two programs that read the two files disagree."""
    main(["theirs.mid", "told.csv"])
    main(["theirs.mid", "told.json"])
    told = json.loads((desk / "told.json").read_text(encoding="utf-8"))
    assert "not players" in told["about"]
    with open("told.csv", encoding="utf-8") as file:
        rows = [{name: text for name, text in row.items() if name != "learned from"} for row in csv.DictReader(file)]
    assert [{name: str(value) for name, value in note.items()} for note in told["notes"]] == rows


def test_a_midi_file_carries_the_techniques(desk: Path) -> None:
    """Fails: what was detected cannot be learned from, or played."""
    main(["theirs.mid", "told.mid"])
    phrase = read_midi(desk / "told.mid").phrase
    assert len(phrase) == 32
    assert phrase.techniques_from is LabelSource.DETECTED, "the loss weighs what was only detected"
    for place, technique in WRITTEN.items():
        assert phrase.technique[place] == technique
    assert phrase.pitch.tolist() == played().pitch.tolist()
    main(["theirs.mid", "told.csv"])
    with open("told.csv", encoding="utf-8") as file:
        names = [row["technique"] for row in csv.DictReader(file)]
    for name, technique in zip(names, phrase.technique.tolist(), strict=True):
        assert name == ("unknown" if technique == UNKNOWN else Technique(technique).name.lower().replace("_", "-"))
    drones = np.isin(phrase.technique, (Technique.DRONE, Technique.DYAD, Technique.STRUM))
    assert (phrase.voice[drones] == Voice.ACCOMPANIMENT).all()


def test_writing_twice_writes_the_same_bytes(desk: Path) -> None:
    """Fails: the same file is annotated differently each time."""
    for ending in (".csv", ".json", ".mid"):
        main(["theirs.mid", f"one{ending}"])
        main(["theirs.mid", f"two{ending}"])
        assert (desk / f"one{ending}").read_bytes() == (desk / f"two{ending}").read_bytes()


MISTAKES = {
    "no such file": (["nowhere.mid", "x.csv"], "nowhere.mid: cannot be opened"),
    "another form": (["tune.txt", "x.csv"], "tune.txt: IN is no MIDI file"),
    "an unknown ending": (["theirs.mid", "x.xyz"], "x.xyz: OUT has no ending"),
    "itself": (["theirs.mid", "./theirs.mid"], "theirs.mid: is the file that is read"),
    "phin's own": (["ours.mid", "x.csv"], "ours.mid: has its techniques written in it"),
    "no folder": (["theirs.mid", "nowhere/x.csv"], "nowhere/x.csv: cannot be written"),
    "a file for a folder": (["theirs.mid", "ours.mid/x.csv"], "ours.mid/x.csv: cannot be written"),
    "a file that is there": (["theirs.mid", "told.csv"], "told.csv: is there already"),
    "broken": (["broken.mid", "x.csv"], "broken.mid: does not begin as MIDI does"),
    "an option there is not": (["theirs.mid", "x.csv", "--sure"], "unrecognized arguments"),
    "nothing to write": (["theirs.mid"], "required: OUT"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(
    desk: Path, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    """Fails: a traceback, or half a file under the name that was asked for."""
    (desk / "broken.mid").write_bytes(b"no tune at all")
    (desk / "told.csv").write_text("told before")
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    arguments, words = MISTAKES[mistake]
    assert words in complaint(capsys, *arguments)
    assert {path.name: path.read_bytes() for path in desk.iterdir()} == before
