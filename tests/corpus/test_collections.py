"""Readers of public collections; every page here is made up in their format."""

import json

import pytest

from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig
from phin.corpus.thai_json import read_thai_json
from phin.corpus.thm import read_thm
from phin.errors import Defect, InvalidTune
from phin.music.notation import format_letters, parse_letters
from phin.music.phrase import Inferred, LabelSource, Voice
from phin.music.technique import Technique


def song(tmp_path, bars, title="ทดลอง 2 ชั้น"):
    path = tmp_path / "song.json"
    path.write_text(json.dumps({"title": title, "sections": [{"name": "ท่อน 1", "bars": bars}]}), encoding="utf-8")
    return read_thai_json(path, "thai")


def page(tmp_path, music, instrument="ขลุ่ย"):
    path = tmp_path / "page.html"
    path.write_text(f'<title>ชมรม - {instrument}</title>\n<div id="thm">\n{music}\n</div>', encoding="utf-8")
    return read_thm(path, "thm")


def letters(tune):
    lines = format_letters(tune.reading.phrase).splitlines()
    return [line for line in lines if line.startswith("|")]


def test_a_song_of_json_keeps_its_letters_title_and_dialogue(tmp_path):
    """Else the player would learn a tune whose answering voice comes first, or under another name."""
    (tune,) = song(tmp_path, [["---ด", "-ร-มํ"], {"นำ": ["ซลซม"], "ตาม": ["รมร–"]}])
    assert letters(tune) == ["| - - - ด | - ร - มํ | ซ ล ซ ม | ร ม ร - |"]
    assert (tune.name, tune.reading.phrase.title, tune.reading.phrase.source) == (*["ทดลอง 2 ชั้น"] * 2, "thai")
    assert Inferred.OCTAVE not in tune.reading.phrase.inferred
    assert parse_letters(format_letters(tune.reading.phrase)).phrase == tune.reading.phrase


@pytest.mark.parametrize(
    ("bars", "place"),
    [
        ([["---ด"], ["----", "---"]], ":2: hong 2 has 3"),
        ([["---ด"], ["----", "--X-"]], ":2: hong 2, slot 3: 'X'"),
        ([["---ด"], [{"นำ": ["---ร"]}]], ":2: "),
    ],
)
def test_a_broken_line_of_json_is_named_by_its_place(tmp_path, bars, place):
    """Else nobody finds the mistake in a song of a hundred lines."""
    (tune,) = song(tmp_path, bars)
    assert isinstance(tune.reading, InvalidTune)
    assert tune.reading.defect is Defect.BAD_NOTATION
    assert f"ทดลอง 2 ชั้น{place}" in str(tune.reading)


