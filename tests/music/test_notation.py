"""Thai letters: what a player writes is what is played, and what is played is written back letter for letter."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import Defect, InvalidTune
from phin.music.letters import DOWN, LETTERS, UP
from phin.music.midi import midi_bytes, read_midi_bytes
from phin.music.notation import (
    format_letters,
    nearest_octaves,
    parse_letters,
    read_letters,
    write_letters,
)
from phin.music.phrase import Inferred, Metre, Phrase, Voice, rows_from_columns
from tests.strategies import melodies

PONG_LANG = "| - - - ม | - ซ - ล | - ซ - ล | - - - - |"
"""Four hong of a traditional tune's beginning, as phin's design notes print them."""


@st.composite
def pages(draw: st.DrawFn) -> str:
    """A page as our writer would set it: whole hong, some slots shared, marks on some letters or on none."""
    marked = draw(st.booleans())
    marks = st.sampled_from(["", "", "", UP, DOWN]) if marked else st.just("")
    letter = st.tuples(st.sampled_from(LETTERS), marks).map("".join)
    slot = st.one_of(
        st.just("-"),
        st.just("-"),
        letter,
        letter,
        st.tuples(letter, letter).map("".join),
        st.tuples(st.just("-"), letter, letter).map("".join),
    )
    slots = draw(st.lists(slot, min_size=4, max_size=100))
    slots = slots[: len(slots) // 4 * 4]
    slots[-1] = draw(letter)
    if marked:
        slots[-1] = "ด" + UP
    hong = [" ".join(slots[at : at + 4]) for at in range(0, len(slots), 4)]
    lines = ["| " + " | ".join(hong[at : at + 8]) + " |" for at in range(0, len(hong), 8)]
    return "\n".join(lines) + "\n"


def music(page: str) -> str:
    """A page without its header, blanks and empty lines: what must come back unchanged."""
    return re.sub(r"\s+", "", "".join(line for line in page.splitlines() if "|" in line))


def read(page: str) -> Phrase:
    return parse_letters(page).phrase


def pitches(page: str) -> list[int]:
    return read(page).pitch.tolist()


# --- reading


def test_the_letters_are_the_white_keys_from_c() -> None:
    """Fails: the player's ล is not A, and the tune is in a key that the instrument is not tuned to."""
    assert pitches("octaves: marked\n| ด ร ม ฟ | ซ ล ท ดํ |") == [60, 62, 64, 65, 67, 69, 71, 72]
    assert pitches(f"| มฺ ล{DOWN}{DOWN} ด{UP}{UP} ด |") == [52, 45, 84, 60]


def test_slot_four_is_the_beat_and_a_line_ends_on_a_downbeat() -> None:
    """Fails: the metre is a sixteenth-triple off, and the model learns every accent in the wrong place."""
    line = "| " + " | ".join(["- - - ด"] * 8) + " |"
    assert read(line).onset.tolist() == [24 * hong for hong in range(-1, 7)]
    assert read(line).metre == Metre(2, 4)
    assert read(line).onset[-1] % Metre(2, 4).bar == 0
    assert read("| ด ร ม ฟ |").onset.tolist() == [-42, -36, -30, -24]
    assert read("metre: 4/4\n| - - - ด |").onset.tolist() == [-72]


def test_hyphens_are_silence_before_a_letter_and_let_it_ring_after() -> None:
    """Fails: held notes are cut, or a rest at the beginning is lost."""
    phrase = read("| - - - - | - ด - - |\n| - - - ร | - - - ม |")
    assert phrase.onset.tolist() == [-12, 24, 48]
    assert phrase.duration.tolist() == [36, 24, 24], "the last note rings one hong"
    assert read("| - - - ด | - - - - | - - - - |").duration.tolist() == [6 + 48], "or to the last hyphen"
    assert phrase.inferred == {Inferred.DURATION, Inferred.OCTAVE}


