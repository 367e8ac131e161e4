"""phin-convert: every form leads to every other, a mistake is one line, and nothing is half-written."""

import wave
from functools import partial
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from phin.cli.convert import main
from phin.music.fretboard import TUNINGS
from phin.music.midi import read_midi, write_midi
from phin.music.notation import read_letters
from phin.music.phrase import DUPLE, Phrase, rows_from_columns
from phin.music.readers import READERS
from phin.music.tablature import read_tablature
from phin.music.writers import WRITERS
from tests.cli.mistakes import complaint_of

complaint = partial(complaint_of, main)
PAGE = "title: เต้ย\nlai: yai\ntempo: 120\ndrone: ลฺ\n\n| - - - ลฺ | - ด - ร | - ม - ซ | - - - ล |\n"
ABC = "X:1\nT:one\nM:2/4\nL:1/8\nK:C\nAGED|CDEG|A4|\n\nX:2\nT:two\nM:2/4\nL:1/8\nK:C\nCDEG|A4|\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tune.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "tunes.abc").write_text(ABC)
    (tmp_path / "tunes.abc.txt").write_text("my own notes on them")
    (tmp_path / "link.txt").hardlink_to(tmp_path / "tune.txt")
    return tmp_path


def test_every_form_can_be_written_and_those_with_notes_lead_back(desk: Path) -> None:
    """Fails: a player who has only letters cannot hear, see or print the tune."""
    for ending in WRITERS:
        main(["tune.txt", f"out{ending}"])
        assert (desk / f"out{ending}").stat().st_size > 100
    for ending in (".tab", ".mid"):
        main([f"out{ending}", f"again{ending}.txt"])
        assert (
            read_letters(desk / f"again{ending}.txt").phrase.rows.tolist()
            == read_letters(desk / "tune.txt").phrase.rows.tolist()
        )
    assert read_letters(desk / "again.mid.txt").phrase == read_letters(desk / "tune.txt").phrase
    with wave.open("out.wav") as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(2, abs=0.1)
    assert "<h1>เต้ย</h1>" in (desk / "out.html").read_text(encoding="utf-8")