@pytest.mark.parametrize("text", ['{"title": "ก", "sections": [', '{"motif": "ก"}', "[]"])
def test_torn_json_and_json_of_another_kind_are_refused(tmp_path, text):
    """Else a half-fetched file would pass for a short song."""
    (tmp_path / "torn.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidTune, match=r"torn\.json"):
        read_thai_json(tmp_path / "torn.json", "thai")


def test_an_octave_mark_typed_over_is_said_to_be_mended(tmp_path):
    """Else a song is lost for two signs that look as one; alone the sign stays a mistake."""
    assert song(tmp_path, [["---ซํั"]])[0].reading.repairs
    assert isinstance(song(tmp_path, [["---ซั"]])[0].reading, InvalidTune)


def test_a_club_page_gives_its_tunes_with_marks_and_endings(tmp_path):
    """Else strokes and fingers would be read as notes, or an ending would lose its first slot."""
    music = "(เพลง_%2_ชั้น)\n([ท่อน_%1])\n1^*6v66 -5\\ช-3v <red>---</red>5.\n%1--6 -9-1\\๓* ----- 5323\n//\n\nnext\n"
    music += "(เพลง_%2_ชั้น)\n---1 -2-3"
    first, second = page(tmp_path, music)
    assert letters(first) == ["| ดํ ล ล ล | - ซ - ม | - - - ซฺ |", "| - - - ล | - รํ - ดํ | - - - - | ซ ม ร ม |"]
    assert [text for _, text in first.reading.phrase.words] == ["(ท่อน 1)", "(1)", "(กลับต้น)"]
    assert (first.name, second.name) == ("เพลง 2 ชั้น", "เพลง 2 ชั้น-2")
    assert Inferred.OCTAVE in second.reading.phrase.inferred
    (repair,) = first.reading.repairs
    assert "5 hyphens" in repair


def test_only_signs_that_mean_a_technique_become_one(tmp_path):
    """Else a stroke's direction would be heard as an ornament."""
    (tune,) = page(tmp_path, "(เพลง)\n6^5v6- 3t23-")
    assert tune.reading.phrase.technique.tolist() == [-1] * 3 + [Technique.TRILL] + [-1] * 2


def test_small_notes_become_the_flick_of_the_note_they_lead_into(tmp_path):
    """Else the model would learn a flick on each of the fast notes and none on the note, and play six for two."""
    (tune,) = page(tmp_path, "(เพลง)\n---6 --[1v*2*]3* -3*-6 ---[56]\n7[1*2*3*]3*3 -3-6")
    assert letters(tune) == ["| - - - ล | - - - มํ | - มํ - ล | - - - - | ท - มํ ม | - ม - ล |"]
    phrase, flick = tune.reading.phrase, Technique.FLICK
    assert phrase.technique.tolist() == [-1, flick, -1, -1, flick, flick, -1, -1, -1]
    assert (phrase.end[:-1] == phrase.onset[1:]).all(), "a note rings until the next is struck"


def test_small_notes_that_lead_into_no_free_note_stay_notes(tmp_path):
    """Else notes would be lost that no label stands for."""
    for music in ("-[56]-6 ---1", "--[23]3t ---1", "--[2]3 ---1", "-[32][32]3 ---1"):
        (tune,) = page(tmp_path, f"(เพลง)\n{music}")
        num_written = sum(sign.isdigit() for sign in music)
        lost = 2 if music.startswith("-[32][32]") else 0  # the second two are the flick of the note after them
        assert len(tune.reading.phrase) == num_written - lost
        assert (tune.reading.phrase.technique == Technique.FLICK).sum() == lost / 2


def test_what_a_page_says_of_techniques_is_written_and_said_to_be(tmp_path):
    """Else the loss, which reads it from the store, could not tell what a person wrote from what a program heard."""
    text = '<title>จะเข้</title>\n<div id="thm">\n(ก)\n--[12]3 5t653\n(ข)\n---1 2356\n</div>'
    (tmp_path / "pages" / "basic").mkdir(parents=True)
    (tmp_path / "pages" / "basic" / "page.html").write_text(text, encoding="utf-8")
    config = CorpusConfig("thm", ["thm"], path=str(tmp_path / "pages"), cache=str(tmp_path / "cache"), min_notes=3)
    store = prepare(config, progress=False)
    marked, plain = store.phrase(0), store.phrase(1)
    assert (marked.techniques_from, plain.techniques_from) == (LabelSource.WRITTEN, None)
    assert marked.technique.tolist() == [Technique.FLICK, Technique.TRILL, -1, -1, -1]


def test_of_the_hands_of_a_gong_circle_the_left_never_becomes_the_tune_under_a_flick(tmp_path):
    """Else what accompanies fast notes would be learned as melody, or sound on a pitch that is still ringing."""
    (tune,) = page(tmp_path, "(เพลง)\n-3-2 --[12]3\n---- --2-", instrument="ฆ้องวงใหญ่")
    phrase = tune.reading.phrase
    assert phrase.melody.technique.tolist() == [-1, -1, Technique.FLICK]
    assert phrase.melody.pitch.tolist() == [64, 62, 64]
    assert phrase.pitch[~phrase.is_melody].tolist() == [62]


@pytest.mark.parametrize(
    ("endings", "words"),
    [
        ("%1--- -5-6\n//\n\n%2--- -2-1\n", ["(2)"]),
        ("%1--- -5-6\n%2--- -2-1\n//\n", ["(2)", "(กลับต้น)"]),
        ("%1--- -5-6 %2--- -2-1", ["(2)"]),
        ("%1--- -5-6\n%2--- -5-5\n%3--- -2-1", ["(3)"]),
    ],
)
def test_of_several_endings_of_a_club_page_the_last_is_kept(tmp_path, endings, words):
    """Else two cadences in a row would be learned that nobody plays, and every repeat would flatter the figures."""
    (tune,) = page(tmp_path, f"(เพลง)\n---3 -3-2\n{endings}\n([ท่อน_%2])\n---5 ---5")
    reading = tune.reading
    assert [line.replace(" ", "") for line in letters(tune)] == ["|---ม|-ม-ร|", "|----|-ร-ด|", "|---ซ|---ซ|"]
    assert [text for _, text in reading.phrase.words] == [*words, "(ท่อน 2)"]
    assert all("an ending left out" in repair for repair in reading.repairs)
    assert len(reading.repairs) == int(words[0][1]) - 1


def test_of_the_endings_of_two_hands_the_last_is_kept_where_both_number_it(tmp_path):
    """Else the gong circle's tune would have two cadences in a row, or a left hand that is a hong behind the right."""
    first, second = "--32 %1--- -2-3 %2--- -5-6", "---- %1--- 1--7. %2--- ---6."
    (tune,) = page(tmp_path, f"(เพลง_ทางฆ้องวงใหญ่)\n{first}\n{second}")
    assert letters(tune) == ["| - - ม ร |", "| - - - - | - ซ - ล |"]
    assert [repair for repair in tune.reading.repairs if "an ending left out" in repair]
    (kept,) = page(tmp_path, f"(เพลง_ทางฆ้องวงใหญ่)\n{first}\n{second.replace('%1', '-').replace('%2', '-')}")
    assert len(kept.reading.phrase.melody) == len("32") + len("2") + len("13") + len("56")
    assert any("endings kept" in repair for repair in kept.reading.repairs)


@pytest.mark.parametrize(
    ("music", "num_left_out"),
    [("%1--3 -3-2\n([ท่อน_%2])\n%2--5 ---5", 0), ("%1--3 -3-2\n%1--5 ---5", 0), ("%1--3 -3-2\n//\n---1\n%2--5", 3)],
)
def test_of_what_is_no_ending_before_another_nothing_is_left_out(tmp_path, music, num_left_out):
    """Else a part would lose its close to the ending of another, or what stands after its sign of going back."""
    (tune,) = page(tmp_path, f"(เพลง)\n{music}")
    assert len(tune.reading.phrase) + num_left_out == 5
    assert bool(tune.reading.repairs) == bool(num_left_out)


def test_after_an_ending_that_is_left_out_a_mistake_has_the_place_it_has_on_the_page(tmp_path):
    """Else somebody looks for it in the wrong hong."""
    (tune,) = page(tmp_path, "(เพลง)\n%1--- -5-6 %2--- -2Z1")
    assert "page.html:4: hong 4, slot 3" in str(tune.reading)


def test_a_broken_tune_of_a_club_page_leaves_the_others(tmp_path):
    """Else one mistake costs a page of thirty tunes."""
    bad, strange, good = page(tmp_path, "(ก)\n---1 56-55\n(ข)\n---1 5Z-5\n(ค)\n---1 56-5")
    assert "page.html:4: hong 2 has 5 slots" in str(bad.reading)
    assert "page.html:6: hong 2, slot 2: 'Z'" in str(strange.reading)
    assert letters(good) == ["| - - - ด | ซ ล - ซ |"]


def test_a_page_without_the_notation_is_refused(tmp_path):
    """Else the site's other pages would count as empty tunes."""
    (tmp_path / "index.html").write_text("<p>1234</p>", encoding="utf-8")
    with pytest.raises(InvalidTune, match="thm"):
        read_thm(tmp_path / "index.html", "thm")


def test_the_left_hand_fills_the_tune_where_the_right_one_rests(tmp_path):
    """Else the gong circle's tune would have holes, or sound the two hands one after the other."""
    (tune,) = page(tmp_path, "(เพลง_ทางฆ้องวงใหญ่)\n--32 -2-3\n---- 1--7.\n\n-3-6 ----\n---6. ---5.")
    assert letters(tune) == ["| - - ม ร | ด ร - ม | - ม - ล | - - - ซฺ |"]
    accompaniment = tune.reading.phrase.pitch[tune.reading.phrase.voice == Voice.ACCOMPANIMENT]
    assert accompaniment.tolist() == [59, 57]
    (odd,) = page(tmp_path, "(เพลง_ทางฆ้องวงใหญ่)\n--32 -2-3\n---- 1--7.\n\n-3-6 ----")
    assert "page.html:7: the lines of the two hands do not pair" in str(odd.reading)


def test_a_so_duang_part_has_its_octaves_inferred(tmp_path):
    """Else ท to ด, a step on the fiddle, would become a leap of a seventh."""
    (tune,) = page(tmp_path, "(เพลง)\n7}6{56 7+123 5*-5*-", "ซอด้วง")
    assert tune.reading.phrase.pitch.tolist()[:7] == [71, 69, 67, 69, 71, 72, 74]
    assert Inferred.OCTAVE in tune.reading.phrase.inferred