@pytest.mark.parametrize(
    "same",
    [
        "|---ม|-ซ-ล|-ซ-ล|----|",
        "---ม -ซ-ล -ซ-ล ----",
        "- - - ม  - ซ - ล  - ซ - ล  - - - -",
        "–––ม –ซ–ล –ซ–ล ––––",
        "-- - ม|- ซ -ล|-ซ- ล|- - --",
        "|| - - - ม | - ซ - ล || - ซ - ล | - - - - ||",
        "| - - - 3 | - 5 - 6 | - 5 - 6 | - - - - |",
        "| - - - ๓ | - ๕ - ๖ | - ๕ - ๖ | - - - - |",
        "\ufeff| - - - ม | - ซ - ล |\r\n| - ซ - ล | - - - - |\r\n",
        "# a remark\n\n| - - - ม | - ซ - ล | - ซ - ล | - - - - |",
    ],
)
def test_dashes_blanks_bars_and_digits_are_ways_to_write_the_same(same: str) -> None:
    """Fails: one teacher's page is read and another's is not."""
    assert read(same) == read(PONG_LANG)


def test_digits_say_octaves_their_own_way() -> None:
    """Fails: a school club's pages lose their octaves."""
    assert pitches("| 1 7 8 9 | 3* 6. 1** 2.. |") == [60, 71, 72, 74, 76, 57, 84, 38]


def test_letters_that_share_a_slot_share_its_time() -> None:
    """Fails: a flick (sabat) is refused, or its notes run into the next slot."""
    phrase = read("| - ลด - ซลท | - - - -ม |")
    assert (phrase.onset + 42).tolist() == [6, 9, 18, 20, 22, 45]


def test_octaves_that_nobody_wrote_are_the_nearest_within_the_range_and_said_to_be_inferred() -> None:
    """Fails: a step of a page for one octave becomes a leap of a seventh; or is taken for what was written."""
    assert pitches("| ซ ล ท ด | ร ม ร ด |") == [67, 69, 71, 72, 74, 76, 74, 72]
    assert Inferred.OCTAVE in read("| ซ ล ท ด |").inferred
    assert Inferred.OCTAVE not in read("| ซ ล ท ดํ |").inferred
    assert read("octaves: marked\n| ซ ล ท ด |").pitch.tolist() == [67, 69, 71, 60]


@given(st.lists(st.sampled_from([0, 2, 4, 5, 7, 9, 11]), min_size=1, max_size=200))
def test_no_inferred_octave_leaves_the_phin_and_every_leap_that_can_be_small_is(classes: list[int]) -> None:
    """Fails: a long descending line runs off the instrument."""
    found = nearest_octaves(classes)
    assert [pitch % 12 for pitch in found] == classes
    assert all(52 <= pitch <= 88 for pitch in found)
    for before, pitch in pairwise(found):
        assert abs(pitch - before) <= 6 or not 52 <= pitch + 12 * np.sign(before - pitch) <= 88


def test_of_two_octaves_as_near_the_one_nearer_to_the_middle_of_the_range_is_taken() -> None:
    """Fails: each tritone takes the tune an octave down, until it lies on the lowest string, or up, off the neck."""
    assert nearest_octaves([5, 11]) == [65, 71], "from F4 up to B4, not down to B3"
    assert nearest_octaves([9, 0, 5, 11]) == [69, 72, 77, 71], "from F5 down to B4, not up to B5"
    assert pitches("| ฟ ท ฟ ท |") == [65, 71, 65, 71]


def test_a_players_shorthand_gets_the_rhythm_that_full_pages_of_the_same_tunes_have() -> None:
    """Fails: what most players write down cannot be played; or an inferred rhythm is taken for a written one."""
    shorthand, full = read("ม ซ ล ล ด ซ ล / ม ซ ล ซ ล"), read("---ม -ซ-ล -ล-ด -ซ-ล ---ม -ซ-ล -ซ-ล")
    assert np.array_equal(shorthand.rows, full.rows)
    assert Inferred.ONSET in shorthand.inferred
    assert Inferred.ONSET not in full.inferred
    assert "inferred" in parse_letters("ม ซ ล").repairs[-1]
    again = read(format_letters(shorthand))
    assert again == shorthand, "and stays inferred when it is written out"