def test_a_tune_of_an_abc_file_is_chosen_by_its_number(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: of a file of a thousand tunes only the first can be had; or another than the one that was asked for."""
    main(["tunes.abc", "two.mid", "--tune", "2"])
    assert read_midi(desk / "two.mid", min_notes=1).phrase.title == "two"
    capsys.readouterr()
    assert "holds 2 tunes. Choose one" in complaint(capsys, "tunes.abc", "x.mid")
    assert "holds 2 tunes" in complaint(capsys, "tunes.abc", "x.mid", "--tune", "3")
    assert "holds 1 tune." in complaint(capsys, "tune.txt", "x.mid", "--tune", "2")


def test_every_setting_changes_what_is_written(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: a setting is accepted and ignored."""
    main(["tune.txt", "plain.mid"])
    main(["tune.txt", "fast.mid", "--tempo", "150"])
    main(["tune.txt", "high.mid", "--transpose", "5"])
    plain, fast, high = (read_midi(desk / f"{name}.mid", min_notes=1).phrase for name in ("plain", "fast", "high"))
    assert fast.tempo == 400_000
    assert (high.pitch - plain.pitch).tolist() == [5] * len(plain)
    assert high.lai is None
    main(["tune.txt", "digits.txt", "--digits"])
    assert "| - - - 6. |" in (desk / "digits.txt").read_text()
    main(["tune.txt", "other.tab", "--tuning", "E-B-E"])
    assert read_tablature(desk / "other.tab").phrase.tuning == "E-B-E"
    capsys.readouterr()
    main(["high.mid", "fitted.tab", "--transpose", "3", "--fit"])
    assert "every note moves" in capsys.readouterr().out
    main(["tune.txt", "droned.mid", "--drone"])
    assert "drone A3, a stroke a hong" in capsys.readouterr().out
    droned = read_midi(desk / "droned.mid", min_notes=1).phrase
    assert droned.melody.rows.tolist() == plain.rows.tolist()
    assert set(droned.pitch[~droned.is_melody].tolist()) == {57}
    for ending in (".tab", ".wav", ".html", ".png", ".neck.png"):
        main(["tune.txt", f"plain{ending}"])
        main(["tune.txt", f"droned{ending}", "--drone"])
        assert (desk / f"plain{ending}").read_bytes() != (desk / f"droned{ending}").read_bytes()


def test_a_rhythm_off_the_slots_is_snapped_only_where_that_is_asked(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a tune that was played freely cannot be put on a page, or is put there changed and nobody knows."""
    onset = np.array([0, 7, 12, 18, 23, 30])
    played = Phrase(rows_from_columns(onset, np.append(np.diff(onset), 24), np.full(6, 69)), metre=DUPLE)
    write_midi(played, desk / "free.mid")
    assert "(phin-convert --snap)" in complaint(capsys, "free.mid", "free.txt")
    assert not (desk / "free.txt").exists()
    main(["free.mid", "free.txt", "--snap"])
    assert "2 notes moved to slots, by 1/6 of a slot at most" in capsys.readouterr().out
    assert read_letters(desk / "free.txt").phrase.onset.tolist() == [0, 6, 12, 18, 22, 30]
    main(["tune.txt", "same.mid", "--snap"])
    assert "moved" not in capsys.readouterr().out


def test_a_tune_in_any_key_comes_onto_a_page_where_it_is_to_be_fitted(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: the README's line for any MIDI file ends in an error for every tune in G, the commonest key of all."""
    (desk / "g.abc").write_text("X:1\nT:in G\nM:2/4\nL:1/8\nK:G\nGABc|dBAF|G4|\n")
    assert "F#4 has no Thai letter" in complaint(capsys, "g.abc", "g.txt")
    for ending in (".txt", ".html"):
        main(["g.abc", f"g{ending}", "--fit", "--snap"])
        assert "every note moves 5 semitones up, to where it has a letter" in capsys.readouterr().out
    assert read_letters(desk / "g.txt").phrase.pitch[0] == 72
    main(["g.abc", "g.mid", "--fit"])
    assert read_midi(desk / "g.mid", min_notes=1).phrase.pitch[0] == 67


def test_fitting_is_to_the_tunes_own_tuning_unless_another_is_asked_for(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a tune for two strings is fitted to three, and its page has frets that its player has not."""
    (desk / "two.txt").write_text(PAGE.replace("drone: ลฺ", "tuning: E-B"), encoding="utf-8")
    main(["two.txt", "two.tab", "--fit"])
    assert read_tablature(desk / "two.tab").phrase.tuning == "E-B"
    main(["two.txt", "three.tab", "--fit", "--tuning", "E-A-E"])
    assert read_tablature(desk / "three.tab").phrase.tuning == "E-A-E"


def test_what_its_notes_say_of_its_lai_is_told_where_the_page_does_not_or_says_another(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a player cannot ask which lai a tune is in; or a wrong head goes into the sheet without a word."""
    main(["tune.txt", "x.mid"])
    assert "lai" not in capsys.readouterr().out
    (desk / "nameless.txt").write_text(PAGE.replace("lai: yai\n", ""), encoding="utf-8")
    main(["nameless.txt", "x.wav"])
    assert "by its notes: lai yai (ลายใหญ่): yao" in capsys.readouterr().out
    (desk / "wrong.txt").write_text(PAGE.replace("lai: yai", "lai: soi"), encoding="utf-8")
    main(["wrong.txt", "x.png"])
    assert "its head says lai soi; by its notes: lai yai" in capsys.readouterr().out
    main(["tunes.abc", "x.svg", "--tune", "1"])
    assert "key unknown, so no name" in capsys.readouterr().out


def test_bends_of_other_programs_are_heard_or_said_to_be_left_out(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a bent note comes out straight, after a line that says its bend was kept."""
    pm = pretty_midi.PrettyMIDI()
    player = pretty_midi.Instrument(24)
    player.notes = [pretty_midi.Note(80, 69 + step, step / 2, step / 2 + 0.4) for step in (0, 3, 5, 7)]
    pm.instruments.append(player)
    pm.write(str(desk / "straight.mid"))
    player.pitch_bends = [pretty_midi.PitchBend(4096, 1.6), pretty_midi.PitchBend(0, 1.95)]
    pm.write(str(desk / "bent.mid"))
    for name in ("straight", "bent"):
        main([f"{name}.mid", f"{name}.wav"])
    assert (desk / "straight.wav").read_bytes() != (desk / "bent.wav").read_bytes()
    said = capsys.readouterr().out
    assert "1 bent note: the bends are no part of the phrase" in said
    assert "left out" not in said
    main(["bent.mid", "high.wav", "--transpose", "2"])
    assert "left out" not in capsys.readouterr().out
    main(["bent.mid", "again.mid"])
    assert "bends left out: only .wav has them" in capsys.readouterr().out
    player.notes[1].start += 0.02
    pm.write(str(desk / "late.mid"))
    main(["late.mid", "late.wav", "--snap"])
    assert "bends left out: only .wav has them" in capsys.readouterr().out


def test_octaves_that_were_inferred_are_so_still_after_tablature(desk: Path) -> None:
    """Fails: a guess of ours comes back from a page of frets as what the player wrote."""
    bare = "| - - - ล | - ด - ร |"
    (desk / "bare.txt").write_text(f"{bare}\n", encoding="utf-8")
    main(["bare.txt", "bare.tab"])
    main(["bare.tab", "again.txt"])
    assert bare in (desk / "again.txt").read_text(encoding="utf-8")
    main(["tune.txt", "marked.tab"])
    assert "inferred" not in (desk / "marked.tab").read_text(encoding="utf-8")


@pytest.mark.parametrize("tuning", ["E-B-E", "D-A-G", "A-E-A-E"])
def test_letters_without_marks_come_back_so_from_tablature_in_any_tuning(desk: Path, tuning: str) -> None:
    """Fails: a page for an instrument of one octave comes back with marks that nobody wrote."""
    bare = "| - - - ล | - ด - ร | - ม - ซ | - ล - ด |"
    (desk / "bare.txt").write_text(f"{bare}\n", encoding="utf-8")
    main(["bare.txt", "bare.tab", "--tuning", tuning])
    main(["bare.tab", "again.txt"])
    assert bare in (desk / "again.txt").read_text(encoding="utf-8")


def test_octaves_that_fitting_chose_are_marked_so_that_the_page_can_be_played(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: a tune that was moved down for two strings is an octave higher on its page, where they have no fret."""
    (desk / "bare.txt").write_text("| - - - ล | - ด - ร | - ม - ซ | - ล - ด |\n", encoding="utf-8")
    assert "C6 is on no fret of E-A" in complaint(capsys, "bare.txt", "two.tab", "--tuning", "E-A")
    main(["bare.txt", "two.tab", "--tuning", "E-A", "--fit"])
    main(["two.tab", "again.txt"])
    assert "| - - - ลฺ | - ด - ร | - ม - ซ | - ล - ดํ |" in (desk / "again.txt").read_text(encoding="utf-8")
    main(["again.txt", "again.tab"])
    assert (desk / "again.tab").read_text(encoding="utf-8") == (desk / "two.tab").read_text(encoding="utf-8")


def test_what_drones_under_each_lai_in_each_tuning_is_printed_for_who_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: a player cannot find out in which tuning a lai's tonic is open, or that po sai's is in none."""
    with pytest.raises(SystemExit) as leaving:
        main(["--tunings"])
    assert leaving.value.code == 0
    table = capsys.readouterr().out
    assert table.count("low string first") == len(TUNINGS)
    assert "lai yai        A3, open tonic on string 2" in table
    po_sai = [line for line in table.splitlines() if "po sai" in line]
    assert len(po_sai) == len(TUNINGS)
    assert not any("open tonic" in line for line in po_sai)


def test_a_file_is_written_over_only_where_that_is_asked_for(desk: Path) -> None:
    """Fails: a line of the README, typed in a hurry, takes a player's handwritten page away."""
    main(["tune.txt", "tunes.abc.txt", "--overwrite"])
    assert read_letters(desk / "tunes.abc.txt").phrase == read_letters(desk / "tune.txt").phrase


def test_a_tune_an_octave_higher_is_so_on_its_page(desk: Path) -> None:
    """Fails: letters without marks stay without, and the tune comes back an octave off."""
    (desk / "bare.txt").write_text("| - - - ล | - ด - ร |\n", encoding="utf-8")
    here = read_letters(desk / "bare.txt").phrase.pitch
    main(["bare.txt", "high.txt", "--transpose", "12"])
    main(["bare.txt", "high.mid", "--transpose", "12"])
    main(["high.mid", "again.txt"])
    for page in ("high.txt", "again.txt"):
        assert (read_letters(desk / page).phrase.pitch - here).tolist() == [12, 12, 12]
    main(["bare.txt", "same.txt", "--transpose", "0"])
    assert "| - - - ล | - ด - ร |" in (desk / "same.txt").read_text(encoding="utf-8")


def test_a_tune_that_no_page_can_hold_is_named_by_its_file(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: of a folder of untitled files nobody knows which one was refused."""
    (desk / "g.abc").write_text("X:1\nM:2/4\nL:1/8\nK:G\nGABc|dBAF|G4|\n")
    assert complaint(capsys, "g.abc", "g.txt").startswith("phin-convert: g.abc: phrase: line 1")


MISTAKES = {
    "no such file": (["nowhere.txt", "x.mid"], "nowhere.txt: cannot be opened"),
    "an unknown ending": (["tune.txt", "x.xyz"], "x.xyz: OUT has no ending"),
    "an ending that cannot be read": (["tune.wav", "x.mid"], "tune.wav: IN has no ending"),
    "a name that no system has": (["n" * 300 + ".txt", "x.mid"], "cannot be opened (File name too long)"),
    "itself": (["tune.txt", "./tune.txt"], "tune.txt: is the file that is read"),
    "digits of a sound": (["tune.txt", "x.wav", "--digits"], "--digits: means nothing for .wav"),
    "tuning of a sound": (["tune.txt", "x.wav", "--tuning", "E-A"], "--tuning: means nothing for .wav"),
    "drone of letters": (["tune.txt", "x.txt", "--drone"], "--drone: means nothing for .txt"),
    "no drone known": (["tunes.abc", "x.mid", "--tune", "1", "--drone"], "one: nothing says what its drone is"),
    "no tuning": (["tune.txt", "x.tab", "--tuning", "H"], "phin-convert: --tuning H: "),
    "no tempo": (["tune.txt", "x.mid", "--tempo", "fast"], "'fast' is no tempo"),
    "an empty tuning": (["tune.txt", "x.tab", "--tuning", ""], "phin-convert: --tuning : "),
    "beyond MIDI": (["tune.txt", "x.mid", "--transpose", "1000"], "--transpose 1000: moves notes beyond MIDI 0 to 127"),
    "far beyond MIDI": (["tune.txt", "x.mid", "--transpose", "9" * 30], "is no number of semitones"),
    "no semitones": (["tune.txt", "x.mid", "--transpose", "two"], "'two' is no number of semitones"),
    "a number that is none": (["tune.txt", "x.mid", "--tune", "²"], "'²' is no number from 1 on"),
    "a line break in a name": (["no\nwhere.txt", "x.mid"], "no\\nwhere.txt: cannot be opened"),
    "too long a name": (["tune.txt", f"{'x' * 300}.mid"], "cannot be written (File name too long)"),
    "a link to itself": (["loop.txt", "x.mid"], "loop.txt: cannot be opened"),
    "to a link to itself": (["tune.txt", "loop.txt"], "loop.txt: is there already"),
    "a file for a folder": (["tune.txt", "tunes.abc/x.mid"], "tunes.abc/x.mid: cannot be written"),
    "a file that is there": (["tune.txt", "tunes.abc.txt"], "tunes.abc.txt: is there already"),
    "itself by another name": (["tune.txt", "link.txt", "--overwrite"], "link.txt: is the file that is read"),
    "no number": (["tune.txt", "x.mid", "--tune", "0"], "'0' is no number"),
    "no folder": (["tune.txt", "nowhere/x.mid"], "nowhere/x.mid: cannot be written"),
    "off the frets": (["tune.txt", "x.tab", "--transpose", "1"], "is on no fret of E-A-E"),
    "no letter": (["tune.txt", "x.txt", "--transpose", "1"], "has no Thai letter"),
    "one file": (["tune.txt"], "the following arguments are required: OUT"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_nothing_is_written(
    desk: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Fails: a slip of the pen ends in a traceback, or in half a file."""
    (desk / "loop.txt").symlink_to("loop.txt")
    before = {file: file.exists() and file.read_bytes() for file in desk.iterdir()}
    assert said in complaint(capsys, *arguments)
    assert {file: file.exists() and file.read_bytes() for file in desk.iterdir()} == before


def test_help_names_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: nobody can find out what can be converted into what."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert all(ending in said for ending in {*READERS, *WRITERS} - {".midi"})