def test_shorthand_with_dots_words_and_repeats_is_read() -> None:
    """Fails: the pages that players put on the web, with an intro and repeats in words, are refused."""
    page = "(เกริ่น) ด..... / ร..... / ม.....\n* ซ ล ซ ม / ม ซ ล\n(ซ้ำ * 5 รอบ)\n(ท่อนจบ) ล (ช้า)"
    phrase = read(page)
    assert read(page.replace(".....", " . . . . .")) == phrase
    assert [text for _, text in phrase.words] == ["(เกริ่น)", "*", "(ซ้ำ * 5 รอบ)", "(ท่อนจบ)", "(ช้า)"]
    assert (phrase.pitch % 12).tolist() == [0, 2, 4, 7, 9, 7, 4, 4, 7, 9, 9]
    assert phrase.duration[:2].tolist() == [72, 72], "one hong and two of dots"


def test_words_stay_where_they_stand() -> None:
    """Fails: nobody knows any more where the second part begins."""
    page = "ท่อน 1\n| - - - ด | - ร - ม |\nท่อน 2: | - - - ซ |\n| - - - ล | ซ้ำ\n"
    phrase = read(page)
    assert phrase.words == ((-42, "ท่อน 1"), (6, "ท่อน 2"), (54, "ซ้ำ"))
    written = format_letters(phrase)
    assert written.splitlines()[-5:] == [
        "ท่อน 1",
        "| - - - ด | - ร - ม |",
        "ท่อน 2",
        "| - - - ซ | - - - ล |",
        "ซ้ำ",
    ]
    assert read(written) == phrase


def test_a_part_named_on_the_line_of_its_notes_is_no_header() -> None:
    """Fails: the first part of a tune is taken for a header line, and its notes are gone."""
    for page in ("เกริ่น: | - - - ด |", "ท่อน 1: ---ด"):
        assert len(read(page)) == 1
    with pytest.raises(InvalidTune, match="hong 1"):
        read("A: | - - - ด |")


def test_the_header_says_what_is_known_of_the_piece() -> None:
    """Fails: the tuning and the drone, which belong to the piece, are lost on the way."""
    phrase = read("ชื่อเพลง: เต้ยโขง\nlai: ลายใหญ่\nTempo: 136\ntuning: E-A-E\ndrone: ลฺ มฺ\nsource: a club\n\n| - - - ล |")
    assert (phrase.title, phrase.lai, phrase.tempo) == ("เต้ยโขง", "yai", round(60e6 / 136))
    assert (phrase.tuning, phrase.drone, phrase.source) == ("E-A-E", (52, 57), "a club")
    assert read(format_letters(phrase)) == phrase
    assert "tempo: 136\n" in format_letters(phrase)


@pytest.mark.parametrize("tempo", ["4", "1000", "99.5"])
def test_every_tempo_that_a_file_can_hold_is_read(tempo: str) -> None:
    """Fails: a page that phin wrote itself is refused for its tempo."""
    phrase = read(f"tempo: {tempo}\n| - - - ล |")
    assert phrase.tempo == round(60e6 / float(tempo))
    assert read(format_letters(phrase)) == phrase
    assert read_midi_bytes(midi_bytes(phrase), "page.mid", min_notes=1).phrase.tempo == phrase.tempo


def test_words_that_are_no_part_stand_in_brackets_so_that_they_are_words_again() -> None:
    """Fails: what a file says beside its notes is read as notes, and its page is refused by its own program."""
    said = {"softly": "(softly)", "a (b) c": "(a b c)", "(ช้า)": "(ช้า)", "ท่อน 2": "ท่อน 2", "[x] y": "([x] y)"}
    for words, written in said.items():
        phrase = replace(read("| - - - ด | - ร - ม |"), words=((-42, words), (6, words)))
        page = format_letters(phrase)
        assert page.splitlines() == [written, "| - - - ด | - ร - ม |", written]
        assert read(page) == replace(phrase, words=((-42, written), (6, written)))
        assert format_letters(read(page)) == page


def test_a_header_line_that_says_nothing_is_named() -> None:
    """Fails: a mistyped tempo is dropped in silence."""
    reading = parse_letters("tmpo: 120\n| - - - ล |")
    assert any("'tmpo'" in repair for repair in reading.repairs)


MISTAKES = {
    "unknown letter": ("| - - - ด |\n| - ก - ด |", "page:2: hong 1, slot 2: 'ก'"),
    "unknown letter, no blanks": ("|---ด|-ซxด|", "page:1: hong 2, slot 3: 'x'"),
    "three slots": ("| - - - ด | - ซ ด |", "page:1: hong 2 has 3 letters and hyphens, not 4"),
    "five slots": ("| - - - ด | - ซ ด - - |", "page:1: hong 2 has 5"),
    "an empty hong": ("| - - - ด | | - - - ด |", "page:1: hong 2 has 0"),
    "no bars and no hong": ("- - ด - ร", "page:1: has 5 slots"),
    "four letters in a slot": ("| - ดรมซ - ด |", "page:1: hong 1, slot 2: 4 letters share a slot"),
    "six letters in a slot": ("| ดรมฟซล - - ด |", "page:1: hong 1, slot 1: 6 letters share a slot"),
    "high and low": (f"| - - - ด{UP}{DOWN} |", "page:1: hong 1, slot 4: "),
    "three octaves up": (f"| - - - ด{UP * 3} |", f"page:1: hong 1, slot 4: ด{UP * 3} is more than 2 octaves"),
    "three octaves down": (f"| - - - ล{DOWN * 3} |", f"page:1: hong 1, slot 4: ล{DOWN * 3} is more than 2 octaves"),
    "three stars": ("| - - - 1*** |", r"page:1: hong 1, slot 4: 1*** is more than 2 octaves"),
    "a high digit with two stars": ("| - - - 8** |", r"page:1: hong 1, slot 4: 8** is more than 2 octaves"),
    "a drone three octaves down": (f"drone: ล{DOWN * 3}\n| - - - ด |", f"page:1: 'ล{DOWN * 3}' is no drone"),
    "no lai": ("lai: ionian\n| - - - ด |", "page:1: there is no lai 'ionian'"),
    "no tempo": ("\n\ntempo: fast\n| - - - ด |", "page:3: 'fast' is no tempo"),
    "no such slow tempo": ("tempo: 3.9\n| - - - ด |", "page:1: '3.9' is no tempo"),
    "no such quick tempo": ("tempo: 1001\n| - - - ด |", "page:1: '1001' is no tempo"),
    "no metre": ("metre: two\n| - - - ด |", "page:1: metre 'two' is not"),
    "no drone": ("drone: q\n| - - - ด |", "page:1: 'q' is no drone"),
    "said twice": ("title: a\ntitle: b\n| - - - ด |", "page:2: title is said twice"),
    "no tuning": ("tuning: E-H\n| - - - ด |", "page:1: tuning 'E-H' has 'H'"),
    "no octaves": ("octaves: many\n| - - - ด |", "page:1: octaves is 'many'"),
    "strange shorthand": ("ด ร q", "page:1: letter 3 of its group: 'q'"),
    "a head too late": ("| - - - ด |\ntempo: 60", "page:2: tempo stands below the first notes"),
    "a word without brackets": ("| - - - ด |\nhello", "page:2: 'hello' is no notation"),
    "words alone": ("ท่อน 1", "page: has no letters"),
    "nothing": ("", "page: has no letters"),
    "hyphens alone": ("| - - - - |", "page: has no letters"),
}


@pytest.mark.parametrize(("page", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_by_file_line_hong_and_slot(page: str, said: str) -> None:
    """Fails: a player hunts for one wrong letter through forty lines."""
    with pytest.raises(InvalidTune) as refusal:
        parse_letters(page, "page")
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


def test_a_file_in_any_usual_encoding_is_read_and_no_other(tmp_path: Path) -> None:
    """Fails: a page typed on an old Thai Windows cannot be opened; or a picture is read as one."""
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp874"):
        (tmp_path / "page.txt").write_bytes(PONG_LANG.encode(encoding))
        assert read_letters(tmp_path / "page.txt").phrase == read(PONG_LANG)
    (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
    with pytest.raises(InvalidTune, match="is no text"):
        read_letters(tmp_path / "picture.txt")
    with pytest.raises(InvalidTune, match="cannot be opened"):
        read_letters(tmp_path / "nowhere.txt")
    with pytest.raises(InvalidTune, match="200,000 characters") as refusal:
        parse_letters("- " * 200_000)
    assert refusal.value.defect is Defect.TOO_LARGE


# --- writing


@pytest.mark.parametrize("digits", [False, True])
def test_what_no_page_could_be_read_from_is_not_written(digits: bool) -> None:
    """Fails: a tune three octaves up is saved as a page that phin itself cannot read."""
    for pitch in (36, 95):
        phrase = Phrase(rows_from_columns(np.array([18]), np.array([24]), np.array([pitch])))
        assert read(format_letters(phrase, digits)).pitch.tolist() == [pitch]
    for pitch in (35, 96):
        phrase = Phrase(rows_from_columns(np.array([18]), np.array([24]), np.array([pitch])))
        with pytest.raises(InvalidTune, match="has no Thai letter"):
            format_letters(phrase, digits)


@given(pages())
def test_letters_come_back_letter_for_letter(page: str) -> None:
    """Fails: a tune that goes through the program comes out as another."""
    phrase = read(page)
    assert music(format_letters(phrase)) == music(page)
    assert read(format_letters(phrase)) == phrase


@given(pages())
def test_letters_come_back_from_midi_letter_for_letter(page: str) -> None:
    """Fails: whoever listens to a page and saves it loses slots or octave marks."""
    phrase = read(page)
    through = read_midi_bytes(midi_bytes(phrase), "page.mid", min_notes=1).phrase
    assert through == phrase
    assert music(format_letters(through)) == music(page)


@given(pages())
def test_digits_come_back_as_the_same_phrase(page: str) -> None:
    """Fails: a page in digits is another tune than the same page in letters."""
    phrase = read(page)
    written = format_letters(phrase, digits=True)
    assert not set(LETTERS) & set(music(written))
    assert read(written) == phrase


@given(melodies())
def test_a_melody_of_sixteenths_is_written_with_its_onsets_and_pitches(melody: Phrase) -> None:
    """Fails: a tune from MIDI, its octaves known, is read from its page an octave away."""
    again = read(format_letters(melody))
    assert again.pitch.tolist() == melody.pitch.tolist()
    assert np.diff(again.onset).tolist() == np.diff(melody.onset).tolist()
    assert again.tempo == melody.tempo
    assert Inferred.OCTAVE not in again.inferred


def test_the_melody_alone_is_written() -> None:
    """Fails: the drone is written among the letters, and nobody can sing them."""
    melody = read(PONG_LANG)
    drone = rows_from_columns(np.array([-24, 24]), np.array([48, 24]), np.array([45, 45]), voice=Voice.ACCOMPANIMENT)
    rows = np.concatenate([melody.rows, drone])
    both = replace(melody, rows=rows[np.lexsort((rows[:, 2], rows[:, 0]))])
    assert format_letters(both) == format_letters(melody)


@pytest.mark.parametrize(
    ("onset", "pitch", "said"),
    [
        (0, 61, "line 1, hong 2, slot 4: C#4 has no Thai letter"),
        (1, 60, "line 1, hong 2, slot 4: its rhythm lies off the slots"),
        (168, 70, "line 2, hong 1, slot 4: A#4 has no Thai letter"),
    ],
)
def test_what_has_no_letter_is_refused_by_its_place(onset: int, pitch: int, said: str) -> None:
    """Fails: a note is written as its neighbour, or a rhythm is bent, and nobody is told."""
    phrase = Phrase(rows_from_columns(np.array([-24, onset]), np.array([6, 6]), np.array([60, pitch])), Metre(2, 4))
    with pytest.raises(InvalidTune, match=re.escape(said)):
        format_letters(phrase)


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """Fails: half a page stands under the name of the whole one."""
    chromatic = Phrase(rows_from_columns(np.array([0]), np.array([6]), np.array([61])))
    with pytest.raises(InvalidTune):
        write_letters(chromatic, tmp_path / "page.txt")
    assert list(tmp_path.iterdir()) == []
    write_letters(read(PONG_LANG), tmp_path / "page.txt")
    assert read_letters(tmp_path / "page.txt").phrase == read(PONG_LANG)
